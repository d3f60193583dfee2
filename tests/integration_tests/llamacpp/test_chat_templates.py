"""Every chat template that llama.cpp publishes: prompts, and what its model writes, in process on
both backends and over HTTP.

The templates are those of llama-cpp-python's source, which the package index gives; scripted models
write the answers.
"""

import asyncio
import copy
import json
import re
import shutil
import signal
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any, Final, Literal, cast

import pytest
import requests
import xllamacpp
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import Runnable

from langchain_localllm import ChatGPT4All, ChatLlamaCpp, ChatLlamafile
from langchain_localllm.base.messages import to_openai, with_parsed_arguments
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent
from langchain_localllm.runtimes.llamacpp.server_params import new_server
from langchain_localllm.templates.call_frames import call_frame
from langchain_localllm.templates.chat_template import ChatTemplate
from langchain_localllm.templates.conversation_forms import render_conversation
from langchain_localllm.templates.server_parser import is_misparsed_by_server
from tools.chat_families import PAGE, page
from tools.engines import llama_cpp_source
from tools.engines.chat_formats import (
    ANSWER_STYLES,
    CALL_STYLES,
    CALLS,
    LFM2_JSON,
    NOT_ENFORCED_BY_SERVER,
    TEMPLATES,
    TOOLS,
    AnswerStyle,
    CallStyle,
)
from tools.engines.scripted_model import scripted_model

TEXT: Final = "It is 20 degrees in Bern.\nTake a hat."
THOUGHTS: Final = "The user asks\nabout the weather."
THINKING: Final = {"enable_thinking": True, "thinking": True}
SIZES: Final = (1, 2, 3, 7, 10_000)
BIAS: Final = 20.0
WITHOUT_LIST: Final = {
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B",
    "deepseek-ai-DeepSeek-V3.1",
}
"""Templates that write calls, but not which tools there are."""
CONTROL: Final = re.compile(
    r"<\|(?!end\|)[^|<>\s]+\|?>|<\w+\|>|<｜[^｜<>]+｜>|</?(?:think|tool_call|seed:\w+|mm:think|minimax:tool_call)>|\[/?[A-Z_]+\]|｜DSML｜|\]<\]minimax\[>\["
)
"""What models have control tokens for; not `<|end|>`, with which llama.cpp ends an answer of most
models."""
State = Literal["outside", "inside", "closed"]
Kind = Literal["text", "calls", "text and call", "wrong call"]
"""Where the prompt ends: before thoughts, in them, or after them."""

ON_GPT4ALL: Final = (
    "GLM-4.6",
    "Kimi-K2-Instruct",
    "Qwen-Qwen3-0.6B",
    "deepseek-ai-DeepSeek-V3.2",
    "google-gemma-4-31B-it",
    "openai-gpt-oss-120b",
)
"""Families that are tried on `ChatGPT4All` too, which runs them on llama.cpp."""

QUESTION: Final = [
    SystemMessage("Answer in one word."),
    HumanMessage("What is the weather in Bern?"),
]


@dataclass(frozen=True)
class Family:
    """A template, and a model that writes as models with this template do."""

    name: str
    calls: CallStyle | None
    answers: AnswerStyle
    path: Path
    starts: dict[tuple[Kind, State], int]
    texts: dict[tuple[Kind, State], str]

    def kinds(self) -> list[Kind]:
        """What its model writes."""
        if self.calls is None:
            return ["text"]
        mixes = self.answers.before != "all\n" and not self.calls.one.startswith("{")
        kinds: list[Kind] = ["text", "calls", "text and call"]
        return kinds if mixes else kinds[:2]

    def expected(self, kind: Kind, state: State) -> tuple[str, str, list[tuple[str, Any]]]:
        text = "" if kind == "calls" else TEXT
        calls = (
            []
            if kind == "text"
            else list(CALLS)
            if kind == "calls" and self.calls and self.calls.both
            else [CALLS[0]]
        )
        return text, THOUGHTS if self.answers.thinks and state != "closed" else "", calls


def written(calls: CallStyle | None, answers: AnswerStyle, kind: Kind, state: State) -> str:
    thoughts = {
        "outside": answers.opening + THOUGHTS + answers.closing if answers.thinks else "",
        "inside": THOUGHTS + answers.closing,
        "closed": "",
    }[state]
    before = (answers.preamble if kind == "text and call" else "") or answers.before
    text = "" if kind == "calls" else before + TEXT + answers.after
    call = (
        ""
        if calls is None or kind == "text"
        else (calls.both or calls.one)
        if kind == "calls"
        else answers.between + calls.one
    )
    return thoughts + text + call + answers.end


