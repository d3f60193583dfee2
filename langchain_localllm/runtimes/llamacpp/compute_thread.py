"""Run computations on several cores in one thread, for all engines of the process.

They take turns, since two that use all cores at once are many times slower. And it is always the
same thread: OpenMP keeps helpers for each thread that ever computed with several cores, and while
it keeps more of them than there are cores, all wait for each other asleep instead of awake, which
made an answer of a 250 MB model on two cores take 1.75 times as long.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

from langchain_localllm.base.local_engine.thread import WorkThread

T = TypeVar("T")

_LOOK_AGAIN: Final = 0.02
"""Seconds between two looks at whether a turn has come: being woken for it would take time from the
turn."""


class _Task(Generic[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._began: float | None = None
        self.done: Future[T] = Future()

    def run(self) -> None:
        self._began = time.perf_counter()
        try:
            self.done.set_result(self._work())
        except BaseException as error:  # noqa: BLE001 - it is raised in the waiting thread
            self.done.set_exception(error)

    def ends_within(self, seconds: float) -> bool:
        """Wait for that, from when it began."""
        wait = seconds
        while not self.done.done():
            if self._began is not None and time.perf_counter() - self._began >= seconds:
                return False
            with contextlib.suppress(TimeoutError):
                self.done.exception(timeout=wait)
            wait = max(seconds, _LOOK_AGAIN)
        return True


class _Computing:
    def __init__(self) -> None:
        self._tasks: SimpleQueue[_Task[Any]] = SimpleQueue()
        self._turn = threading.Lock()
        self._starting = threading.Lock()
        self._thread: WorkThread | None = None

    def run_inline(self, work: Callable[[], T]) -> T:
        """Do it in this thread when its turn has come."""
        with self._turn:
            return work()

    def run_parallel(
        self,
        work: Callable[[], T],
        *,
        limit: float | None = None,
        interrupt: Callable[[], object] = lambda: None,
    ) -> T:
        """Have it done when its turn has come; waits for the result.

        Args:
            work: What to do.
            limit: Seconds that it should take at most; `None` is any time.
            interrupt: Called when it takes longer, to end it.
        """
        with self._starting:
            if self._thread is None:
                self._thread = WorkThread(target=self._run, name="llama.cpp computing", daemon=True)
                self._thread.start()
        task = _Task(work)
        self._tasks.put(task)
        if limit is not None and not task.ends_within(limit):
            interrupt()
        try:
            return task.done.result()
        finally:
            del task  # an error would hold it, and it the error

    def _run(self) -> None:
        while True:
            task = self._tasks.get()
            self.run_inline(task.run)
            del task


computing: Final = _Computing()
