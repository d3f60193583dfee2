"""Answers that a thread makes: order, errors, time, and readers that leave."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import pytest

from langchain_localllm.base.local_engine import stream
from langchain_localllm.base.local_engine.stream import ResponseQueue, WorkerHandle
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent
from langchain_localllm.errors import CallTimeoutError, ServerError

END = CompletionInfo("stop", prompt_tokens=1, completion_tokens=3)


class Engine:
    """A thread for each answer, which puts pieces until its reader leaves. `boxes` holds what was
    submitted."""

    def __init__(self, items: Callable[[], Iterator[StreamEvent | BaseException]]) -> None:
        self._items = items
        self.boxes: list[ResponseQueue] = []
        self.threads: list[threading.Thread] = []

    def submit(self, box: ResponseQueue) -> None:
        self.boxes.append(box)
        self.threads.append(threading.Thread(target=self._work, args=(box,)))
        self.threads[-1].start()

    def _work(self, box: ResponseQueue) -> None:
        for item in self._items():
            if box.cancelled:
                return
            box.put(item)

    def join(self) -> None:
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()


def three_words() -> Iterator[StreamEvent]:
    yield from (StreamEvent("a "), StreamEvent("b "), StreamEvent("c", END))


def endless() -> Iterator[StreamEvent]:
    while True:
        time.sleep(0.002)
        yield StreamEvent("on ")


def after(event: threading.Event) -> Callable[[], Iterator[StreamEvent]]:
    """Return an answer that begins when an event is set."""

    def late() -> Iterator[StreamEvent]:
        assert event.wait(60)
        yield StreamEvent("late", END)

    return late


def failing() -> Iterator[StreamEvent | BaseException]:
    yield StreamEvent("a ")
    yield ServerError("it broke")


def read(handle: WorkerHandle) -> list[StreamEvent]:
    return list(handle.events())


def aread(handle: WorkerHandle) -> list[StreamEvent]:
    async def collect() -> list[StreamEvent]:
        return [piece async for piece in handle.aevents()]

    return asyncio.run(collect())


each_way = pytest.mark.parametrize("way", [read, aread])
Way = Callable[[WorkerHandle], list[StreamEvent]]


@each_way
def test_stream_pieces_come_in_order_and_end_with_the_finish(way: Way) -> None:
    engine = Engine(three_words)
    assert way(WorkerHandle(engine.submit)) == [
        StreamEvent("a "),
        StreamEvent("b "),
        StreamEvent("c", END),
    ]
    engine.join()


def test_stream_nothing_is_asked_before_it_is_read() -> None:
    engine = Engine(three_words)
    pieces = WorkerHandle(engine.submit).events()
    apieces = WorkerHandle(engine.submit).aevents()
    assert not engine.boxes
    pieces.close()
    asyncio.run(apieces.aclose())
    assert not engine.boxes


@each_way
def test_stream_error_comes_after_what_was_said_before_it(way: Way) -> None:
    engine = Engine(failing)
    with pytest.raises(ServerError, match="it broke"):
        way(WorkerHandle(engine.submit))
    assert engine.boxes[0].cancelled
    seen: list[str] = []
    with pytest.raises(ServerError):
        seen.extend(piece.text for piece in WorkerHandle(engine.submit).events())
    assert seen == ["a "]


@each_way
def test_stream_request_that_cannot_be_queued_raises(way: Way) -> None:
    def refuse(_: ResponseQueue) -> None:
        raise ServerError("the engine has ended")

    with pytest.raises(ServerError, match="has ended"):
        way(WorkerHandle(refuse))


@each_way
def test_stream_without_events_ends_with_the_timeout(way: Way) -> None:
    released = threading.Event()
    engine = Engine(after(released))
    with pytest.raises(CallTimeoutError, match=r"after 0\.05 seconds"):
        way(WorkerHandle(engine.submit, timeout=0.05))
    assert engine.boxes[0].cancelled
    released.set()
    engine.join()


@each_way
def test_stream_time_is_that_of_the_whole_answer(way: Way) -> None:
    engine = Engine(endless)
    with pytest.raises(CallTimeoutError):
        way(WorkerHandle(engine.submit, timeout=0.1))
    engine.join()


@each_way
def test_stream_answer_in_time_is_whole(way: Way) -> None:
    assert len(way(WorkerHandle(Engine(three_words).submit, timeout=30))) == 3


def test_stream_left_loop_ends_the_work() -> None:
    engine = Engine(endless)
    for count, _ in enumerate(WorkerHandle(engine.submit).events()):
        if count == 3:
            break
    engine.join()


async def test_stream_left_async_loop_ends_the_work() -> None:
    engine = Engine(endless)
    async with contextlib.aclosing(WorkerHandle(engine.submit).aevents()) as pieces:
        async for _ in pieces:
            break
    engine.join()


async def test_stream_cancelled_task_ends_the_work() -> None:
    engine = Engine(endless)

    async def consume() -> None:
        async for _ in WorkerHandle(engine.submit).aevents():
            pass

    task = asyncio.create_task(consume())
    await asyncio.sleep(0.02)
    assert engine.boxes
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    engine.join()


def test_stream_loop_that_was_closed_under_its_reader_ends_the_work() -> None:
    engine = Engine(endless)
    loop = asyncio.new_event_loop()
    pieces: AsyncGenerator[StreamEvent] = WorkerHandle(engine.submit).aevents()
    assert loop.run_until_complete(anext(pieces)).text == "on "
    loop.close()  # without `shutdown_asyncgens`: the reader never learns of it
    engine.join()
    assert engine.boxes[0].cancelled


async def test_stream_waiting_does_not_hold_up_the_loop() -> None:
    ticked = threading.Event()

    async def tick() -> None:
        for _ in range(5):
            await asyncio.sleep(0.005)
        ticked.set()

    ticking = asyncio.create_task(tick())
    assert [piece.text async for piece in WorkerHandle(Engine(after(ticked)).submit).aevents()] == [
        "late"
    ]
    await ticking


async def test_stream_many_readers_get_their_own_answers() -> None:
    def numbered(number: int) -> Callable[[], Iterator[StreamEvent]]:
        return lambda: iter([*(StreamEvent(f"{number} ") for _ in range(50)), StreamEvent("", END)])

    async def collect(number: int) -> str:
        return "".join(
            [piece.text async for piece in WorkerHandle(Engine(numbered(number)).submit).aevents()]
        )

    answers = await asyncio.gather(*(collect(number) for number in range(50)))
    assert answers == [f"{number} " * 50 for number in range(50)]


def test_stream_second_event_loop_reads_too() -> None:
    for _ in range(2):
        assert len(aread(WorkerHandle(Engine(three_words).submit))) == 3


def test_stream_events_before_the_first_read_wait() -> None:
    def at_once(box: ResponseQueue) -> None:
        for piece in three_words():
            box.put(piece)
        assert not box.empty()

    for way in (read, aread):
        assert [piece.text for piece in way(WorkerHandle(at_once))] == ["a ", "b ", "c"]


def test_stream_pieces_that_come_fast_wake_the_reader_together() -> None:
    wakes: list[int] = []
    box = ResponseQueue(lambda: wakes.append(1))
    box.min_notify_interval = 60
    for _ in range(100):
        box.put(StreamEvent("on "))
    before = len(wakes)
    assert before == 1
    assert [box.take(0).text for _ in range(100)] == ["on "] * 100
    for last in (StreamEvent("", END), ServerError("it broke")):
        box.put(last)
    assert len(wakes) == before + 2


@each_way
def test_stream_event_reaches_the_consumer_although_none_follows_soon(way: Way) -> None:
    consumed = threading.Semaphore(0)
    in_time: list[bool] = []

    class Queue(ResponseQueue):
        def take(self, seconds: float | None) -> StreamEvent:
            event = super().take(seconds)
            consumed.release()
            return event

    def pausing() -> Iterator[StreamEvent]:
        for text in ("at once ", "within the interval "):
            yield StreamEvent(text)
            in_time.append(consumed.acquire(timeout=20))
        yield StreamEvent("", END)

    engine = Engine(pausing)

    def submit(box: ResponseQueue) -> None:
        box.min_notify_interval = 1
        engine.submit(box)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "ResponseQueue", Queue)
        assert [event.text for event in way(WorkerHandle(submit, timeout=60))] == [
            "at once ",
            "within the interval ",
            "",
        ]
    assert in_time == [True, True]
    engine.join()


def test_stream_pieces_that_come_slowly_wake_the_reader_each() -> None:
    wakes: list[int] = []
    box = ResponseQueue(lambda: wakes.append(1))
    for count in range(3):
        box.put(StreamEvent("on "))
        assert len(wakes) == count + 1
        time.sleep(0.02)


def test_stream_interrupt_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> StreamEvent:
        raise KeyboardInterrupt

    engine = Engine(endless)
    monkeypatch.setattr(ResponseQueue, "take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(WorkerHandle(engine.submit))
    engine.join()
