"""Streams with anything in them: an answer is right or an error of this package, and never
something else silently."""

import itertools
import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_localllm import ChatOllama, Ollama
from langchain_localllm.base.token_stream import StreamEvent
from langchain_localllm.errors import LocalLLMError
from langchain_localllm.runtimes.llamafile import answer_decoder
from langchain_localllm.runtimes.llamafile.error_reader import ErrorReader
from langchain_localllm.runtimes.ollama.answer_decoder import ChatDecoder, GenerateDecoder

TEXTS: Final = ["The", " Straße", " 東京", " 🚲", "."]
READER: Final = ErrorReader("http://host:8080")
Event = dict[str, Any]


def chunk(**choice: Any) -> Event:
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [{"index": 0, "finish_reason": None, **choice}],
    }


def sse(events: list[Any]) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events)


def ndjson(events: list[Any]) -> bytes:
    return b"".join(b"%s\n" % json.dumps(event).encode() for event in events)


USAGE: Final = {"completion_tokens": 5, "prompt_tokens": 3, "total_tokens": 8}
NATIVE: Final = [{"index": 0, "content": text, "tokens": [7], "stop": False} for text in TEXTS]
NATIVE_END: Final = {
    "content": "",
    "stop": True,
    "stop_type": "eos",
    "tokens_predicted": 5,
    "tokens_evaluated": 3,
    "truncated": False,
}
CHUNKS: Final = [chunk(delta={"content": text}) for text in TEXTS]
CHUNKS_END: Final = [
    chunk(delta={}, finish_reason="stop"),
    {"choices": [], "model": "m", "usage": USAGE},
]
COUNTS: Final = {"prompt_eval_count": 3, "eval_count": 5, "eval_duration": 9}
GENERATED: Final = [{"model": "m", "response": text, "done": False} for text in TEXTS]
GENERATED_END: Final = {"model": "m", "response": "", "done": True, "done_reason": "stop", **COUNTS}
CHAT: Final = [
    {"model": "m", "message": {"role": "assistant", "content": text}, "done": False}
    for text in TEXTS
]
CHAT_END: Final = {
    "model": "m",
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "stop",
    **COUNTS,
}
STREAMS: Final[dict[str, tuple[Callable[[], Any], Callable[[list[Any]], bytes], list[Any]]]] = {
    "llamafile text": (
        lambda: answer_decoder.CompletionDecoder(READER),
        sse,
        [*NATIVE, NATIVE_END],
    ),
    "llamafile chat": (lambda: answer_decoder.ChatDecoder(READER), sse, [*CHUNKS, *CHUNKS_END]),
    "ollama text": (
        lambda: GenerateDecoder(Ollama(model="m")),
        ndjson,
        [*GENERATED, GENERATED_END],
    ),
    "ollama chat": (lambda: ChatDecoder(ChatOllama(model="m")), ndjson, [*CHAT, CHAT_END]),
}
every_stream = pytest.mark.parametrize("name", STREAMS)
paths = st.lists(st.integers(min_value=0), min_size=1, max_size=4)
places = st.lists(st.integers(min_value=0), max_size=6)
keys = st.sampled_from(["content", "delta", "x", "error"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


def read(name: str, data: bytes, cuts: list[int]) -> str | None:
    """The text of a stream that is cut into reads at these places; `None` for an error of this
    package."""
    decoder = STREAMS[name][0]()
    edges = [0, *sorted(place % (len(data) + 1) for place in cuts), len(data)]
    pieces: list[StreamEvent] = []
    try:
        for start, end in itertools.pairwise(edges):
            pieces += decoder.feed(data[start:end])
        pieces += decoder.end()
    except LocalLLMError:
        return None
    assert any(piece.finish for piece in pieces)
    return "".join(piece.text for piece in pieces)


def replaced(value: Any, path: list[int], new: Any) -> Any:
    """The JSON value with another one at a place that the numbers choose."""
    if path and isinstance(value, dict) and value:
        key = list(value)[path[0] % len(value)]
        return {**value, key: replaced(value[key], path[1:], new)}
    if path and isinstance(value, list) and value:
        place = path[0] % len(value)
        return [*value[:place], replaced(value[place], path[1:], new), *value[place + 1 :]]
    return new


@every_stream
@given(garbage=st.binary(min_size=1, max_size=12), place=st.integers(min_value=0), cuts=places)
def test_bytes_between_events_change_no_text(
    name: str, garbage: bytes, place: int, cuts: list[int]
) -> None:
    _, written, events = STREAMS[name]
    at = place % len(events)
    line = garbage.replace(b"\n", b" ").replace(b"\r", b" ")
    data = written(events[:at]) + line + b"\n" + written(events[at:])
    assert read(name, data, cuts) in {None, "".join(TEXTS)}


@every_stream
@given(at=st.integers(min_value=0), cuts=places)
def test_stream_that_lost_its_end_is_an_error_or_whole(name: str, at: int, cuts: list[int]) -> None:
    _, written, events = STREAMS[name]
    data = written(events)
    assert read(name, data[: at % len(data)], cuts) in {None, "".join(TEXTS)}


@every_stream
@given(
    at=st.integers(min_value=0),
    path=st.lists(st.integers(min_value=0), min_size=1, max_size=4),
    value=json_values,
    cuts=places,
)
def test_value_of_another_kind_is_an_error_or_leaves_a_text(
    name: str, at: int, path: list[int], value: Any, cuts: list[int]
) -> None:
    _, written, events = STREAMS[name]
    place = at % len(events)
    changed = [*events[:place], replaced(events[place], path, value), *events[place + 1 :]]
    text = read(name, written(changed), cuts)
    assert text is None or isinstance(text, str)


@every_stream
@given(
    order=st.permutations(range(len(TEXTS) + 2)),
    count=st.integers(min_value=0, max_value=len(TEXTS) + 2),
    cuts=places,
)
def test_events_in_any_order_are_an_answer_or_an_error(
    name: str, order: list[int], count: int, cuts: list[int]
) -> None:
    _, written, events = STREAMS[name]
    text = read(
        name, written([events[number] for number in order[:count] if number < len(events)]), cuts
    )
    assert text is None or set(text) <= set("".join(TEXTS))


@every_stream
@given(data=st.binary(max_size=200), cuts=places)
def test_garbage_alone_is_never_an_answer(name: str, data: bytes, cuts: list[int]) -> None:
    assert read(name, data, cuts) is None
