"""llama.cpp's server in this process, and the choice between it and llama-cpp-python."""

import base64
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from langchain_localllm import ChatLlamaCpp, LlamaCpp
from langchain_localllm.base.local_engine.stream import MIN_NOTIFY_INTERVAL, ResponseQueue
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidOptionError,
    InvalidRequestError,
    MissingDependencyError,
    ModelFileError,
    ServerError,
)
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.runtimes.llamacpp import backend, server_engine
from tools.engines.images import block, png, projector
from tools.engines.models import with_control_tokens, without_template

QUESTION: Final = "What is the weather in Bern?"
HARMONY: Final = ["<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>", "<|call|>"]
AnyArguments: Final[Any] = LlamaCpp
"""The class, for arguments that are not fields."""


def weather(city: str) -> str:
    """Get the weather of a city."""
    return city


class Lamp(BaseModel):
    """A lamp."""

    color: str


@pytest.fixture(scope="module")
def chat() -> Iterator[ChatLlamaCpp]:
    with ChatLlamaCpp(
        model_path=tiny_chat_model(), backend="xllamacpp", temperature=0, max_tokens=60
    ) as chat:
        yield chat


def test_chat_llamacpp_asks_the_server_about_tokens_of_the_vocabulary_only(
    chat: ChatLlamaCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, asked = server_engine.ask, []

    def noting(*request: Any) -> Any:
        asked.append(request)
        return ask(*request)

    monkeypatch.setattr(server_engine, "ask", noting)
    for number in range(100):
        assert not chat.engine.reads_special_token(f"[2026-11-30T02:{number}]")
        assert not chat.engine.reads_special_token(f"</td{number}>")
    assert asked == []
    assert chat.engine.reads_special_token("<|im_end|>")


# --- the choice ---


@pytest.mark.parametrize(
    ("installed", "options", "chosen"),
    [
        ({"xllamacpp", "llama-cpp-python"}, set(), "llama-cpp-python"),
        ({"xllamacpp"}, set(), "xllamacpp"),
        ({"llama-cpp-python"}, {"kv_overrides"}, "llama-cpp-python"),
        ({"xllamacpp", "llama-cpp-python"}, {"draft_model"}, "llama-cpp-python"),
    ],
)
def test_choose_backend_takes_an_installed_one_that_supports_all_options(
    installed: set[str], options: set[str], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "is_installed", installed.__contains__)
    assert backend.choose_backend(options, "llama-cpp-python") == chosen


@pytest.mark.parametrize(
    ("options", "extra"), [(set(), "llamacpp"), ({"kv_overrides"}, "llama-cpp-python")]
)
def test_choose_backend_without_one_names_the_extra(
    options: set[str], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "is_installed", lambda _: False)
    with pytest.raises(MissingDependencyError, match=rf"langchain-localllm\[{extra}\]"):
        backend.choose_backend(options, "xllamacpp")


@pytest.mark.parametrize("path", [tiny_chat_model(), str(tiny_chat_model())])
def test_chat_llamacpp_path_as_draft_model_is_refused(path: Any) -> None:
    with pytest.raises(InvalidOptionError, match="`draft_model_path`"):
        ChatLlamaCpp(model_path=tiny_chat_model(), draft_model=path)


@pytest.mark.parametrize(
    "options", [{"kv_overrides": {"general.name": "x"}}, {"draft_model": object()}]
)
def test_llamacpp_unsupported_option_is_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(
        InvalidOptionError, match=f"`{next(iter(options))}`.*backend='llama-cpp-python'"
    ):
        AnyArguments(model_path=tiny_chat_model(), backend="xllamacpp", **options)
    with AnyArguments(model_path=tiny_chat_model(), **options) as llm:
        assert llm.backend == "llama-cpp-python"


def test_llamacpp_unsupported_option_of_a_call_is_refused_by_name(chat: ChatLlamaCpp) -> None:
    with pytest.raises(InvalidOptionError, match="`draft_model`"):
        chat.invoke("Hello!", draft_model=object())


# --- chats ---


def test_llamacpp_chat_answers_calls_and_enforces_schemas(chat: ChatLlamaCpp) -> None:
    assert chat.invoke("Hello!").text.startswith("Hello!")
    for choice in ("auto", "any", "weather"):
        answer = chat.bind_tools([weather], tool_choice=choice).invoke(QUESTION)
        assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
            ("weather", {"city": "Bern"})
        ]
        assert answer.text == ""
    assert isinstance(chat.with_structured_output(Lamp).invoke("The lamp is red."), Lamp)
    assert json.loads(chat.invoke("A color?", json_schema={"enum": ["red"]}).text) == "red"


