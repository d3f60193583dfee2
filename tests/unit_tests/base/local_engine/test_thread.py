"""An engine's thread: whatever is handed to it is done, or refused; nothing waits forever."""

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest

from langchain_localllm.base.local_engine.thread import EngineThread
from langchain_localllm.errors import ServerError


def make(
    work: Callable[[EngineThread[str]], object], interrupt: Callable[[], object] = lambda: None
) -> EngineThread[str]:
    """A thread that has begun with this work."""
    thread: EngineThread[str] = EngineThread("an engine", lambda: work(thread), interrupt)
    thread.start()
    return thread


def test_engine_thread_items_are_done_in_order_and_those_before_the_end_too() -> None:
    done: list[str] = []
    thread = make(lambda thread: done.extend(thread.items()))
    for item in "abc":
        thread.submit(item)
    thread.end()
    assert done == ["a", "b", "c"]


def test_engine_thread_after_the_end_accepts_nothing() -> None:
    thread = make(lambda thread: list(thread.items()))
    thread.end()
    thread.end()
    with pytest.raises(ServerError, match="freed"):
        thread.submit("a")


def test_engine_thread_end_interrupts_what_is_being_done() -> None:
    interrupted = threading.Event()
    thread = make(lambda thread: [interrupted.wait(60) for _ in thread.items()], interrupted.set)
    thread.submit("a")
    thread.end()
    assert interrupted.is_set()


def test_engine_thread_itself_may_end_it() -> None:
    went_on = threading.Event()

    def work(thread: EngineThread[str]) -> None:
        for _ in thread.items():
            thread.end()
            went_on.set()

    thread = make(work)
    thread.submit("a")
    assert went_on.wait(60)
    assert thread.ended


def test_engine_thread_of_engines_do_not_wait_for_each_others_end() -> None:
    helped = threading.Event()
    got_help: list[bool] = []
    other = make(lambda thread: got_help.extend(helped.wait(60) for _ in thread.items()))
    other.submit("what the thread below has to help with")

    def work(thread: EngineThread[str]) -> None:
        for _ in thread.items():
            other.end()
            helped.set()

    thread = make(work)
    thread.submit("a")
    thread.end()
    other.end()
    assert got_help == [True]


class _SlowInbox(SimpleQueue[Any]):
    """Puts an item only after somebody else has had the time to end the thread."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._meanwhile = meanwhile

    def put(self, item: Any, *_: Any) -> None:
        if item is not None:
            ending = threading.Thread(target=self._meanwhile)
            ending.start()
            ending.join(0.1)
        super().put(item)


def test_engine_thread_item_queued_while_it_ends_is_handled() -> None:
    done: list[str] = []
    thread: EngineThread[str] = EngineThread(
        "an engine", lambda: done.extend(thread.items()), lambda: None
    )
    thread.inbox = _SlowInbox(thread.end)
    thread.start()
    thread.submit("a")
    thread.end()
    assert done == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no forks")
def test_engine_thread_fork_leaves_the_end_alone() -> None:
    interrupted: list[int] = []
    thread = make(lambda thread: list(thread.items()), lambda: interrupted.append(os.getpid()))

    def in_the_fork() -> None:
        thread.end()
        os._exit(len(interrupted))

    child = multiprocessing.get_context("fork").Process(target=in_the_fork)
    child.start()
    child.join(60)
    assert child.exitcode == 0
    thread.end()
    assert interrupted == [os.getpid()]
