"""Find the header of each table in a text, for passages that begin below it."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from langchain_localllm.rag.ingest.formats.table import names_columns

_ROW: Final = re.compile(r"\|.*\||.* \| .*")
_RULE: Final = re.compile(r"\|?(?:\s*:?-+:?\s*\|)*(?:\s*:?-+:?)?")
"""The line below the header of a table in Markdown."""
_LEAST_ROWS: Final = 3
_LEAST_COLUMNS: Final = 3
"""Of a table whose header is not marked: two columns are often names and values."""
_LONGEST: Final = 300
"""Characters of a header that is repeated in front of passages."""


def table_headers(text: str) -> Iterator[tuple[int, int, str]]:
    r"""Yield where the rows below a header begin, where its table ends, and the header.

    A table is a run of lines with cells between bars. Its header is the line above Markdown's rule,
    or else the first line, if it names three columns or more and holds no numbers but years and
    dates.

    Example:
        >>> text = "| boat | price |\n|---|---|\n| Heron | 14 |\n| Tern | 9 |"
        >>> [(text[start:end], header) for start, end, header in table_headers(text)]
        [('| Heron | 14 |\n| Tern | 9 |', 'boat | price')]
    """
    if "|" not in text:
        return
    lines: list[tuple[int, str]] = []
    place = 0
    for line in [*text.split("\n"), ""]:
        cells = line.strip()
        if _ROW.fullmatch(cells) or (lines and "|" in cells and _RULE.fullmatch(cells)):
            lines.append((place, cells))
        else:
            if found := _header(lines):
                yield *found[:1], place - 1, found[1]
            lines = []
        place += len(line) + 1


def _header(lines: Sequence[tuple[int, str]]) -> tuple[int, str] | None:
    """Return where the rows of a table begin, and its header, if it has one."""
    if len(lines) < _LEAST_ROWS:
        return None
    cells, below = ([cell.strip() for cell in line.strip("|").split("|")] for _, line in lines[:2])
    is_marked = bool(_RULE.fullmatch(lines[1][1]))
    header = " | ".join(cells)
    if len(header) > _LONGEST or not (
        is_marked
        or (len(cells) >= _LEAST_COLUMNS and names_columns(_filled(cells), _filled(below)))
    ):
        return None
    return lines[2 if is_marked else 1][0], header


def _filled(cells: list[str]) -> dict[int, str]:
    return {column: cell for column, cell in enumerate(cells) if cell}
