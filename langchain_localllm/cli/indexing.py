"""Index with a bar that shows files, passages and the remaining time."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from langchain_localllm.cli.rag_output import MOST_NAMED, note_problems
from langchain_localllm.cli.stderr import Progress
from langchain_localllm.errors import DocumentError

if TYPE_CHECKING:
    from langchain_localllm.rag import LocalRAG, Report
    from langchain_localllm.rag import Progress as IndexProgress

_COUNTS: Final = (
    "{task.fields[files]}/{task.fields[all_files]} files, {task.fields[passages]} passages"
)


def index_paths(
    rag: "LocalRAG",
    paths: Sequence[Path],
    *,
    rebuild: bool = False,
    exclude: Sequence[str] | None = None,
    gitignore: bool | None = None,
    ocr: str | None = None,
    file_timeout: float | None = None,
    may_be_empty: bool = False,
) -> "Report":
    """Index files and folders, and show the progress.

    Args:
        rag: The index.
        paths: Files and folders; none for those indexed before.
        rebuild: Whether the index is made from scratch.
        exclude: Patterns of files that are left out; an empty one forgets those of before.
        gitignore: Whether `.gitignore` files count.
        ocr: Languages of scans and pictures, as Tesseract names them.
        file_timeout: Seconds of processor time that reading a file may take.
        may_be_empty: Whether an index without passages is fine.

    Raises:
        DocumentError: They contain no readable text.
    """
    with Progress("Indexing", counts=_COUNTS) as progress:

        def show(now: "IndexProgress") -> None:
            progress(
                now.bytes,
                now.all_bytes,
                files=now.files,
                all_files=now.all_files,
                passages=now.passages,
            )

        patterns = None if exclude is None else [pattern for pattern in exclude if pattern.strip()]
        report = rag.index(
            paths,
            rebuild=rebuild,
            exclude=patterns,
            gitignore=gitignore,
            ocr=ocr,
            file_timeout=file_timeout,
            on_progress=show,
        )
    if not may_be_empty and not rag.store.catalog.counts().passages:
        if len(report.problems) == 1:
            raise DocumentError(report.problems[0])
        note_problems(report.problems[:MOST_NAMED])
        names = ", ".join(map(str, paths or rag.store.setting("roots")))
        raise DocumentError(
            f"There is no readable text in {names}. Give text, Markdown, HTML, PDF or Office "
            "files, or folders."
        )
    return report
