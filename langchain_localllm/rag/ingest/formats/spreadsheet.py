"""Excel tables (.xlsx, .xlsm, .xls): a Document for each row."""

import re
import warnings
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from io import StringIO
from typing import Any, Final, NamedTuple

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.ingest.formats.archive import office_file, open_archive, parse_xml
from langchain_localllm.rag.ingest.formats.table import (
    Cells,
    Merged,
    fill_merged,
    read_sheet,
)
from langchain_localllm.rag.ingest.normalize import normalize

_MOST_XML: Final = 500_000_000
"""Bytes of XML; sheets are read row by row."""
_MOST_STRINGS: Final = 50_000_000
"""Bytes of the table of strings, which is in memory as a whole."""
_MOST_CELLS: Final = 20_000_000
"""Cells that are looked at, with empty ones before filled ones: a file of a few bytes can have rows
of 16,384."""
_MOST_MERGED: Final = 100_000
"""Merged cells of a sheet."""
_MERGED: Final = re.compile(
    rb"<(?:\w+:)?mergeCell\s[^<>]*?ref=[\"']([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})[\"']"
)
_READ: Final = 1_000_000
_TAG: Final = 200
"""Bytes of a merged cell's tag, which can be at the end of what is read at once."""
_FORMAT: Final = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|\[\$(?P<currency>[^\]-]*)[^\]]*\]'
    r"|(?P<hidden>_.|\*.|\[[^\]]*\])|(?P<plain>.)",
    re.DOTALL,
)
"""A part of a number format. What is hidden are widths, fillers and colors."""
_SHOWN: Final = frozenset("$€£¥ \u00a0")
"""What a number format shows as it is, without quotes."""
_PLAIN_FORMAT: Final = re.compile(r"[-+#,]*[#0][#0,]*(?<!,)(?:\.[#0?]*)?")
"""A number as it is: a comma after its last digit would divide it by a thousand."""
_ERRORS: Final = frozenset(["#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"])
_DRAWN: Final = tuple(
    f"xl/{folder}"
    for folder in ("comments", "threadedComments/", "drawings/", "charts/", "diagrams/data")
)
"""Parts that hold texts outside of cells."""


def read_xlsx(data: bytes) -> Iterator[Document]:
    """Yield the rows of each sheet as `"boat: Heron; price: 14"`.

    Comments, text boxes and the titles of charts follow. The name of the sheet is the first part of
    `heading`. Of a formula, the value that was saved with it is read.
    """
    with open_archive(data, "an .xlsx file", _MOST_XML) as archive:
        strings = sum(
            part.file_size
            for part in archive.infolist()
            if part.filename.lower().endswith("sharedstrings.xml")
        )
        if strings > _MOST_STRINGS:
            raise DocumentError(
                f"it has {strings / 1e6:,.0f} MB of texts, which is too much to read at once. "
                "Save it as .csv."
            )
        drawn = [
            name for name in archive.namelist() if name.startswith(_DRAWN) and name.endswith(".xml")
        ]
        book = _workbook(data)
        seen = [0]
        try:
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # they may be wrong, or as wide as Excel allows
                rows = fill_merged(_rows(sheet.iter_rows(), seen), _merged(sheet))
                yield from read_sheet(rows, normalize(sheet.title))
        finally:
            book.close()
        for name in drawn:
            if text := _drawn_text(archive.read(name)):
                yield Document(text)


def _workbook(data: bytes) -> Any:
    try:
        import openpyxl
    except ImportError as error:
        raise MissingDependencyError(
            f"Reading Excel files needs openpyxl: {pip_install('rag')}."
        ) from error
    file = office_file(data, "an .xlsx file", _MOST_XML)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions, which are not read
        try:
            return openpyxl.load_workbook(file, read_only=True, data_only=True)
        except Exception as error:  # openpyxl raises errors of many types on broken files
            raise DocumentError(f"it is a broken .xlsx file ({error}). Save it again.") from error


def read_xls(data: bytes) -> Iterator[Document]:
    """Yield the rows of each sheet of an Excel file of before 2007, as of `read_xlsx`."""
    try:
        import xlrd
    except ImportError as error:
        raise MissingDependencyError(f"Reading .xls needs xlrd: {pip_install('rag')}.") from error
    try:
        book = xlrd.open_workbook(
            file_contents=data,
            logfile=StringIO(),
            on_demand=True,
            ragged_rows=True,
            formatting_info=True,
        )
    except xlrd.XLRDError as error:
        if "encrypted" in str(error).lower():
            raise DocumentError("it is encrypted. Save a copy without a password.") from None
        raise DocumentError(
            f"it is not an Excel file that can be read ({error}). Save it as .xlsx or .csv."
        ) from error
    for name in book.sheet_names():
        sheet = book.sheet_by_name(name)
        merged: Merged = {}
        for top, below, left, _ in sheet.merged_cells:
            if below > top + 1:
                merged.setdefault(top + 1, []).append((left, below))
        yield from read_sheet(fill_merged(_xls_rows(sheet, book), merged), normalize(name))
        book.unload_sheet(name)


