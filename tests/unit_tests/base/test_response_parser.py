"""Pieces of an answer become chunks: calls with ids, thoughts apart, calls that were cut not taken
for whole ones."""

import copy
import json
import re
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.utils.json import parse_partial_json

from langchain_localllm.base.messages import to_openai
from langchain_localllm.base.response_parser import (
    AnswerReader,
    ReadHandle,
    _unreadable_end,
    reader,
    without_unreadable_end,
)
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent, TokenStream
from langchain_localllm.templates.thinking import ThinkSplitter
from langchain_localllm.templates.tool_calls import HERMES, ToolCallParser
from tests.unit_tests.fakes import FakeChat

CALL = '<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>'


class Scripted:
    """A handle that yields the given events."""

    def __init__(self, pieces: list[StreamEvent]) -> None:
        self._pieces = pieces

    def events(self) -> Generator[StreamEvent]:
        yield from self._pieces

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        for piece in self._pieces:
            yield piece


class ScriptedChat(FakeChat):
    """A chat class on a scripted engine whose text holds thoughts and calls."""

    script: list[StreamEvent]
    parse: bool = True

    def open_answer(self, *_: Any) -> TokenStream:
        reader = (
            AnswerReader(ThinkSplitter(), ToolCallParser(HERMES)) if self.parse else AnswerReader()
        )
        return ReadHandle(Scripted(self.script), reader)


def said(text: str, reason: str = "stop") -> list[StreamEvent]:
    return [*(StreamEvent(char) for char in text), StreamEvent("", CompletionInfo(reason, 1, 2))]


def both_ways(chat: ScriptedChat) -> AIMessage:
    """The answer of `invoke`, which is the same as that of `stream`."""
    whole = chat.invoke("Hi")
    full: Any = None
    for chunk in chat.stream("Hi"):
        full = chunk if full is None else full + chunk
    assert isinstance(full, AIMessageChunk)
    for name in ("content", "additional_kwargs", "usage_metadata", "response_metadata"):
        assert getattr(full, name) == getattr(whole, name)
    for calls in ("tool_calls", "invalid_tool_calls"):
        assert [{**call, "id": ""} for call in getattr(full, calls)] == [
            {**call, "id": ""} for call in getattr(whole, calls)
        ]
    return whole


def test_response_parser_thoughts_go_to_reasoning_blocks_and_never_into_the_answer() -> None:
    answer = both_ways(ScriptedChat(script=said("<think>\nTwo.\n</think>\n\nFour.")))
    assert answer.text == "Four."
    assert [block["type"] for block in answer.content_blocks] == ["reasoning", "text"]
    assert answer.content_blocks[0].get("reasoning") == "Two."


def test_calls_in_the_text_become_tool_calls_with_ids() -> None:
    answer = both_ways(ScriptedChat(script=said(f"<think>a</think>Look.\n{CALL}\n{CALL}")))
    assert answer.text == "Look."
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("add", {"a": 1})] * 2
    ids = [call["id"] or "" for call in answer.tool_calls]
    assert len(set(ids)) == 2
    assert all(len(each) == 9 and each.isalnum() for each in ids)
    assert answer.response_metadata["finish_reason"] == "tool_calls"


def test_call_in_the_text_has_values_of_the_types_of_its_tool() -> None:
    text = "<function=add>\n<parameter=a>\n12\n</parameter>\n</function>\n</tool_call>"
    for kind, value in (("string", "12"), ("integer", 12)):
        parameters = {"type": "object", "properties": {"a": {"type": kind}}}
        answers = reader([{"function": {"name": "add", "parameters": parameters}}], None)
        calls = [
            call
            for event in (StreamEvent(text), StreamEvent("", CompletionInfo("stop")))
            for part in answers.read(event)
            for call in part.tool_calls or ()
        ]
        assert [json.loads(call["args"]) for call in calls] == [{"a": value}]


@pytest.mark.parametrize(
    "args",
    [
        '{"path": "/home/us',
        '{"path": "/home/us", "all": [1, {',
        '{"a": "\\',
        "{",
        "{'a': 1",
        "nonsense",
    ],
)
def test_response_parser_call_that_was_cut_is_invalid(args: str) -> None:
    deltas = [
        {"index": 0, "id": "x", "name": "remove", "args": ""},
        *({"index": 0, "args": char} for char in args),
    ]
    script = [
        *(StreamEvent("", tool_calls=[delta]) for delta in deltas),
        StreamEvent("", CompletionInfo("length")),
    ]
    answer = both_ways(ScriptedChat(script=script, parse=False))
    assert answer.tool_calls == []
    assert answer.invalid_tool_calls[0]["name"] == "remove"
    assert (answer.invalid_tool_calls[0]["args"] or "").startswith(args)
    assert answer.response_metadata["finish_reason"] == "length"


