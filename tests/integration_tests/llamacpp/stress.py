"""Run by `test_process.py` in a process of its own: many threads and tasks on one object, with
random cancels.

Each request has a text of its own that its grammar forces, so that any mixing shows; some are
greedy answers that are known.
"""

import asyncio
import gc
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import psutil

from langchain_localllm import LlamaCpp

THREADS: Final = 64
TASKS: Final = 64
REQUESTS: Final = 2000
GROWTH: Final = 60_000_000
"""Bytes that memory may grow by in the second half."""
CACHE_MIB: Final = 16
"""Memory for earlier prompts: with the default, an eighth of what is free, the engine would go on
filling it."""
CHANCE: Final = random.Random(1)  # noqa: S311 - it hides nothing


class Requests:
    """Deals out the requests, and counts how they end."""

    def __init__(self, llm: LlamaCpp) -> None:
        self.llm = llm
        self._lock = threading.Lock()
        self._left = REQUESTS
        self.ends = {"whole": 0, "left": 0}
        self.middle = 0

    def take(self) -> int | None:
        with self._lock:
            if self._left == 0:
                return None
            self._left -= 1
            if self._left == REQUESTS // 2:
                gc.collect()
                self.middle = psutil.Process().memory_info().rss
            return self._left

    def of(self, number: int) -> tuple[str, str, dict[str, Any]]:
        text = f"answer {number} of {number * 7}"
        return f"Question {number % 10}:", text, {"grammar": f'root ::= "{text}"', "max_tokens": 40}

    def note(self, got: str, text: str, *, left: bool) -> None:
        if not (text.startswith(got) if left else got == text):
            raise AssertionError(f"{got!r} came instead of {text!r}")
        with self._lock:
            self.ends["left" if left else "whole"] += 1

    def sync(self) -> None:
        while (number := self.take()) is not None:
            prompt, text, options = self.of(number)
            leaves_after = CHANCE.choice([0, 1, 3, 99, 99])
            got, stream = "", self.llm.stream(prompt, **options)
            for count, piece in enumerate(stream):
                got += piece
                if count == leaves_after:
                    break
            stream.close()
            self.note(got, text, left=got != text)

    async def task(self) -> None:
        while (number := self.take()) is not None:
            prompt, text, options = self.of(number)
            call = asyncio.ensure_future(self.llm.ainvoke(prompt, **options))
            if CHANCE.random() < 0.3:
                await asyncio.sleep(CHANCE.random() * 0.2)
                call.cancel()
            try:
                self.note(await call, text, left=False)
            except asyncio.CancelledError:
                self.note("", text, left=True)


async def tasks(requests: Requests) -> None:
    await asyncio.gather(*(requests.task() for _ in range(TASKS)))


def main() -> None:
    backend: Any = sys.argv[2]
    llm = LlamaCpp(
        model_path=Path(sys.argv[1]),
        n_ctx=256,
        temperature=1,
        cache_ram_mib=CACHE_MIB,
        backend=backend,
    )
    requests, started = Requests(llm), time.perf_counter()
    with ThreadPoolExecutor(THREADS + 1) as pool:
        loop = pool.submit(asyncio.run, tasks(requests))
        for done in [pool.submit(requests.sync) for _ in range(THREADS)]:
            done.result()
        loop.result()
    deadline = time.monotonic() + 120
    while llm.engine.busy and time.monotonic() < deadline:
        time.sleep(0.01)
    grown = psutil.Process().memory_info().rss - requests.middle
    report = (
        requests.ends,
        (
            f"{time.perf_counter() - started:.1f} s, {grown / 1e6:.1f} MB grown, busy: "
            f"{llm.engine.busy}"
        ),
    )
    sys.stdout.write(f"{report}\n")
    if sum(requests.ends.values()) != REQUESTS or grown > GROWTH or llm.engine.busy:
        sys.exit(1)


if __name__ == "__main__":
    main()
