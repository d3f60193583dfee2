"""Where computing happens that takes several cores: in one thread, for all engines of the process.

They take turns, since two that use all cores at once are many times slower. And it is always the same thread: OpenMP keeps
helpers for each thread that ever computed with several cores, and while it keeps more of them than there are cores, all wait for
each other asleep instead of awake, which made an answer of a 250 MB model on two cores take 1.75 times as long.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Final, TypeVar

from langchain_localllm.base.engine_thread import WorkThread

T = TypeVar("T")


class _Computing:
    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Callable[[], object], Future[object]]] = SimpleQueue()
        self._turn = threading.Lock()
        self._starting = threading.Lock()
        self._thread: WorkThread | None = None

    def here(self, work: Callable[[], T]) -> T:
        """Do it in this thread when its turn has come."""
        with self._turn:
            return work()

    def on_all_cores(self, work: Callable[[], T]) -> T:
        """Have it done when its turn has come; waits for the result."""
        with self._starting:
            if self._thread is None:
                self._thread = WorkThread(target=self._run, name="llama.cpp computing", daemon=True)
                self._thread.start()
        done: Future[T] = Future()
        self._work.put((work, done))  # type: ignore[arg-type]  # the result's type is the work's
        try:
            return done.result()
        finally:
            del done  # an error would hold it, and it the error

    def _run(self) -> None:
        while True:
            work, done = self._work.get()
            try:
                done.set_result(self.here(work))
            except BaseException as error:  # noqa: BLE001 - it belongs to the one who waits
                done.set_exception(error)
            del work, done


computing: Final = _Computing()
