"""Decode the answers of llama.cpp's server and of compatible servers.

Source: https://github.com/ggml-org/llama.cpp/tree/master/tools/server
"""

import math
from abc import abstractmethod
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from typing_extensions import override

from langchain_localllm.base.answer_decoder import (
    UNREADABLE,
    AnswerDecoder,
    check_not_number,
    flag_in,
    model_in,
    text_in,
    warn_left_out,
)
from langchain_localllm.base.thoughts import ThoughtCount, ThoughtTracker
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent, Timings
from langchain_localllm.errors import (
    StreamBrokenError,
)
from langchain_localllm.runtimes.llamafile.error_reader import (
    ErrorReader,
    context_error,
    reported_error,
)
from langchain_localllm.runtimes.llamafile.tool_call_decoder import ToolCallDeltas
from langchain_localllm.transport.decoding import json_or_text, parse_json

_OTHER_FIELDS: Final = frozenset({b"", b"event", b"id", b"retry"})
"""Lines of an event stream other than data: blank lines, comments and these fields."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_FINISH_REASONS: Final = {
    "function_call": "tool_calls",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "eos_token": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "length": "length",
    "stop": "stop",
}
"""Reasons in lower case, under other names too: of OpenAI's older API, TGI, Anthropic's API and
others."""
_FAILURES: Final = frozenset({"error", "abort"})
"""Reasons of answers that broke off: of OpenRouter and LocalAI, and of SGLang, which says why in a
`message`."""
_REASONING: Final = (
    "reasoning_content",
    "reasoning",
    "thinking",
    "reasoning_text",
    "reasoning_details",
)
"""Keys of a delta under which servers send thoughts: llama.cpp and DeepSeek, vLLM and OpenRouter,
and others."""
_TEXTS: Final = ("text", "content", "refusal", "thinking", "reasoning", "summary")
"""Keys under which a part of a content list holds its text."""
_THOUGHT_PARTS: Final = ("thinking", "reasoning")
"""Types of parts of a content list that hold thoughts, as Mistral's API sends them."""
_LONGEST_EVENT: Final = 64 << 20
"""Bytes of data in several lines without a blank one, which is not an event of a chat."""
_NOT_EVENTS: Final = frozenset({b"[DONE]", b"", b"null"})
"""Data that is not JSON of an event: the end, and what gateways send to keep a connection open."""


