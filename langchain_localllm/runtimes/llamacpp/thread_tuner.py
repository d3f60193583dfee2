"""Choose the number of threads for each batch by measuring."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from langchain_localllm.gguf.threads import physical_cores

_REMEMBERED: Final = 8
"""How many batches the average speed is taken from."""
_OUTLIER: Final = 3
"""A batch that takes longer than this many times the shortest one is counted as this long: the
machine was busy."""
_TOO_LONG: Final = 2
"""Abort a batch that takes longer than this many times the time with the other number of
threads."""
_LONG: Final = 0.05
"""Seconds from which a batch is long: to try it on one thread would take too much time."""
_UNDISTURBED: Final = 0.95
"""The share of its threads' time that a batch has on idle cores, at least. Threads that wait spin,
so on busy cores the share is high as well."""
_FIRST_INTERVAL: Final = 16
_LONGEST_INTERVAL: Final = 1024
"""Batches between two trials of the slower number of threads, at first and at most."""


@dataclass(slots=True)
class _Trial:
    """Measure batches of about one size.

    Attributes:
        samples: Number of threads to seconds for a token, of the last batches.
        interval: Batches between two trials of the slower number.
        countdown: Batches until the next trial.
        undisturbed: Whether the last batch on several threads was long and had the cores for
            itself. Then no other number is tried, since one thread cannot be faster.
        aborted: The number of threads on which the last batch was aborted; 0 for none.
    """

    samples: dict[int, deque[float]] = field(default_factory=dict)
    interval: int = _FIRST_INTERVAL
    countdown: int = _FIRST_INTERVAL
    undisturbed: bool = False
    aborted: int = 0

    def fastest(self) -> int:
        return min(self.samples, key=lambda number: _typical(self.samples[number]))

    def add(self, number: int, seconds: float) -> None:
        """Record the time of a batch on this number of threads."""
        if self.countdown and number in self.samples:
            self.samples[number].append(seconds)
            return
        self.samples[number] = deque([seconds], _REMEMBERED)  # old measurements do not count
        if not self.countdown:
            won = self.fastest() == number
            self.countdown = self.interval = (
                _FIRST_INTERVAL if won else min(2 * self.interval, _LONGEST_INTERVAL)
            )


def _typical(values: Iterable[float]) -> float:
    values = list(values)
    most = _OUTLIER * min(values)
    return sum(min(value, most) for value in values) / len(values)


class ThreadTuner:
    """Choose the number of threads for a batch.

    It is a fixed number, or the faster of one thread and one per physical core. Several threads
    are faster on an idle machine, and many times slower on a busy one, since they wait for each
    other. So both are tried, several threads first, and a batch that takes too long is aborted and
    computed with the other number. A long batch is not tried on one thread as long as several have
    the cores for themselves.

    Args:
        fixed: Threads for a single token and for several, or `None` to measure.

    Attributes:
        most: The largest number of threads that can be chosen.
    """

    def __init__(self, fixed: tuple[int, int] | None = None) -> None:
        self._fixed = fixed
        self._numbers = {1, physical_cores()}
        self.most = max(fixed or self._numbers)
        self._trials: dict[int, _Trial] = {}

    def pick(self, size: int) -> int:
        """Return the number of threads for a batch of `size` tokens."""
        if self._fixed:
            return self._fixed[size > 1]
        trial = self._trials.setdefault(size.bit_length(), _Trial())
        if trial.aborted:
            aborted, trial.aborted = trial.aborted, 0
            return max(self._numbers - {aborted})
        if trial.undisturbed:
            return self.most
        if untried := self._numbers - trial.samples.keys():
            return max(untried)
        trial.countdown = max(0, trial.countdown - 1)
        fastest = trial.fastest()
        return fastest if trial.countdown else max(self._numbers - {fastest}, default=fastest)

    def timeout(self, size: int, number: int) -> float | None:
        """Return the seconds after which a batch on `number` threads is aborted.

        `None` is never. On one thread, only long batches are watched, since that takes time.
        """
        samples = {} if self._fixed else self._trials[size.bit_length()].samples
        others = [_typical(found) for other, found in samples.items() if other != number]
        if not others:
            return None
        expected = size * min(others)
        if number == 1 and expected < _LONG:
            return None
        return _TOO_LONG * expected

    def record(
        self,
        size: int,
        number: int,
        seconds: float,
        cpu_seconds: float,
        *,
        aborted: bool = False,
    ) -> None:
        """Record a batch.

        Args:
            size: Its tokens.
            number: Its threads.
            seconds: The time that it took, or after which it was aborted.
            cpu_seconds: The time that all threads of the process computed meanwhile.
            aborted: Whether it was aborted, so that it is computed again, with the other number.
        """
        if self._fixed:
            return
        trial = self._trials[size.bit_length()]
        trial.aborted = number if aborted else 0
        trial.add(number, seconds / size)
        if number > 1:
            had_cores = cpu_seconds >= _UNDISTURBED * number * seconds
            trial.undisturbed = had_cores and seconds >= _LONG
