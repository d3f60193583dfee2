"""Stream answers from an engine's thread to callers in other threads and event loops."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final

from langchain_localllm.base.token_stream import StreamEvent
from langchain_localllm.errors import CallTimeoutError

MIN_NOTIFY_INTERVAL: Final = 0.004
"""Seconds between two wake-ups of a consumer: each one costs the engine about a tenth of the time
of a tiny model's token."""
_MAX_NOTIFY_INTERVAL: Final = 0.05
"""Seconds between two wake-ups of a consumer, at most."""


class ResponseQueue:
    """Pass the events of one answer from the engine's thread to one consumer.

    The consumer may be in another thread or event loop.

    The consumer is woken for the first event at once, and after that once per
    `min_notify_interval`. It looks for events that came in between itself, when that time is over:
    the engine may pause, or make tokens without text.

    Attributes:
        cancelled: Whether the consumer is gone; the engine's thread then ends the answer within a
            token.
        min_notify_interval: Seconds between two wake-ups of the consumer.
        on_cancel: Called by the consumer when it cancels, for engines that must react at once.
    """

    __slots__ = (
        "_items",
        "_quiet_until",
        "_signals",
        "_wake",
        "cancelled",
        "min_notify_interval",
        "on_cancel",
    )

    def __init__(self, wake: Callable[[], object] | None = None) -> None:
        self._items: deque[StreamEvent | BaseException] = deque()
        self._signals: SimpleQueue[None] = SimpleQueue()
        self._wake = wake or partial(self._signals.put, None)
        self._quiet_until = 0.0
        self.cancelled = False
        self.min_notify_interval = MIN_NOTIFY_INTERVAL
        self.on_cancel: Callable[[], object] | None = None

    def put(self, item: StreamEvent | BaseException) -> None:
        """Add an event, the last one with `finish`, or the error that ends the answer.

        The consumer is woken at once, unless it was woken less than `min_notify_interval` seconds
        ago.
        """
        self._items.append(item)
        now = time.perf_counter()  # after the event was added: see `max_wait`
        if now > self._quiet_until or not isinstance(item, StreamEvent) or item.finish:
            self._quiet_until = now + self.min_notify_interval
            try:
                self._wake()
            except RuntimeError:  # the consumer's event loop is closed
                self.cancelled = True

    def set_concurrent_answers(self, count: int) -> None:
        """Wake the consumer less often while several answers are generated.

        All consumers together then cost as much as one.
        """
        self.min_notify_interval = min(MIN_NOTIFY_INTERVAL * count, _MAX_NOTIFY_INTERVAL)

    def cancel(self) -> None:
        """Cancel the request. The consumer calls this when it stops reading."""
        self.cancelled = True
        if self.on_cancel:
            self.on_cancel()

    def empty(self) -> bool:
        """Report whether there is nothing to read."""
        return not self._items

    def max_wait(self) -> float | None:
        """Return how many seconds the consumer may wait before its next check.

        It is `None` if the next event wakes the consumer. To be asked before `empty`: an event that
        is added after that wakes the consumer, or comes within this time.
        """
        quiet = self._quiet_until - time.perf_counter()
        return quiet + MIN_NOTIFY_INTERVAL if quiet >= 0 else None

    def take(self, seconds: float | None) -> StreamEvent:
        """Wait for the next event and return it.

        Args:
            seconds: How long to wait at most, or `None` to wait without a limit.

        Raises:
            queue.Empty: No event came in time.
            BaseException: The error that ended the answer.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self._items:
            look_again, left = self.max_wait(), _left(deadline)
            if self.empty():
                try:
                    self._signals.get(timeout=_shorter(look_again, left))
                except Empty:
                    if left == 0:
                        raise
        item = self._items.popleft()
        if isinstance(item, BaseException):
            raise item
        return item


@dataclass(frozen=True, slots=True)
class WorkerHandle:
    """Stream one answer of an engine's thread.

    The request is submitted when the stream is first read.

    Attributes:
        submit: Hands the request to the engine's thread, with the response queue for its answer;
            does not wait.
        timeout: Seconds that the whole answer may take, or `None` for no limit.
        slow: Whether `submit` takes long, so that it must not run in an event loop's thread.
    """

    submit: Callable[[ResponseQueue], None]
    timeout: float | None = None
    slow: bool = False

    def events(self) -> Generator[StreamEvent]:
        """Yield the events of the answer."""
        box, deadline = ResponseQueue(), self._deadline()
        try:
            self.submit(box)
            finished = False
            while not finished:
                try:
                    event = box.take(_left(deadline))
                except Empty:
                    raise self._late() from None
                finished = event.finish is not None
                yield event
        finally:
            box.cancel()

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        """Yield the events of the answer, in async code."""
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        box, deadline = (
            ResponseQueue(lambda: loop.call_soon_threadsafe(arrived.set)),
            self._deadline(),
        )
        try:
            await asyncio.to_thread(self.submit, box) if self.slow else self.submit(box)
            finished = False
            while not finished:
                arrived.clear()
                look_again = box.max_wait()
                if box.empty():
                    await self._until(arrived, look_again, deadline)
                    continue
                event = box.take(0)
                finished = event.finish is not None
                yield event
        finally:
            box.cancel()

    def _deadline(self) -> float | None:
        return None if self.timeout is None else time.monotonic() + self.timeout

    async def _until(
        self, arrived: asyncio.Event, look_again: float | None, deadline: float | None
    ) -> None:
        left = _left(deadline)
        if left == 0:
            raise self._late()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_shorter(look_again, left)):
                await arrived.wait()

    def _late(self) -> CallTimeoutError:
        return CallTimeoutError(
            f"The answer was not complete after {self.timeout:g} seconds. Raise `timeout`, or "
            "lower `max_tokens`."
        )


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _shorter(first: float | None, second: float | None) -> float | None:
    return min((seconds for seconds in (first, second) if seconds is not None), default=None)