def test_response_parser_call_cut_before_its_arguments_is_invalid() -> None:
    for reason in ("length", "stop"):
        answer = both_ways(
            ScriptedChat(
                script=[
                    StreamEvent(
                        "", tool_calls=[{"index": 0, "id": "x", "name": "clock", "args": ""}]
                    ),
                    StreamEvent("", CompletionInfo(reason)),
                ]
            )
        )
        assert [call["name"] for call in answer.tool_calls] == (
            [] if reason == "length" else ["clock"]
        )
        assert len(answer.invalid_tool_calls) == (reason == "length")


def test_response_parser_call_in_the_text_that_was_cut_is_invalid() -> None:
    answer = both_ways(
        ScriptedChat(
            script=said('<tool_call>{"name": "remove", "arguments": {"path": "/', "length")
        )
    )
    assert answer.tool_calls == []
    assert answer.invalid_tool_calls[0]["name"] == "remove"


JSONS = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(JSONS.filter(lambda value: isinstance(value, dict)), st.data())
def test_response_parser_langchain_does_not_repair_what_was_cut(
    value: Any, data: st.DataObject
) -> None:
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    try:
        repaired = parse_partial_json(cut + _unreadable_end(cut))
    except ValueError:
        return
    assert not isinstance(repaired, dict)


@given(st.text(alphabet='{}[]":\\a1, ', max_size=12))
def test_without_unreadable_end_drops_the_bracket(cut: str) -> None:
    shown = without_unreadable_end(cut + _unreadable_end(cut))
    assert shown in {cut, cut + '"', cut + "\\", cut + '\\"'}  # a quote may be the model's


def hidden(*events: StreamEvent, tools: Any = (), choice: str | None = None) -> list[StreamEvent]:
    """The answer without thoughts."""
    answers = reader(tools, choice, keeps_thoughts=False)
    return [part for event in events for part in answers.read(event)]


def test_response_parser_answer_that_a_server_takes_for_thoughts_is_the_text() -> None:
    thoughts = [StreamEvent("", reasoning=part) for part in ("\nI am ", "a\n", "model.\n")]
    told = hidden(*thoughts, StreamEvent("", CompletionInfo("stop")))
    assert "".join(part.text for part in told) == "I am a\nmodel."
    assert not any(part.reasoning for part in told)
    # so is the JSON of a call that was forced
    forced = [StreamEvent("", reasoning='{"name": "add", "arguments": {"a": 1}}')]
    tools = [{"function": {"name": "add"}}]
    told = hidden(*forced, StreamEvent("", CompletionInfo("stop")), tools=tools, choice="required")
    assert [call["args"] for part in told for call in part.tool_calls or ()] == ['{"a": 1}']


@pytest.mark.parametrize(
    "rest",
    [
        [StreamEvent("Yes."), StreamEvent("", CompletionInfo("stop"))],
        [StreamEvent(" "), StreamEvent("Yes.", CompletionInfo("stop"))],
        [StreamEvent("", CompletionInfo("length"))],
        [
            StreamEvent("", tool_calls=[{"index": 0, "id": "x", "name": "add", "args": "{}"}]),
            StreamEvent("", CompletionInfo("stop")),
        ],
    ],
)
def test_response_parser_thoughts_before_anything_else_stay_hidden(rest: list[StreamEvent]) -> None:
    told = hidden(StreamEvent("", reasoning="Hm."), *copy.deepcopy(rest))
    assert "Hm." not in "".join(part.text + part.reasoning for part in told)
    assert (
        "".join(part.text for part in told).strip() == "".join(part.text for part in rest).strip()
    )


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("add<|channel|>commentary", "add"),
        ("add<|channel|>", "add"),
        ("<|constrain|>add<|channel|>json", "add"),
        ("add <|constrain|>json", "add"),
        ("add", "add"),
    ],
)
def test_response_parser_name_of_a_call_has_no_markers(written: str, name: str) -> None:
    call = {"index": 0, "id": "x", "name": written, "args": '{"a": 1}'}
    end = StreamEvent("", CompletionInfo("tool_calls"))
    answer = both_ways(ScriptedChat(script=[StreamEvent("", tool_calls=[call]), end]))
    assert [(each["name"], each["args"]) for each in answer.tool_calls] == [(name, {"a": 1})]


