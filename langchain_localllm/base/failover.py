"""Retry an answer on another server if its server broke it off before the consumer has seen any of it."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any

from langchain_localllm.errors import CallTimeoutError, StreamBrokenError


class Attempt:
    """A `with` block that takes in the end of an answer that was broken off, unless it is the last attempt."""

    def __init__(self, *, last: bool) -> None:
        self._last = last
        self.ended = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        self.ended = error is None
        return isinstance(error, (CallTimeoutError, StreamBrokenError)) and not self._last


def attempts(others: int, run: Any) -> Iterator[Attempt]:
    """Yield what a loop goes through around a `with` block that makes a whole answer.

    Args:
        others: How many other servers could give the answer.
        run: LangChain's run manager, or `None`. Its handlers see tokens as they come, and must not see them twice.
    """
    for left in reversed(range(1 if run and run.handlers else others + 1)):
        attempt = Attempt(last=not left)
        yield attempt
        if attempt.ended:
            return