def cell_text(value: object, number_format: str = "") -> str:
    """Return a cell as a person sees it.

    Example:
        >>> cell_text(0.1 + 0.2), cell_text(0.25, "0%"), cell_text(datetime(2026, 11, 28))
        ('0.3', '25%', '2026-11-28')
        >>> cell_text(12.5, '0.0" %"'), cell_text(14, '#,##0.00 [$€-407]'), cell_text(1067, "00000")
        ('12.5 %', '14 €', '01067')
    """
    if value is None or value in _ERRORS:
        return ""
    if isinstance(value, datetime):
        return (
            value.isoformat(" ", "minutes") if value.time() != time() else value.date().isoformat()
        )
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bool | timedelta):
        return str(value)
    if isinstance(value, int | float):
        return _number_text(value, _number_format(number_format))
    return normalize(str(value)).strip()


class _NumberFormat(NamedTuple):
    """What a number format shows: `before` and `after` a number, and its least `digits`."""

    is_share: bool
    before: str = ""
    digits: int = 0
    after: str = ""


def _number_text(value: float, shown: _NumberFormat) -> str:
    if shown.is_share:
        return f"{value * 100:.6g}%"
    text = f"{value:.15g}" if isinstance(value, float) else str(value)
    if text.isdecimal():
        text = text.zfill(shown.digits)
    return f"{shown.before}{text}{shown.after}"


@lru_cache
def _number_format(number_format: str) -> _NumberFormat:
    """Read a number format, of which the part for positive numbers counts."""
    placeholders = before = after = ""
    for part in _FORMAT.finditer(number_format):
        if part["plain"] == ";":
            break
        if (part["hidden"] or "").startswith(("[<", "[=", "[>")):  # it depends on the number
            return _NumberFormat(is_share="%" in placeholders)
        text = part["quoted"] or part["escaped"] or part["currency"] or ""
        if part["plain"] in _SHOWN:
            text = part["plain"]
        elif part["plain"]:
            placeholders += part["plain"]
        if "0" in placeholders or "#" in placeholders:
            after += text
        else:
            before += text
    if "%" in placeholders:
        return _NumberFormat(is_share=True)
    if not _PLAIN_FORMAT.fullmatch(placeholders):  # such as a date, or thousands
        return _NumberFormat(is_share=False)
    digits = len(placeholders) if not placeholders.strip("0") else 0
    return _NumberFormat(
        is_share=False,
        before=normalize(before).lstrip().replace("(", ""),
        digits=digits,
        after=normalize(after).rstrip().replace(")", ""),
    )


def _merged(sheet: Any) -> Merged:
    """Return the cells of a sheet that span rows, which openpyxl reads for whole sheets only."""
    merged: Merged = {}
    rest = b""
    count = 0
    with sheet._get_source() as source:  # noqa: SLF001 - rows are read one by one, before these
        while (data := source.read(_READ)) and count < _MOST_MERGED:
            data = rest + data
            end = 0
            for found in _MERGED.finditer(data):
                end = found.end()
                top, last = int(found[2]), int(found[3])
                if last > top:
                    count += 1
                    merged.setdefault(top, []).append((_column(found[1]), last))
            rest = data[max(end, len(data) - _TAG) :]
    return merged


def _column(letters: bytes) -> int:
    """Return the number of a column, from 0, by its letters."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


def _rows(rows: Iterable[tuple[Any, ...]], seen: list[int]) -> Iterator[tuple[int, Cells]]:
    for number, row in enumerate(rows, 1):
        if not row:
            continue
        seen[0] += len(row)
        if seen[0] > _MOST_CELLS:
            raise DocumentError(
                f"it has more than {_MOST_CELLS / 1e6:.0f} million cells. Save the filled "
                "part as .csv."
            )
        cells: Cells = {}
        for column, cell in enumerate(row):
            if cell.value is not None and (text := cell_text(cell.value, cell.number_format or "")):
                cells[column] = text
        if cells:
            yield number, cells


def _xls_rows(sheet: Any, book: Any) -> Iterator[tuple[int, Cells]]:
    import xlrd

    for number in range(sheet.nrows):
        cells: Cells = {}
        for column, cell in enumerate(sheet.row(number)):
            value = cell.value
            if cell.ctype == xlrd.XL_CELL_DATE:
                try:
                    value = xlrd.xldate_as_datetime(value, book.datemode)
                except (ValueError, OverflowError):
                    value = cell.value
            elif cell.ctype == xlrd.XL_CELL_BOOLEAN:
                value = bool(value)
            elif cell.ctype == xlrd.XL_CELL_ERROR:
                continue
            note = sheet.cell_note_map.get((number, column))
            comment = f" ({' '.join(normalize(note.text).split())})" if note else ""
            if text := (cell_text(value, _xls_format(cell, book)) + comment).strip():
                cells[column] = text
        if cells:
            yield number + 1, cells


def _xls_format(cell: Any, book: Any) -> str:
    """Return the number format of a cell, such as `0%`."""
    try:
        return str(book.format_map[book.xf_list[cell.xf_index].format_key].format_str)
    except (IndexError, KeyError, TypeError):  # the oldest files have none, damaged ones wrong ones
        return ""


def _drawn_text(data: bytes) -> str:
    """Return the text of a part that is not a sheet, a line for each paragraph."""
    lines: list[str] = []
    for element in parse_xml(data).iter("{*}p", "{*}comment", "{*}threadedComment"):
        line = " ".join(
            "".join(
                text.text or "" for text in element.iter("{*}t", "{*}text") if text.text
            ).split()
        )
        if line and line not in lines:
            lines.append(line)
    return normalize("\n".join(lines))
