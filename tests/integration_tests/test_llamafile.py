"""What llama.cpp's own options do, on the real server."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage, HumanMessage, convert_to_messages
from langchain_core.runnables import RunnableLambda
from pydantic import SecretStr

from langchain_localllm import ChatLlamafile, LlamaCpp, Llamafile, LocalServer
from langchain_localllm.base.http import ServerOptions
from langchain_localllm.base.option_roles import NotSent, options_marked
from langchain_localllm.base.trace_names import short_name
from langchain_localllm.errors import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
)
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.testing.paths import PATHS
from tests.unit_tests.option_cases import LLAMAFILE, SUBJECTS
from tools.engines.images import block, png, projector
from tools.engines.models import lora_adapter, with_control_tokens
from tools.engines.thinking_model import ANSWER, THOUGHT, thinking_model

from .scripted import ScriptedServer, as_json

PROMPT = "The lamp on the table is"
NOT_TOLD: Final = {
    "cache_prompt",
    "id_slot",
    "ignore_eos",
    "json_schema",
    "logit_bias",
    "lora",
    "model",
    "n",
    "n_cache_reuse",
    "n_indent",
    "response_fields",
    "return_progress",
    "return_tokens",
    "sse_ping_interval",
    "t_max_predict_ms",
}
"""Options that the server's answer reports in another form or not at all; most are tested below by
what they do."""
TOLD: Final = sorted(
    name for name, case in LLAMAFILE.items() if case.sent is None and name not in NOT_TOLD
)


@pytest.fixture
def llm(chat_server: LocalServer) -> Llamafile:
    return Llamafile(base_url=chat_server.base_url, temperature=0, max_tokens=8)


def about(llm: Llamafile, prompt: str = PROMPT, **options: Any) -> dict[str, Any]:
    """What a result says of itself."""
    info: dict[str, Any] | None = (
        llm.generate([prompt], **options).generations[0][0].generation_info
    )
    assert info
    return info


@pytest.mark.parametrize("name", TOLD)
def test_llamafile_option_reaches_the_sampler(name: str, chat_server: LocalServer) -> None:
    value = LLAMAFILE[name].value
    body = {**Llamafile(**{name: value}).payload(), "prompt": PROMPT, "n_predict": 1}
    if name == "stop":
        body["stop"] = value
    settings = requests.post(f"{chat_server.base_url}/completion", json=body, timeout=60).json()[
        "generation_settings"
    ]
    told = settings[name]
    if name == "seed":
        value = 2**32 - 1  # so the server writes -1
    assert told == pytest.approx(value) if isinstance(value, float) else told == value


@pytest.mark.parametrize(
    "messages",
    [
        [("user", "Hello!")],
        [("system", "Be brief."), ("user", "Hello!"), ("ai", "Hi."), ("user", "x")],
        [("user", "Hello!"), ("ai", "Hi.")],
    ],
)
@pytest.mark.parametrize(
    "tools",
    [
        [],
        [
            {
                "name": "add",
                "description": "Add.",
                "parameters": {"type": "object", "properties": {}},
            }
        ],
    ],
)
def test_get_num_tokens_from_messages_returns_the_tokens_of_the_prompt(
    messages: list[tuple[str, str]], tools: list[Any], chat_server: LocalServer
) -> None:
    chat = ChatLlamafile(base_url=chat_server.base_url, max_tokens=1)
    usage = chat.invoke(messages, tools=tools).usage_metadata
    assert usage
    assert (
        chat.get_num_tokens_from_messages(convert_to_messages(messages), tools=tools)
        == usage["input_tokens"]
    )


def test_get_num_tokens_from_messages_counts_images_without_an_answer(tmp_path: Path) -> None:
    with LocalServer(
        tiny_chat_model(), n_ctx=512, mmproj=projector(tmp_path / "mmproj.gguf"), metrics=True
    ) as server:
        chat = ChatLlamafile(base_url=server.base_url, max_tokens=1)
        messages: list[BaseMessage] = [
            HumanMessage([{"type": "text", "text": "What is this?"}, block(png(255, 0, 0))])
        ]
        count = chat.get_num_tokens_from_messages(messages)
        metrics = requests.get(f"{server.base_url}/metrics", timeout=60).text
        assert "llamacpp:tokens_predicted_total 0\n" in metrics
        usage = chat.invoke(messages).usage_metadata
        assert usage
        assert (
            count
            == usage["input_tokens"]
            > chat.get_num_tokens_from_messages([HumanMessage("What is this?")])
        )


@pytest.mark.parametrize("kind", [Llamafile, ChatLlamafile])
def test_llamafile_each_option_of_an_object_and_of_a_call_is_in_the_request_over_http(
    kind: Any,
) -> None:
    subject = SUBJECTS[kind.__name__]
    answers = {
        "GET": as_json({"default_generation_settings": {}}),
        "POST": as_json(
            {"content": "Hi", "stop": True, "tokens_predicted": 1, "tokens_evaluated": 1}
            if kind is Llamafile
            else {"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hi"}}]}
        ),
    }
    wanted, sent = {}, {}
    with ScriptedServer(lambda request: answers[request.method]) as server:
        plain = kind(base_url=server.base_url)
        for name in subject.options.keys() - options_marked(ServerOptions, NotSent):
            option = {name: subject.options[name].value}
            server.requests.clear()
            kind(base_url=server.base_url, **option).invoke("Hi")
            plain.invoke("Hi", **option)
            sent[name] = [request.body for request in server.requests if request.method == "POST"]
            wanted[name] = [subject.request(**option)] * 2
    assert sent == wanted


def test_llamafile_max_tokens_ends_the_answer(llm: Llamafile) -> None:
    assert about(llm, max_tokens=3)["usage"]["completion_tokens"] == 3


def test_llamafile_grammar_and_schema_are_followed(llm: Llamafile) -> None:
    assert llm.invoke(PROMPT, grammar='root ::= "red" | "blue"') in {"red", "blue"}
    schema = {"enum": ["red", "blue"]}
    assert json.loads(llm.invoke(PROMPT, json_schema=schema, max_tokens=16)) in {"red", "blue"}
    with pytest.raises(InvalidRequestError, match="grammar"):
        llm.invoke(PROMPT, grammar="root ::= nothing-such")


def test_llamafile_banned_token_does_not_come(llm: Llamafile) -> None:
    (first, *_) = llm.get_token_ids(llm.invoke(PROMPT, max_tokens=1))
    banned = llm.invoke(PROMPT, max_tokens=1, logit_bias={str(first): False})
    assert llm.get_token_ids(banned)[:1] != [first]


def test_llamafile_model_that_may_not_end_continues(llm: Llamafile) -> None:
    prompt = "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"
    assert about(llm, prompt, max_tokens=60)["finish_reason"] == "stop"
    assert about(llm, prompt, max_tokens=60, ignore_eos=True)["finish_reason"] == "length"


def test_prompt_cache_is_used_in_the_slot_that_is_named(llm: Llamafile) -> None:
    prompt = "One lamp, two lamps, three lamps, four lamps, five lamps, six lamps, seven"
    about(llm, prompt, id_slot=2)
    assert about(llm, prompt, id_slot=2)["usage"]["cached_tokens"] > 10
    assert about(llm, prompt, id_slot=2, cache_prompt=False)["usage"].get("cached_tokens", 0) == 0


def test_llamafile_probabilities_come_with_each_token(llm: Llamafile) -> None:
    probabilities = about(llm, max_tokens=4, n_probs=2)["logprobs"]
    assert len(probabilities) == 4
    assert all(len(token["top_logprobs"]) == 2 and token["logprob"] <= 0 for token in probabilities)


def test_llamafile_several_answers_come_each_with_its_own_seed(
    llm: Llamafile, chat_server: LocalServer
) -> None:
    rows = llm.generate(
        [PROMPT, "A boat"], n=2, seed=7, response_fields=["stop_type", "generation_settings/seed"]
    ).generations
    infos = [[one.generation_info or {} for one in row] for row in rows]
    assert [
        [info["response_fields"]["generation_settings/seed"] for info in row] for row in infos
    ] == [[7, 8]] * 2
    assert [[info["finish_reason"] for info in row] for row in infos] == [["length", "length"]] * 2
    chat = ChatLlamafile(base_url=chat_server.base_url, temperature=0, max_tokens=8)
    messages = convert_to_messages([("user", "Hello!")])
    answers = chat.generate([messages], n=3).generations[0]
    assert [one.text for one in answers] == [chat.invoke(messages, n=2).text] * 3
    assert "".join(piece.text for piece in chat.stream(messages, n=2)) == answers[0].text


async def test_llamafile_several_answers_of_an_async_call(
    llm: Llamafile, chat_server: LocalServer
) -> None:
    chat = ChatLlamafile(base_url=chat_server.base_url, temperature=0, max_tokens=8, n=2)
    result = await chat.agenerate([convert_to_messages([("user", "Hello!")])])
    assert len({one.text for one in result.generations[0]}) == 1
    assert len(result.generations[0]) == 2
    assert len((await llm.agenerate([PROMPT], n=2)).generations[0]) == 2


def test_llamafile_tokens_and_fields_are_reported_on_request(llm: Llamafile) -> None:
    asked = about(llm, return_tokens=True)
    assert len(asked["tokens"]) == asked["usage"]["completion_tokens"] == 8
    partly = about(llm, response_fields=["generation_settings/top_k"], top_k=7)
    assert partly["response_fields"] == {"generation_settings/top_k": 7}
    assert (partly["finish_reason"], partly["usage"]["completion_tokens"]) == ("unknown", 8)
    shown = about(llm, n_probs=2, post_sampling_probs=True)["logprobs"]
    assert all(0 <= token["prob"] <= 1 and "top_probs" in token for token in shown)


def test_llamafile_lines_and_time_end_an_answer(llm: Llamafile) -> None:
    lines = 'root ::= "  a\\nb\\nc\\n" [a-z\\n]*'
    assert about(llm, grammar=lines, n_indent=2, max_tokens=32)["usage"]["completion_tokens"] < 32
    assert (
        about(llm, grammar='root ::= "\\n"+', t_max_predict_ms=1, max_tokens=400)["usage"][
            "completion_tokens"
        ]
        < 400
    )


def test_llamafile_drafted_tokens_are_counted_in_every_result() -> None:
    with LocalServer(tiny_chat_model(), n_ctx=256, spec_draft_model=tiny_chat_model()) as server:
        options: dict[str, Any] = {"base_url": server.base_url, "temperature": 0, "max_tokens": 20}
        chat = ChatLlamafile(**options)
        chunks = list(chat.stream("Hello!"))
        results = [
            about(Llamafile(**options)),
            chat.invoke("Hello!").response_metadata,
            sum(chunks[1:], chunks[0]).response_metadata,
        ]
    for result in results:
        assert result["timings"]["draft_n"] >= result["timings"]["draft_n_accepted"] > 0


class Listener(BaseCallbackHandler):
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, int]]] = []

    def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
        self.events.append((name, data))


LONG: Final = "One lamp is red and another one is green. " * 30


@pytest.mark.parametrize("path", sorted(PATHS))
@pytest.mark.parametrize("kind", ["text", "chat"])
def test_llamafile_progress_of_reading_a_prompt_is_a_custom_event(
    kind: str, path: str, llm: Llamafile, chat_server: LocalServer
) -> None:
    model: Any = (
        llm if kind == "text" else ChatLlamafile(base_url=chat_server.base_url, max_tokens=2)
    )
    listener = Listener()
    PATHS[path](
        model, LONG, config={"callbacks": [listener]}, return_progress=True, cache_prompt=False
    )
    assert {name for name, _ in listener.events} == {"prompt_progress"}
    assert (
        max(data["processed"] for _, data in listener.events)
        == listener.events[-1][1]["total"]
        > 200
    )
    PATHS[path](model, LONG, config={"callbacks": [silent := Listener()]})
    assert silent.events == []


@pytest.mark.parametrize("kind", ["text", "chat"])
async def test_llamafile_progress_of_reading_a_prompt_is_among_the_events_of_a_chain(
    kind: str, llm: Llamafile, chat_server: LocalServer
) -> None:
    model: Any = (
        llm if kind == "text" else ChatLlamafile(base_url=chat_server.base_url, max_tokens=2)
    )
    chain = RunnableLambda(str.strip) | model.bind(return_progress=True)
    events = [event async for event in chain.astream_events(LONG, version="v2")]
    data = [
        event["data"]
        for event in events
        if event["event"] == "on_custom_event" and event["name"] == "prompt_progress"
    ]
    assert data[-1]["processed"] == data[-1]["total"] > 200
    runs = {
        event["run_id"]
        for event in events
        if event["event"] in {"on_llm_start", "on_chat_model_start"}
    }
    assert {event["run_id"] for event in events if event["event"] == "on_custom_event"} == runs


@pytest.mark.parametrize("form", [True, "content"])
def test_llamafile_message_is_continued_and_echoed(form: Any, chat_server: LocalServer) -> None:
    chat = ChatLlamafile(
        base_url=chat_server.base_url, temperature=0, max_tokens=3, continue_final_message=form
    )
    messages = [("user", "Hello!"), ("ai", "Hello the")]
    assert chat.invoke(messages, echo=True).text == "Hello the" + chat.invoke(messages).text


def test_llamafile_prompt_without_the_beginning_of_an_answer_is_shorter(
    chat_server: LocalServer,
) -> None:
    chat = ChatLlamafile(base_url=chat_server.base_url, max_tokens=1)
    with_it, without = (
        chat.invoke("Hello!", add_generation_prompt=value).usage_metadata for value in (True, False)
    )
    assert with_it
    assert without
    assert without["input_tokens"] < with_it["input_tokens"]


def test_llamafile_model_name_is_found_without_being_given(llm: Llamafile) -> None:
    assert llm.model is None
    assert short_name(llm.with_model_name().model or "") == about(llm)["model_name"]


def test_llamafile_gap_is_filled_as_in_this_process(tmp_path: Path) -> None:
    path = with_control_tokens(
        tiny_chat_model(),
        tmp_path / "code.gguf",
        ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
    )
    options: dict[str, Any] = {"temperature": 0, "max_tokens": 8, "suffix": " is lit"}
    with (
        LocalServer(path) as server,
        LlamaCpp(model_path=path, backend="xllamacpp", n_ctx=512, **options) as here,
    ):
        llm = Llamafile(base_url=server.base_url, **options)
        expected = here.generate(["The red lamp"]).generations[0][0]
        found = llm.generate(["The red lamp"]).generations[0][0]
        assert found.text == expected.text == "".join(llm.stream("The red lamp"))
        usages = [
            each.generation_info["usage"]["prompt_tokens"]
            for each in (found, expected)
            if each.generation_info
        ]
        assert usages == [usages[0]] * 2
        more = llm.generate(
            ["The red lamp"], input_extra=[{"filename": "a.py", "text": "The lamp is red."}]
        ).generations[0][0]
        assert more.generation_info is not None
        assert more.generation_info["usage"]["prompt_tokens"] > usages[0]


def test_llamafile_model_that_was_not_made_for_it_does_not_fill_gaps(llm: Llamafile) -> None:
    with pytest.raises(InvalidRequestError, match="Infill is not supported by this model"):
        llm.invoke("def f():", suffix="return 1")


def test_llamafile_tokens_are_counted_by_the_server(llm: Llamafile) -> None:
    assert llm.get_num_tokens(PROMPT) == about(llm)["usage"]["prompt_tokens"]


def test_llamafile_server_with_a_key_requires_it() -> None:
    with LocalServer(tiny_chat_model(), n_ctx=256, api_key="a-key") as server:
        assert Llamafile(base_url=server.base_url, api_key=SecretStr("a-key"), max_tokens=2).invoke(
            PROMPT
        )
        for key in (None, SecretStr("another")):
            with pytest.raises(AuthenticationError, match="api_key"):
                Llamafile(base_url=server.base_url, api_key=key, max_tokens=2).invoke(PROMPT)
        elsewhere = server.base_url.replace("127.0.0.1", "localhost")
        with pytest.raises(AuthenticationError):  # the key of one address is not sent to another
            Llamafile(base_url=server.base_url, api_key=SecretStr("a-key")).invoke(
                PROMPT, base_url=elsewhere
            )


def test_llamafile_profile_comes_from_the_server(chat_server: LocalServer) -> None:
    chat = ChatLlamafile(base_url=chat_server.base_url)
    profile = ChatLlamafile(base_url=chat_server.base_url, validate_model_on_init=True).profile
    assert chat.profile == chat.with_options({"top_k": 1}).profile == profile
    assert ChatLlamafile(
        base_url=chat_server.base_url, profile={"max_input_tokens": 5}
    ).profile == {"max_input_tokens": 5}
    assert ChatLlamafile(base_url="http://127.0.0.1:9").profile == {"structured_output": True}
    assert profile == {
        "tool_calling": True,
        "structured_output": True,
        "image_inputs": False,
        "audio_inputs": False,
        "video_inputs": False,
        "max_input_tokens": 512,
        "reasoning_output": False,
    }
    with pytest.raises(ConnectionFailedError):
        ChatLlamafile(base_url="http://127.0.0.1:9", validate_model_on_init=True)


def test_llamafile_adapters_have_the_scale_of_the_call(tmp_path: Path) -> None:
    adapter = lora_adapter(tiny_chat_model(), tmp_path / "a.gguf")
    with LocalServer(
        tiny_chat_model(), n_ctx=256, lora=adapter, lora_init_without_apply=True
    ) as server:
        llm = Llamafile(
            base_url=server.base_url,
            temperature=0,
            max_tokens=1,
            n_probs=1,
            response_fields=["generation_settings/lora"],
        )
        plain, scaled = about(llm), about(llm, lora=[{"id": 0, "scale": 1.0}])
        field = "generation_settings/lora"
        assert [each["response_fields"][field] for each in (plain, scaled)] == [
            [],
            [{"id": 0, "scale": 1.0}],
        ]
        logprobs = [each["logprobs"][0]["logprob"] for each in (plain, scaled)]
        assert logprobs[0] != logprobs[1]


def test_llamafile_variables_reach_the_template() -> None:
    template = (
        "{% for message in messages %}<{{ message.role }}>{{ message.content }}{{ tone }}{% "
        "endfor %}"
    )
    with LocalServer(tiny_chat_model(), n_ctx=256, chat_template=template) as server:
        chat = ChatLlamafile(base_url=server.base_url, max_tokens=1)
        plain, longer = (
            chat.invoke("Hello!", chat_template_kwargs=variables).usage_metadata
            for variables in (None, {"tone": "very dry indeed"})
        )
        assert plain
        assert longer
        assert longer["input_tokens"] > plain["input_tokens"] + 3
        counted = chat.with_options({"chat_template_kwargs": {"tone": "very dry indeed"}})
        assert (
            counted.get_num_tokens_from_messages([HumanMessage("Hello!")]) == longer["input_tokens"]
        )


def test_llamafile_thoughts_are_where_reasoning_format_says(tmp_path: Path) -> None:
    with LocalServer(thinking_model(tmp_path / "thinks.gguf"), n_ctx=512) as server:
        chat = ChatLlamafile(base_url=server.base_url, temperature=0, max_tokens=60)
        apart = chat.invoke("2 + 2?", reasoning_format="deepseek")
        assert (apart.text, apart.additional_kwargs["reasoning_content"]) == (
            "".join(ANSWER),
            "".join(THOUGHT),
        )
        within = f"<think>{''.join(THOUGHT)}</think>{''.join(ANSWER)}"
        assert chat.invoke("2 + 2?", reasoning_format="none").text == within
        assert (
            "".join(chunk.text for chunk in chat.stream("2 + 2?", reasoning_format="none"))
            == within
        )
        assert chat.invoke("2 + 2?", reasoning_format="none", reasoning=False).text == "".join(
            ANSWER
        )


def test_more_answers_than_slots_name_the_option_to_start_with(chat_server: LocalServer) -> None:
    for make in (Llamafile, ChatLlamafile):
        with pytest.raises(InvalidRequestError, match=r"fewer slots than `n`.*--parallel"):
            make(base_url=chat_server.base_url, n=5, max_tokens=2).invoke("Hi")
