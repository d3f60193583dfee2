"""Process batches of texts with a library in this process.

Their plans yield futures, which the engine's thread completes.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from typing_extensions import override

from langchain_localllm.base.embedding_batches import Plan, T
from langchain_localllm.base.local_engine.options import InProcessOptions
from langchain_localllm.base.text_batches import TextBatches
from langchain_localllm.errors import CallTimeoutError


class InProcessBatches(InProcessOptions, TextBatches):
    """Batches for an engine's thread; `timeout` is that of a whole call."""

    @override
    def _source(self) -> Any:
        return self.loading_key()

    @override
    def _run(self, plan: Plan[T]) -> T:
        deadline = None if self.timeout is None else time.monotonic() + self.timeout
        try:
            future = next(plan)
            while True:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                with self._given_up(future):
                    error = future.exception(left)
                future = plan.throw(error) if error else plan.send(future.result())
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # StopIteration is not generic

    @override
    async def _arun(self, plan: Plan[T]) -> T:
        deadline = (
            None if self.timeout is None else asyncio.get_running_loop().time() + self.timeout
        )
        try:
            future = next(plan)
            while True:
                with self._given_up(future):
                    async with asyncio.timeout_at(deadline):
                        with contextlib.suppress(Exception):  # it is asked for below
                            await asyncio.wrap_future(future)
                error = future.exception()
                future = plan.throw(error) if error else plan.send(future.result())
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # StopIteration is not generic

    @contextlib.contextmanager
    def _given_up(self, future: "Future[Any]") -> Iterator[None]:
        """Notify the engine when the caller stops waiting.

        The reason is the time, an interrupt or a cancelled task.
        """
        try:
            yield
        except TimeoutError:
            raise CallTimeoutError(
                f"The call took longer than {self.timeout:g} seconds. Raise `timeout`."
            ) from None
        finally:
            future.cancel()  # nothing happens to one that is done
