"""Indexing with a bar that shows files, passages and the time that is left."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from langchain_localllm.errors import DocumentError

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from langchain_localllm.rag import LocalRAG, Progress, Report

_PATIENCE: Final = 1.0
"""Seconds; shorter work needs no bar."""


def index_paths(rag: "LocalRAG", paths: Sequence[Path], *, rebuild: bool = False) -> "Report":
    """Index files and folders, and show how far it is.

    Raises:
        DocumentError: There is nothing to read in them.
    """
    with _Bar() as bar:
        report = rag.index(paths, rebuild=rebuild, on_progress=bar.show)
    if not rag.store.catalog.counts().passages:
        if len(report.problems) == 1:
            raise DocumentError(report.problems[0])  # the one reason why there is nothing to read
        names = ", ".join(map(str, paths or rag.store.setting("roots")))
        raise DocumentError(f"There is no readable text in {names}. Give files of text, Markdown, HTML, PDF or Word, or folders.")
    return report


class _Bar:
    """A bar on stderr, on a terminal only, and only when the work takes more than a second."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._bar: RichProgress | None = None

    def show(self, now: "Progress") -> None:
        if self._bar is None and sys.stderr.isatty() and time.monotonic() - self._start > _PATIENCE:
            self._bar = _new_bar()
            self._bar.add_task("Indexing", total=now.all_bytes, files=0, all_files=0, passages=0)
            self._bar.start()
        if self._bar is not None:
            self._bar.update(
                self._bar.task_ids[0], completed=now.bytes, files=now.files, all_files=now.all_files, passages=now.passages
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()


def _new_bar() -> "RichProgress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    counts = TextColumn("{task.fields[files]}/{task.fields[all_files]} files, {task.fields[passages]} passages")
    columns = (TextColumn("{task.description}"), BarColumn(), counts, TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
