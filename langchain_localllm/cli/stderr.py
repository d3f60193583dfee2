"""Print notes and progress on stderr, next to the answer on stdout."""

import contextlib
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_BAR_DELAY: Final = 1.0
"""Seconds of work before a bar is shown."""


def print_stderr(message: str) -> None:
    """Print one line on stderr."""
    with contextlib.suppress(OSError):  # a full disk must not end the command
        print(f"localllm: {' '.join(message.split())}", file=sys.stderr)


class Progress:
    """Show a bar on stderr, only on a terminal, and only if the work takes more than a second.

    Args:
        label: The text before the bar.
        in_bytes: Whether to show the counts as bytes, with the speed.
        counts: A format of the counts, with the fields that each call passes. Default:
            "done/total".

    Example:
        >>> with Progress("Reading") as progress:
        ...     progress(1, 2)
        ...     progress(2, 2)
    """

    def __init__(self, label: str, *, in_bytes: bool = False, counts: str = "") -> None:
        self._label = label
        self._in_bytes = in_bytes
        self._counts = counts
        self._start = time.monotonic()
        self._bar: RichProgress | None = None

    def __call__(self, done: int, total: int, **fields: Any) -> None:
        """Show how much of the total is done."""
        if (
            self._bar is None
            and sys.stderr.isatty()
            and time.monotonic() - self._start > _BAR_DELAY
        ):
            self._bar = _new_bar(in_bytes=self._in_bytes, counts=self._counts)
            self._bar.add_task(self._label, total=total, **fields)
            self._bar.start()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total, **fields)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _new_bar(*, in_bytes: bool, counts: str) -> "RichProgress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    if counts:
        numbers: tuple[ProgressColumn, ...] = (TextColumn(counts),)
    else:
        numbers = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
    columns = (TextColumn("{task.description}"), BarColumn(), *numbers, TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
