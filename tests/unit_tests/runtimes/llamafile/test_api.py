"""Answers of llama.cpp's server, as they were recorded from the real one, and what they become."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_localllm import LlamafileEmbeddings, errors
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent, Timings
from langchain_localllm.runtimes.llamafile.answer_decoder import ChatDecoder, CompletionDecoder
from langchain_localllm.runtimes.llamafile.api import (
    model_name,
    name_if_listed,
    token_ids,
    tokenize,
)
from langchain_localllm.runtimes.llamafile.default_server import DEFAULT_URL
from langchain_localllm.runtimes.llamafile.embedding_api import embed_openai
from langchain_localllm.runtimes.llamafile.error_reader import ErrorReader
from langchain_localllm.runtimes.llamafile.server_info import ServerFacts
from langchain_localllm.transport.operations import Plan
from tests.unit_tests.fakes import FakeText

URL = "http://host:8080"
READER = ErrorReader(URL)
Decoder = CompletionDecoder | ChatDecoder
MakeDecoder = Callable[[ErrorReader], Decoder]


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields, ensure_ascii=False).encode() + b"\n\n"


# --- recorded answers ---

TEXTS = ["The", " Straße", " 東京", " 🚲", "."]
TEXT_END = {
    "index": 0,
    "content": "",
    "tokens": [],
    "id_slot": 0,
    "stop": True,
    "model": "tiny-chat.gguf",
    "tokens_predicted": 5,
    "tokens_evaluated": 3,
    "generation_settings": {"n_predict": 16},
    "truncated": False,
    "stop_type": "eos",
    "stopping_word": "",
    "tokens_cached": 8,
    "timings": {
        "cache_n": 2,
        "prompt_n": 1,
        "prompt_ms": 8.5,
        "predicted_n": 5,
        "predicted_ms": 4.5,
    },
}
TEXT_ANSWER = b"".join(
    event(index=0, content=text, tokens=[7], stop=False, id_slot=-1) for text in TEXTS
) + event(**TEXT_END)
FINISH = CompletionInfo(
    "stop",
    prompt_tokens=3,
    completion_tokens=5,
    cached_tokens=2,
    timings=Timings(prompt=0.0085, generation=0.0045),
    model="tiny-chat.gguf",
)


def choice(delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
    about = {
        "created": 1,
        "id": "chatcmpl-1",
        "model": "tiny-chat.gguf",
        "object": "chat.completion.chunk",
    }
    return event(choices=[{"finish_reason": reason, "index": 0, "delta": delta, **more}], **about)


CHAT_END = event(
    choices=[],
    model="tiny-chat.gguf",
    usage={
        "completion_tokens": 5,
        "prompt_tokens": 3,
        "total_tokens": 8,
        "prompt_tokens_details": {"cached_tokens": 2},
    },
    timings={"cache_n": 2, "prompt_ms": 8.5, "predicted_ms": 4.5},
)
DONE = b"data: [DONE]\n\n"
CHAT_ANSWER = (
    choice({"role": "assistant", "content": None})
    + b"".join(choice({"content": text}) for text in TEXTS)
    + choice({}, "stop")
    + CHAT_END
    + DONE
)

ANSWERS: dict[str, tuple[MakeDecoder, bytes]] = {
    "text": (CompletionDecoder, TEXT_ANSWER),
    "chat": (ChatDecoder, CHAT_ANSWER),
}
every_kind = pytest.mark.parametrize("kind", sorted(ANSWERS))


def decode(decoder: Decoder, *parts: bytes) -> list[StreamEvent]:
    return [piece for part in parts for piece in decoder.feed(part)] + decoder.end()


def text_of(pieces: list[StreamEvent]) -> str:
    return "".join(piece.text for piece in pieces)


# --- whole answers ---


@every_kind
@given(places=st.lists(st.integers(min_value=0), max_size=12))
def test_answer_decoder_answer_is_the_same_wherever_it_is_cut(kind: str, places: list[int]) -> None:
    make, answer = ANSWERS[kind]
    edges = [0, *sorted(place % (len(answer) + 1) for place in places), len(answer)]
    pieces = decode(make(READER), *[answer[start:end] for start, end in itertools.pairwise(edges)])
    assert [piece.text for piece in pieces if piece.text] == TEXTS
    assert [piece.finish for piece in pieces if piece.finish] == [FINISH]
    assert pieces[-1].finish


@every_kind
def test_answer_decoder_answer_is_read_a_byte_at_a_time_and_without_its_last_line_end(
    kind: str,
) -> None:
    make, answer = ANSWERS[kind]
    answer = answer.rstrip(b"\n")
    pieces = decode(make(READER), *[answer[index : index + 1] for index in range(len(answer))])
    assert text_of(pieces) == "".join(TEXTS)
    assert pieces[-1].finish == FINISH


@every_kind
@given(share=st.floats(min_value=0, max_value=1, exclude_max=True))
def test_answer_decoder_answer_that_ends_before_its_reason_is_broken_wherever_it_ends(
    kind: str, share: float
) -> None:
    make, answer = ANSWERS[kind]
    unfinished = answer.partition(b'"stop"' if kind == "text" else b'"finish_reason": "stop"')[0]
    with pytest.raises((errors.StreamBrokenError, errors.WrongServerError)):
        decode(make(READER), unfinished[: int(len(unfinished) * share)])


@every_kind
@pytest.mark.parametrize(
    "extra",
    [
        b"\n",
        DONE,
        TEXT_ANSWER,
        CHAT_ANSWER,
        b"data: {",
        b"garbage",
        b'data: {"error": {"code": 500}}\n\n',
    ],
)
def test_answer_decoder_events_after_the_end_change_nothing(kind: str, extra: bytes) -> None:
    make, answer = ANSWERS[kind]
    pieces = decode(make(READER), answer, extra)
    assert text_of(pieces) == "".join(TEXTS)
    assert sum(piece.finish is not None for piece in pieces) == 1


@every_kind
def test_answer_decoder_comments_other_fields_and_carriage_returns_are_passed_over(
    kind: str,
) -> None:
    make, answer = ANSWERS[kind]
    noise = b": a comment\r\n\r\nevent: message\r\nid: 1\r\nretry: 5\r\n"
    first, rest = answer.split(b"\n\n", 1)
    begun = first + b"\n\nfield: of another standard\n\n" + rest
    pieces = decode(make(READER), noise, begun.replace(b"\n", b"\r\n"))
    assert text_of(pieces) == "".join(TEXTS)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ({"stop_type": "eos"}, "stop"),
        ({"stop_type": "word"}, "stop"),
        ({"stop_type": "limit"}, "length"),
        ({"stop_type": None, "stopped_limit": True}, "length"),  # old llamafiles
        ({"stop_type": None, "stopped_eos": True, "stopped_limit": False}, "stop"),
        ({"stop_type": "limit", "truncated": True}, "length"),  # the context's end
    ],
)
def test_answer_decoder_finish_reason_is_reported(end: dict[str, Any], reason: str) -> None:
    fields = {key: value for key, value in {**TEXT_END, **end}.items() if value is not None}
    finish = decode(CompletionDecoder(READER), event(**fields))[-1].finish
    assert finish
    assert finish.reason == reason


def test_answer_decoder_end_without_counts_and_timings_is_an_end() -> None:
    assert decode(CompletionDecoder(READER), event(stop=True))[-1].finish == CompletionInfo("stop")
    assert decode(ChatDecoder(READER), choice({}, "length"), DONE)[-1].finish == CompletionInfo(
        "length", model="tiny-chat.gguf"
    )


@pytest.mark.parametrize(
    "end", [{"stop_type": "eos"}, {"stop_type": "limit", "tokens_predicted": 900}]
)
def test_text_of_which_the_server_dropped_a_part_raises(end: dict[str, Any]) -> None:
    with pytest.raises(errors.ContextLengthError) as caught:
        decode(CompletionDecoder(READER), event(**{**TEXT_END, "truncated": True, **end}))
    assert "None" not in str(caught.value)


USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
ENDS: dict[str, bytes] = {
    "usage in an event of its own": choice({}, "stop") + event(choices=[], usage=USAGE) + DONE,
    "usage with the reason": event(
        choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=USAGE
    )
    + DONE,
    "usage before the reason": event(choices=[], usage=USAGE) + choice({}, "stop") + DONE,
    "usage without choices": choice({}, "stop") + event(usage=USAGE) + DONE,
    "no [DONE]": choice({}, "stop") + event(choices=[], usage=USAGE),
    "no [DONE], and no last line end": (choice({}, "stop") + event(choices=[], usage=USAGE)).rstrip(
        b"\n"
    ),
    "[DONE] without a space": choice({}, "stop")
    + event(choices=[], usage=USAGE)
    + b"data:[DONE]\n\n",
    "reason and usage again": (choice({}, "stop") + event(choices=[], usage=USAGE)) * 2 + DONE,
    "reason with text": choice({"content": ""}, "stop")
    + event(choices=[], usage=USAGE)
    + b": bye\n\n",
}


@pytest.mark.parametrize("end", ENDS)
def test_answer_decoder_answer_with_a_reason_is_whole_however_it_ends(end: str) -> None:
    pieces = decode(ChatDecoder(READER), choice({"content": "a"}), ENDS[end])
    assert text_of(pieces) == "a"
    finish = pieces[-1].finish
    assert finish
    assert (finish.reason, finish.prompt_tokens, finish.completion_tokens) == ("stop", 3, 5)


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b": keep-alive\n\n",
        event(choices=[], usage=USAGE),
        b"data: {",
        b'data: {"choices',
    ],
)
def test_answer_decoder_answer_without_a_reason_and_done_is_broken(rest: bytes) -> None:
    with pytest.raises(errors.StreamBrokenError):
        decode(ChatDecoder(READER), choice({"content": "a"}), rest)
    with pytest.raises(errors.StreamBrokenError):
        decode(CompletionDecoder(READER), event(content="a", stop=False), rest)


@pytest.mark.parametrize("usage", [b"", event(choices=[], usage=USAGE)])
@pytest.mark.parametrize(
    "delta",
    [
        {"content": "a"},
        {"reasoning_content": "a"},
        {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]},
    ],
)
def test_answer_decoder_answer_that_ends_with_done_and_no_reason_is_whole(
    delta: dict[str, Any], usage: bytes
) -> None:
    pieces = decode(ChatDecoder(READER), choice(delta), usage, DONE)
    assert pieces[-1].finish
    assert pieces[-1].finish.reason == "unknown"
    assert pieces[-1].finish.prompt_tokens == (3 if usage else None)


def test_answer_decoder_done_without_an_answer_is_broken() -> None:
    for decoder in (ChatDecoder(READER), CompletionDecoder(READER)):
        with pytest.raises(errors.StreamBrokenError):
            decode(decoder, choice({"role": "assistant"}), DONE)
    with pytest.raises(errors.StreamBrokenError):  # llama.cpp's own form has a flag
        decode(CompletionDecoder(READER), event(content="a", stop=False), DONE)


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("function_call", "tool_calls"),
        ("eos_token", "stop"),
        ("length", "length"),
        ("content_filter",) * 2,
    ],
)
def test_answer_decoder_reasons_under_other_names_are_read(reason: str, ours: str) -> None:
    finish = decode(ChatDecoder(READER), choice({}, reason))[-1].finish
    assert finish
    assert finish.reason == ours


# --- forms of the stream ---

SPREAD = b'data: {\ndata:  "choices": [{"index": 0, "delta":\ndata: {"content": "a"}}]}\n\n'
STREAMS: dict[str, bytes] = {
    "a byte order mark": b"\xef\xbb\xbf" + choice({"content": "a"}) + choice({}, "stop"),
    "no spaces": (choice({"content": "a"}) + choice({}, "stop")).replace(b"data: ", b"data:"),
    "two spaces": (choice({"content": "a"}) + choice({}, "stop")).replace(b"data: ", b"data:  "),
    "keep-alives": b": ping\n\n"
    + choice({"content": "a"})
    + b":\n\n:ping\n"
    + choice({}, "stop")
    + b": ping\n\n",
    "event names": b"event: message\n"
    + choice({"content": "a"})
    + b"id: 2\nevent: chunk\n"
    + choice({}, "stop"),
    "data of several lines": SPREAD + choice({}, "stop"),
    "data of several lines, CRLF": (SPREAD + choice({}, "stop")).replace(b"\n", b"\r\n"),
    "no blank lines": (choice({"content": "a"}) + choice({}, "stop")).replace(b"\n\n", b"\n"),
    "content as parts": choice({"content": [{"type": "text", "text": "a"}]}) + choice({}, "stop"),
    "one JSON object": json.dumps(
        {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}
    ).encode(),
    "one JSON object, indented": json.dumps(
        {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}, indent=2
    ).encode(),
    "one JSON object without a reason": json.dumps(
        {"choices": [{"message": {"content": "a"}}]}
    ).encode(),
    "one JSON object with a text": json.dumps(
        {"choices": [{"text": "a", "finish_reason": "stop"}]}
    ).encode(),
}


@pytest.mark.parametrize("form", STREAMS)
@given(places=st.lists(st.integers(min_value=0), max_size=12))
def test_answer_decoder_stream_is_read_in_each_form_wherever_it_is_cut(
    form: str, places: list[int]
) -> None:
    answer = STREAMS[form]
    edges = [0, *sorted(place % (len(answer) + 1) for place in places), len(answer)]
    pieces = decode(
        ChatDecoder(READER), *[answer[start:end] for start, end in itertools.pairwise(edges)]
    )
    assert text_of(pieces) == "a"
    assert [piece.finish.reason for piece in pieces if piece.finish] == ["stop"]


def test_whole_answer_of_each_path_is_read() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [call],
        "reasoning_content": "Hm.",
    }
    answer = {
        "model": "m",
        "choices": [{"message": message, "finish_reason": "tool_calls"}],
        "usage": USAGE,
    }
    piece, end = decode(ChatDecoder(READER), json.dumps(answer).encode())
    assert (piece.reasoning, piece.tool_calls) == (
        "Hm.",
        [{"index": 0, "id": "c1", "name": "f", "args": ""}],
    )
    assert end.finish == CompletionInfo(
        "tool_calls", prompt_tokens=3, completion_tokens=5, model="m"
    )
    (own,) = decode(CompletionDecoder(READER), json.dumps({**TEXT_END, "content": "a"}).encode())
    assert (own.text, own.finish) == ("a", FINISH)
    text, end = decode(
        CompletionDecoder(READER),
        json.dumps({"choices": [{"text": "a", "finish_reason": "length"}]}).encode(),
    )
    assert (text.text, end.finish) == ("a", CompletionInfo("length"))


def test_answer_decoder_words_before_a_break_are_shown() -> None:
    with pytest.raises(errors.StreamBrokenError, match="upstream connect error"):
        decode(
            ChatDecoder(READER), choice({"content": "a"}), b"upstream connect error or disconnect\n"
        )


def test_answer_decoder_reasoning_tool_calls_and_probabilities_are_read() -> None:
    first = {
        "index": 0,
        "id": "c1",
        "type": "function",
        "function": {"name": "weather", "arguments": ""},
    }
    second = {"index": 0, "function": {"arguments": '{"city": "Oslo"}'}}
    probability = {"id": 5, "token": "a", "logprob": -0.5, "top_logprobs": []}
    pieces = decode(
        ChatDecoder(READER),
        choice({"reasoning_content": "Hm."}),
        choice({"tool_calls": [first]}),
        choice({"tool_calls": [second]}),
        choice({"content": "a"}, logprobs={"content": [probability]}),
        choice({}, "tool_calls"),
        DONE,
    )
    assert pieces[0].reasoning == "Hm."
    assert pieces[1].tool_calls == [{"index": 0, "id": "c1", "name": "weather", "args": ""}]
    assert pieces[2].tool_calls == [
        {"index": 0, "id": None, "name": None, "args": '{"city": "Oslo"}'}
    ]
    assert pieces[3].logprobs == [probability]
    assert pieces[4].finish == CompletionInfo("tool_calls", model="tiny-chat.gguf")
    text = decode(
        CompletionDecoder(READER),
        event(content="a", stop=False, completion_probabilities=[probability]),
        event(**TEXT_END),
    )
    assert text[0].logprobs == [probability]


# --- what cannot be read ---


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html>\n<html></html>",
        b"<html></html>",
        b'{"hello": "world"}',
        b'{"choices": []}\n',
        b'["a"]',
        b"Ollama is running",
    ],
)
@every_kind
def test_answer_decoder_answer_without_events_is_of_another_kind_of_server(
    kind: str, body: bytes
) -> None:
    with pytest.raises(errors.WrongServerError, match="does not speak"):
        decode(ANSWERS[kind][0](READER), body)


@pytest.mark.parametrize(
    "value",
    [
        b"{",
        b'{"content":"\xff"}',
        b"[]",
        b"1",
        b"null",
        b'"text"',
        b'{"stop": false}',
        b'{"choices": 1}',
    ],
)
@every_kind
def test_answer_decoder_event_that_cannot_be_read_is_a_broken_stream(
    kind: str, value: bytes
) -> None:
    with pytest.raises(errors.StreamBrokenError):
        decode(ANSWERS[kind][0](READER), b"data: " + value + b"\n\n")


@pytest.mark.parametrize("delta", [{"content": 5}, {"tool_calls": 5}, {"tool_calls": [5]}])
def test_answer_decoder_delta_of_another_shape_is_a_broken_stream(delta: dict[str, Any]) -> None:
    with pytest.raises(errors.StreamBrokenError):
        decode(ChatDecoder(READER), choice(delta))
    with pytest.raises(errors.StreamBrokenError):
        decode(CompletionDecoder(READER), event(content=5, stop=False))


@pytest.mark.parametrize(
    "empty", [{"error": None}, {"delta": None}, {"delta": {"content": None, "tool_calls": None}}]
)
def test_answer_decoder_null_is_nothing(empty: dict[str, Any]) -> None:
    fields = {
        "choices": [{"index": 0, "finish_reason": None, **empty}],
        "usage": None,
        "timings": None,
        **empty,
    }
    assert decode(ChatDecoder(READER), event(**fields), CHAT_ANSWER)[-1].finish == FINISH


# --- errors, as statuses ---

OVERFLOW = {
    "code": 400,
    "message": (
        "request (601 tokens) exceeds the available context size (256 tokens), try increasing it"
    ),
    "type": "exceed_context_size_error",
    "n_prompt_tokens": 601,
    "n_ctx": 256,
}
WRONG_TYPE = {
    "code": 400,
    "message": (
        "Field 'temperature': [json.exception.type_error.302] type must be number, but is string"
    ),
    "type": "invalid_request_error",
}
BAD_GRAMMAR = {
    "code": 400,
    "message": "Failed to initialize samplers: failed to parse grammar",
    "type": "invalid_request_error",
}
NO_KEY = {"message": "Invalid API Key", "type": "authentication_error", "code": 401}
NOT_FOUND = {"message": "File Not Found", "type": "not_found_error", "code": 404}
NO_EMBEDDINGS = {
    "code": 501,
    "message": "This server does not support embeddings. Start it with `--embeddings`",
    "type": "not_supported_error",
}
LOADING = {"message": "Loading model", "type": "unavailable_error", "code": 503}
NO_MODEL = {
    "object": "error",
    "message": "The model `tiny` does not exist.",
    "type": "NotFoundError",
    "code": 404,
}
FAILURE = {"code": 500, "message": "Compute error.", "type": "server_error"}


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, {"error": OVERFLOW}, errors.ContextLengthError, "601 tokens, the context holds 256"),
        (400, {"error": WRONG_TYPE}, errors.InvalidRequestError, "must be number"),
        (400, {"error": BAD_GRAMMAR}, errors.InvalidRequestError, "failed to parse grammar"),
        (401, {"error": NO_KEY}, errors.AuthenticationError, "`api_key`"),
        (403, "Forbidden", errors.PermissionDeniedError, "Forbidden"),
        (404, {"error": NOT_FOUND}, errors.WrongServerError, "does not speak llama.cpp's API"),
        (404, "404 page not found", errors.WrongServerError, "does not speak llama.cpp's API"),
        (404, NO_MODEL, errors.ModelMissingError, "`tiny` does not exist"),
        (404, {"error": NO_MODEL}, errors.ModelMissingError, "`tiny` does not exist"),
        (404, {"detail": "Not Found"}, errors.WrongServerError, "does not speak llama.cpp's API"),
        (
            422,
            {"detail": [{"msg": "Input should be a number"}]},
            errors.InvalidRequestError,
            "should be a number",
        ),
        (405, "", errors.WrongServerError, "does not speak llama.cpp's API"),
        (429, {"error": "slow down"}, errors.RateLimitError, "slow down"),
        (500, {"error": FAILURE}, errors.ServerError, "Compute error."),
        (500, "", errors.ServerError, "no reason given"),
        (500, [], errors.ServerError, "no reason given"),
        (500, None, errors.ServerError, "no reason given"),
        (500, {"error": None}, errors.ServerError, "no reason given"),
        (501, {"error": NO_EMBEDDINGS}, errors.InvalidRequestError, "Start it with `--embeddings`"),
        (503, {"error": LOADING}, errors.ModelLoadingError, "still loading"),
        (302, "", errors.WrongServerError, "redirects"),
    ],
)
def test_answer_decoder_status_becomes_an_error_that_says_what_to_do(
    status: int, body: Any, kind: type[Exception], words: str
) -> None:
    error = READER(status, body)
    assert type(error) is kind
    assert words in str(error)
    assert URL in str(error) or kind is errors.ContextLengthError
    assert "None" not in str(error)


def test_answer_decoder_context_error_has_both_lengths() -> None:
    error = READER(400, {"error": OVERFLOW})
    assert isinstance(error, errors.ContextLengthError)
    assert (error.prompt_tokens, error.context_tokens) == (601, 256)


# --- errors in the middle of a stream ---


def sent(error: Any) -> bytes:
    return event(error=error)


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        (sent(OVERFLOW), errors.ContextLengthError, "601 tokens"),
        (sent(FAILURE), errors.ServerError, "Compute error."),
        (sent("it broke"), errors.ServerError, "it broke"),
        (sent({"message": "it broke"}), errors.ServerError, "it broke"),
        (sent({"code": "bad", "message": "it broke"}), errors.ServerError, "it broke"),
        (b"error: " + json.dumps(FAILURE).encode() + b"\n\n", errors.ServerError, "Compute error."),
        (b'error: {"content": "it broke"}\n\n', errors.ServerError, "it broke"),  # old llamafiles
        (b'error: "it broke"\n\n', errors.ServerError, "it broke"),
        (b"error: it broke\n\n", errors.ServerError, "it broke"),
        (event(message="it broke", code=500), errors.ServerError, "it broke"),
        (
            event(object="error", message="it broke", type="BadRequestError", code=400),
            errors.InvalidRequestError,
            "it broke",
        ),
        (event(detail="it broke"), errors.ServerError, "it broke"),
        (
            event(detail=[{"loc": ["body", "top_p"], "msg": "it broke"}]),
            errors.ServerError,
            "top_p: it broke",
        ),
        (b"event: error\n" + event(message="it broke"), errors.ServerError, "it broke"),
        (b"event: error\n" + sent("it broke"), errors.ServerError, "it broke"),
        (b"event: error\ndata: it broke\n\n", errors.ServerError, "it broke"),
        (
            b'event: error\ndata: {\ndata: "message": "it broke"}\n\n',
            errors.ServerError,
            "it broke",
        ),
        (b"event: error\r\ndata: it broke\r\n\r\n", errors.ServerError, "it broke"),
        (
            event(
                choices=[{"index": 0, "delta": {}, "finish_reason": "error"}],
                error={"message": "it broke"},
            ),
            errors.ServerError,
            "it broke",
        ),
        (
            json.dumps({"error": {"message": "it broke"}}).encode() + b"\n",
            errors.ServerError,
            "it broke",
        ),
        (json.dumps({"detail": "it broke"}).encode(), errors.ServerError, "it broke"),
    ],
)
@every_kind
def test_answer_decoder_error_in_a_stream_is_raised_after_what_came_before(
    kind: str, line: bytes, error: type[Exception], words: str
) -> None:
    decoder = ANSWERS[kind][0](READER)
    begun = event(content="The", stop=False) if kind == "text" else choice({"content": "The"})
    assert text_of(decoder.feed(begun)) == "The"
    with pytest.raises(errors.ModelCallError) as caught:
        decode(decoder, line)
    assert type(caught.value) is error
    assert words in str(caught.value)


# --- plans ---


def answered(plan: Plan[Any], answer: Any) -> Any:
    """The plan's result when the server gives this answer."""

    class Reply:
        status = 200

    next(plan)
    plan.send(Reply())
    try:
        plan.send(json.dumps(answer).encode())
    except StopIteration as end:
        return end.value
    raise AssertionError


