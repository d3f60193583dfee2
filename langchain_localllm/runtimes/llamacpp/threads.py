"""With how many threads a batch is computed."""

from dataclasses import dataclass, field
from typing import Final

from langchain_localllm.base.threads import physical_cores

_FIRST_PAUSE: Final = 16
_LONGEST_PAUSE: Final = 1024
"""Batches between two tries of the number of threads that was slower, at first and at most."""


@dataclass(slots=True)
class _Trial:
    """What is known of batches of about one size.

    Attributes:
        spent: Number of threads to seconds for a token, in the last batch.
        pause: Batches between two tries of what is slower.
        left: Batches until the next.
    """

    spent: dict[int, float] = field(default_factory=dict)
    pause: int = _FIRST_PAUSE
    left: int = _FIRST_PAUSE


class BatchThreads:
    """Chooses between one thread and one per physical core by trying both, where nobody says.

    For a small model, several are up to twice as fast as one where the machine has nothing else to do, and many times slower
    where it has, since they wait for each other.

    Args:
        number: The number, or `None` to choose.
    """

    def __init__(self, number: int | None) -> None:
        self._numbers = [number] if number else sorted({1, physical_cores()}, reverse=True)
        self._trials: dict[int, _Trial] = {}

    def choose(self, size: int) -> int:
        """The number of threads for a batch of so many tokens."""
        if len(self._numbers) == 1:
            return self._numbers[0]
        trial = self._trials.setdefault(size.bit_length(), _Trial())
        if untried := [number for number in self._numbers if number not in trial.spent]:
            return untried[0]
        trial.left -= 1
        choice = min if trial.left else max
        return choice(trial.spent, key=trial.spent.__getitem__)

    def learn(self, size: int, number: int, seconds: float) -> None:
        """A batch was computed with so many threads."""
        trial = self._trials.get(size.bit_length())
        if trial is None:
            return
        trial.spent[number] = seconds / size
        if not trial.left:
            won = number == min(trial.spent, key=trial.spent.__getitem__)
            trial.left = trial.pause = _FIRST_PAUSE if won else min(2 * trial.pause, _LONGEST_PAUSE)
