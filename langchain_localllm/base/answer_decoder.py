"""Decode the bytes of an answer to events, whatever carries them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from langchain_localllm.base.options import warn_once
from langchain_localllm.base.token_stream import StreamEvent
from langchain_localllm.errors import StreamBrokenError
from langchain_localllm.transport.decoding import HalfCharacters, LineBuffer

UNREADABLE: Final = (AttributeError, IndexError, KeyError, TypeError)
"""What reading an answer of another shape raises."""
_SHOWN: Final = 80


class AnswerDecoder(ABC):
    """Decode lines of an answer to events.

    The answer is complete when an event with `finish` has come.
    """

    WHY_CUT: ClassVar[str] = "See the server's log for the reason."
    """What an error says about an answer that ends too early."""

    def __init__(self) -> None:
        self._lines = LineBuffer()
        self._finished = False
        self._halves = HalfCharacters()
        self._texts: list[str] = []
        self._thoughts_read: list[str] = []

    @property
    def is_complete(self) -> bool:
        """Whether the answer has ended."""
        return self._finished

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that are complete with these bytes."""
        return [
            event for line in self._lines.feed(data) if line.strip() and (event := self._read(line))
        ]

    def end(self) -> list[StreamEvent]:
        """Return what is left when the bytes have ended.

        Raise `StreamBrokenError` when the answer is not whole.
        """
        rest = self._lines.end().strip()
        try:
            last = self._read(rest) if rest else None
        except StreamBrokenError:  # a line that was cut
            raise self._broken() from None
        if not self._finished:
            raise self._broken()
        return [last] if last else []

    def _broken(self) -> StreamBrokenError:
        return StreamBrokenError(
            f"The server ended its answer before it was complete. {self.WHY_CUT}"
        )

    def _read(self, line: bytes) -> StreamEvent | None:
        if self._finished:
            return None  # what comes after the end is not part of the answer
        try:
            event = self._piece(line)
        except UNREADABLE:
            raise _unreadable(line) from None
        if event is not None:
            if not isinstance(event.text, str):
                raise wrong_kind("content", event.text)
            if event.logprobs is not None and not isinstance(event.logprobs, list):
                raise wrong_kind("logprobs", event.logprobs)
            self._keep(event)
        return event

    def _keep(self, event: StreamEvent) -> None:
        """Note what an event holds, with whole characters.

        The last one gets what is left of them.
        """
        if (
            event.finish is None
            and not (event.tool_calls or event.reasoning or self._halves.waiting)
            and event.text.isascii()
        ):
            if event.text:
                self._texts.append(event.text)
            return  # most tokens
        event.text, event.reasoning = (
            self._halves.feed(event.text),
            self._halves.feed(event.reasoning, "reasoning"),
        )
        for call in event.tool_calls or ():
            if isinstance(call.get("args"), str):
                call["args"] = self._halves.feed(call["args"], call.get("index"))
        if event.finish is not None:
            self._finished = True
            event.text += self._halves.end()
            event.reasoning += self._halves.end("reasoning")
        if event.text:
            self._texts.append(event.text)
        if event.reasoning:
            self._thoughts_read.append(event.reasoning)

    def _leave_out_what_came(self, event: StreamEvent) -> None:
        """Empty the text and thoughts of an event that ends an answer and repeats all of it."""
        if event.text and event.text == "".join(self._texts):
            event.text = ""
        if event.reasoning and event.reasoning == "".join(self._thoughts_read):
            event.reasoning = ""

    @abstractmethod
    def _piece(self, line: bytes) -> StreamEvent | None:
        """Return the event for a line, if it holds one; raises the error that it reports."""


def text_in(part: Mapping[str, Any], name: str) -> str:
    """Return the text under a name, or an empty one where it is missing or null.

    Raises `StreamBrokenError` for anything else.
    """
    value = part.get(name)
    if isinstance(value, str):
        return value
    if value is not None:
        raise wrong_kind(name, value)
    return ""


def model_in(part: Mapping[str, Any]) -> str | None:
    """Return the model's name, or `None` where it is not a text: no answer is lost for that."""
    name = part.get("model")
    return name if isinstance(name, str) and name else None


def flag_in(part: Mapping[str, Any], name: str) -> bool:
    """Return whether a name has the value true.

    Raises `StreamBrokenError` where it has one that is neither true nor false.
    """
    value = part.get(name)
    if value is not None and not isinstance(value, bool):
        raise wrong_kind(name, value)
    return value is True


def check_not_number(part: Mapping[str, Any], name: str) -> None:
    """Raise `StreamBrokenError` if a name that may be missing is a number or a boolean.

    Also if it is 0 or false.
    """
    if isinstance(value := part.get(name), int | float):
        raise wrong_kind(name, value)


def wrong_kind(name: str, value: Any) -> StreamBrokenError:
    """Return the error for a field of an answer whose value is of a kind that it cannot have."""
    shown = repr(value)[:_SHOWN]
    return StreamBrokenError(
        f"The server sent {shown} as `{name}`, which cannot be read. Is another program "
        "answering there?"
    )


def warn_left_out(kind: str, url: str) -> None:
    """Warn once that an answer held something that is not text."""
    warn_once(
        f"The server at {url} sent {kind} in its answer, which this class cannot return: only "
        "text, thoughts and calls are kept."
    )


def _unreadable(line: bytes) -> StreamBrokenError:
    shown = line[:_SHOWN].decode("utf-8", "replace")
    return StreamBrokenError(
        f"The server sent what cannot be read: {shown!r}. Is another program answering there?"
    )
