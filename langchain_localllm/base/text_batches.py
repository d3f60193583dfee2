"""Process many texts in batches, for embeddings and rerankers."""

import asyncio
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from pydantic import Field

from langchain_localllm.base.embedding_batches import Plan, T
from langchain_localllm.base.option_roles import NotInKey, NotSent, SpeedsUp
from langchain_localllm.base.options import Options


class TextBatches(Options):
    """Batches of texts, and the plans that send them to an engine, from sync and async code."""

    truncate: Annotated[bool, NotSent] = False
    """Cut a text that is longer than the model takes at its end. Otherwise such a text raises
    `ContextLengthError`."""
    batch_size: Annotated[int, NotSent, SpeedsUp] = Field(default=256, ge=1)
    """Texts sent to the engine at a time, at most; long ones are fewer."""
    show_progress: Annotated[bool, NotSent, NotInKey] = False
    """Show a progress bar on stderr, or in the notebook, for a list of texts."""

    @abstractmethod
    def _source(self) -> Any:
        """Return what identifies the engine: the model, and where it is."""

    @abstractmethod
    def _run(self, plan: Plan[T]) -> T:
        """Carry out a plan."""

    @abstractmethod
    async def _arun(self, plan: Plan[T]) -> T:
        """Carry out a plan without blocking the event loop."""

    def _lanes(self) -> int:
        """Return how many batches the engine is asked for at the same time."""
        return 1

    def _run_all(self, workers: list[Plan[None]]) -> None:
        if len(workers) == 1:
            self._run(workers[0])
            return
        pool = ThreadPoolExecutor(len(workers), thread_name_prefix="batches")
        try:
            for future in [pool.submit(self._run, worker) for worker in workers]:
                future.result()
        finally:
            # who is interrupted does not wait for the others' answers
            pool.shutdown(wait=False, cancel_futures=True)

    async def _arun_all(self, workers: list[Plan[None]]) -> None:
        tasks = [asyncio.ensure_future(self._arun(worker)) for worker in workers]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
