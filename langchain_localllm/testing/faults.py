"""Standard tests: errors, cancelled calls, threads and event loops."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from langchain_localllm.testing.base import TRIES, IntegrationTests, each_path, on_paths
from langchain_localllm.testing.paths import BATCH_PATHS, PATHS, run
from langchain_localllm.testing.recorder import Recorder


class FaultTests(IntegrationTests):
    """Test that errors are raised, and that cancelled requests end."""

    # --- errors ---

    @each_path
    def test_too_long_prompt(self, path: str) -> None:
        """A prompt longer than the context raises.

        The error is not returned as text, nor is the prompt silently cut.

        If this test fails, compare the tokens of the prompt with the context, or ask the engine
        neither to cut nor to shift.
        """
        llm = self.make(**self.too_long_params)
        notes = Recorder()
        with pytest.raises(Exception, match=r"."):
            PATHS[path](llm, self.too_long_prompt, {"callbacks": [notes]})
        assert notes.errors
        assert not notes.results
        assert PATHS[path](llm, self.prompt), "the object does not work after an error"

    @on_paths(BATCH_PATHS)
    def test_batch_errors(self, path: str) -> None:
        """With `return_exceptions=True`, a failed item of a batch does not fail the others.

        If this test fails: LangChain's `batch` for text models fails as a whole; hand such calls to
        `Runnable.batch`.
        """
        llm = self.make(**self.too_long_params)
        prompts = [self.prompt, self.too_long_prompt]
        if path == "batch":
            good, bad = llm.batch(prompts, return_exceptions=True)
        else:
            good, bad = run(llm.abatch(prompts, return_exceptions=True))
        assert good == llm.invoke(self.prompt)
        assert isinstance(bad, Exception)

    @on_paths(["invoke", "ainvoke", "stream", "astream"])
    def test_handler_that_raises(self, llm: Any, path: str) -> None:
        """A handler with `raise_error` ends the call with its error, and the next call works.

        If this test fails, see whether an `except` around `on_llm_new_token` hides it.
        """
        with pytest.raises(LookupError, match="enough"):
            PATHS[path](llm, self.prompt, {"callbacks": [_Enough()]})
        assert PATHS[path](llm, self.prompt)

    # --- ends before the end ---

    def test_closing_a_stream(self) -> None:
        """Closing a stream, as leaving a loop does, ends the engine's work.

        If this test fails, close the engine's answer in a `finally` of the generator; a thread that
        reads it must be stopped.
        """

        def leave(llm: Any, _: float) -> float:
            stream = llm.stream(self.prompt)
            next(stream)
            left = time.perf_counter()
            stream.close()
            return left

        self._check_ends(leave)

    def test_closing_an_async_stream(self) -> None:
        """The same for an async stream.

        If this test fails, write `_astream` itself: LangChain's default reads `_stream` in a
        thread.
        """

        async def leave(llm: Any) -> float:
            stream = llm.astream(self.prompt)
            await anext(stream)
            left = time.perf_counter()
            await stream.aclose()
            return left

        self._check_ends(lambda llm, _: run(leave(llm)))

    def test_cancelling_a_call(self) -> None:
        """Cancelling an `ainvoke` ends the engine's work.

        If this test fails, write `_agenerate` on `_astream`: a thread cannot be cancelled.
        """

        async def leave(llm: Any, after: float) -> float:
            task = asyncio.ensure_future(llm.ainvoke(self.prompt))
            await asyncio.sleep(after)
            left = time.perf_counter()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            return left

        self._check_ends(lambda llm, whole: run(leave(llm, 0.1 * whole)))

    def _check_ends(self, leave: Callable[[Any, float], float]) -> None:
        """Whether the engine is free much sooner than the whole answer takes.

        A busy machine gets some tries.
        """
        llm = self.make(**self.long_answer)
        llm.invoke(self.prompt)  # so that the prompt is known to a cache, if there is one
        waits = []
        for _ in range(TRIES):
            started = time.perf_counter()
            llm.invoke(self.prompt)
            whole = time.perf_counter() - started
            left = leave(llm, whole)
            self._wait_until_free(llm)
            waits.append((time.perf_counter() - left) / whole)
            if waits[-1] < 0.5:
                return
        pytest.fail(
            f"the engine worked on for {min(waits):.0%} of the time that the whole answer takes"
        )

    def _wait_until_free(self, llm: Any) -> None:
        if self.engine_is_busy() is None:
            stream = llm.stream(self.prompt)
            next(stream)
            stream.close()
        while self.engine_is_busy():
            time.sleep(0.005)

    # --- threads and event loops ---

    def test_threads(self, llm: Any) -> None:
        """Calls and streams in several threads get each their own answer.

        If this test fails or the process dies, the engine can work on one answer at a time: give it
        a thread and a queue.
        """
        alone = [llm.invoke(prompt) for prompt in self.prompts]
        with ThreadPoolExecutor(2 * len(alone)) as pool:
            calls = pool.map(llm.invoke, self.prompts)
            streams = pool.map(lambda prompt: "".join(llm.stream(prompt)), self.prompts)
            assert list(calls) == alone
            assert list(streams) == alone

    def test_streams_in_turn(self, llm: Any) -> None:
        """Two streams that are read in turn in one thread both get their own answer.

        If this test fails or does not end, a lock is held from one token to the next: put answers
        in a queue each.
        """
        first, second = self.prompts[:2]
        texts: list[list[str]] = [[], []]
        for pair in _in_turn(llm.stream(first), llm.stream(second)):
            for text, part in zip(texts, pair, strict=True):
                text.append(part)
        assert ["".join(text) for text in texts] == [llm.invoke(first), llm.invoke(second)]

    def test_gather(self, llm: Any) -> None:
        """Calls and streams in one event loop get each their own answer, and do not block it.

        If this test fails, see `test_threads`.
        """

        async def together() -> tuple[list[str], list[str]]:
            calls = asyncio.gather(*(llm.ainvoke(prompt) for prompt in self.prompts))
            streams = asyncio.gather(*(_whole(llm.astream(prompt)) for prompt in self.prompts))
            return await calls, await streams

        alone = [llm.invoke(prompt) for prompt in self.prompts]
        assert run(together()) == (alone, alone)

    def test_event_loop_is_free(self) -> None:
        """While the model answers an `ainvoke`, other tasks of the event loop keep running.

        If this test fails, see whether `_agenerate` or `_astream` waits with a blocking call.
        """
        llm = self.make(**self.long_answer)
        shares = []
        for _ in range(TRIES):
            shares.append(run(self._longest_pause(llm)))
            if shares[-1] < 0.5:
                return
        pytest.fail(
            f"the event loop was blocked for {min(shares):.0%} of the time that the answer takes"
        )

    async def _longest_pause(self, llm: Any) -> float:
        """Return the longest time in which no other task ran, as a share of the answer's time."""
        pauses, started = [], time.perf_counter()
        task = asyncio.ensure_future(llm.ainvoke(self.prompt))
        while not task.done():
            slept = time.perf_counter()
            await asyncio.sleep(0.001)
            pauses.append(time.perf_counter() - slept)
        await task
        return max(pauses) / (time.perf_counter() - started)

    def test_second_event_loop(self, llm: Any) -> None:
        """The same object works in a second `asyncio.run`.

        If this test fails, keep async connections and locks for each event loop apart.
        """
        assert asyncio.run(llm.ainvoke(self.prompt)) == asyncio.run(llm.ainvoke(self.prompt))
        assert asyncio.run(_whole(llm.astream(self.prompt))) == asyncio.run(
            _whole(llm.astream(self.prompt))
        )


class _Enough(BaseCallbackHandler):
    raise_error = True

    def on_llm_new_token(self, *_: Any, **__: Any) -> None:
        raise LookupError("enough")


def _in_turn(first: Any, second: Any) -> Any:
    """Return the pairs of what two streams yield, empty where one has ended."""
    done = object()
    while True:
        pair = next(first, done), next(second, done)
        if pair == (done, done):
            return
        yield tuple("" if part is done else part for part in pair)


async def _whole(stream: Any) -> str:
    return "".join([text async for text in stream])