def test_llamacpp_tools_that_may_not_be_called_are_not_shown(chat: ChatLlamaCpp) -> None:
    plain = chat.invoke(QUESTION)
    refused = chat.bind_tools([weather], tool_choice="none").invoke(QUESTION)
    assert refused.text == plain.text
    assert (
        refused.response_metadata["usage"]["prompt_tokens"]
        == (plain.response_metadata["usage"]["prompt_tokens"])
    )


@pytest.mark.parametrize("name", get_args(backend.Backend))
def test_llamacpp_instructions_that_a_template_omits_reach_the_model(name: Any) -> None:
    template = (
        "{% if messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}"
        "{% for m in messages if m.role == 'user' %}<|im_start|>{{ m.content }}{% endfor %}"
    )
    with ChatLlamaCpp(
        model_path=tiny_chat_model(), backend=name, chat_template=template, n_ctx=256
    ) as chat:
        first, second = SystemMessage("Be brief. /no_think"), SystemMessage("Be kind, too.")
        counts = [
            chat.get_num_tokens_from_messages([*talk, HumanMessage("Hello!")])
            for talk in ([first], [first, second])
        ]
    assert counts[1] >= counts[0] + 4


def test_llamacpp_chat_reads_calls_that_a_grammar_writes(chat: ChatLlamaCpp) -> None:
    written = (
        r'root ::= "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": '
        r'\"Rome\"}}\n</tool_call>"'
    )
    answer = chat.bind_tools([weather]).invoke(QUESTION, grammar=written)
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
        ("weather", {"city": "Rome"})
    ]
    assert answer.response_metadata["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("name", get_args(backend.Backend))
def test_llamacpp_chat_reads_harmony_whose_markers_are_tokens(
    name: backend.Backend, tmp_path: Path
) -> None:
    path = with_control_tokens(tiny_chat_model(), tmp_path / "harmony.gguf", HARMONY)
    template = (
        "{% for m in messages %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endfor "
        "%}<|start|>assistant"
    )
    with ChatLlamaCpp(
        model_path=path,
        chat_template=template + "{# <|channel|> tools #}",
        backend=name,
        n_ctx=512,
        max_tokens=80,
    ) as model:
        start, channel, message, end, *_ = (
            f"<[{model.get_token_ids(marker)[-1]}]>" for marker in HARMONY
        )
        thought = (
            f'root ::= {channel} "analysis" {message} "Hm." {end} {start} "assistant" {channel} '
        )
        answer = model.invoke("2+2?", grammar=f'{thought} "final" {message} "Four."')
        assert (answer.text, answer.additional_kwargs["reasoning_content"]) == ("Four.", "Hm.")
        call = (
            thought
            + f'"commentary to=functions.weather json" {message} "{{\\"city\\": \\"Bern\\"}}"'
        )
        answer = model.bind_tools([weather]).invoke(QUESTION, grammar=call)
        assert (answer.text, answer.additional_kwargs["reasoning_content"]) == ("", "Hm.")
        assert [(each["name"], each["args"]) for each in answer.tool_calls] == [
            ("weather", {"city": "Bern"})
        ]


def test_llamacpp_chat_counts_the_tokens_of_messages(chat: ChatLlamaCpp) -> None:
    usage = chat.invoke("Hello!").usage_metadata
    assert usage is not None
    assert chat.get_num_tokens_from_messages([HumanMessage("Hello!")]) == usage["input_tokens"]


@pytest.mark.parametrize(
    "options",
    [{}, {"n_ubatch": 1}, {"n_parallel": 1}, {"n_parallel": 40}, {"spec_type": "ngram-simple"}],
)
def test_llamacpp_batch_smaller_than_the_slots_answers(options: dict[str, Any]) -> None:
    model = ChatLlamaCpp(
        model_path=tiny_chat_model(),
        backend="xllamacpp",
        n_batch=1,
        n_ctx=256,
        temperature=0,
        max_tokens=16,
        **options,
    )
    with model as chat:
        assert chat.invoke("Repeat: red lamp").text == "red lamp"


def test_llamacpp_chat_uses_another_template(chat: ChatLlamaCpp) -> None:
    template = "{% for m in messages %}{{ m.content }}{% endfor %} is"
    with ChatLlamaCpp(
        model_path=tiny_chat_model(), backend="xllamacpp", chat_template=template, max_tokens=4
    ) as other:
        assert other.engine is not chat.engine
        usage = other.invoke("The lamp").usage_metadata
        assert usage is not None
        assert usage["input_tokens"] == other.get_num_tokens("The lamp is")


def test_llamacpp_conversation_that_the_template_refuses_is_an_error_of_the_request(
    chat: ChatLlamaCpp,
) -> None:
    template = (
        "{% for m in messages %}{{ raise_exception('no such word') if m.content == 'Hello!' else "
        "m.content }}{% endfor %}"
    )
    with (
        ChatLlamaCpp(
            model_path=tiny_chat_model(), backend="xllamacpp", chat_template=template, max_tokens=4
        ) as other,
        pytest.raises(InvalidRequestError, match="no such word"),
    ):
        other.invoke("Hello!")
    assert chat.invoke("Hello!").text


def test_chat_reads_images_and_counts_their_tokens(tmp_path: Path) -> None:
    path = projector(tmp_path / "mmproj.gguf")
    question: list[BaseMessage] = [
        HumanMessage([{"type": "text", "text": "What is it?"}, block(png(200, 0, 0))])
    ]
    answers = []
    for name in get_args(backend.Backend):
        with ChatLlamaCpp(
            model_path=tiny_chat_model(),
            mmproj_path=path,
            backend=name,
            temperature=0,
            max_tokens=12,
        ) as seeing:
            answer = seeing.invoke(question)
            assert answer.usage_metadata is not None
            assert (
                seeing.get_num_tokens_from_messages(question)
                == answer.usage_metadata["input_tokens"]
            )
            answers.append((answer.text, answer.usage_metadata["input_tokens"]))
    assert answers[0] == answers[1]


def test_llamacpp_audio_reaches_llama_cpp_which_refuses_it_with_a_projector_for_images(
    tmp_path: Path,
) -> None:
    silence = base64.b64encode(b"RIFF\x24\0\0\0WAVEfmt ").decode()
    question = HumanMessage([{"type": "audio", "base64": silence, "mime_type": "audio/wav"}])
    path = projector(tmp_path / "mmproj.gguf")
    for name, words in (
        ("xllamacpp", "llama.cpp refuses.*audio input is not supported"),
        ("llama-cpp-python", "holds audio"),
    ):
        given: dict[str, Any] = {
            "model_path": tiny_chat_model(),
            "mmproj_path": path,
            "backend": name,
            "max_tokens": 2,
        }
        with ChatLlamaCpp(**given) as hearing, pytest.raises(InvalidRequestError, match=words):
            hearing.invoke([question])


# --- texts ---


def test_llamacpp_consumers_of_concurrent_answers_are_woken_less_often() -> None:
    submitted, counts = threading.Event(), []

    class Queue(ResponseQueue):
        def set_concurrent_answers(self, count: int) -> None:
            submitted.wait(30)
            super().set_concurrent_answers(count)
            counts.append((count, self.min_notify_interval))

    with LlamaCpp(
        model_path=tiny_chat_model(), backend="xllamacpp", n_ctx=512, n_parallel=4
    ) as llm:
        queues = [Queue() for _ in range(4)]
        for queue in queues:
            llm.engine.complete({"prompt": "Once", "n_predict": 8, "ignore_eos": True}, queue)
        submitted.set()
        for queue in queues:
            while queue.take(30).finish is None:
                pass
    assert max(counts) == (4, 4 * MIN_NOTIFY_INTERVAL)


@pytest.mark.parametrize(
    ("name", "given", "number"),
    [
        ("xllamacpp", {}, -1),
        ("xllamacpp", {"flash_attn": None}, -1),
        ("xllamacpp", {"flash_attn": False}, 0),
        ("xllamacpp", {"flash_attn": True}, 1),
        ("llama-cpp-python", {}, 0),
        ("llama-cpp-python", {"flash_attn": None}, -1),
        ("llama-cpp-python", {"flash_attn": True}, 1),
    ],
)
def test_llamacpp_flash_attention_is_llamacpps_choice_on_its_server(
    name: backend.Backend, given: dict[str, Any], number: int
) -> None:
    with LlamaCpp(model_path=tiny_chat_model(), n_ctx=512, backend=name, **given) as llm:
        assert llm.engine_settings().context["flash_attn_type"] == number


def test_llamacpp_engines_of_both_backends_answer_side_by_side() -> None:
    texts = ["the red lamp is lit at dusk", "the green boat leaves at noon"]
    given: dict[str, Any] = {"model_path": tiny_chat_model(), "n_ctx": 512, "max_tokens": 40}
    with (
        LlamaCpp(**given, backend="xllamacpp") as server,
        LlamaCpp(**given, backend="llama-cpp-python") as own,
    ):
        streams = [
            llm.stream("Say:", grammar=f'root ::= "{text}"')
            for llm, text in zip((server, own), texts, strict=True)
        ]
        pieces = list(itertools.zip_longest(*streams, fillvalue=""))
    assert ["".join(column) for column in zip(*pieces, strict=True)] == texts


def test_llamacpp_both_backends_fill_a_gap_alike(tmp_path: Path) -> None:
    path = with_control_tokens(
        tiny_chat_model(),
        tmp_path / "code.gguf",
        ["<|fim_prefix|>", "<fim_suffix>", "<|code_middle|>"],
    )
    results = []
    for name in get_args(backend.Backend):
        given: dict[str, Any] = {
            "model_path": path,
            "backend": name,
            "n_ctx": 512,
            "temperature": 0,
            "max_tokens": 8,
            "logprobs": 0,
            # the last digits differ with it, and only xllamacpp has it on by default
            "flash_attn": False,
        }
        with LlamaCpp(**given, suffix=" is lit </s><|fim_prefix|>") as llm:
            for spm_infill in (False, True):
                info = (
                    llm.generate(["The red lamp"], spm_infill=spm_infill)
                    .generations[0][0]
                    .generation_info
                )
                assert info is not None
                results.append(
                    (info["usage"]["prompt_tokens"], round(info["logprobs"][0]["logprob"], 3))
                )
    assert results[:2] == results[2:]
    assert results[0][1] != results[1][1]  # the order matters


def test_llamacpp_model_that_was_not_made_for_it_does_not_fill_gaps() -> None:
    with (
        LlamaCpp(model_path=tiny_chat_model(), backend="xllamacpp", max_tokens=2) as llm,
        pytest.raises(InvalidRequestError, match="not trained to fill gaps"),
    ):
        llm.invoke("def f():", suffix="return 1")


@pytest.mark.parametrize("kind", ["f32", "q8_0", "q4_0", "bf16", 8])
def test_llamacpp_cache_can_have_other_types(kind: str | int) -> None:
    given: dict[str, Any] = {"type_k": kind, "type_v": kind, "flash_attn": True}
    with LlamaCpp(
        model_path=tiny_chat_model(), backend="xllamacpp", n_ctx=512, max_tokens=8, **given
    ) as llm:
        assert llm.invoke("The lamp is")


# --- the engine ---


def test_llamacpp_text_and_chat_share_the_engine(chat: ChatLlamaCpp) -> None:
    with LlamaCpp(model_path=tiny_chat_model(), backend="xllamacpp") as llm:
        assert llm.engine is chat.engine


def test_llamacpp_prompt_over_the_context_raises_with_both_lengths() -> None:
    with LlamaCpp(
        model_path=tiny_chat_model(), backend="xllamacpp", n_ctx=300, max_tokens=4
    ) as llm:
        with pytest.raises(ContextLengthError) as raised:
            llm.invoke("moon " * 400)
        assert raised.value.context_tokens == 300
        assert raised.value.prompt_tokens is not None
        assert raised.value.prompt_tokens > 300


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"logit_bias": {10**7: 1.0}}, "vocabulary ends"),
        ({"grammar": " "}, "empty"),
        ({"grammar": "root ::= ("}, "grammar"),
    ],
)
def test_llamacpp_value_that_the_server_would_ignore_or_refuse_raises(
    options: dict[str, Any], words: str, chat: ChatLlamaCpp
) -> None:
    with LlamaCpp(model_path=tiny_chat_model(), backend="xllamacpp") as llm:
        for model in (llm, chat):
            with pytest.raises(InvalidRequestError, match=words):
                model.invoke("Hello!", **options)


