"""With how many threads a batch is computed."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from langchain_localllm.gguf.threads import physical_cores

_REMEMBERED: Final = 8
"""Batches from which a speed is known."""
_OUTLIER: Final = 3
"""A batch that takes more than so many times the shortest time counts as this much: the machine did something else."""
_TOO_LONG: Final = 2
"""Times what it takes with one thread: so long a batch may take with several."""
_FIRST_PAUSE: Final = 16
_LONGEST_PAUSE: Final = 1024
"""Batches between two tries of the number of threads that was slower, at first and at most."""


@dataclass(slots=True)
class _Trial:
    """What is known of batches of about one size.

    Attributes:
        spent: Number of threads to seconds for a token, of the last batches.
        pause: Batches between two tries of what is slower.
        left: Batches until the next.
    """

    spent: dict[int, deque[float]] = field(default_factory=dict)
    pause: int = _FIRST_PAUSE
    left: int = _FIRST_PAUSE

    def fastest(self) -> int:
        return min(self.spent, key=lambda number: _typical(self.spent[number]))

    def add(self, number: int, seconds: float) -> None:
        """A batch was computed so."""
        if self.left and number in self.spent:
            self.spent[number].append(seconds)
            return
        self.spent[number] = deque([seconds], _REMEMBERED)  # how it went long ago does not count
        if not self.left:
            won = self.fastest() == number
            self.left = self.pause = _FIRST_PAUSE if won else min(2 * self.pause, _LONGEST_PAUSE)


def _typical(values: Iterable[float]) -> float:
    values = list(values)
    most = _OUTLIER * min(values)
    return sum(min(value, most) for value in values) / len(values)


class Threads:
    """How many threads compute a batch: a fixed number, or one or one per physical core, chosen by trying both.

    For a small model, several are up to twice as fast as one while the machine has nothing else to do, and many times slower
    while it has, since they wait for each other. So what takes too long is given up, and done with one.

    Args:
        fixed: Threads for a single token and for several, or `None` to choose.

    Attributes:
        most: Threads at most.
    """

    def __init__(self, fixed: tuple[int, int] | None = None) -> None:
        self._fixed = fixed
        self._numbers = {1, physical_cores()}
        self.most = max(fixed or self._numbers)
        self._trials: dict[int, _Trial] = {}

    def choose(self, size: int) -> int:
        """The number of threads for a batch of so many tokens."""
        if self._fixed:
            return self._fixed[size > 1]
        trial = self._trials.setdefault(size.bit_length(), _Trial())
        if untried := self._numbers - trial.spent.keys():
            return min(untried)
        trial.left = max(0, trial.left - 1)
        fastest = trial.fastest()
        return fastest if trial.left else max(self._numbers - {fastest}, default=fastest)

    def limit(self, size: int, number: int) -> float | None:
        """Seconds after which a batch with so many threads is given up; `None` is never."""
        if self._fixed or number == 1:
            return None
        return _TOO_LONG * size * _typical(self._trials[size.bit_length()].spent[1])

    def record(self, size: int, number: int, seconds: float) -> None:
        """A batch was computed, or given up, with so many threads."""
        if not self._fixed:
            self._trials[size.bit_length()].add(number, seconds / size)
