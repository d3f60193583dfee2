"""A field of an answer with a value of another kind is an error that names the field, also where
the value is 0, false or empty."""

import copy
from typing import Any, Final

import pytest

from langchain_localllm.errors import StreamBrokenError
from tests.unit_tests.transport.test_stream_fuzz import CHAT, STREAMS, TEXTS, chunk

ANY: Final[tuple[Any, ...]] = (0, False, True, 5, 0.0)
NOT_TEXT: Final[tuple[Any, ...]] = (*ANY, [], {}, ["a"])
NOT_FLAG: Final[tuple[Any, ...]] = (0, 1, "", "true", "false", [], {}, 0.5)
NOT_LIST: Final[tuple[Any, ...]] = (*ANY, "a", {"a": 1})
FIELDS: Final[dict[tuple[str, str], tuple[Any, ...]]] = {
    ("llamafile text", "content"): NOT_TEXT,
    ("llamafile text", "stop"): NOT_FLAG,
    ("llamafile text", "completion_probabilities"): NOT_LIST,
    ("llamafile chat", "choices"): ANY,
    ("llamafile chat", "choices.0.delta"): (0, False, 0.0),
    ("llamafile chat", "choices.0.delta.content"): ANY,  # a list of parts is read
    ("llamafile chat", "choices.0.delta.refusal"): (0, False),
    ("llamafile chat", "choices.0.delta.reasoning_content"): ANY,
    ("llamafile chat", "choices.0.delta.reasoning"): ANY,
    ("llamafile chat", "choices.0.delta.tool_calls"): (0, False, 0.0),
    ("llamafile chat", "choices.0.text"): (0, False),
    ("ollama text", "response"): NOT_TEXT,
    ("ollama text", "thinking"): NOT_TEXT,
    ("ollama text", "done"): NOT_FLAG,
    ("ollama text", "logprobs"): NOT_LIST,
    ("ollama chat", "message"): ANY,
    ("ollama chat", "message.content"): NOT_TEXT,
    ("ollama chat", "message.thinking"): NOT_TEXT,
    ("ollama chat", "message.tool_calls"): ANY,
    ("ollama chat", "done"): NOT_FLAG,
}
CASES: Final = [
    (stream, field, value) for (stream, field), values in FIELDS.items() for value in values
]


def with_value(event: Any, field: str, value: Any) -> Any:
    """A copy of an event with a value at a place such as `message.content`."""
    changed = place = copy.deepcopy(event)
    *outer, last = field.split(".")
    for key in outer:
        place = place[int(key)] if key.isdigit() else place[key]
    place[last] = value
    if "content" in place and last in {"refusal", "reasoning_content", "reasoning"}:
        del place["content"]
    if last == "text":
        place["delta"] = {}
    return changed


@pytest.mark.parametrize(("stream", "field", "value"), CASES)
def test_answer_decoder_field_of_another_kind_is_named(stream: str, field: str, value: Any) -> None:
    make, written, events = STREAMS[stream]
    name = {"completion_probabilities": "logprobs"}.get(field, field.rpartition(".")[2])
    decoder = make()
    with pytest.raises(StreamBrokenError, match=rf"{name}"):
        decoder.feed(written([*events[:2], with_value(events[2], field, value)]))


@pytest.mark.parametrize(
    ("stream", "event"),
    [
        ("llamafile chat", chunk(delta={"content": None})),
        ("llamafile chat", chunk(delta={"content": [], "tool_calls": []})),
        (
            "llamafile chat",
            chunk(delta={"content": "", "tool_calls": None, "reasoning_content": None}),
        ),
        ("llamafile chat", chunk(delta=[])),  # PHP's empty object
        ("llamafile chat", chunk(delta=None, text="")),
        ("llamafile chat", {"choices": None, "usage": {}}),
        (
            "ollama chat",
            {
                **CHAT[0],
                "message": {"role": "assistant", "content": None, "tool_calls": None},
                "done": None,
            },
        ),
        ("ollama text", {"response": None, "thinking": None}),
    ],
)
def test_answer_decoder_field_without_a_value_is_nothing(stream: str, event: Any) -> None:
    make, written, events = STREAMS[stream]
    decoder = make()
    pieces = decoder.feed(written([events[0], event, *events[1:]])) + decoder.end()
    assert "".join(piece.text for piece in pieces) == "".join(TEXTS)
    assert pieces[-1].finish