def test_llamacpp_lone_surrogate_is_refused(chat: ChatLlamaCpp) -> None:
    with pytest.raises(InvalidRequestError, match="surrogate"):
        chat.invoke("\ud800")


def test_llamacpp_closing_a_stream_frees_the_engine_within_a_token(model_file: Path) -> None:
    with LlamaCpp(
        model_path=model_file, backend="xllamacpp", n_ctx=2048, n_parallel=1, temperature=0
    ) as llm:
        stream = llm.stream("Rain is", max_tokens=-1)
        next(stream)
        stream.close()
        assert llm.invoke("Rain is", max_tokens=2, timeout=60)


def test_llamacpp_engine_that_is_freed_fails_its_answers(model_file: Path) -> None:
    llm = LlamaCpp(
        model_path=model_file, backend="xllamacpp", n_ctx=2048, n_parallel=1, temperature=0
    )
    stream, engine = llm.stream("Rain is", max_tokens=-1), llm.engine
    next(stream)
    freeing = threading.Thread(target=engine.free)
    freeing.start()
    with pytest.raises(ServerError, match="freed"):
        for _ in stream:
            pass
    freeing.join()
    with pytest.raises(ServerError, match="freed"):
        llm.invoke("Rain is")


def test_llamacpp_closed_object_loads_again(model_file: Path) -> None:
    llm = LlamaCpp(model_path=model_file, backend="xllamacpp", n_ctx=500, max_tokens=2)
    folder = llm.engine.socket_path.parent
    llm.close()
    assert not folder.exists()
    assert llm.invoke("Rain is")
    llm.close()


