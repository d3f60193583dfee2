"""OpenDocument: texts (.odt), tables (.ods) and slides (.odp)."""

from collections.abc import Iterable, Iterator
from typing import Any, Final
from zipfile import ZipFile

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.ingest.formats.archive import MOST_XML, open_archive, parse_xml
from langchain_localllm.rag.ingest.formats.markdown import sections
from langchain_localllm.rag.ingest.formats.table import (
    LONGEST_REPEATED,
    Cells,
    Merged,
    fill_merged,
    read_sheet,
    table_text,
)
from langchain_localllm.rag.ingest.formats.text import tidy
from langchain_localllm.rag.ingest.normalize import normalize

START: Final = b"mimetypeapplication/vnd.oasis.opendocument."
"""What the first part of such an archive holds, after the 30 bytes of its header."""
_HEADER: Final = 30
_OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_DRAW: Final = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_STYLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_PRESENTATION: Final = "{urn:oasis:names:tc:opendocument:xmlns:presentation:1.0}"
_MATH: Final = "{http://www.w3.org/1998/Math/MathML}"
_HREF: Final = "{http://www.w3.org/1999/xlink}href"
_MARGINS: Final = [
    f"{_STYLE}{name}"
    for name in ("header", "header-left", "header-first", "footer", "footer-left", "footer-first")
]
_SKIPPED: Final = frozenset(
    [
        *(
            f"{_TEXT}{name}"
            for name in (
                "tracked-changes",
                "note-citation",
                "sequence-decls",
                "variable-decls",
                "user-field-decls",
            )
        ),
        *(f"{_TEXT}{name}" for name in ("table-of-content", "alphabetical-index", "ruby-text")),
        *(
            f"{_OFFICE}{name}"
            for name in ("annotation", "annotation-end", "forms", "scripts", "binary-data")
        ),
        f"{_TABLE}tracked-changes",
        f"{_TABLE}shapes",
    ]
)
"""Elements whose text is not shown, or is read elsewhere."""
_ROW_PARENTS: Final = frozenset(
    f"{_TABLE}{name}" for name in ("table-header-rows", "table-rows", "table-row-group")
)
_MOST_REPEATED: Final = 50
_MOST_REPEATED_TEXT: Final = 10_000
"""Cells, and characters, to which a repeated cell is expanded."""
_DEEPEST: Final = 6
_MOST_SPACES: Final = 100


def is_opendocument(start: bytes) -> bool:
    """Return whether the first bytes are those of an OpenDocument file."""
    return start[_HEADER:].startswith(START)


def read_opendocument(data: bytes) -> Iterator[Document]:
    """Yield sections with `heading`, rows of a table, or slides with `page`.

    It depends on what the file holds.
    """
    with open_archive(data, "an OpenDocument file") as archive:
        names = set(archive.namelist())
        if "META-INF/manifest.xml" in names and b":encryption-data" in archive.read(
            "META-INF/manifest.xml"
        ):
            raise DocumentError("it is encrypted. Save a copy without a password.")
        if "content.xml" not in names:
            raise DocumentError(
                "it is not an OpenDocument file: it has no content.xml. Save it again."
            )
        root = parse_xml(archive.read("content.xml"))
        _put_objects_in(root, archive)
        styles = parse_xml(archive.read("styles.xml")) if "styles.xml" in names else None
    yield from _documents(root, styles)


def read_flat_opendocument(data: bytes) -> Iterator[Document]:
    """Work like `read_opendocument` for a file that is a single XML file, such as `.fodt`."""
    if len(data) > MOST_XML:
        raise DocumentError(f"it has {len(data) / 1e6:,.0f} MB. Save it as .odt, .ods or .odp.")
    root = parse_xml(data)
    yield from _documents(root, root)


def _documents(root: Any, styles: Any) -> Iterator[Document]:
    body = next(root.iter(f"{_OFFICE}body"), root)
    book = next(body.iterchildren(f"{_OFFICE}spreadsheet"), None)
    if book is not None:
        for table in book.iterchildren(f"{_TABLE}table"):
            yield from _sheet(table)
    elif slides := list(body.iter(f"{_DRAW}page")):
        for number, slide in enumerate(slides, 1):
            yield _slide(slide, number)
    else:
        margins = [] if styles is None else _margins(styles)
        for section in sections("\n\n".join([*_blocks(body), *margins])):
            yield Document(section.page_content, metadata=section.metadata)  # it has no lines


def _put_objects_in(root: Any, archive: ZipFile) -> None:
    """Put charts and formulas, which are documents of their own in the archive, in their places."""
    parts = set(archive.namelist())
    for place in list(root.iter(f"{_DRAW}object")):
        name = f"{place.get(_HREF, '').removeprefix('./')}/content.xml"
        if name not in parts:
            continue
        parts.remove(name)  # a file can name an object a million times
        found = parse_xml(archive.read(name))
        frame = place.getparent()
        if not found.tag.startswith(_MATH) or frame.getparent() is None:
            place.append(found)
            continue
        formula = next(found.iter(f"{_MATH}annotation"), found)
        span = frame.makeelement(f"{_TEXT}span")
        span.text, span.tail = " ".join("".join(formula.itertext()).split()), frame.tail
        frame.getparent().replace(frame, span)


def _sheet(table: Any) -> Iterator[Document]:
    """Yield the rows of a sheet, and its text boxes and charts after them."""
    name = normalize(table.get(f"{_TABLE}name", ""))
    merged: Merged = {}
    yield from read_sheet(fill_merged(_rows(table, merged), merged), name)
    drawn = table.iterchildren(f"{_TABLE}shapes")
    if text := tidy("\n\n".join(block for shapes in drawn for block in _blocks(shapes))):
        yield Document(text, metadata={"heading": name} if name else {})


