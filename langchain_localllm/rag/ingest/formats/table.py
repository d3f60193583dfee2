"""Tables as text: a Document for each row, with the names of its columns."""

import csv
import re
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain, pairwise
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.ingest.formats.located import located
from langchain_localllm.rag.ingest.formats.text import decode
from langchain_localllm.rag.ingest.normalize import normalize

Cells = dict[int, str]
"""The filled cells of a row, by the number of their column."""

_SAMPLE = 10_000
_DELIMITERS = ",;\t|"
_EMPTY_END: Final = re.compile(r"(?: \| ?)+$")
_LETTER: Final = re.compile(r"[^\W\d_]")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d")
_LONGEST_TITLE: Final = 150
_LEAST_COLUMNS: Final = 2


def read_csv(data: bytes) -> Iterator[Document]:
    r"""Yield the rows of a table, each as `"boat: Heron; price: 14"`.

    The names are those in the first row.

    Example:
        >>> [row.page_content for row in read_csv(b"boat,price\nHeron,14\nTern,9")]
        ['boat: Heron; price: 14', 'boat: Tern; price: 9']
    """
    text = normalize(decode(data))
    # a long cell is split into passages later
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    lines = csv.reader(StringIO(text, newline=""), _dialect(text[:_SAMPLE]))
    try:
        rows = _csv_rows(lines)
        names = next(rows, (1, {}))
        following = next(rows, None)
        if following is None:
            yield located("; ".join(names[1].values()), [(0, names[0])])
        elif [*names[1]] == [0] and len(following[1]) > 1:  # a title above the table
            yield from read_sheet(chain([names, following], rows), "")
        else:
            for number, row in chain([following], rows):
                yield located(row_text(names[1], row), [(0, number)])
    except csv.Error as error:
        raise DocumentError(
            f"it is not a readable table ({error}). Save it again as CSV."
        ) from error


def _csv_rows(lines: Any) -> Iterator[tuple[int, Cells]]:
    """Yield the rows that are not empty, with the line in which each begins."""
    line = 1
    for row in lines:
        if cells := {column: value.strip() for column, value in enumerate(row) if value.strip()}:
            yield line, cells
        line = lines.line_num + 1


def read_sheet(rows: Iterable[tuple[int, Cells]], name: str) -> Iterator[Document]:
    """Yield the rows of a sheet, which may hold titles and several tables.

    Titles are above a table, and empty rows are between tables.

    Args:
        rows: The number of each row that is not empty, and its cells.
        name: The name of the sheet, which is the first part of `heading`.

    Example:
        >>> rows = [(1, {0: "Prices"}), (3, {0: "boat", 1: "price"}), (4, {0: "Heron", 1: "14"})]
        >>> [(row.metadata["heading"], row.page_content) for row in read_sheet(rows, "2026")]
        [('2026 > Prices', 'boat: Heron; price: 14')]
    """
    names: Cells | None = None
    title: tuple[int, str] | None = None  # the last one, while no row is below it
    heading = name
    end = 0
    nothing: tuple[int, Cells] = (0, {})
    for (number, row), (_, following) in pairwise(chain(rows, [nothing])):
        is_apart = number > end + 1
        end = number
        if (
            len(row) == 1
            and (names is None or is_apart)
            and len(text := next(iter(row.values()))) <= _LONGEST_TITLE
        ):
            if title:
                yield _row(title[1], title[0], heading)
            names, title = None, (number, text)
        elif _is_header(row, following, names, is_apart=is_apart):
            names = row
        else:
            if title:
                heading, title = " > ".join(filter(None, [name, title[1]])), None
            names = names or {}
            yield _row(row_text(names, row), number, heading)
    if title:
        yield _row(title[1], title[0], name)


def row_text(names: Cells, row: Cells) -> str:
    """Return a row as one text: `"boat: Heron; price: 14"`.

    It is `"Heron | 14"` if the columns have no names.
    """
    if not names:
        return " | ".join(row.values())
    return "; ".join(
        f"{names[column]}: {value}" if column in names else value for column, value in row.items()
    )


def table_text(rows: Iterable[Iterable[str]]) -> str:
    """Return a small table within a text, a line for each row: `"Heron | 14"`."""
    lines = (" | ".join(" ".join(cell.split()) for cell in row) for row in rows)
    return "\n".join(_EMPTY_END.sub("", line) for line in lines if line.strip(" |"))


def _is_header(row: Cells, following: Cells, names: Cells | None, *, is_apart: bool) -> bool:
    """Return whether a row names the columns.

    It holds text only; below a table it is apart, before new columns or numbers.
    """
    if (
        len(row) < _LEAST_COLUMNS
        or len(following) < _LEAST_COLUMNS
        or not all(map(is_name, row.values()))
    ):
        return False
    return names is None or (
        is_apart and (not all(map(is_name, following.values())) or not row.keys() <= names.keys())
    )


def is_name(value: str) -> bool:
    """Return whether a cell can be the name of a column: it has letters, and is no date."""
    return bool(_LETTER.search(value)) and not _TIME.match(value)


def _row(text: str, number: int, heading: str) -> Document:
    return located(text, [(0, number)], {"heading": heading} if heading else {})


def _dialect(sample: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(sample, _DELIMITERS)
    except csv.Error:
        return csv.excel