def test_llamacpp_programs_own_signal_handlers_stay(chat: ChatLlamaCpp) -> None:
    assert chat.engine
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


ASK: Final = """
import os, socket, sys
os.setuid(65534)  # nobody
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
except PermissionError:
    print("refused")
"""


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs Linux's list of ports")
def test_llamacpp_no_port_is_open_and_no_other_user_reaches_the_socket(chat: ChatLlamaCpp) -> None:
    own = {str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()}
    tables = [
        Path(f"/proc/self/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6")
    ]
    sockets = [line.split() for table in tables for line in table]
    listening = [
        fields[1] for fields in sockets if fields[3] == "0A" and f"socket:[{fields[9]}]" in own
    ]
    assert listening == []
    path = chat.engine.socket_path
    assert path.parent.stat().st_mode & 0o077 == 0
    if os.getuid() == 0:
        run = subprocess.run(
            [sys.executable, "-c", ASK, path], capture_output=True, text=True, check=True
        )
        assert run.stdout == "refused\n"
    socket.socket(socket.AF_UNIX).connect(str(path))  # it is there, for its owner


def test_llamacpp_file_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    data = tiny_chat_model().read_bytes()
    path = tmp_path / "unknown.gguf"
    path.write_bytes(
        data.replace(
            b"\x05\x00\x00\x00\x00\x00\x00\x00llama", b"\x05\x00\x00\x00\x00\x00\x00\x00lmama"
        )
    )
    with pytest.raises(ModelFileError, match="lmama"):
        LlamaCpp(model_path=path, backend="xllamacpp")