OPTIONS = LlamafileEmbeddings(base_url=URL)


def test_answer_decoder_vectors_come_in_the_order_of_the_texts() -> None:
    data = [{"index": 1, "embedding": [3, 4.0]}, {"index": 0, "embedding": [1.0, 2.0]}]
    assert answered(embed_openai(OPTIONS, ["a", "b"]), {"data": data}) == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        1,
        None,
        {"data": None},
        {"data": [{}]},
        {"data": [{"index": 0}]},
        {"data": [{"index": 0, "embedding": "abcd"}]},
        {"data": [{"index": 0, "embedding": 1.0}]},
        {"tokens": None},
        {"tokens": ["x", 1]},
        {"data": []},
    ],
)
def test_answer_of_another_shape_comes_from_another_server(answer: Any) -> None:
    if answer not in ({"data": []}, []):  # no vectors: counted where the texts are known
        with pytest.raises(errors.WrongServerError):
            answered(embed_openai(OPTIONS, ["a"]), answer)
    with pytest.raises(errors.WrongServerError):
        answered(tokenize(OPTIONS, "a"), answer)
    with pytest.raises(errors.WrongServerError):
        answered(model_name(OPTIONS), answer)
    assert answered(name_if_listed(OPTIONS), answer) is None


def test_answer_decoder_tokens_and_the_models_name_are_read() -> None:
    assert answered(tokenize(OPTIONS, "a"), {"tokens": [5, 6]}) == [5, 6]
    assert answered(tokenize(OPTIONS, "a"), {"tokens": ["a", "b"]}) == ["a", "b"]
    assert answered(token_ids(OPTIONS, "a"), {"tokens": [5, 6]}) == [5, 6]
    with pytest.raises(errors.InvalidRequestError, match="`get_num_tokens`"):
        answered(token_ids(OPTIONS, "a"), {"tokens": ["a", "b"]})
    assert answered(model_name(OPTIONS), {"data": [{"id": "first"}, {"id": "second"}]}) == "first"
    assert answered(name_if_listed(OPTIONS), {"data": [{"id": "first"}]}) == "first"


