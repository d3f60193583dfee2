"""Every chat template that llama.cpp publishes: prompts, and what its model writes, in process on both backends and over HTTP.

The templates are those of llama-cpp-python's source, which the package index gives; scripted models write the answers.
"""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any, Final, Literal, cast

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_localllm import ChatLlamaCpp, ChatLlamafile
from langchain_localllm.base.engine import Finish, Piece
from langchain_localllm.base.messages import to_openai, with_parsed_arguments
from langchain_localllm.runtimes.llamacpp.server_params import new_server, server_params
from langchain_localllm.templates.chat_template import ChatTemplate
from langchain_localllm.templates.instructions import render_with_instructions
from tests.engines import llama_cpp_source
from tests.engines.chat_formats import ANSWER_STYLES, CALL_STYLES, CALLS, TEMPLATES, TOOLS, AnswerStyle, CallStyle
from tests.engines.scripted_model import scripted_model

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
    r"<\|[^|<>\s]+\|?>|<\w+\|>|<｜[^｜<>]+｜>|</?(?:think|tool_call|seed:\w+|mm:think|minimax:tool_call)>|\[/?[A-Z_]+\]|｜DSML｜|\]<\]minimax\[>\["
)
"""What models have control tokens for."""
State = Literal["outside", "inside", "closed"]
Kind = Literal["text", "calls", "text and call"]
"""Where the prompt ends: before thoughts, in them, or after them."""

QUESTION: Final = [SystemMessage("Answer in one word."), HumanMessage("What is the weather in Bern?")]


@dataclass(frozen=True)
class Family:
    """A template, and a model that writes as models with this template do."""

    name: str
    calls: CallStyle | None
    answers: AnswerStyle
    path: Path
    starts: dict[tuple[Kind, State], int]
    texts: dict[tuple[Kind, State], str]

    def state(self, prompt: str) -> State:
        end = prompt.rstrip()
        if not self.answers.thinks or self.answers.is_headed:
            return "outside"
        if end.endswith(self.answers.closing.strip()) or end.endswith("/think>"):
            return "closed"
        return "inside" if end.endswith(self.answers.opening.strip()) else "outside"

    def kinds(self) -> list[Kind]:
        if self.calls is None:
            return ["text"]
        mixes = self.answers.before != "all\n" and not self.calls.one.startswith("{")
        return ["text", "calls", *(["text and call"] if mixes else [])]

    def expected(self, kind: Kind, state: State) -> tuple[str, str, list[tuple[str, Any]]]:
        text = "" if kind == "calls" else TEXT
        calls = [] if kind == "text" else list(CALLS) if kind == "calls" and self.calls and self.calls.both else [CALLS[0]]
        return text, THOUGHTS if self.answers.thinks and state != "closed" else "", calls


def written(calls: CallStyle | None, answers: AnswerStyle, kind: Kind, state: State) -> str:
    thoughts = {
        "outside": answers.opening + THOUGHTS + answers.closing if answers.thinks else "",
        "inside": THOUGHTS + answers.closing,
        "closed": "",
    }[state]
    before = (answers.preamble if kind == "text and call" else "") or answers.before
    text = "" if kind == "calls" else before + TEXT + answers.after
    call = "" if calls is None or kind == "text" else (calls.both or calls.one) if kind == "calls" else answers.between + calls.one
    return thoughts + text + call + answers.end


def prompt_of(template: str, messages: list[BaseMessage], **variables: Any) -> str:
    return render_with_instructions(ChatTemplate(template), with_parsed_arguments(to_openai(messages)), **THINKING, **variables)


@pytest.fixture(scope="module")
def source() -> Path:
    return llama_cpp_source.install() / "templates"


@pytest.fixture(scope="module", params=TEMPLATES)
def family(request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    name = request.param
    template = (source / f"{name}.jinja").read_text(encoding="utf-8")
    call, answer = TEMPLATES[name]
    calls, answers = CALL_STYLES.get("" if name in WITHOUT_LIST else call), ANSWER_STYLES[answer]
    states: tuple[State, ...] = ("inside", "outside", "closed") if answers.thinks else ("outside",)
    kinds: tuple[Kind, ...] = ("calls", "text", "text and call") if calls else ("text",)
    texts = {(kind, state): written(calls, answers, kind, state) for state in states for kind in kinds}
    control = sorted({marker for text in texts.values() for marker in CONTROL.findall(text)})
    prompt = prompt_of(template, QUESTION, tools=TOOLS if calls else []).rstrip()
    path = tmp_path_factory.mktemp("scripted") / f"{name}.gguf"
    starts = scripted_model(
        path, list(texts.values()), control, template, read=[marker for marker in control if prompt.endswith(marker)]
    )
    yield Family(name, calls, answers, path, dict(zip(texts, starts, strict=True)), texts)
    path.unlink()


def read(message: AIMessage) -> tuple[str, str, list[tuple[str, Any]]]:
    assert not message.invalid_tool_calls
    return (
        str(message.text),
        message.additional_kwargs.get("reasoning_content", ""),
        [(call["name"], call["args"]) for call in message.tool_calls],
    )


def check_ids(family: Family, message: AIMessage) -> None:
    ids = [call["id"] for call in message.tool_calls]
    assert len(set(ids)) == len(ids)
    assert all(ids)
    if family.calls and family.calls.ids:
        assert ids == list(family.calls.ids[: len(ids)])


def check_answers(family: Family, model: BaseChatModel, state: State) -> None:
    for kind in family.kinds():
        bound = model.bind_tools(TOOLS) if family.calls else model
        options: dict[str, Any] = {"logit_bias": {family.starts[kind, state]: BIAS}}
        chunks = list(bound.stream(QUESTION, **options))
        message = cast("AIMessageChunk", reduce(add, chunks))
        assert read(message) == family.expected(kind, state), (kind, state, family.texts[kind, state])
        check_ids(family, message)


def test_own_parser_reads_answers_in_pieces_of_every_size(family: Family) -> None:
    with ChatLlamaCpp(model_path=family.path, backend="llama-cpp-python", chat_template_kwargs=THINKING, n_ctx=16_384, temperature=0) as model:
        prepared = model.prepare(to_openai(QUESTION), [], {"tools": TOOLS} if family.calls else {})
        state = family.state(prepared.prompt)
        for kind in family.kinds():
            text = family.texts[kind, state]
            for size in SIZES:
                reader = copy.deepcopy(prepared.reader)
                pieces = [prepared.begun, *(text[at : at + size] for at in range(0, len(text), size))]
                told = [part for piece in pieces for part in reader.read(Piece(piece))] + [*reader.read(Piece("", Finish("stop")))]
                names = [call["name"] for part in told for call in part.tool_calls or ()]
                args = [json.loads(call["args"]) for part in told for call in part.tool_calls or ()]
                answer = "".join(part.text for part in told), "".join(part.reasoning for part in told)
                assert (*answer, list(zip(names, args, strict=True))) == family.expected(kind, state), (kind, size)
        check_answers(family, model, state)


def test_server_in_process_reads_answers(family: Family) -> None:
    with ChatLlamaCpp(model_path=family.path, backend="xllamacpp", chat_template_kwargs=THINKING, n_ctx=16_384, n_parallel=1, temperature=0) as model:
        payload = model._chat_payload({}, to_openai(QUESTION), [], {"tools": TOOLS} if family.calls else {})
        check_answers(family, model, family.state(model.engine.render(payload)))
