"""Retry an answer on another server if its server broke off before any of it was consumed."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any

from langchain_localllm.errors import ModelCallError


class Attempt:
    """A `with` block that suppresses an error after which the answer can be tried again.

    Attributes:
        is_over: Whether no other attempt follows.
    """

    def __init__(self, number: int, *, is_seen: bool) -> None:
        self._number = number
        self._is_seen = is_seen
        self.is_over = True

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        others = error.other_servers if isinstance(error, ModelCallError) else 0
        self.is_over = self._is_seen or self._number >= others
        return not self.is_over


def attempts(run: Any) -> Iterator[Attempt]:
    """Yield what a loop goes through around a `with` block that makes a whole answer.

    Args:
        run: LangChain's run manager, or `None`. Its handlers see tokens as they come, and must not
            see them twice.
    """
    number = 0
    while True:
        attempt = Attempt(number, is_seen=bool(run and run.handlers))
        yield attempt
        if attempt.is_over:
            return
        number += 1
