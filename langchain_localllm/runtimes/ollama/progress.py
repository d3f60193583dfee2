"""The progress of a download, on stderr."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TextIO

_STEPS: Final = 10
"""Lines for a file where no line can be written again."""
_UNITS: Final = ("B", "kB", "MB", "GB")
_KILO: Final = 1000


@dataclass(frozen=True, slots=True)
class PullProgress:
    """A step of a download.

    Attributes:
        status: What Ollama does, in its words, such as `verifying sha256 digest`.
        digest: The file that is downloaded, or an empty string.
        total: Bytes of that file.
        completed: Bytes of it that are there.
    """

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0

    def __str__(self) -> str:
        if not self.total:
            return self.status
        return (
            f"{self.status}: {_bytes(self.completed)} of {_bytes(self.total)}, "
            f"{self.completed / self.total:.0%}"
        )


def show_on_stderr() -> Callable[[PullProgress], None]:
    """Return a function that writes each step to stderr.

    It is one line on a terminal and in a notebook, else a line for each tenth of a file.
    """
    stream = sys.stderr
    return (
        _one_line(stream)
        if stream.isatty() or type(stream).__module__.startswith("ipykernel")
        else _lines(stream)
    )


def _one_line(stream: TextIO) -> Callable[[PullProgress], None]:
    shown = ""

    def write(step: PullProgress) -> None:
        nonlocal shown
        text = str(step)
        if text != shown:
            last = "\n" if step.status == "success" else ""
            stream.write(f"\r{text.ljust(len(shown))}{last}")
            stream.flush()
            shown = text

    return write


def _lines(stream: TextIO) -> Callable[[PullProgress], None]:
    shown: tuple[str, int] = ("", 0)

    def write(step: PullProgress) -> None:
        nonlocal shown
        now = (step.status, step.completed * _STEPS // step.total if step.total else 0)
        if now != shown:
            stream.write(f"{step}\n")
            shown = now

    return write


def _bytes(count: float) -> str:
    for unit in _UNITS[:-1]:
        if count < _KILO:
            return f"{count:.3g} {unit}"
        count /= _KILO
    return f"{count:.3g} {_UNITS[-1]}"