def test_answer_decoder_gap_is_sent_to_other_servers_as_openais_suffix() -> None:
    llm = FakeText(suffix="return x", input_extra=[{"filename": "a.py", "text": "x = 1"}])
    llm._facts[DEFAULT_URL, None] = ServerFacts(llama_cpp=False, model="m")
    llm.invoke("def f(x):")
    (send,) = llm.asked
    assert send.path == "/v1/completions"
    assert send.body is not None
    assert {name: send.body[name] for name in ("model", "prompt", "suffix")} == {
        "model": "m",
        "prompt": "def f(x):",
        "suffix": "return x",
    }
    assert "input_extra" not in send.body


# --- several answers to one prompt ---


def text_part(number: int, content: str) -> bytes:
    return event(index=number, content=content, tokens=[number], stop=False)


def text_end(number: int) -> bytes:
    return event(**{**TEXT_END, "index": number})


def chat_part(number: int, content: str, reason: str | None = None) -> bytes:
    return choice({"content": content} if content else {}, reason, index=number)


WHOLE_CHAT = {
    "choices": [
        {"index": n, "finish_reason": "stop", "message": {"content": text}}
        for n, text in enumerate(("ab", "cd"))
    ]
}
BOTH_AT_ONCE = event(
    choices=[{"index": n, "delta": {"content": text}} for n, text in enumerate("ac")]
)
SEVERAL: dict[str, tuple[MakeDecoder, bytes]] = {
    "text, the first ends first": (
        CompletionDecoder,
        text_part(0, "a")
        + text_part(1, "c")
        + text_part(0, "b")
        + text_end(0)
        + text_part(1, "d")
        + text_end(1),
    ),
    "text, the second ends first": (
        CompletionDecoder,
        text_part(1, "c")
        + text_part(1, "d")
        + text_end(1)
        + text_part(0, "a")
        + text_part(0, "b")
        + text_end(0),
    ),
    "chat": (
        ChatDecoder,
        chat_part(1, "c")
        + chat_part(0, "ab")
        + chat_part(0, "", "stop")
        + chat_part(1, "d")
        + chat_part(1, "", "stop")
        + DONE,
    ),
    "chat, both in one event": (
        ChatDecoder,
        BOTH_AT_ONCE + chat_part(0, "b", "stop") + chat_part(1, "d", "stop") + CHAT_END + DONE,
    ),
    "a whole chat": (ChatDecoder, json.dumps(WHOLE_CHAT).encode()),
}


