"""The shapes of code in `shapes.txt`: what people have, what the migration makes of it, and its
notes."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NOT_RUN: Final = " (not run)"
_SHAPE: Final = re.compile(
    (
        r"^## (?P<name>[^\n]+)\n\n```python\n(?P<before>.*?)^```\n\n```python\n(?P<after>.*?)^```\n"
        r"\n```text\n(?P<notes>.*?)^```"
    ),
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Shape:
    """Code before and after, the lines of the notes, and whether the code after can run."""

    name: str
    before: str
    after: str
    notes: tuple[str, ...]
    runs: bool


def _read() -> list[Shape]:
    page = Path(__file__).with_name("shapes.txt").read_text(encoding="utf-8")
    return [
        Shape(
            found["name"].removesuffix(_NOT_RUN),
            found["before"],
            found["after"],
            tuple(found["notes"].splitlines()),
            not found["name"].endswith(_NOT_RUN),
        )
        for found in _SHAPE.finditer(page)
    ]


SHAPES: Final = _read()
