"""Answers on stdout: tables, which follow the terminal's width and `NO_COLOR`, and JSON."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""The option that every command has."""

_PIPE_WIDTH: Final = 160
"""Columns of a table that goes into a file or a pipe."""
_WIDEST: Final = 10_000
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def console() -> "Console":
    """Return what prints on stdout, as wide as the terminal."""
    from rich.console import Console

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, highlight=False)


def print_json(value: Any) -> None:
    """Print one JSON value on a line."""
    print(json.dumps(value, ensure_ascii=False, default=str))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()
) -> None:
    """Print rows under the names of their columns; the columns in `right` are aligned right.

    Where the terminal is too narrow for a table, each row becomes a few lines.
    """
    from rich import box
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    numbers = set(right)
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number in numbers else "left", overflow="fold")
    rows = list(rows)
    for row in rows:
        table.add_row(*map(Text, row))
    screen = console()
    wanted = Measurement.get(screen, screen.options.update(max_width=_WIDEST), table).maximum
    if wanted <= screen.width or not rows:
        screen.print(table)
    else:
        print(
            "\n\n".join(
                "\n".join(
                    f"{name}: {cell}" for name, cell in zip(columns, row, strict=False) if cell
                )
                for row in rows
            )
        )


def size(count: float) -> str:
    """Return the bytes as a person reads them.

    Example:
        >>> size(1_254_000_000)
        '1.3 GB'
    """
    step = 1000.0
    for unit in _UNITS[:-1]:
        if count < step:
            return f"{count:.0f} {unit}" if unit in {"B", "kB"} else f"{count:.1f} {unit}"
        count /= step
    return f"{count:.1f} {_UNITS[-1]}"
