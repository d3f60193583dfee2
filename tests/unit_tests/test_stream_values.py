"""Streams that no client expects: the right answer, or an error of this package."""

import itertools
import json
import math
from collections.abc import Generator
from typing import Any, Final
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from langchain_localllm import ChatLlamafile, ChatOllama, Llamafile, Ollama
from langchain_localllm.base.token_stream import StreamEvent
from langchain_localllm.errors import LocalLLMError, StreamBrokenError
from langchain_localllm.runtimes.llamafile import answer_decoder
from langchain_localllm.transport import decoding
from langchain_localllm.transport.client import Decoder, HttpClient

Event = dict[str, Any]
TEXTS: Final = ["The", " Straße", " 東京", " 🚲", "."]
ANSWER: Final = "".join(TEXTS)
LOGPROBS: Final = {"content": [{"token": "a", "logprob": -0.1, "top_logprobs": []}]}
TIMINGS: Final = {
    "cache_n": 1,
    "prompt_ms": 2.0,
    "predicted_ms": 3.0,
    "predicted_n": 2,
    "draft_n": 1,
    "draft_n_accepted": 1,
}
USAGE: Final = {
    "completion_tokens": 5,
    "prompt_tokens": 3,
    "total_tokens": 8,
    "prompt_tokens_details": {"cached_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
CALL: Final = {
    "index": 0,
    "id": "c1",
    "type": "function",
    "function": {"name": "add", "arguments": '{"a": 1}'},
}
COUNTS: Final = {
    "prompt_eval_count": 3,
    "eval_count": 5,
    "load_duration": 1,
    "prompt_eval_duration": 2,
    "eval_duration": 9,
}


def chunk(delta: Event, reason: str | None = None, **more: Any) -> Event:
    choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": LOGPROBS}
    return {"id": "c", "model": "m", "choices": [choice], **more}


def said(text: str) -> Event:
    return {"model": "m", "message": {"role": "assistant", "content": text}, "done": False}


CHUNKS: Final = [chunk({"content": text}) for text in TEXTS]
END: Final = chunk({}, "stop", timings=TIMINGS)
COUNTED: Final = {"choices": [], "model": "m", "usage": USAGE, "timings": TIMINGS}
STREAMS: Final[dict[str, tuple[Any, list[Event]]]] = {
    "ChatLlamafile": (
        ChatLlamafile(),
        [
            chunk({"role": "assistant", "reasoning_content": "Hm."}, timings=TIMINGS),
            *CHUNKS,
            chunk({"tool_calls": [CALL]}),
            END,
            COUNTED,
        ],
    ),
    "Llamafile": (
        Llamafile(),
        [
            *({"index": 0, "content": text, "tokens": [7], "stop": False} for text in TEXTS),
            {
                "content": "",
                "stop": True,
                "stop_type": "eos",
                "tokens_predicted": 5,
                "tokens_evaluated": 3,
                "tokens_cached": 7,
                "truncated": False,
                "timings": TIMINGS,
                "generation_settings": {"n_ctx": 9},
                "completion_probabilities": [],
            },
        ],
    ),
    "ChatOllama": (
        ChatOllama(model="m"),
        [
            {"model": "m", "message": {"content": "", "thinking": "Hm."}, "done": False},
            *map(said, TEXTS),
            {"model": "m", "message": {"content": "", "tool_calls": [CALL]}, "done": False},
            {
                "model": "m",
                "message": {"role": "assistant", "content": ""},
                "done": True,
                "done_reason": "stop",
                "logprobs": [],
                **COUNTS,
            },
        ],
    ),
    "Ollama": (
        Ollama(model="m"),
        [
            *({"model": "m", "response": text, "done": False} for text in TEXTS),
            {
                "model": "m",
                "response": "",
                "done": True,
                "done_reason": "stop",
                "context": [1],
                **COUNTS,
            },
        ],
    ),
}
every_class = pytest.mark.parametrize("name", STREAMS)
places = st.lists(st.integers(min_value=0), max_size=6)
keys = st.sampled_from(["content", "function", "index", "name", "arguments", "error", "text"])
numbers = st.sampled_from([math.inf, -math.inf, math.nan, 1e308, -1, 0, 2**63, 10**400])
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


def written(name: str, events: list[Event]) -> bytes:
    data = [json.dumps(event).encode() for event in events]
    if name.endswith("Ollama"):
        return b"".join(line + b"\n" for line in data)
    return b"".join(b"data: " + line + b"\n\n" for line in data)


def invoked(name: str, data: bytes, cuts: list[int] | None = None) -> Any:
    """What the class returns for a server's answer that is cut into reads at these places."""
    edges = [0, *sorted(place % (len(data) + 1) for place in cuts or ()), len(data)]

    def stream(
        _: HttpClient, opening: Generator[Any], decoder: Decoder[StreamEvent]
    ) -> Generator[StreamEvent]:
        opening.close()
        for start, end in itertools.pairwise(edges):
            yield from decoder.feed(data[start:end])
        yield from decoder.end()

    with mock.patch.object(HttpClient, "stream", stream):
        return STREAMS[name][0].invoke("Hi")


def replaced(value: Any, path: list[int], new: Any) -> Any:
    """The JSON value with another one at a place that the numbers choose."""
    if path and isinstance(value, dict) and value:
        key = list(value)[path[0] % len(value)]
        return {**value, key: replaced(value[key], path[1:], new)}
    if path and isinstance(value, list) and value:
        place = path[0] % len(value)
        return [*value[:place], replaced(value[place], path[1:], new), *value[place + 1 :]]
    return new


def text_of(answer: Any) -> str:
    return str(answer.text) if isinstance(answer, AIMessage) else str(answer)


@every_class
def test_stream_as_it_should_be_is_the_answer(name: str) -> None:
    answer = invoked(name, written(name, STREAMS[name][1]))
    assert text_of(answer) == ANSWER
    if isinstance(answer, AIMessage):
        assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("add", {"a": 1})]
        assert answer.usage_metadata
        assert answer.usage_metadata["total_tokens"] == 8


@every_class
@given(
    at=st.integers(min_value=0),
    path=st.lists(st.integers(min_value=0), max_size=6),
    value=json_values,
)
def test_value_of_any_kind_anywhere_is_an_answer_or_an_error(
    name: str, at: int, path: list[int], value: Any
) -> None:
    _, events = STREAMS[name]
    place = at % len(events)
    changed = [*events[:place], replaced(events[place], path, value), *events[place + 1 :]]
    try:
        answer = invoked(name, written(name, changed))
    except LocalLLMError:
        return
    assert isinstance(text_of(answer), str)


@every_class
@pytest.mark.parametrize("model", [math.inf, 7, True, {"a": 1}, [], None])
def test_model_name_of_another_kind_loses_no_answer(name: str, model: Any) -> None:
    events = [{**event, "model": model} for event in STREAMS[name][1] if isinstance(event, dict)]
    assert text_of(invoked(name, written(name, events))) == ANSWER


@every_class
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_that_is_nested_too_deeply_is_an_error(name: str, opening: str) -> None:
    data = written(name, STREAMS[name][1][:1])
    deep = (opening * 100_000).encode()
    line = deep + b"\n" if name.endswith("Ollama") else b"data: " + deep + b"\n\n"
    with pytest.raises(LocalLLMError):
        invoked(name, data + line)
    with pytest.raises(LocalLLMError):
        invoked(name, deep)


@pytest.mark.parametrize("name", ["ChatLlamafile", "ChatOllama"])
def test_arguments_that_are_nested_too_deeply_are_an_invalid_call(name: str) -> None:
    call = {**CALL, "function": {"name": "add", "arguments": '{"a": ' + "[" * 100_000}}
    changed = json.loads(json.dumps(STREAMS[name][1]).replace(json.dumps(CALL), json.dumps(call)))
    answer = invoked(name, written(name, changed))
    assert answer.text == ANSWER
    assert [bad["name"] for bad in answer.invalid_tool_calls] == ["add"]
    assert not answer.tool_calls


@every_class
@given(
    at=st.integers(min_value=0),
    error=st.sampled_from(
        [
            "it failed",
            {"message": "it failed", "code": 500},
            {"message": "it failed", "type": "server_error"},
        ]
    ),
    cuts=places,
)
def test_error_at_any_place_is_raised(name: str, at: int, error: Any, cuts: list[int]) -> None:
    _, events = STREAMS[name]
    last = len(events) - 1 - (name == "ChatLlamafile")  # what comes after the end is not read
    place = at % (last + 1)
    with pytest.raises(LocalLLMError, match="it failed"):
        invoked(name, written(name, [*events[:place], {"error": error}, *events[place:]]), cuts)


@every_class
@given(at=st.integers(min_value=0), lost=st.booleans(), cuts=places)
def test_character_that_is_not_utf8_is_an_error(
    name: str, at: int, lost: bool, cuts: list[int]
) -> None:
    data = b"".join(
        written(name, [event]).replace(json.dumps(text)[1:-1].encode(), text.encode())
        for event, text in zip(STREAMS[name][1], ["\0", *TEXTS, *"\0\0\0"], strict=False)
    )
    if not name.startswith("Chat"):
        data = b"".join(
            written(name, [event]).replace(json.dumps(text)[1:-1].encode(), text.encode())
            for event, text in zip(STREAMS[name][1], [*TEXTS, "\0"], strict=True)
        )
    foreign = [place for place, byte in enumerate(data) if byte > 127]
    place = foreign[at % len(foreign)]
    broken = data[:place] + (b"" if lost else b"\xff") + data[place + 1 :]
    with pytest.raises(LocalLLMError):
        invoked(name, broken, cuts)


@given(
    turns=st.lists(st.integers(min_value=0, max_value=2), max_size=30),
    sizes=st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=6),
    cuts=places,
)
def test_calls_in_parts_that_take_turns_are_whole(
    turns: list[int], sizes: list[int], cuts: list[int]
) -> None:
    wanted = [("add", {"a": 1, "b": "é 🚲"}), ("mul", {"c": [1, 2, {"d": ""}]}), ("now", {"e": 2})]
    parts: list[list[Event]] = []
    for number, (tool, args) in enumerate(wanted):
        text, size = json.dumps(args), sizes[number % len(sizes)]
        first = {
            "id": f"c{number}",
            "type": "function",
            "function": {"name": tool, "arguments": ""},
        }
        more = [text[at : at + size] for at in range(0, len(text), size)]
        parts.append([first, *({"function": {"arguments": part}} for part in more)])
    order = [*turns, *(number for number in range(3) for _ in parts[number])]
    left = [iter(each) for each in parts]
    begun = [
        chunk({"tool_calls": [{"index": number, **next(left[number])}]}) for number in range(3)
    ]
    events = [
        chunk({"tool_calls": [{"index": number, **part}]})
        for number in order
        if (part := next(left[number], None)) is not None
    ]
    end = chunk({}, "tool_calls")
    answer = invoked("ChatLlamafile", written("ChatLlamafile", [*begun, *events, end]), cuts)
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == wanted
    assert not answer.invalid_tool_calls