def _slide(slide: Any, number: int) -> Document:
    heading = ""
    shapes = []
    notes = []
    for child in slide:
        text = "\n".join(filter(str.strip, _blocks(child)))
        if child.tag == f"{_PRESENTATION}notes":
            notes += [f"Notes: {text}"] if text else []
        elif child.get(f"{_PRESENTATION}class") == "title" and not heading:
            heading = " ".join(text.split())
        elif child.get(f"{_PRESENTATION}class") not in {
            "page-number",
            "date-time",
            "footer",
            "header",
        }:
            shapes.append(text)
    text = tidy("\n\n".join([*shapes, *notes])) or heading
    return Document(
        text,
        metadata={"page": number, **({"heading": heading} if heading and heading != text else {})},
    )


def _margins(styles: Any) -> Iterator[str]:
    """Yield the texts of page headers and footers."""
    blocks = [block for margin in styles.iter(*_MARGINS) for block in _blocks(margin)]
    yield from dict.fromkeys(block for block in blocks if block.strip())


def _blocks(parent: Any, item: str = "") -> Iterator[str]:
    """Yield paragraphs, lists and tables as Markdown."""
    for child in parent:
        if child.tag == f"{_TEXT}h":
            level = int(child.get(f"{_TEXT}outline-level") or 1)
            yield from _paragraph(child, "#" * max(1, min(level, _DEEPEST)) + " ")
        elif child.tag == f"{_TEXT}p":
            yield from _paragraph(child, item)
            item = ""
        elif child.tag == f"{_TEXT}list-item":
            yield from _blocks(child, "- ")
        elif child.tag == f"{_TABLE}table":
            yield table_text(_text_rows(child))
        elif child.tag not in _SKIPPED:
            yield from _blocks(child)


def _text_rows(table: Any) -> Iterator[list[str]]:
    """Yield the rows of a table within a text; a cell that spans rows is repeated in each."""
    spanned: dict[int, tuple[int, str]] = {}  # column -> the row below it, and the text
    for number, row in enumerate(_rows_of(table)):
        texts = []
        column = 0
        for cell in row.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            below, above = spanned.get(column, (0, ""))
            if cell.tag == f"{_TABLE}table-cell":
                blocks = list(_blocks(cell))
                text = blocks[0].removeprefix("- ") if len(blocks) == 1 else " ".join(blocks)
                texts.append(text)
                repeated = text if len(text) <= LONGEST_REPEATED else ""
                spanned[column] = (number + _count(cell, "rows", "spanned"), repeated)
            elif number < below:
                texts.append(above)
            column += _count(cell, "columns")
        yield texts


def _paragraph(paragraph: Any, before: str) -> Iterator[str]:
    boxes: list[Any] = []
    text = "".join(_pieces(paragraph, boxes)).strip()
    if text:
        yield before + text
    for box in boxes:
        yield from _blocks(box)


def _pieces(element: Any, boxes: list[Any]) -> Iterator[str]:
    """Yield the texts of a paragraph: notes in parentheses; text boxes go into `boxes`."""
    yield " ".join(_split(element.text))
    for child in element:
        name = str(child.tag)
        if name == f"{_TEXT}s":
            yield " " * min(int(child.get(f"{_TEXT}c") or 1), _MOST_SPACES)
        elif name == f"{_TEXT}tab":
            yield "\t"
        elif name == f"{_TEXT}line-break":
            yield "\n"
        elif name in {f"{_TEXT}note", f"{_OFFICE}annotation"}:
            yield _note(child)
        elif name in {f"{_DRAW}frame", f"{_DRAW}custom-shape", f"{_DRAW}g"}:
            boxes.append(child)
        elif name not in _SKIPPED:
            yield from _pieces(child, boxes)
        yield " ".join(_split(child.tail))


def _note(element: Any) -> str:
    note = " ".join(" ".join(_blocks(element)).split())
    return f" ({note})" if note else ""


def _split(text: str | None) -> list[str]:
    """Return a text in words: white space counts as one space, also at its ends."""
    return (
        (text or "").replace("\n", " ").replace("\t", " ").split(" ")
        if text and text.strip()
        else [" "]
        if text
        else []
    )


def _rows_of(table: Any) -> Iterator[Any]:
    """Yield the rows of a table, also within groups, but not those of tables within it."""
    for child in table:
        if child.tag == f"{_TABLE}table-row":
            yield child
        elif child.tag in _ROW_PARENTS:
            yield from _rows_of(child)


def _rows(table: Any, merged: Merged) -> Iterator[tuple[int, Cells]]:
    """Yield the rows of a sheet that are not empty. A row that is repeated comes once.

    Cells that span rows are put into `merged`, those of a row before it is yielded.
    """
    number = 1
    for row in _rows_of(table):
        cells = dict(_cells(row))
        column = 0
        for cell in row.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            if (spanned := _count(cell, "rows", "spanned")) > 1:
                merged.setdefault(number, []).append((column, number + spanned - 1))
            column += _count(cell, "columns")
        if cells:
            yield number, cells
        number += _count(row, "rows")


def _cells(row: Any) -> Iterable[tuple[int, str]]:
    column = 0
    for cell in row.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
        repeated = _count(cell, "columns")
        notes = (_note(child) for child in cell.iterchildren(f"{_OFFICE}annotation"))
        if text := normalize("\n".join(_blocks(cell)) + "".join(notes)).strip():
            for place in range(min(repeated, _MOST_REPEATED, 1 + _MOST_REPEATED_TEXT // len(text))):
                yield column + place, text
        column += repeated


def _count(element: Any, what: str, how: str = "repeated") -> int:
    count = element.get(f"{_TABLE}number-{what}-{how}") or "1"
    return int(count) if count.isdecimal() else 1
