"""Answers that a thread of this process makes, for runtimes whose engine is a library."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final

from langchain_localllm.base.token_stream import StreamEvent
from langchain_localllm.errors import CallTimeoutError

_FOR_EVER: Final = None
PAUSE: Final = 0.004
"""Seconds from which on a reader is woken again: each time takes about a tenth of a tiny model's token from the engine."""


class ResponseQueue:
    """Where the engine's thread puts the pieces of one answer, for one reader in another thread or event loop.

    Attributes:
        left: Whether the reader has gone; the engine's thread then ends the answer within a token.
        pause: Seconds from which on the reader is woken again.
        on_cancel: Called from the reader's side when it has gone, if an engine wants to know it at once.
    """

    __slots__ = ("_items", "_rings", "_rung", "_wake", "left", "on_cancel", "pause")

    def __init__(self, wake: Callable[[], object] | None = None) -> None:
        self._items: deque[StreamEvent | BaseException] = deque()
        self._rings: SimpleQueue[None] = SimpleQueue()
        self._wake = wake or partial(self._rings.put, None)
        self._rung = 0.0
        self.left = False
        self.pause = PAUSE
        self.on_cancel: Callable[[], object] | None = None

    def put(self, item: StreamEvent | BaseException) -> None:
        """Hand over a piece, the last one with `finish`; or the error with which the answer ends.

        The reader is woken at once, but for pieces that come faster than anyone could read them.
        """
        self._items.append(item)
        if not isinstance(item, StreamEvent) or item.finish or time.perf_counter() - self._rung > self.pause:
            self.notify()

    def notify(self) -> None:
        """Wake the reader, if there is something to read."""
        if not self._items:
            return
        self._rung = time.perf_counter()
        try:
            self._wake()
        except RuntimeError:  # the reader's event loop is closed
            self.left = True

    def leave(self) -> None:
        """Cancel the request: its consumer is gone."""
        self.left = True
        if self.on_cancel:
            self.on_cancel()

    def empty(self) -> bool:
        """Whether nothing waits to be read."""
        return not self._items

    def take(self, seconds: float | None) -> StreamEvent:
        """The next piece, waited for; raises the answer's error, or `queue.Empty` when the time is over."""
        while not self._items:
            self._rings.get(timeout=seconds)
        item = self._items.popleft()
        if isinstance(item, BaseException):
            raise item
        return item


@dataclass(frozen=True, slots=True)
class WorkerHandle:
    """An answer by an engine's thread; it begins when it is first read.

    Attributes:
        submit: Hands the request to the engine's thread, with the response queue for its answer; does not wait.
        timeout: Seconds that the whole answer may take, or `None`.
        slow: Whether `submit` takes long, so that it must not run in an event loop's thread.
    """

    submit: Callable[[ResponseQueue], None]
    timeout: float | None = None
    slow: bool = False

    def pieces(self) -> Generator[StreamEvent]:
        """The pieces, from sync code."""
        box, deadline = ResponseQueue(), self._deadline()
        try:
            self.submit(box)
            finished = False
            while not finished:
                try:
                    piece = box.take(_left(deadline))
                except Empty:
                    raise self._late() from None
                finished = piece.finish is not None
                yield piece
        finally:
            box.leave()

    async def apieces(self) -> AsyncGenerator[StreamEvent]:
        """The pieces, from async code."""
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        box, deadline = ResponseQueue(lambda: loop.call_soon_threadsafe(arrived.set)), self._deadline()
        try:
            await asyncio.to_thread(self.submit, box) if self.slow else self.submit(box)
            finished = False
            while not finished:
                arrived.clear()
                if box.empty():
                    await self._until(arrived, deadline)
                    continue
                piece = box.take(0)
                finished = piece.finish is not None
                yield piece
        finally:
            box.leave()

    def _deadline(self) -> float | None:
        return _FOR_EVER if self.timeout is None else time.monotonic() + self.timeout

    async def _until(self, arrived: asyncio.Event, deadline: float | None) -> None:
        try:
            async with asyncio.timeout(_left(deadline)):
                await arrived.wait()
        except TimeoutError:
            raise self._late() from None

    def _late(self) -> CallTimeoutError:
        return CallTimeoutError(
            f"The answer was not complete after {self.timeout:g} seconds. Raise `timeout`, or lower `max_tokens`."
        )


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())