@given(at=places, cuts=places)
def test_usage_early_late_or_several_times_changes_nothing(at: list[int], cuts: list[int]) -> None:
    events = [*CHUNKS, END]
    for place in sorted((place % (len(events) + 1) for place in [*at, 99]), reverse=True):
        events.insert(place, COUNTED)
    answer = invoked("ChatLlamafile", written("ChatLlamafile", events), cuts)
    assert answer.text == ANSWER
    assert answer.usage_metadata["total_tokens"] == 8


between = st.lists(
    st.sampled_from([b"", b": ping", b":", b"event: message", b"id: 7", b"retry: 5"]), max_size=3
)
events_written = st.lists(
    st.tuples(
        st.sampled_from([b"data: ", b"data:", b"data:  "]), st.booleans(), st.booleans(), between
    ),
    min_size=len(CHUNKS) + 2,
    max_size=len(CHUNKS) + 2,
)


def spread(line: bytes, begin: bytes) -> list[bytes]:
    """An event's data in a line for each of its members."""
    return [begin + part for part in line.replace(b', "', b',\n "').split(b"\n")]


@given(
    forms=events_written,
    line_end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    mark=st.booleans(),
    done=st.booleans(),
    cuts=places,
)
def test_events_written_in_any_way_that_the_standard_allows_are_the_answer(
    forms: list[Any], line_end: bytes, mark: bool, done: bool, cuts: list[int]
) -> None:
    lines: list[bytes] = []
    for event, (begin, ascii_only, several, more) in zip(
        [*CHUNKS, END, COUNTED], forms, strict=True
    ):
        data = json.dumps(event, ensure_ascii=ascii_only).encode()
        lines += [*more, *(spread(data, begin) if several else [begin + data]), b""]
    lines += [b"data: [DONE]", b""] if done else []
    body = (b"\xef\xbb\xbf" if mark else b"") + line_end.join(lines)
    answer = invoked("ChatLlamafile", body, cuts)
    assert answer.text == ANSWER
    assert answer.usage_metadata["total_tokens"] == 8


@every_class
def test_line_without_an_end_is_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_LONGEST_LINE", 1000)
    with pytest.raises(StreamBrokenError, match="without a line end"):
        invoked(name, written(name, STREAMS[name][1][:1]) + b"x" * 2000)


def test_event_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_decoder, "_LONGEST_EVENT", 1000)
    with pytest.raises(StreamBrokenError, match="not JSON"):
        invoked("ChatLlamafile", b'data: {"a":\n' + b"data: 1,\n" * 1000)


@pytest.mark.parametrize("name", ["ChatOllama", "Ollama"])
def test_reason_for_the_end_that_is_not_a_text_is_an_error(name: str) -> None:
    *events, last = STREAMS[name][1]
    with pytest.raises(StreamBrokenError, match="done_reason"):
        invoked(name, written(name, [*events, {**last, "done_reason": [None]}]))