class _EventDecoder(AnswerDecoder):
    """Read server-sent events, or the one JSON object of a server that does not stream."""

    def __init__(self, read_error: ErrorReader) -> None:
        super().__init__()
        self.read_error = read_error
        self._begun = False
        self._reports_error = False  # after `event: error`
        self._held = b""  # data that goes on in the next line
        self._whole: list[bytes] | None = None  # the lines of an answer that is not a stream
        self._unread = b""  # the last line that is not part of a stream of events

    @override
    def feed(self, data: bytes) -> list[StreamEvent]:
        return [
            piece
            for line in self._lines.feed(data)
            if (line or self._held) and (piece := self._read(line))
        ]

    @override
    def _piece(self, line: bytes) -> StreamEvent | None:
        if self._whole is not None:
            self._whole.append(line)
            return None
        field, _, value = line.partition(b":")
        if field != b"data":
            return self._other(line, field.strip(), value)
        self._begun = True
        if self._held or self._reports_error:
            return self._continued(value)
        data = value.strip()
        if data in _NOT_EVENTS:
            return self._marked_end() if data == b"[DONE]" else None
        try:
            event = parse_json(value)
        except StreamBrokenError:
            return self._continued(value)
        return self.event(event)

    def _continued(self, value: bytes) -> StreamEvent | None:
        """Read data of several lines, which a blank line ends."""
        self._held += value + b"\n"
        if self._reports_error:
            if isinstance(error := json_or_text(self._held), str):
                return None
            raise self.read_error.in_answer(error)
        if len(self._held) > _LONGEST_EVENT:
            self._raise_held()
        if not value.rstrip().endswith(b"}"):
            return None
        try:
            event = parse_json(self._held)
        except StreamBrokenError:
            return None
        self._held = b""
        return self.event(event)

    def event(self, event: Any) -> StreamEvent | None:
        """Return the piece for an event, if it holds one; raises the error that it reports."""
        if ("error" in event or not ("choices" in event or "content" in event)) and (
            error := reported_error(event)
        ):
            raise self.read_error.in_answer(error)
        return self._event(event)

    def read_event(self, event: dict[str, Any]) -> StreamEvent | None:
        """As `event`, for an event that came to another decoder."""
        if (piece := self.event(event)) is not None:
            self._keep(piece)
        return piece

    def last(self) -> StreamEvent:
        """Return the piece that ends the answer, when all events have come.

        Raises `StreamBrokenError` when it is not whole.
        """
        if (piece := self._done()) is None:
            raise StreamBrokenError("llama.cpp ended its answer before it was complete.")
        return piece

    def _other(self, line: bytes, field: bytes, value: bytes) -> StreamEvent | None:
        """Read a line that does not hold data of an event."""
        if not self._begun and line.startswith(_BYTE_ORDER_MARK):
            return self._piece(line.removeprefix(_BYTE_ORDER_MARK))
        if self._held:  # nothing more of it comes
            self._raise_held()
        if field == b"error":
            raise self.read_error.in_answer(json_or_text(value.strip()))
        if field == b"event":
            self._reports_error = value.strip() == b"error"
        elif line.startswith(b"{"):
            self._whole = [line]
        elif field not in _OTHER_FIELDS:
            self._unread = line.strip()
            if not self._begun:
                raise self.read_error.not_an_answer(line.decode("utf-8", "replace"))
        return None

    def _raise_held(self) -> None:
        held, self._held = self._held, b""
        if self._reports_error:
            raise self.read_error.in_answer(held.decode("utf-8", "replace"))
        parse_json(held)  # raises, since it was not whole

    @override
    def end(self) -> list[StreamEvent]:
        if self._finished:
            return []
        pieces = [
            piece for line in self._lines.end().splitlines() if line and (piece := self._read(line))
        ]
        if self._held:
            if self._reports_error:
                self._raise_held()
            raise self._broken()
        if self._whole is not None:
            pieces += self._whole_answer(b"\n".join(self._whole))
        # llamafile and llama.cpp of 2024 send no [DONE]
        if not self._finished and (last := self._done()):
            self._keep(last)
            pieces.append(last)
        if not self._finished:
            raise self._broken()
        return pieces

    def _broken(self) -> StreamBrokenError:
        error = super()._broken()
        return (
            StreamBrokenError(
                f"{error} The last thing it sent: {self._unread.decode('utf-8', 'replace')}"
            )
            if self._unread
            else error
        )

    def _whole_answer(self, body: bytes) -> list[StreamEvent]:
        """Return the pieces of an answer that came as one JSON object."""
        not_read = (
            self._broken()
            if self._begun
            else self.read_error.not_an_answer(body.decode("utf-8", "replace"))
        )
        try:
            piece = self.event(json_or_text(body))
        except UNREADABLE:
            raise not_read from None
        if piece is None:
            if self._done() is None:
                raise not_read
            return []
        self._keep(piece)
        return [piece]

    @abstractmethod
    def _event(self, event: dict[str, Any]) -> StreamEvent | None:
        """Return the piece for an event."""

    def _done(self) -> StreamEvent | None:
        """Return the piece that ends the answer, where it may end here."""
        return None

    def _marked_end(self) -> StreamEvent | None:
        """Return the piece that ends the answer, where the server sends `[DONE]`."""
        return self._done()