def test_llamacpp_file_without_a_template_is_for_text_only(tmp_path: Path) -> None:
    path = without_template(tiny_chat_model(), tmp_path / "plain.gguf")
    with LlamaCpp(model_path=path, backend="xllamacpp", max_tokens=2) as llm:
        assert llm.invoke("The lamp is")
    with pytest.raises(ModelFileError, match="no chat template"):
        ChatLlamaCpp(model_path=path, backend="xllamacpp")


class Listener(BaseCallbackHandler):
    def __init__(self) -> None:
        self.events: list[dict[str, int]] = []

    def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
        assert name == "prompt_progress"
        self.events.append(data)


@pytest.mark.parametrize("kind", [LlamaCpp, ChatLlamaCpp])
def test_llamacpp_options_of_the_server_choose_its_backend_and_take_effect(kind: Any) -> None:
    grammar = 'root ::= "  a\\nb\\nc\\n" [a-z\\n]*'
    with kind(
        model_path=tiny_chat_model(), temperature=0, max_tokens=32, return_progress=True
    ) as model:
        assert model.backend == "xllamacpp"
        model.invoke("One red lamp. " * 30, {"callbacks": [listener := Listener()]}, max_tokens=1)
        assert listener.events[-1]["processed"] == listener.events[-1]["total"] > 100
        config: Any = {"callbacks": [silent := Listener()]}
        model.invoke("One red lamp.", config, max_tokens=1, return_progress=None)
        list(model.stream("One red lamp.", config, max_tokens=1, return_progress=False))
        assert silent.events == []
        answers = [model.invoke("Go", grammar=grammar, **more) for more in ({}, {"n_indent": 2})]
        plain, indented = (one if isinstance(one, str) else one.text for one in answers)
        assert len(indented) < len(plain)
    with (
        kind(model_path=tiny_chat_model(), backend="llama-cpp-python") as model,
        pytest.raises(InvalidOptionError, match="n_indent"),
    ):
        model.invoke("Go", n_indent=2)