@pytest.mark.parametrize("kind", sorted(SEVERAL))
def test_answer_decoder_several_answers_are_kept_apart(kind: str) -> None:
    make: Any
    make, answer = SEVERAL[kind]
    pieces = decode(make(READER, answer_count=2), answer)
    assert text_of(pieces) == "ab"
    assert [piece.finish is not None for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert pieces[-1].finish
    (other,) = pieces[-1].finish.other_answers
    assert text_of(other) == "cd"
    assert other[-1].finish
    assert other[-1].finish.reason == pieces[-1].finish.reason == "stop"


@every_kind
def test_answer_decoder_server_that_gives_one_answer_where_two_were_asked_for_is_read(
    kind: str,
) -> None:
    make: Any
    make, answer = ANSWERS[kind]
    pieces = decode(make(READER, answer_count=2), answer)
    assert (text_of(pieces), pieces[-1].finish) == ("".join(TEXTS), FINISH)


@pytest.mark.parametrize(
    ("make", "answer"),
    [
        (CompletionDecoder, text_part(1, "c") + text_end(0)),
        (ChatDecoder, chat_part(1, "c") + CHAT_ANSWER),
    ],
)
def test_answer_decoder_second_answer_that_does_not_end_is_broken(make: Any, answer: bytes) -> None:
    with pytest.raises(errors.StreamBrokenError):
        decode(make(READER, answer_count=2), answer)


@every_kind
def test_answer_decoder_progress_holds_nothing_else(kind: str) -> None:
    make, answer = ANSWERS[kind]
    progress = {"total": 61, "cache": 0, "processed": 32, "time_ms": 15}
    first = (
        {"index": 0, "content": "", "stop": False}
        if kind == "text"
        else {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}
    )
    pieces = decode(make(READER), event(**first, prompt_progress=progress), answer)
    assert pieces[0] == StreamEvent("", progress=progress)
    assert (text_of(pieces), pieces[-1].finish) == ("".join(TEXTS), FINISH)