class ChatDecoder(_EventDecoder):
    """Reads `/v1/chat/completions`.

    The reason for the end, the usage and `[DONE]` come in events of their own, or together.

    Attributes:
        tracker: Counts the thoughts of an answer whose thoughts the server leaves in the text.
        completion_id: The answer's id, when the first event has come; empty where the server gives
            none.
    """

    def __init__(
        self,
        read_error: ErrorReader,
        tracker: ThoughtTracker | None = None,
        *,
        answer_count: int = 1,
    ) -> None:
        """Begin.

        Args:
            read_error: Reads the server's errors.
            tracker: As above.
            answer_count: Answers that were asked for; the first one is read as it comes, and the
                others are kept for its end.
        """
        super().__init__(read_error)
        self.tracker = tracker
        self.completion_id = ""
        self._answer_count = answer_count
        self._others: dict[int, tuple[ChatDecoder, list[StreamEvent]]] = {}
        self._reason: str | None = None
        self._usage: dict[str, Any] = {}
        self._timings: dict[str, Any] = {}
        self._model: str | None = None
        self._calls = ToolCallDeltas()
        self._has_parts = False  # of an answer in OpenAI's form
        self._thoughts: ThoughtCount | None = None  # where the server numbers its tokens

    @override
    def _event(self, event: dict[str, Any]) -> StreamEvent | None:
        if self._model is None:
            self.completion_id = str(event.get("id") or "")
        self._model = model_in(event) or self._model
        self._usage = event.get("usage") or self._usage
        self._timings = event.get("timings") or self._timings
        if not event.get("choices"):
            check_not_number(event, "choices")
            return None
        if "prompt_progress" in event:
            return StreamEvent("", progress=event["prompt_progress"])
        choice = event["choices"][0] if self._answer_count == 1 else self._first_choice(event)
        return None if choice is None else self._read_choice(event, choice)

    def _read_choice(self, event: dict[str, Any], choice: dict[str, Any]) -> StreamEvent | None:
        if reason := choice.get("finish_reason"):
            self._reason = reason if isinstance(reason, str) else _reason_name(reason)
        if self._reason in _FAILURES:
            said = choice.get("error") or _mapping(reason).get("message")
            raise self.read_error.in_answer(
                said or f"it ended its answer with finish_reason '{self._reason}'"
            )
        delta = choice.get("delta") or _message_of(choice)
        content, reasoning = (
            delta.get("content") or _other_content(delta, choice),
            _reasoning_of(delta),
        )
        if isinstance(content, list | dict) or "audio" in delta or "images" in delta:
            content, thoughts = self._split_parts(delta, content)
            reasoning = reasoning or thoughts
        piece = StreamEvent(
            content,
            reasoning=reasoning,
            tool_calls=self._calls_of(delta),
            logprobs=_logprobs_of(choice),
        )
        if (reason or "message" in choice) and (len(self._texts) > 1 or "message" in choice):
            self._leave_out_what_came(piece)  # some servers repeat the whole answer at its end
        if self.tracker and piece.text:
            self.tracker.add(piece.text)
        elif event.get("timings") and "delta" in choice and not choice.get("finish_reason"):
            self._count(event["timings"], piece)
        if not (piece.text or piece.reasoning or piece.tool_calls):
            return None
        self._has_parts = True
        return piece

    def _first_choice(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """Return what an event holds of the first answer, if anything, and keep that of others."""
        first = None
        for choice in event["choices"]:
            if number := choice.get("index", 0):
                self._keep_other(number, {**event, "choices": [choice]})
            else:
                first = choice
        return first

    def _keep_other(self, number: int, event: dict[str, Any]) -> None:
        """Keep what an event holds of another answer than the first."""
        if number not in self._others:
            self._others[number] = (type(self)(self.read_error), [])
        decoder, events = self._others[number]
        if piece := decoder.read_event(event):
            events.append(piece)

    def _other_answers(self) -> tuple[list[StreamEvent], ...]:
        for decoder, events in self._others.values():
            if not decoder.is_complete:
                events.append(decoder.last())
        return tuple(self._others[number][1] for number in sorted(self._others))

    def _split_parts(self, delta: dict[str, Any], content: Any) -> tuple[str, str]:
        """Return the text and the thoughts of a delta with more than text.

        What its audio says is text, and media are reported.
        """
        for kind in {name for name in ("audio", "images") if delta.get(name)} | _media_kinds(
            content
        ):
            warn_left_out(kind, self.read_error.url)
        audio = delta.get("audio")
        said = audio.get("transcript") if isinstance(audio, dict) else None
        return _split_content(content or said or "")

    def _count(self, timings: dict[str, Any], piece: StreamEvent) -> None:
        """Count the thoughts, if the server numbers the tokens of its answer.

        llama.cpp's does with `timings_per_token`.
        """
        if not isinstance(number := timings.get("predicted_n"), int):
            return
        self._thoughts = self._thoughts or ThoughtCount()
        if piece.reasoning:
            self._thoughts.add(number, piece.reasoning)
        elif piece.text or piece.tool_calls:
            self._thoughts.end()

    def _reasoning_tokens(self) -> int | None:
        if self.tracker:
            return self.tracker.reported
        return self._thoughts.total if self._thoughts else None

    def _calls_of(self, delta: dict[str, Any]) -> list[dict[str, Any]] | None:
        if calls := delta.get("tool_calls"):
            return self._calls.read(calls) or None
        check_not_number(delta, "tool_calls")
        if call := delta.get("function_call"):  # OpenAI's older API
            return self._calls.read(call) or None
        return None

    @override
    def _whole_answer(self, body: bytes) -> list[StreamEvent]:
        pieces = super()._whole_answer(body)
        if pieces:
            # it is whole, even where it does not say why it ended
            self._reason = self._reason or "stop"
        return pieces

    @override
    def _marked_end(self) -> StreamEvent | None:
        # some servers give no reason: vllm-project/vllm#27572, waybarrios/vllm-mlx#672
        if self._reason is None and self._has_parts:
            self._reason = "unknown"
        return self._done()

    @override
    def _done(self) -> StreamEvent | None:
        if self._reason is None:
            return None
        usage = _mapping(self._usage)
        details = _mapping(usage.get("prompt_tokens_details"))
        reported = _token_count(
            _mapping(usage.get("completion_tokens_details")).get("reasoning_tokens")
        )
        counted = self._reasoning_tokens()
        finish = CompletionInfo(
            reason=_FINISH_REASONS.get(self._reason.lower(), self._reason),
            prompt_tokens=_token_count(usage.get("prompt_tokens")),
            completion_tokens=_token_count(usage.get("completion_tokens")),
            cached_tokens=_token_count(details.get("cached_tokens")),
            timings=_timings(self._timings),
            model=self._model,
            reasoning_tokens=counted if reported is None else reported,
            other_answers=self._other_answers(),
        )
        return StreamEvent("", finish)


class CompletionDecoder(ChatDecoder):
    """Read llama.cpp's `/completion`, and OpenAI's `/v1/completions`.

    The latter's events are those of its chats, except for the text.
    """

    def __init__(
        self,
        read_error: ErrorReader,
        tracker: ThoughtTracker | None = None,
        *,
        answer_count: int = 1,
        keep_tokens: bool = False,
        fields: Collection[str] | None = None,
    ) -> None:
        """Begin.

        Args:
            read_error: As in `ChatDecoder`, and so are the next two.
            tracker: Counts thoughts.
            answer_count: Answers that were asked for.
            keep_tokens: Whether to report the tokens' ids.
            fields: The fields of the last event that were asked for by `response_fields`, or `None`
                for all.
        """
        super().__init__(read_error, tracker, answer_count=answer_count)
        self._tokens: list[int] | None = [] if keep_tokens else None
        self._fields = fields
        # the last event but one, where the last one may be without counts
        self._latest: dict[str, Any] = {}
        # of the first answer, while others are being made
        self._last_piece: StreamEvent | None = None

    def _event(self, event: dict[str, Any]) -> StreamEvent | None:
        if "choices" in event:
            return super()._event(event)
        if "prompt_progress" in event:
            return StreamEvent("", progress=event["prompt_progress"])
        return self._native(event) if self._answer_count == 1 else self._one_of_several(event)

    def _native(self, event: dict[str, Any]) -> StreamEvent:
        if self.tracker and event.get("content"):
            self.tracker.add(event["content"])
        if self._tokens is not None:
            self._tokens += event.get("tokens") or ()
        if not (flag_in(event, "stop") if "stop" in event else self._fields is not None):
            if self._fields is not None:
                self._latest = event
            return StreamEvent(event["content"], logprobs=event.get("completion_probabilities"))
        if event.get("truncated") and not _is_full(event):
            settings = event.get("generation_settings") or {}
            raise context_error(context_tokens=settings.get("n_ctx"))
        native: dict[str, Any] = {} if self._tokens is None else {"tokens": self._tokens}
        if self._fields is not None:
            native["response_fields"] = {
                name: event[name] for name in self._fields if name in event
            }
            counts: dict[str, Any] = {
                name: self._latest[name]
                for name in ("tokens_evaluated", "tokens_predicted")
                if name in self._latest
            }
            event = {"stop_type": None, **counts, **event}
        finish = replace(
            _completion_finish(event), reasoning_tokens=self._reasoning_tokens(), native=native
        )
        return StreamEvent(event.get("content", ""), finish)

    @override
    def _keep_other(self, number: int, event: dict[str, Any]) -> None:
        if number not in self._others:
            one = CompletionDecoder(
                self.read_error, keep_tokens=self._tokens is not None, fields=self._fields
            )
            self._others[number] = (one, [])
        super()._keep_other(number, event)

    def _one_of_several(self, event: dict[str, Any]) -> StreamEvent | None:
        """Return the piece for an event of the first answer.

        The one that ends it waits for the other answers.
        """
        if number := event.get("index", 0):
            self._keep_other(number, event)
        elif (piece := self._native(event)).finish is None:
            return piece
        else:
            self._last_piece = piece
        complete = len(self._others) == self._answer_count - 1 and all(
            one.is_complete for one, _ in self._others.values()
        )
        return self._done() if complete else None

    @override
    def _done(self) -> StreamEvent | None:
        if self._last_piece is None or self._last_piece.finish is None:
            return super()._done()
        return replace(
            self._last_piece,
            finish=replace(self._last_piece.finish, other_answers=self._other_answers()),
        )


def _is_full(event: dict[str, Any]) -> bool:
    """Whether an answer merely ended with the context.

    The server calls this truncated too, as it calls a text that it cut.
    """
    return (
        event.get("stop_type") == "limit"
        and event["tokens_evaluated"] + event["tokens_predicted"] <= event["tokens_cached"] + 1
    )


def _completion_finish(event: dict[str, Any]) -> CompletionInfo:
    timings = _mapping(event.get("timings"))
    reason = "length" if event.get("stop_type") == "limit" or event.get("stopped_limit") else "stop"
    return CompletionInfo(
        reason="unknown" if event.get("stop_type", "") is None else reason,
        prompt_tokens=_token_count(event.get("tokens_evaluated")),
        completion_tokens=_token_count(event.get("tokens_predicted")),
        cached_tokens=_token_count(timings.get("cache_n")),
        timings=_timings(timings),
        model=model_in(event),
    )


def _timings(given: Any) -> Timings:
    timings = _mapping(given)
    return Timings(
        prompt=_seconds(timings.get("prompt_ms")),
        generation=_seconds(timings.get("predicted_ms")),
        draft_n=_token_count(timings.get("draft_n")),
        draft_n_accepted=_token_count(timings.get("draft_n_accepted")),
    )


def _seconds(milliseconds: Any) -> float | None:
    try:
        return float(milliseconds) / 1000
    except (OverflowError, TypeError, ValueError):
        return None


def _mapping(value: Any) -> dict[str, Any]:
    """Return a server's object, or an empty one where it sent something else."""
    return value if isinstance(value, dict) else {}


def _token_count(value: Any) -> int | None:
    """Return a number of tokens, or `None` where the server sent something else."""
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else None
    return value if isinstance(value, int) else None


def _reason_name(reason: Any) -> str:
    """Return a finish reason that is not text; SGLang's own has a `type`."""
    return str(reason["type"] if isinstance(reason, dict) else reason)


def _message_of(choice: dict[str, Any]) -> dict[str, Any]:
    """Return the message of an answer that is not streamed.

    An empty one where a choice has neither a message nor a delta.
    """
    for name in ("delta", "message"):
        check_not_number(choice, name)
    return choice.get("message") or {}


def _logprobs_of(choice: dict[str, Any]) -> Any:
    """Return the log probabilities of a choice.

    Some servers list them without OpenAI's `content`.
    """
    logprobs = choice.get("logprobs")
    return logprobs.get("content") if isinstance(logprobs, dict) else logprobs or None


def _other_content(delta: dict[str, Any], choice: dict[str, Any]) -> Any:
    """Return the text of a choice whose delta has no `content`."""
    check_not_number(delta, "content")
    return (
        choice.get("text")
        or delta.get("refusal")
        or text_in(choice, "text")
        or text_in(delta, "refusal")
    )


def _reasoning_of(delta: dict[str, Any]) -> str:
    """Return a delta's thoughts, under the first key that holds some.

    Servers repeat them under several.
    """
    for key in _REASONING:
        if key in delta:
            value = delta[key]
            check_not_number(delta, key)
            if thoughts := value if isinstance(value, str) else _text_of(value):
                return thoughts
    return ""


def _split_content(content: list[Any] | dict[str, Any] | str) -> tuple[str, str]:
    """Return the text and the thoughts of content that is one part or a list of parts."""
    text = thoughts = ""
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, dict) and part.get("type") in _THOUGHT_PARTS:
            thoughts += _text_of(part)
        else:
            text += _text_of(part)
    return text, thoughts


def _media_kinds(content: list[Any] | dict[str, Any] | str) -> set[str]:
    """Return which of images and audio are among the parts of content."""
    types = [
        str(part.get("type"))
        for part in (content if isinstance(content, list) else [content])
        if isinstance(part, dict)
    ]
    return {
        name
        for word, name in (("image", "images"), ("audio", "audio"))
        if any(word in kind for kind in types)
    }


def _text_of(value: Any) -> str:
    """Return the text of a part, or of a list of parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(_text_of, value))
    if not isinstance(value, dict):
        return ""
    return next((text for key in _TEXTS if (text := _text_of(value.get(key)))), "")
