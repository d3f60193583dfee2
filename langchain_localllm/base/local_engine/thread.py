"""The one thread that works with an engine in this process, and how others hand it work."""

import os
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

from langchain_localllm.errors import ServerError

T = TypeVar("T")


class WorkThread(threading.Thread):
    """A thread that computes.

    None of them waits for the end of another one, which may be waiting for it.

    A forgotten engine is ended by whichever thread finds it forgotten, and that may be one of
    these.
    """


class EngineThread(Generic[T]):
    """A thread and its inbox.

    What is handed to it is either refused or seen by the thread, also when its end comes just then.

    Args:
        name: The thread's name.
        work: What it does, until it finds `None` in the inbox; what still came before that is its
            to refuse.
        interrupt: Called when the end begins, to cut short what is being computed.

    Attributes:
        inbox: What was handed to it; `None` is the last.
        ended: Whether its end has begun.
        pending: How many submitted items it has not acknowledged. The inbox does not show that: the
            queue of Python 3.13 passes an item on before the thread runs.
    """

    def __init__(
        self, name: str, work: Callable[[], object], interrupt: Callable[[], object]
    ) -> None:
        self.inbox: SimpleQueue[T | None] = SimpleQueue()
        self.ended = False
        self.pending = 0
        self._interrupt = interrupt
        self._handing = threading.Lock()
        self._process = os.getpid()
        self._thread = WorkThread(target=work, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def submit(self, item: T) -> None:
        """Hand something to the thread; does not wait.

        Raises:
            ServerError: Its end has begun.
        """
        with self._handing:
            if self.ended:
                raise engine_closed_error()
            self.pending += 1
            self.inbox.put(item)

    def acknowledge(self) -> None:
        """For the thread: note that an item is done, or counted elsewhere."""
        with self._handing:
            self.pending -= 1

    def items(self) -> Iterator[T]:
        """For the thread: what it is handed, one by one, until its end.

        Each is acknowledged when the next one is asked for. Drop it when it is done: it may hold
        much.
        """
        while (item := self.inbox.get()) is not None:
            yield item
            del item
            self.acknowledge()

    def end(self) -> None:
        """Have the thread end, and wait for that, but in a `WorkThread`.

        In a fork there is no such thread, and nothing to do.
        """
        if self._process != os.getpid():
            return
        with self._handing:
            self.ended = True
            self._interrupt()
            self.inbox.put(None)
        if not isinstance(threading.current_thread(), WorkThread):
            self._thread.join()


def engine_closed_error() -> ServerError:
    """Return the error of those whose model was freed before their answer was there."""
    return ServerError(
        "The model was freed before its work was done. Make a new object to load it again."
    )
