"""Read files in a child process, which can be stopped when one takes too long."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.rag.ingest.file_keys import readable
from langchain_localllm.rag.ingest.formats.located import located
from langchain_localllm.rag.ingest.formats.partly import PartlyReadError
from langchain_localllm.rag.ingest.load import is_plain_text, iterate_file
from langchain_localllm.rag.ingest.reader_process import READY

SECONDS: Final = 120.0
"""Seconds of processor time that reading a file may take by default."""
_MODULE: Final = "langchain_localllm.rag.ingest.reader_process"
_ERRORS: Final = {each.__name__: each for each in (PartlyReadError, MissingDependencyError)}
_LOGGER: Final = logging.getLogger(__name__)


class ChildReader:
    """Reads files one after the other, all but plain text in one child process.

    A file that takes too long, takes too much memory or crashes a library is named, and the child
    process is started again for the next file. Where no child process can be started, as in
    programs that embed Python, files are read in this process without these limits.

    Args:
        ocr: Languages of scans and pictures, as of `load_documents`.
        seconds: Processor time that a file may take; 0 for no limit. The time of Tesseract, which
            has a limit of its own for each page, does not count.

    Example:
        >>> from contextlib import closing
        >>> with closing(ChildReader()) as reader:
        ...     documents = list(reader.documents("docs/handbook/people.md"))
        >>> documents[0].metadata["heading"]
        'Who does what'
    """

    def __init__(self, ocr: str = "", seconds: float = SECONDS) -> None:
        self._ocr = ocr
        self._seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._can_start = bool(sys.executable) and not getattr(sys, "frozen", False)
        self._is_reading = False

    def documents(self, path: str | Path) -> Iterator[Document]:
        """Yield the documents of a file; see `iterate_file`.

        Raises:
            DocumentError: As of `iterate_file`, or reading it took too long or crashed.
        """
        if is_plain_text(Path(path), self._ocr) or not self._start():
            yield from iterate_file(path, self._ocr)
            return
        self._is_reading = True
        self._ask(path)
        while "end" not in (answer := self._answer(path)):
            if "error" in answer:
                self._is_reading = False
                raise _error(answer)
            yield _document(answer)
        self._is_reading = False

    def close(self) -> None:
        """End the child process."""
        child, self._child = self._child, None
        if child:
            child.kill()
            child.communicate()

    def _start(self) -> bool:
        """Return whether a child process waits for a file; start one if there is none."""
        # the caller left it in the middle of a file, whose rest would come next
        if self._child and (self._is_reading or self._child.poll() is not None):
            self.close()
        if self._child or not self._can_start:
            return self._can_start
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),  # noqa: PTH109 - a text
            "OPENBLAS_NUM_THREADS": "1",  # each thread reserves memory, which is limited
        }
        try:
            self._child = subprocess.Popen(  # noqa: S603 - our own code in this Python
                [sys.executable, "-P", "-m", _MODULE],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for this process, which then ends the child
            )
            self._can_start = self._line() == READY
        except OSError:
            self._can_start = False
        if not self._can_start:
            self.close()
            _LOGGER.warning("No child process can read files; they are read without a time limit.")
        return self._can_start

    def _ask(self, path: str | Path) -> None:
        child = self._child
        request = {"path": str(path), "ocr": self._ocr, "seconds": self._seconds}
        try:
            if child and child.stdin:
                child.stdin.write(json.dumps(request).encode() + b"\n")
                child.stdin.flush()
        except BrokenPipeError:
            pass  # the end of its output says how it ended

    def _answer(self, path: str | Path) -> dict[str, Any]:
        line = self._line()
        if not line.endswith(b"\n"):
            raise self._death(path)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _line(self) -> bytes:
        return self._child.stdout.readline() if self._child and self._child.stdout else b""

    def _death(self, path: str | Path) -> DocumentError:
        """Return why the child process ended in the middle of a file."""
        status = self._child.wait() if self._child else 0
        self.close()
        if status == -signal.SIGPROF:
            return DocumentError(f"{readable(path)}: {too_slow(self._seconds)}")
        name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        error = DocumentError(
            f"{readable(path)}: the process that read it ended ({name}). Save it in another format."
        )
        if status in {-signal.SIGKILL, -signal.SIGTERM}:
            # not by a fault of the file, perhaps: the next run tries it again
            error.__cause__ = ChildProcessError(name)
        return error


def too_slow(seconds: float) -> str:
    """Return why a file was not read in time."""
    return (
        f"reading it took more than {seconds:g} seconds. Save it in another format, or allow more: "
        f"`localllm rag index --file-timeout {2 * seconds:g}`, or `file_timeout=` in Python."
    )


def is_too_slow(problem: str, seconds: float) -> bool:
    """Return whether a file was not read within another time than this one.

    Example:
        >>> is_too_slow("a.pdf: " + too_slow(60), 120), is_too_slow("a.pdf: " + too_slow(60), 60)
        (True, False)
    """
    mark, _, _ = too_slow(0).partition("0 seconds")
    return mark in problem and too_slow(seconds) not in problem


def _document(answer: dict[str, Any]) -> Document:
    if "lines" in answer:
        return located(answer["text"], answer["lines"], answer["metadata"])
    return Document(answer["text"], metadata=answer["metadata"])


def _error(answer: dict[str, Any]) -> Exception:
    error = _ERRORS.get(answer["error"], DocumentError)(answer["message"])
    if "errno" in answer:
        error.__cause__ = OSError(*answer["errno"])
    return error
