"""Update an index in a thread while a server already answers."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from langchain_localllm.errors import LocalLLMError
from langchain_localllm.rag import Progress
from langchain_localllm.web.documents import Documents


class _StoppedError(Exception):
    """The server ends."""


class BackgroundIndexing:
    """Update the index within a `with` block.

    At its end the update stops, and the next one resumes it.

    Args:
        documents: The documents.
        report: Called with a sentence if files could not be read or the update failed.
    """

    def __init__(self, documents: Documents, report: Callable[[str], None]) -> None:
        self._documents = documents
        self._report = report
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="localllm-indexing", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            report = self._documents.index(on_progress=self._check)
        except _StoppedError:
            return
        except LocalLLMError as error:
            self._report(f"The documents could not be indexed: {error}")
            return
        for problem in report.problems:
            self._report(f"Left out: {problem}")

    def _check(self, _now: Progress) -> None:
        if self._stopping.is_set():
            raise _StoppedError
