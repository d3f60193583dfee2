"""Run plans at the same time: in threads from sync code, in tasks from async code."""

import asyncio
import queue
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from langchain_localllm.transport.operations import Gather, Plan


def gather(run: Callable[[Plan[Any]], Any], step: Gather) -> dict[int, Any]:
    """Carry out a `Gather`. Threads that are not done in time end with their requests.

    Args:
        run: Carries out one plan.
        step: The plans.

    Returns:
        What the plans returned that were done in time, by their positions.
    """
    answers: queue.SimpleQueue[tuple[int, Any, Exception | None]] = queue.SimpleQueue()

    def work(position: int, plan: Plan[Any]) -> None:
        try:
            answers.put((position, run(plan), None))
        except Exception as error:  # noqa: BLE001 - raised below
            answers.put((position, None, error))

    end = time.monotonic() + step.seconds
    for position, plan in enumerate(step.plans):
        threading.Thread(target=work, args=(position, plan), daemon=True).start()
    results: dict[int, Any] = {}
    while len(results) < len(step.plans) and not step.is_enough(results):
        try:
            position, result, error = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        if error is not None:
            raise error
        results[position] = result
    return results


async def agather(run: Callable[[Plan[Any]], Awaitable[Any]], step: Gather) -> dict[int, Any]:
    """Work like `gather`, without blocking the event loop.

    Plans that are not done in time are cancelled.
    """
    tasks = {asyncio.ensure_future(run(plan)): position for position, plan in enumerate(step.plans)}
    pending = set(tasks)
    end = time.monotonic() + step.seconds
    results: dict[int, Any] = {}
    try:
        while pending and not step.is_enough(results):
            left = max(0.0, end - time.monotonic())
            done, pending = await asyncio.wait(
                pending, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                break
            results |= {tasks[task]: task.result() for task in done}
        return results
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