def needs_states(answers: AnswerStyle) -> bool:
    """Whether the prompt may end in thoughts or after them."""
    return answers.thinks and not answers.is_headed


def end_of(prompt: str, answers: AnswerStyle) -> State:
    """Where the prompt ends."""
    end = prompt.rstrip()
    if not needs_states(answers):
        return "outside"
    if end.endswith((answers.closing.strip(), "/think>")):
        return "closed"
    return "inside" if end.endswith(answers.opening.strip()) else "outside"


def prompt_of(template: str, messages: list[BaseMessage], **variables: Any) -> str:
    return render_conversation(
        ChatTemplate(template), with_parsed_arguments(to_openai(messages)), **THINKING, **variables
    )


@pytest.fixture(scope="module")
def source() -> Path:
    return llama_cpp_source.install() / "templates"


@pytest.fixture(scope="module", params=TEMPLATES)
def families(
    request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Family, Family]]:
    name = request.param
    template = (source / f"{name}.jinja").read_text(encoding="utf-8")
    call, answer = TEMPLATES[name]
    calls, answers = CALL_STYLES.get("" if name in WITHOUT_LIST else call), ANSWER_STYLES[answer]
    prompt = prompt_of(template, QUESTION, tools=TOOLS if calls else []).rstrip()
    states = dict.fromkeys(
        [
            end_of(prompt, answers),
            *(("inside", "outside", "closed") if needs_states(answers) else ()),
        ]
    )
    kinds: tuple[Kind, ...] = ("calls", "text", "text and call") if calls else ("text",)
    texts = {
        (kind, state): written(calls, answers, kind, state) for state in states for kind in kinds
    }
    if calls:
        state = next(iter(states))
        wrong = LFM2_JSON if call == "lfm2" else replace(calls, both="")
        texts["wrong call", state] = re.sub(
            r"(?<!\w)2(?!\w)", "two", written(wrong, answers, "calls", state)
        )
    control = sorted({marker for text in texts.values() for marker in CONTROL.findall(text)})
    folder = tmp_path_factory.mktemp("scripted")
    read = [marker for marker in control if prompt.endswith(marker)]
    starts = scripted_model(folder / "own.gguf", list(texts.values()), control, template, read=read)
    family = Family(
        name, calls, answers, folder / "own.gguf", dict(zip(texts, starts, strict=True)), texts
    )
    starts = scripted_model(folder / "server.gguf", list(texts.values()), template=template)
    yield (
        family,
        replace(family, path=folder / "server.gguf", starts=dict(zip(texts, starts, strict=True))),
    )
    shutil.rmtree(folder)


@pytest.fixture
def family(families: tuple[Family, Family]) -> Family:
    """The family with control tokens, as its models have them."""
    return families[0]


@pytest.fixture
def server_family(families: tuple[Family, Family], source: Path) -> Family:
    """The family as llama.cpp's server is tried with it.

    Where the server parses, markers are plain text, as in llama.cpp's own tests: its grammars want
    tokens in every place.
    """
    template = (source / f"{families[0].name}.jinja").read_text(encoding="utf-8")
    return families[0] if is_misparsed_by_server(template) else families[1]


def read(message: AIMessage) -> tuple[str, str, list[tuple[str, Any]]]:
    assert not message.invalid_tool_calls
    return (
        str(message.text).rstrip() if message.tool_calls else str(message.text),
        message.additional_kwargs.get("reasoning_content", ""),
        [(call["name"], call["args"]) for call in message.tool_calls],
    )


def check_ids(family: Family, message: AIMessage) -> None:
    ids = [call["id"] for call in message.tool_calls]
    assert len(set(ids)) == len(ids)
    assert all(ids)
    if family.calls and family.calls.ids:
        assert ids == list(family.calls.ids[: len(ids)])


def streamed(model: Runnable[Any, AIMessage], **options: Any) -> AIMessage:
    return reduce(add, model.stream(QUESTION, **options))


def streamed_async(model: Runnable[Any, AIMessage], **options: Any) -> AIMessage:
    async def chunks() -> list[Any]:
        return [chunk async for chunk in model.astream(QUESTION, **options)]

    return cast("AIMessage", reduce(add, asyncio.run(chunks())))


PATHS: Final[tuple[Callable[..., AIMessage], ...]] = (
    streamed,
    lambda model, **options: model.invoke(QUESTION, **options),
    streamed_async,
    lambda model, **options: asyncio.run(model.ainvoke(QUESTION, **options)),
)
"""Each kind of answer comes on one of them, in turn, so that over all families each kind comes on
each path."""


