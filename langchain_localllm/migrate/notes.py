"""Word what the migration says about a place in a file."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Note:
    """What was changed and why, or what a person has to change.

    Attributes:
        line: The line in the file before the change; in a notebook, the line of the cell.
        text: One or two sentences.
        by_hand: Whether it needs a person.
        path: The file; `None` where code was given.
        cell: The number of the notebook's cell, from 1.
    """

    line: int
    text: str
    by_hand: bool = False
    path: Path | None = None
    cell: int | None = None

    def __str__(self) -> str:
        place = [str(self.path)] if self.path else []
        place += [f"cell {self.cell}"] if self.cell else []
        place += [str(self.line)]
        return f"{':'.join(place)}: {'by hand: ' if self.by_hand else ''}{self.text}"
