"""Print notes and progress on stderr, next to the answer on stdout."""

import contextlib
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_PATIENCE: Final = 1.0  # seconds; shorter work needs no bar


def note(message: str) -> None:
    """Print one line on stderr."""
    with contextlib.suppress(OSError):  # a full disk under stderr is no reason to fail
        print(f"localllm: {' '.join(message.split())}", file=sys.stderr)


class Progress:
    """A bar on stderr, shown only on a terminal and only when the work takes more than a second.

    Args:
        label: What is being done.
        in_bytes: Whether bytes are counted, which are shown as such, with their speed.

    Example:
        >>> with Progress("Reading") as progress:
        ...     progress(1, 2)
        ...     progress(2, 2)
    """

    def __init__(self, label: str, *, in_bytes: bool = False) -> None:
        self._label = label
        self._in_bytes = in_bytes
        self._start = time.monotonic()
        self._bar: RichProgress | None = None

    def __call__(self, done: int, total: int) -> None:
        """Show how much of the total is done."""
        if self._bar is None and sys.stderr.isatty() and time.monotonic() - self._start > _PATIENCE:
            self._bar = _new_bar(in_bytes=self._in_bytes)
            self._bar.add_task(self._label)
            self._bar.start()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()


def _new_bar(*, in_bytes: bool) -> "RichProgress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    counts = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
    columns = (TextColumn("{task.description}"), BarColumn(), *counts, TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