def check_answers(
    family: Family, model: BaseChatModel, state: State, leaves_out: Collection[str] = ()
) -> None:
    """Compare what is read of each kind of answer with what the model wrote."""
    bound = model.bind_tools(TOOLS, parallel_tool_calls=True) if family.calls else model
    for turn, kind in enumerate(family.kinds(), start=[*TEMPLATES].index(family.name)):
        message = PATHS[turn % len(PATHS)](bound, logit_bias={family.starts[kind, state]: BIAS})
        assert read(message) == family.expected(kind, state), (
            kind,
            state,
            family.texts[kind, state],
        )
        if "ids" not in leaves_out:
            check_ids(family, message)


def history(count: int) -> list[BaseMessage]:
    """A conversation with so many calls at once, and their results."""
    ids = ["abc123456", "def123456"][:count]
    calls = [
        {"name": name, "args": args, "id": call_id}
        for (name, args), call_id in zip(CALLS, ids, strict=False)
    ]
    results = [
        ToolMessage(f"Result {place}.", tool_call_id=call_id, name=CALLS[place][0])
        for place, call_id in enumerate(ids)
    ]
    return [*QUESTION, AIMessage("", tool_calls=calls), *results]


@pytest.mark.parametrize("name", TEMPLATES)
def test_prompt_holds_the_whole_conversation(name: str, source: Path) -> None:
    template = (source / f"{name}.jinja").read_text(encoding="utf-8")
    for variables in ({}, {"enable_thinking": False, "thinking": False}, THINKING):
        prompt = render_conversation(ChatTemplate(template), to_openai(QUESTION), **variables)
        assert all(str(message.content).lower() in prompt.lower() for message in QUESTION)
    if TEMPLATES[name][0] and name not in WITHOUT_LIST:
        prompt = prompt_of(template, QUESTION, tools=TOOLS)
        assert all(tool["function"]["name"] in prompt for tool in TOOLS)
    for count in (1, 2):
        prompt = prompt_of(template, history(count), tools=TOOLS)
        _, _, answered = prompt.rpartition(str(QUESTION[-1].content))
        for place, (tool, args) in enumerate(CALLS[:count]):
            assert tool in answered
            assert all(
                str(value) in answered or json.dumps(value) in answered for value in args.values()
            )
            assert f"Result {place}." in answered


def test_table_of_families_is_up_to_date(source: Path) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(source), "run `python -m tools.chat_families`"


def test_own_parser_reads_answers_in_pieces_of_every_size(family: Family) -> None:
    with ChatLlamaCpp(
        model_path=family.path,
        backend="llama-cpp-python",
        chat_template_kwargs=THINKING,
        n_ctx=16_384,
        temperature=0,
    ) as model:
        prepared = model.prepare(to_openai(QUESTION), [], {"tools": TOOLS} if family.calls else {})
        state = end_of(prepared.prompt, family.answers)
        for kind in family.kinds():
            text = family.texts[kind, state]
            for size in SIZES:
                reader = copy.deepcopy(prepared.reader)
                pieces = [
                    prepared.begun,
                    *(text[at : at + size] for at in range(0, len(text), size)),
                ]
                told = [part for piece in pieces for part in reader.read(StreamEvent(piece))] + [
                    *reader.read(StreamEvent("", CompletionInfo("stop")))
                ]
                names = [call["name"] for part in told for call in part.tool_calls or ()]
                args = [json.loads(call["args"]) for part in told for call in part.tool_calls or ()]
                answer = (
                    "".join(part.text for part in told),
                    "".join(part.reasoning for part in told),
                )
                assert (*answer, list(zip(names, args, strict=True))) == family.expected(
                    kind, state
                ), (kind, size)
        check_answers(family, model, state)
        if call_frame(model.template().source) and family.calls:
            check_wrong_call(family, model, state)
    if family.name in ON_GPT4ALL:
        with ChatGPT4All(
            model=family.path,
            backend="llamacpp",
            chat_template_kwargs=THINKING,
            n_ctx=16_384,
            temperature=0,
            max_tokens=400,
        ) as gpt4all:
            message = gpt4all.bind_tools(TOOLS, parallel_tool_calls=True).invoke(QUESTION)
        assert read(message) == family.expected(
            "calls", next(state for kind, state in family.texts if kind == "calls")
        )


def check_wrong_call(family: Family, model: ChatLlamaCpp, state: State) -> None:
    """Check that a call that goes wrong while the model writes it is valid for the tool's
    schema."""
    bound = model.bind_tools(TOOLS, parallel_tool_calls=False)
    answer = bound.invoke(
        QUESTION, logit_bias={family.starts["wrong call", state]: BIAS}, max_tokens=300
    )
    name, args = CALLS[0]
    assert [call["name"] for call in answer.tool_calls] == [name], family.texts["wrong call", state]
    assert answer.tool_calls[0]["args"]["city"] == args["city"]
    assert type(answer.tool_calls[0]["args"].get("days", 0)) is int
    assert not answer.invalid_tool_calls


