"""Tables as text: a Document for each row, with the names of its columns."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain, islice, pairwise
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.ingest.formats.located import located
from langchain_localllm.rag.ingest.formats.text import decode
from langchain_localllm.rag.ingest.normalize import normalize

Cells = dict[int, str]
"""The filled cells of a row, by the number of their column."""

Merged = dict[int, list[tuple[int, int]]]
"""The cells that begin in a row and span more rows: the column of each, and its last row."""

LONGEST_REPEATED: Final = 500
"""Characters of a cell over several rows that is repeated in each of them."""
_MOST_REPEATED: Final = 50_000_000
"""Characters that are repeated so in a sheet: a small file can have a million of such rows."""
_SAMPLE = 10_000
_DELIMITERS = ",;\t|"
_DELIMITER_LINE: Final = re.compile(r"\A\ufeff?sep=(.)(?=\r?\n)", re.IGNORECASE)
"""The first line of files for Excel."""
_MOST_ABOVE: Final = 20
"""Rows about the whole file that a CSV table can have above it."""
_LEAST_YEARS: Final = 3
"""Rows with years in a column without a name; fewer could be amounts."""
_EMPTY_END: Final = re.compile(r"(?: \| ?)+$")
_LETTER: Final = re.compile(r"[^\W\d_]")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d")
_PERIOD: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d.*)?|\d\d?\.\d\d?\.(?:\d{4}|\d\d)?"
    r"|\d\d?/\d\d?/(?:\d{4}|\d\d))"
    r"|(?P<month>(?:19|20)\d\d[-/.](?:0[1-9]|1[0-2])|(?:0?[1-9]|1[0-2])[-/.](?:19|20)\d\d)"
    r"|(?P<year>(?:19|20)\d\d(?: ?[-\u2013/] ?(?:\d\d|20\d\d))?)"
)
_NUMBER: Final = re.compile(r"[-+\u2212(]?\s?[$€£¥]?\s?[-+]?\d[\d.,'\u2019 ]*[%€$£¥]?\)?-?")
_PLAIN_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_COMMA: Final = re.compile(r"(?<!\d),|,(?!\d)")
"""A comma that is not within a number."""
_SYMBOLS: Final = frozenset("#%€$£¥№")
"""What can be the name of a column without letters."""
_LONGEST_TITLE: Final = 150
_LEAST_COLUMNS: Final = 2


def read_csv(data: bytes) -> Iterator[Document]:
    r"""Yield the rows of a table, each as `"boat: Heron; price: 14"`.

    The names are those in the first row, or in the first row of the table below lines about the
    whole file. A first row that looks like those below it names nothing.

    Example:
        >>> [row.page_content for row in read_csv(b"boat,price\nHeron,14\nTern,9")]
        ['boat: Heron; price: 14', 'boat: Tern; price: 9']
    """
    text = normalize(decode(data))
    # a long cell is split into passages later
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    found = _DELIMITER_LINE.match(text)
    text = text[found.end() :] if found else text
    delimiter = found[1] if found else _delimiter(text[:_SAMPLE])
    try:
        rows = _csv_rows(_csv_lines(text, delimiter))
        first = list(islice(rows, 2 * _MOST_ABOVE))
        yield from _csv_documents(first, chain(first, rows))
    except csv.Error as error:
        raise DocumentError(
            f"it is not a readable table ({error}). Save it again as CSV."
        ) from error


def _csv_documents(
    first: list[tuple[int, Cells]], rows: Iterator[tuple[int, Cells]]
) -> Iterator[Document]:
    """Yield the rows of a CSV table; `first` are copies of the first ones."""
    below = [row for _, row in first[1:]]
    if not below:
        for number, row in first:
            yield located("; ".join(row.values()), [(0, number)])
    elif above := _rows_above(first):
        is_titled = len(first[above - 1][1]) == 1
        yield from _joined(list(islice(rows, above - is_titled)))
        yield from read_sheet(rows, "")
    elif [*first[0][1]] == [0] and len(below[0]) > 1:  # a title above the table
        yield from read_sheet(rows, "")
    else:
        names = {} if _is_data(first[0][1], below) else next(rows)[1]
        for number, row in rows:
            yield located(row_text(names, row), [(0, number)])


def _rows_above(rows: list[tuple[int, Cells]]) -> int:
    """Return how many rows about the whole file, such as the account, are above the table.

    Its header has more cells than these rows, and is apart from them or above numbers.
    """
    widest = 0
    for place, ((line, row), (_, following)) in enumerate(pairwise(rows[: _MOST_ABOVE + 2])):
        below = [max(later) >= widest for _, later in rows[place + 1 :]]
        if (
            place
            and len(row) > max(widest, _LEAST_COLUMNS)
            and sum(below) > len(below) / 2
            and names_columns(row, following)
            and (
                line > rows[place - 1][0] + 1
                or not all(is_name(following[column]) for column in row.keys() & following.keys())
            )
        ):
            return place
        widest = max(widest, max(row) + 1)
    return 0


def _joined(rows: list[tuple[int, Cells]]) -> Iterator[Document]:
    """Yield the rows above a table as one Document."""
    text = ""
    lines = []
    for number, row in rows:
        lines.append((len(text), number))
        text += row_text({}, row) + "\n"
    if text:
        yield located(text.rstrip("\n"), lines)


def _is_data(row: Cells, below: list[Cells]) -> bool:
    """Return whether the first row holds dates or numbers above others, so that it names nothing.

    Rising numbers up to the last column can be names, such as wavelengths.
    """
    numbers = []
    for column, value in row.items():
        values = [later[column] for later in below if column in later]
        if kind := _period(value):
            if len(values) >= (_LEAST_YEARS if kind == "year" else 1) and all(
                _period(each) == kind for each in values
            ):
                return True
        elif values and all(map(_NUMBER.fullmatch, [value, *values])):
            numbers.append(column)
    if not numbers:
        return False
    are_last = len(numbers) > 1 and numbers == [*range(numbers[0], max(row) + 1)]
    plain = [float(row[column]) for column in numbers if _PLAIN_NUMBER.fullmatch(row[column])]
    is_rising = len(plain) == len(numbers) and all(low < high for low, high in pairwise(plain))
    return not (are_last and is_rising and numbers[0] > 0)


def _csv_rows(lines: Any) -> Iterator[tuple[int, Cells]]:
    """Yield the rows that are not empty, with the line in which each begins."""
    line = 1
    for row in lines:
        if cells := {column: value.strip() for column, value in enumerate(row) if value.strip()}:
            yield line, cells
        line = lines.line_num + 1


def _csv_lines(text: str, delimiter: str) -> Any:
    return csv.reader(StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)


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


def fill_merged(rows: Iterable[tuple[int, Cells]], merged: Merged) -> Iterator[tuple[int, Cells]]:
    """Yield the rows of a sheet; a cell that spans rows is repeated in each that has other cells.

    Example:
        >>> rows = [(1, {0: "Winter", 1: "Heron"}), (2, {1: "Tern"})]
        >>> list(fill_merged(rows, {1: [(0, 2)]}))
        [(1, {0: 'Winter', 1: 'Heron'}), (2, {0: 'Winter', 1: 'Tern'})]
    """
    spanned: dict[int, tuple[int, str]] = {}  # column -> the last row, and the text
    characters = 0
    for number, row in rows:
        spanned = {column: cell for column, cell in spanned.items() if number <= cell[0]}
        filled = {column: text for column, (_, text) in spanned.items() if column not in row}
        characters += sum(map(len, filled.values()))
        if characters > _MOST_REPEATED:
            filled, spanned, merged = {}, {}, {}
        for column, last in merged.get(number, ()):
            if len(text := row.get(column, "")) <= LONGEST_REPEATED and text:
                spanned[column] = (last, text)
        yield number, dict(sorted((row | filled).items())) if filled else row


def _is_header(row: Cells, following: Cells, names: Cells | None, *, is_apart: bool) -> bool:
    """Return whether a row names the columns.

    Below a table it is apart, before new columns or numbers.
    """
    if (
        len(row) < _LEAST_COLUMNS
        or len(following) < _LEAST_COLUMNS
        or not names_columns(row, following)
    ):
        return False
    return names is None or (
        is_apart and (not all(map(is_name, following.values())) or not row.keys() <= names.keys())
    )


def names_columns(row: Cells, following: Cells) -> bool:
    """Return whether a row can name the columns of the row that follows.

    It holds text, or at least two years, months or dates above other values.

    Example:
        >>> names_columns({0: "Region", 1: "2023", 2: "2024"}, {0: "North", 1: "10", 2: "12"})
        True
        >>> names_columns({0: "Heron", 1: "1998", 2: "2004"}, {0: "Tern", 1: "1999", 2: "2001"})
        False
    """
    others = [column for column, value in row.items() if not is_name(value)]
    if not others:
        return True
    return (
        len(others) >= _LEAST_COLUMNS
        and all(_period(row[column]) for column in others)
        and (is_name(row[min(row)]) or is_name(following[min(following)]))
        and any(
            _period(row[column]) != _period(following[column])
            for column in others
            if column in following
        )
    )


def is_name(value: str) -> bool:
    """Return whether a cell can be the name of a column: it has letters, and is no date."""
    return value in _SYMBOLS or (bool(_LETTER.search(value)) and not _TIME.match(value))


def _period(value: str) -> str:
    """Return `date`, `month` or `year` for such a cell, else an empty text."""
    found = _PERIOD.fullmatch(value)
    return (found.lastgroup or "") if found else ""


def _row(text: str, number: int, heading: str) -> Document:
    return located(text, [(0, number)], {"heading": heading} if heading else {})


def _delimiter(sample: str) -> str:
    """Return what is between the cells of a table.

    That is the Sniffer's choice, unless another one gives more rows of as many cells, or its commas
    are those of numbers. Its choice of quotes is not used: it looks at a file's beginning only.
    """
    try:
        sniffed = csv.Sniffer().sniff(sample, _DELIMITERS).delimiter
    except csv.Error:
        sniffed = ","
    marks_decimals = not _COMMA.search(sample)
    return max(
        _DELIMITERS,
        key=lambda each: (
            _even_rows(sample, each),
            not (each == "," and marks_decimals),
            each == sniffed,
        ),
    )


def _even_rows(sample: str, delimiter: str) -> int:
    """Return how many rows have the most common number of cells, if this is more than one."""
    try:
        counts = Counter(len(row) for row in _csv_lines(sample, delimiter) if row)
    except csv.Error:
        return 0
    count, rows = max(counts.items(), key=lambda item: item[1], default=(0, 0))
    return rows if count > 1 else 0
