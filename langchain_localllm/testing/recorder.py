"""Record what a model reports to callback handlers."""

from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.outputs import LLMResult


class Recorder(BaseCallbackHandler):
    """Writes down tokens, chunks, results and errors.

    Attributes:
        by_run: Run id to the tokens that were reported for it.
        chunks: What came as `chunk=`, one a token.
        results: What `on_llm_end` was given.
        errors: What `on_llm_error` was given.
    """

    def __init__(self) -> None:
        self.by_run: dict[Any, list[str]] = {}
        self.chunks: list[Any] = []
        self.results: list[LLMResult] = []
        self.errors: list[BaseException] = []

    def on_llm_new_token(
        self, token: Any, *, chunk: Any = None, run_id: Any = None, **_: Any
    ) -> None:
        """LangChain calls this, as those below."""
        self.by_run.setdefault(run_id, []).append(token)
        self.chunks.append(chunk)

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """When an answer is complete."""
        self.results.append(response)

    def on_llm_error(self, error: BaseException, **_: Any) -> None:
        """When a call failed."""
        self.errors.append(error)

    @property
    def texts(self) -> list[str]:
        """The text that was reported for each run."""
        return ["".join(tokens) for tokens in self.by_run.values()]


class AsyncRecorder(AsyncCallbackHandler):
    """Record the events of async handlers in `notes`."""

    def __init__(self) -> None:
        self.notes = Recorder()

    async def on_llm_new_token(
        self, token: Any, *, chunk: Any = None, run_id: Any = None, **_: Any
    ) -> None:
        """LangChain calls this."""
        self.notes.on_llm_new_token(token, chunk=chunk, run_id=run_id)
