"""Show the progress of long work on stderr.

It is one line on a terminal and in a notebook, else a line for each tenth. It is our own, since a
library for it would be one more dependency of every installation, for forty lines.
"""

import sys
import threading
import time
from typing import Final, Self

_WIDTH: Final = 24
_STEPS: Final = 10
"""Lines where no line can be written again, such as in a file."""
_PAUSE: Final = 0.1
"""Seconds between two changes of the line."""
_MINUTE: Final = 60
"""Seconds."""
_HOUR: Final = 60
"""Minutes."""
_DAY: Final = 24
"""Hours."""
_SLOW, _FAST = 1, 10
"""Rates below which it is shown per minute, and with a decimal."""


class ProgressBar:
    """A bar that grows to a total; threads may share it.

    Args:
        what: What is counted, such as `texts`.
        total: How many there are; with 0, nothing is shown.
    """

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done = what, total, 0
        self._stream = sys.stderr
        self._again = self._stream.isatty() or type(self._stream).__module__.startswith("ipykernel")
        self._started = self._written = time.monotonic()
        self._lock = threading.Lock()
        self._step = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._again and self._total:
            self._stream.write(f"{self._line()}\n")  # the last state

    def add(self, count: int) -> None:
        """Count what is done."""
        with self._lock:
            self._done += count
            if self._total and self._is_time():
                self._stream.write(self._line() if self._again else f"{self}\n")
                self._stream.flush()

    def _is_time(self) -> bool:
        now, step = time.monotonic(), self._done * _STEPS // self._total
        due = now - self._written >= _PAUSE if self._again else step > self._step
        if due:
            self._written, self._step = now, step
        return due

    def _line(self) -> str:
        full = self._done * _WIDTH // self._total
        return f"\r[{'#' * full:<{_WIDTH}}] {self}   "

    def __str__(self) -> str:
        seconds = max(time.monotonic() - self._started, 1e-9)
        left = seconds / self._done * (self._total - self._done) if self._done else 0.0
        rate = _rate(self._done / seconds)
        return f"{self._done:,} of {self._total:,} {self._what}, {rate}, {_clock(left)} left"


def _rate(per_second: float) -> str:
    if per_second < _SLOW:
        return f"{per_second * _MINUTE:,.1f} a minute"
    return f"{per_second:,.{1 if per_second < _FAST else 0}f} a second"


def _clock(seconds: float) -> str:
    """Return minutes and seconds, or hours, or days and hours."""
    minutes, rest = divmod(round(seconds), _MINUTE)
    if minutes < _HOUR:
        return f"{minutes}:{rest:02}"
    hours, minutes = divmod(minutes, _HOUR)
    days, hours = divmod(hours, _DAY)
    return f"{days} d {hours} h" if days else f"{hours}:{minutes:02} h"