MENTIONS = st.sampled_from(
    [
        "<tool_call>",
        "</tool_call>",
        "<think>",
        "</think>",
        "<function=add>",
        "<function=",
        "[TOOL_CALLS]",
        "<|python_tag|>",
        "<",
        "word ",
        "\n",
        "{",
        "}",
        '"name"',
        ":",
    ]
)


@given(st.lists(MENTIONS, min_size=1, max_size=10).map("".join), st.data(), st.booleans())
def test_response_parser_answer_that_mentions_markers_loses_nothing(
    text: str, data: st.DataObject, tools: bool
) -> None:
    # that is a call which was cut
    assume(not (tools and re.search(r'<tool_call>\s*\{\s*"name"|<function=add>\s*\{', text)))
    text = f"It is {text}"
    offered = [{"function": {"name": "add"}}] if tools else []
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    pieces = [
        StreamEvent(text[start:end])
        for start, end in zip([0, *places], [*places, len(text)], strict=True)
    ]
    answers = reader(offered, None)
    read = [
        part
        for piece in [*pieces, StreamEvent("", CompletionInfo("stop"))]
        for part in answers.read(piece)
    ]
    assert "".join(part.text for part in read) == text
    assert not any(part.reasoning or part.tool_calls for part in read)


# --- content blocks of version 1 ---


def called(index: int, args: str) -> list[StreamEvent]:
    deltas = [
        {"index": index, "id": f"c{index}", "name": "add", "args": ""},
        *({"index": index, "args": char} for char in args),
    ]
    return [StreamEvent("", tool_calls=[delta]) for delta in deltas]


ANSWERS: list[list[StreamEvent]] = [
    said("Hello"),
    said("<think>Two.</think>Four."),
    said(f"<think>Two.</think>Look.\n{CALL}\n{CALL}"),
    said(f"{CALL} And so."),
    [
        StreamEvent("", reasoning="I "),
        StreamEvent("", reasoning="think."),
        StreamEvent("Let "),
        StreamEvent("me."),
        *called(0, '{"a": 1}'),
        *called(1, '{"a": 2}'),
    ],
    [
        StreamEvent("", reasoning="A."),
        StreamEvent("B."),
        StreamEvent("", reasoning="C."),
        StreamEvent("D."),
        *called(0, "{}"),
        StreamEvent("E."),
    ],
    called(0, '{"a": 1}'),
    [*called(0, '{"a": 1}'), StreamEvent("", reasoning="Hm."), *called(1, "{}")],
    [StreamEvent("Look."), *called(0, '{"a": 1'), *called(1, "{}")],
]


@pytest.mark.parametrize("script", ANSWERS)
async def test_response_parser_blocks_of_a_stream_are_those_of_the_whole_answer(
    script: list[StreamEvent],
) -> None:
    finish = [] if script[-1].finish else [StreamEvent("", CompletionInfo("stop", 1, 2))]
    chat = ScriptedChat(script=[*script, *finish], output_version="v1")
    full: Any = None
    begun: dict[int, str] = {}
    for chunk in chat.stream("Hi"):
        content: Any = chunk.content
        for block in content:
            assert begun.setdefault(block["index"], block["type"]) == block["type"]
        full = chunk if full is None else full + chunk
    whole: Any = chat.invoke("Hi")
    later: Any = await chat.ainvoke("Hi")
    blocks = [{**block, "index": 0, "id": ""} for block in full.content]
    assert (
        blocks
        == [{**block, "index": 0, "id": ""} for block in whole.content]
        == [{**block, "index": 0, "id": ""} for block in later.content]
    )
    assert full.content_blocks == full.content
    assert not any("index" in block for block in whole.content)
    assert [call["args"] for call in full.tool_calls] == [call["args"] for call in whole.tool_calls]
    kinds = [block["type"] for block in whole.content]
    assert kinds.count("tool_call") == len(whole.tool_calls)
    assert whole.text == ScriptedChat(script=[*script, *finish]).invoke("Hi").text
    assert to_openai([HumanMessage("Hi"), whole])[1]["content"] == "\n".join(
        block["text"] for block in whole.content if block["type"] == "text"
    )


def test_response_parser_thoughts_with_only_a_closing_tag_stay_in_the_text() -> None:
    answer = both_ways(ScriptedChat(script=said("Two and two.</think>\n\nFour.")))
    assert answer.text == "Two and two.</think>\n\nFour."


def test_response_parser_plain_pieces_pass_untouched() -> None:
    piece = StreamEvent("text", logprobs=[{"token": "text"}])
    assert AnswerReader().read(piece) == (piece,)
