"""Standard tests: tokens reach callback handlers while the model runs."""

import time
from typing import Any

import pytest

from langchain_localllm.testing.base import TRIES, IntegrationTests, each_path, on_paths
from langchain_localllm.testing.paths import ASYNC_PATHS, BATCH_PATHS, PATHS, run
from langchain_localllm.testing.recorder import AsyncRecorder, Recorder


class StreamingTests(IntegrationTests):
    """Streaming is real: tokens are reported while the model runs."""

    @each_path
    @pytest.mark.parametrize("given_to", ["constructor", "config"])
    def test_streams_to_handlers(self, path: str, given_to: str) -> None:
        """Each token reaches `on_llm_new_token`, with its `chunk=`; together they are the answer.

        If this test fails on `invoke` or `batch`, build `_generate` on `_stream`, and call
        `run_manager.on_llm_new_token(chunk.text, chunk=chunk)` there for each chunk.
        """
        notes = Recorder()
        llm = self.make(callbacks=[notes]) if given_to == "constructor" else self.make()
        text = PATHS[path](
            llm, self.prompt, {"callbacks": [notes]} if given_to == "config" else None
        )
        assert text
        assert set(notes.texts) == {text}
        assert min(len(tokens) for tokens in notes.by_run.values()) > 1
        assert None not in notes.chunks

    @on_paths(ASYNC_PATHS)
    def test_streams_to_async_handlers(self, llm: Any, path: str) -> None:
        """Async handlers are awaited for each token on the async paths.

        If this test fails, write `_astream` and `_agenerate` with `await
        run_manager.on_llm_new_token(...)`.
        """
        handler = AsyncRecorder()
        text = PATHS[path](llm, self.prompt, {"callbacks": [handler]})
        assert set(handler.notes.texts) == {text}

    @each_path
    def test_no_empty_tokens(self, llm: Any, path: str) -> None:
        """No empty text is reported as a token.

        If this test fails, report only chunks that have text; the last one, which carries the
        usage, has none.
        """
        notes = Recorder()
        PATHS[path](llm, self.prompt, {"callbacks": [notes]})
        assert all(token for tokens in notes.by_run.values() for token in tokens)

    @on_paths(["stream", "astream"])
    def test_no_empty_chunks(self, llm: Any, path: str) -> None:
        """A stream yields no empty text.

        If this test fails, see `test_no_empty_tokens`; LangChain's own `stream` passes on the empty
        text of a last chunk too.
        """

        async def collect() -> list[str]:
            return [text async for text in llm.astream(self.prompt)]

        assert all(llm.stream(self.prompt) if path == "stream" else run(collect()))

    @each_path
    def test_first_token_comes_early(self, path: str) -> None:
        """The first token is reported long before the last.

        If this test fails, the answer is probably collected before it is returned: ask the engine
        for a stream, read it with `_stream` and `_astream`, and do not block the event loop
        meanwhile.
        """
        assert any(self._share_before_first_token(path) < 0.7 for _ in range(TRIES))

    def _share_before_first_token(self, path: str) -> float:
        notes = _Clock()
        PATHS[path](self.make(**self.long_answer), self.prompt, {"callbacks": [notes]})
        assert len(notes.times) > 1, "no tokens were reported"
        return (notes.times[0] - notes.started) / (time.perf_counter() - notes.started)

    @on_paths(BATCH_PATHS)
    def test_batch_tokens_by_run(self, path: str) -> None:
        """In a batch, each run reports the tokens of its own prompt.

        If this test fails, override `_generate_helper` and `_agenerate_helper`: LangChain's hand
        only the first run to `_generate`.
        """
        notes = Recorder()
        llm = self.make(callbacks=[notes])
        answers = llm.batch(self.prompts) if path == "batch" else run(llm.abatch(self.prompts))
        assert sorted(notes.texts) == sorted(answers)


class _Clock(Recorder):
    """Notes when tokens came."""

    def __init__(self) -> None:
        super().__init__()
        self.started = time.perf_counter()
        self.times: list[float] = []

    def on_llm_start(self, *_: Any, **__: Any) -> None:
        self.started = time.perf_counter()

    def on_llm_new_token(self, token: Any, **_: Any) -> None:
        if token:
            self.times.append(time.perf_counter())
