"""Hold an object that many use, and that can be replaced while they do."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, TypeVar

from langchain_localllm.errors import StoreError

T = TypeVar("T")


class _Held(Generic[T]):
    def __init__(self, context: AbstractContextManager[T]) -> None:
        self.context = context
        self.value = context.__enter__()
        self.users = 0
        self.is_retired = False


class Replaceable(Generic[T]):
    """Hold an open object; one that was replaced is closed when its last user is done.

    Args:
        missing: What to say to users while there is none.

    Example:
        >>> from contextlib import nullcontext
        >>> number = Replaceable[int]("There is no number.")
        >>> number.replace(nullcontext(1))
        >>> with number.use() as one:
        ...     number.replace(nullcontext(2))
        ...     print(one)
        1
    """

    def __init__(self, missing: str) -> None:
        self._missing = missing
        self._lock = threading.Lock()
        self._held: _Held[T] | None = None

    def replace(self, context: AbstractContextManager[T]) -> None:
        """Open another object in place of this one."""
        held = _Held(context)
        self._swap(held)

    def close(self) -> None:
        """Close the object, as soon as its last user is done."""
        self._swap(None)

    @contextmanager
    def use(self) -> Iterator[T]:
        """Use the object within the block.

        Raises:
            StoreError: There is none now.
        """
        with self._lock:
            held = self._held
            if held is None:
                raise StoreError(self._missing)
            held.users += 1
        try:
            yield held.value
        finally:
            with self._lock:
                held.users -= 1
                last = held.is_retired and not held.users
            if last:
                held.context.__exit__(None, None, None)

    def _swap(self, held: _Held[T] | None) -> None:
        with self._lock:
            before, self._held = self._held, held
            if before:
                before.is_retired = True
            unused = before if before and not before.users else None
        if unused:
            unused.context.__exit__(None, None, None)