NOT_READ: Final = {
    "mistralai-Mistral-Nemo-Instruct-2407": {"ids"},
}
"""What llama.cpp's server does not read as the model writes it.

In Mistral Nemo's calls the id comes last, and a stream gives a call an id when its name has come
(`common/chat.cpp`).
"""


def test_server_in_process_reads_answers(server_family: Family) -> None:
    family = server_family
    with ChatLlamaCpp(
        model_path=family.path,
        backend="xllamacpp",
        chat_template_kwargs=THINKING,
        n_ctx=16_384,
        n_parallel=1,
        temperature=0,
        max_tokens=400,
    ) as model:
        request: dict[str, Any] = {
            "messages": to_openai(QUESTION),
            "chat_template_kwargs": THINKING,
        }
        prompt = model.engine.render({**request, "tools": TOOLS} if family.calls else request)
        check_answers(family, model, end_of(prompt, family.answers), NOT_READ.get(family.name, ()))
        source = model.template().source
        if (
            family.calls
            and family.name not in NOT_ENFORCED_BY_SERVER
            and not is_misparsed_by_server(source)
        ):
            check_wrong_call(family, model, end_of(prompt, family.answers))


@pytest.fixture
def address(server_family: Family) -> Iterator[str]:
    """The address of llama.cpp's server with the family's model. It takes the signals of the
    program, which gets them back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    params = xllamacpp.CommonParams()
    params.model.path = str(server_family.path)
    params.n_ctx, params.n_parallel, params.port, params.cpuparams.n_threads = 16_384, 1, 0, 1
    params.fit_params = params.warmup = params.ui = False
    params.verbosity = 0
    server = new_server(params)
    for number, handler in kept.items():
        signal.signal(number, handler)
    yield server.listening_address
    del server


def test_server_over_http_reads_answers(server_family: Family, address: str) -> None:
    family = server_family
    model = ChatLlamafile(
        base_url=address, temperature=0, max_tokens=400, timeout=120, chat_template_kwargs=THINKING
    )
    request: dict[str, Any] = {"messages": to_openai(QUESTION), "chat_template_kwargs": THINKING}
    request |= {"tools": TOOLS} if family.calls else {}
    prompt = requests.post(f"{address}/apply-template", json=request, timeout=120).json()["prompt"]
    check_answers(family, model, end_of(prompt, family.answers), NOT_READ.get(family.name, ()))


LONG_ID: Final = "call_" + 24 * "x"
UNUSUAL: Final[dict[str, list[BaseMessage]]] = {
    "greeting": [AIMessage("How can I help?"), *QUESTION[-1:]],
    "instructions and greeting": [
        SystemMessage("Be brief."),
        AIMessage("How can I help?"),
        *QUESTION[-1:],
    ],
    "two questions": [HumanMessage("Hello!"), *QUESTION[-1:]],
    "long id": [
        *QUESTION[-1:],
        AIMessage("", tool_calls=[{"name": CALLS[0][0], "args": CALLS[0][1], "id": LONG_ID}]),
        ToolMessage("Sunny.", tool_call_id=LONG_ID, name=CALLS[0][0]),
    ],
}
"""Conversations that llama.cpp's server refuses with these templates."""


@pytest.mark.parametrize(
    ("families", "talk"),
    [
        (family, talk)
        for family, takes_tools in {
            "google-gemma-2-2b-it": False,
            "mistralai-Mistral-Nemo-Instruct-2407": True,
            "Mistral-Small-3.2-24B-Instruct-2506": True,
        }.items()
        for talk in UNUSUAL
        if takes_tools or talk != "long id"
    ],
    indirect=["families"],
)
def test_server_answers_a_conversation_that_its_template_refuses(
    server_family: Family, address: str, talk: str
) -> None:
    over_http = ChatLlamafile(base_url=address, temperature=0, max_tokens=1, timeout=120)
    with ChatLlamaCpp(
        model_path=server_family.path,
        backend="xllamacpp",
        n_ctx=16_384,
        n_parallel=1,
        temperature=0,
        max_tokens=1,
    ) as in_process:
        counts = [
            message.usage_metadata["input_tokens"]
            for model in (over_http, in_process)
            if (message := model.invoke(UNUSUAL[talk])).usage_metadata
        ]
        assert counts[0] == counts[1] > 0
        assert over_http.get_num_tokens_from_messages(UNUSUAL[talk]) == counts[0]
