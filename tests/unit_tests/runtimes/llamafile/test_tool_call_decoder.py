"""Tool calls in the ways in which servers stream them, and the calls that LangChain makes of
them."""

import json
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from typing_extensions import override

from langchain_localllm import ChatLlamafile
from langchain_localllm.base.response_parser import ReadHandle, reader
from langchain_localllm.base.token_stream import StreamEvent, TokenStream
from langchain_localllm.runtimes.llamafile.answer_decoder import ChatDecoder
from langchain_localllm.runtimes.llamafile.error_reader import ErrorReader

NAMES = ("add", "mul", "now")
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in NAMES
]
ONE, TWO = {"a": 1, "b": 2}, {"a": 3, "b": 4}
ADD, MUL = ("add", ONE), ("mul", TWO)


class _Recorded:
    """An answer of these bytes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def events(self) -> Generator[StreamEvent]:
        decoder = ChatDecoder(ErrorReader("http://host"))
        yield from decoder.feed(self._answer)
        yield from decoder.end()

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        for piece in self.events():
            yield piece


class _Chat(ChatLlamafile):
    """A chat model whose server answers with these deltas."""

    deltas: list[dict[str, Any]]
    reason: str = "tool_calls"

    @override
    def open_answer(
        self, messages: list[dict[str, Any]], stop: list[str], request: dict[str, Any]
    ) -> TokenStream:
        choices = [
            *({"index": 0, "delta": delta} for delta in self.deltas),
            {"delta": {}, "finish_reason": self.reason},
        ]
        events = [
            b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n" for choice in choices
        ]
        return ReadHandle(_Recorded(b"".join(events)), reader(TOOLS, None))


def part(
    call_id: Any = ..., name: Any = ..., arguments: Any = ..., index: Any = ...
) -> dict[str, Any]:
    """A delta with a part of a call; what is not given is not in it."""
    function = {
        key: value
        for key, value in {"name": name, "arguments": arguments}.items()
        if value is not ...
    }
    outer = {
        key: value for key, value in {"index": index, "id": call_id}.items() if value is not ...
    }
    return {"tool_calls": [{**outer, "type": "function", "function": function}]}


TEXT, OTHER = json.dumps(ONE), json.dumps(TWO)
CALLS: dict[str, tuple[list[dict[str, Any]], list[tuple[str, Any]]]] = {
    "as OpenAI's": (
        [
            part("x", "add", "", 0),
            part(arguments=TEXT[:4], index=0),
            part(arguments=TEXT[4:], index=0),
        ],
        [ADD],
    ),
    "as OpenAI's, two": (
        [
            part("x", "add", "", 0),
            part(arguments=TEXT, index=0),
            part("y", "mul", "", 1),
            part(arguments=OTHER, index=1),
        ],
        [ADD, MUL],
    ),
    "interleaved": (
        [
            part("x", "add", TEXT[:4], 0),
            part("y", "mul", OTHER[:4], 1),
            part(arguments=TEXT[4:], index=0),
            part(arguments=OTHER[4:], index=1),
        ],
        [ADD, MUL],
    ),
    "indexes that begin at 1, with a gap": (
        [part("x", "add", TEXT, 1), part("y", "mul", OTHER, 5)],
        [ADD, MUL],
    ),
    "two in one delta": (
        [
            {
                "tool_calls": [
                    *part("x", "add", TEXT, 0)["tool_calls"],
                    *part("y", "mul", OTHER, 1)["tool_calls"],
                ]
            }
        ],
        [ADD, MUL],
    ),
    "whole, the same index": ([part("x", "add", TEXT, 0), part("y", "mul", OTHER, 0)], [ADD, MUL]),
    "whole, no index": ([part("x", "add", TEXT), part("y", "mul", OTHER)], [ADD, MUL]),
    "whole, index null": (
        [part("x", "add", TEXT, None), part("y", "mul", OTHER, None)],
        [ADD, MUL],
    ),
    "whole, the same index and name": (
        [part("x", "add", TEXT, 0), part("y", "add", OTHER, 0)],
        [ADD, ("add", TWO)],
    ),
    "whole, the same index and name, no ids": (
        [part(..., "add", TEXT, 0), part(..., "add", OTHER, 0)],
        [ADD, ("add", TWO)],
    ),
    "whole, the same call twice, by id": (
        [part("x", "add", TEXT, 0), part("y", "add", TEXT, 0)],
        [ADD, ADD],
    ),
    "whole, the same index, no ids": (
        [part(..., "add", TEXT, 0), part(..., "mul", OTHER, 0)],
        [ADD, MUL],
    ),
    "whole, no index, no ids": ([part(..., "add", TEXT), part(..., "mul", OTHER)], [ADD, MUL]),
    "whole, one id for all": ([part("x", "add", TEXT, 0), part("x", "mul", OTHER, 1)], [ADD, MUL]),
    "whole, one id and index for all": (
        [part("x", "add", TEXT, 0), part("x", "mul", OTHER, 0)],
        [ADD, MUL],
    ),
    "whole, empty ids": ([part("", "add", TEXT, 0), part("", "mul", OTHER, 0)], [ADD, MUL]),
    "pieces, the same index": (
        [
            part("x", "add", "", 0),
            part(arguments=TEXT, index=0),
            part("y", "mul", "", 0),
            part(arguments=OTHER, index=0),
        ],
        [ADD, MUL],
    ),
    "pieces, no index": (
        [
            part("x", "add", TEXT[:4]),
            part(arguments=TEXT[4:]),
            part("y", "mul", OTHER[:4]),
            part(arguments=OTHER[4:]),
        ],
        [ADD, MUL],
    ),
    "pieces by id, no index": (
        [
            part("x", "add", TEXT[:4]),
            part("y", "mul", OTHER[:4]),
            part("x", ..., TEXT[4:]),
            part("y", ..., OTHER[4:]),
        ],
        [ADD, MUL],
    ),
    "id and name in every delta": (
        [
            part("x", "add", TEXT[:4], 0),
            part("x", "add", TEXT[4:8], 0),
            part("x", "add", TEXT[8:], 0),
        ],
        [ADD],
    ),
    "name in every delta, no id": (
        [part(..., "add", TEXT[:4], 0), part(..., "add", TEXT[4:], 0)],
        [ADD],
    ),
    "id in every delta, name null later": (
        [part("x", "add", TEXT[:4], 0), part("x", None, TEXT[4:], 0)],
        [ADD],
    ),
    "name empty later": ([part("x", "add", TEXT[:4], 0), part("", "", TEXT[4:], 0)], [ADD]),
    "another id in every delta": (
        [part("x", "add", TEXT[:4], 0), part("y", ..., TEXT[4:], 0)],
        [ADD],
    ),
    "all so far in every delta": (
        [part("x", "add", TEXT[:4], 0), part("x", "add", TEXT[:9], 0), part("x", "add", TEXT, 0)],
        [ADD],
    ),
    "whole again at the end": (
        [
            part("x", "add", TEXT[:4], 0),
            part(arguments=TEXT[4:], index=0),
            part("x", "add", TEXT, 0),
        ],
        [ADD],
    ),
    "whole again at the end, without a name": (
        [part("x", "add", TEXT, 0), part(arguments=TEXT, index=0)],
        [ADD],
    ),
    "nothing new at the end": (
        [part("x", "add", TEXT, 0), part("x", "add", "", 0), part(arguments="", index=0)],
        [ADD],
    ),
    "id after the name": ([part(..., "add", "", 0), part("x", ..., TEXT, 0)], [ADD]),
    "name after the id": ([part("x", ..., "", 0), part(..., "add", TEXT, 0)], [ADD]),
    "name in parts": (
        [part("x", "a", "", 0), part("x", "dd", "", 0), part(arguments=TEXT, index=0)],
        [ADD],
    ),
    "a new index in every delta": (
        [part("x", "add", TEXT[:4], 0), part(..., ..., TEXT[4:], 1)],
        [ADD],
    ),
    "an object": ([part("x", "add", ONE, 0), part("y", "mul", TWO, 1)], [ADD, MUL]),
    "objects, the same index": ([part("x", "add", ONE, 0), part("y", "mul", TWO, 0)], [ADD, MUL]),
    "an object, empty at first": ([part("x", "add", {}, 0), part("x", "add", ONE, 0)], [ADD]),
    "an empty object, then pieces": (
        [
            part("x", "add", {}, 0),
            part(arguments=TEXT[:4], index=0),
            part(arguments=TEXT[4:], index=0),
        ],
        [ADD],
    ),
    "an empty object as text, then whole": (
        [part("x", "add", "{}", 0), part("x", "add", TEXT, 0)],
        [ADD],
    ),
    "an empty object as text, then pieces": (
        [
            part("x", "add", "{}", 0),
            part(arguments=TEXT[:4], index=0),
            part(arguments=TEXT[4:], index=0),
        ],
        [ADD],
    ),
    "whole again, with other spaces": (
        [
            part("x", "add", TEXT, 0),
            part("x", "add", json.dumps(ONE, separators=(",", ":"), indent=1), 0),
        ],
        [ADD],
    ),
    "encoded twice": ([part("x", "add", json.dumps(TEXT), 0)], [ADD]),
    "under another name": (
        [{"tool_calls": [{"index": 0, "id": "x", "function": {"name": "add", "parameters": ONE}}]}],
        [ADD],
    ),
    "no function at first": (
        [{"tool_calls": [{"index": 0, "id": "x", "function": None}]}, part("x", "add", TEXT, 0)],
        [ADD],
    ),
    "no arguments, null as text": ([part("x", "now", "null", 0)], [("now", {})]),
    "no arguments, a space": ([part("x", "now", " ", 0)], [("now", {})]),
    "no arguments, null": ([part("x", "now", None, 0)], [("now", {})]),
    "no arguments, missing": ([part("x", "now", ..., 0)], [("now", {})]),
    "no arguments, empty": ([part("x", "now", "", 0)], [("now", {})]),
    "no arguments, twice, the same index": (
        [part("x", "now", "", 0), part("y", "now", "", 0)],
        [("now", {})] * 2,
    ),
    "no arguments, another tool, the same index": (
        [part(..., "now", None, 0), part(..., "add", TEXT, 0)],
        [("now", {}), ADD],
    ),
    "OpenAI's older API": (
        [
            {"function_call": {"name": "add", "arguments": ""}},
            {"function_call": {"arguments": TEXT}},
        ],
        [ADD],
    ),
    "OpenAI's older API, whole": ([{"function_call": {"name": "add", "arguments": TEXT}}], [ADD]),
    "no `function`": ([{"tool_calls": [{"name": "add", "arguments": ONE}]}], [ADD]),
    "one call that is not in a list": (
        [{"tool_calls": part("x", "add", TEXT, 0)["tool_calls"][0]}],
        [ADD],
    ),
}


def made(message: AIMessage) -> list[tuple[str, Any]]:
    assert message.invalid_tool_calls == []
    ids = [call["id"] for call in message.tool_calls]
    assert all(ids)
    assert len(set(ids)) == len(ids), "each call has an id of its own"
    return [(call["name"], call["args"]) for call in message.tool_calls]


@pytest.mark.parametrize("way", CALLS)
async def test_calls_are_read_in_each_way_in_which_servers_stream_them(way: str) -> None:
    deltas, calls = CALLS[way]
    chat = _Chat(deltas=deltas)
    assert made(chat.invoke("Hi")) == calls
    assert made(await chat.ainvoke("Hi")) == calls
    full: AIMessageChunk | None = None
    for chunk in chat.stream("Hi"):
        full = chunk if full is None else full + chunk
    assert full is not None
    assert made(full) == calls
    assert full.response_metadata["finish_reason"] == "tool_calls"


def test_ids_of_the_server_are_kept() -> None:
    answer = _Chat(deltas=[part("x", "add", TEXT, 0), part("y", "mul", OTHER, 0)]).invoke("Hi")
    assert [call["id"] for call in answer.tool_calls] == ["x", "y"]


@pytest.mark.parametrize("reason", ["stop", "function_call", "tool_call", "tool_use"])
def test_an_answer_with_calls_ends_for_them(reason: str) -> None:
    answer = _Chat(deltas=[part("x", "add", TEXT, 0)], reason=reason).invoke("Hi")
    assert answer.response_metadata["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("size", [1, 5, 100])
def test_arguments_with_line_ends_inside_a_string_are_read(size: int) -> None:
    written = '{"a": "one\ntwo\tthree", "b": "[\n1]"}'
    parts = [written[at : at + size] for at in range(0, len(written), size)]
    deltas = [part("x", "add", "", 0), *(part(arguments=each, index=0) for each in parts)]
    assert made(_Chat(deltas=[*deltas, part("y", "mul", TEXT, 0)]).invoke("Hi")) == [
        ("add", {"a": "one\ntwo\tthree", "b": "[\n1]"}),
        ("mul", ONE),
    ]


def test_arguments_that_are_cut_are_invalid() -> None:
    answer = _Chat(deltas=[part("x", "add", TEXT[:-3], 0)], reason="length").invoke("Hi")
    assert (answer.tool_calls, len(answer.invalid_tool_calls)) == ([], 1)
