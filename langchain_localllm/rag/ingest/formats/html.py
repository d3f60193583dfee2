"""HTML: turned into Markdown's plain shape, then read like it."""

import re
import warnings
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.ingest.formats.markdown import sections
from langchain_localllm.rag.ingest.formats.table import table_text
from langchain_localllm.rag.ingest.formats.text import LATIN_1, UTF16_MARKS, decode_as
from langchain_localllm.rag.ingest.normalize import superscript

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from bs4.element import Tag

_NOT_TEXT = frozenset({"del", "title", "script", "style", "template", "noscript", "svg", "iframe"})
_MOST: Final = 30_000_000
"""Bytes; the tree of an HTML or XML file takes about ten times as much memory."""
_HEADINGS = {f"h{level}": ("\n\n" + "#" * level + " ", "\n\n") for level in range(1, 7)}
_ROWS = {
    "li": ("\n- ", ""),
    "br": ("\n", ""),
    "tr": ("\n", ""),
    "td": (" | ", ""),
    "th": (" | ", ""),
}
_BLOCKS = (
    *(
        "address",
        "article",
        "aside",
        "blockquote",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "figcaption",
        "footer",
        "form",
    ),
    *("header", "hr", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "ul"),
)
_PARAGRAPHS: Final = frozenset(["article", "div", "li", "p", "section"])
"""What an item of a list may put its text into."""
_STAND_ALONE: Final = frozenset([*_HEADINGS, "pre"])
"""What is not a part of an item's text."""
_MOST_IN_RAISED: Final = 4
"""Texts within a tag that raises a number."""
_MOST_BLANK: Final = 10
"""Tags, and pieces without text, between the mark of an item and what the item holds."""
_LAID_OUT: Final = frozenset(["table", "h1", "h2", "h3", "h4", "h5", "h6", "pre"])
"""What the cells of a table hold that only places parts of a page."""
_DEEPEST: Final = 20
"""Tables within tables that are looked at as such, which takes a look at all that they hold."""
_TABLE_END: Final = object()
_ITEM_END: Final = object()
_OF_ROWS: Final = ["tr", "td", "th"]
_LONGEST_CELL: Final = 2000
_COVERED: Final = "\0"
"""The column of a cell that the one before it spans."""
_KEPT: Final = "\0"
"""The beginning of a line that stays as it is; the parser reads no NUL character."""
_MOST_SPANNED: Final = 1000
_MOST_COLUMNS: Final = 5000
_SYMBOLS: Final = '(){}[]<>=_;|$#/\\*&+@"`'
_LEAST_SYMBOLS: Final = 0.04
"""The share of these among the characters of code; prose has less."""
_HIDDEN: Final = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_FIELDS: Final = ("button", "label", "option", "textarea")
"""Inline elements that a page shows apart from each other."""
# what a tag puts before and after its text
_AROUND = {
    **_HEADINGS,
    **_ROWS,
    **dict.fromkeys(_BLOCKS, ("\n\n", "\n\n")),
    **dict.fromkeys(_FIELDS, (" ", " ")),
}


def read_html(data: bytes | str) -> Iterator[Document]:
    """Yield the sections of an HTML file or text, with the headings above each in `heading`."""
    yield from markup_sections(parse_markup(data))


def parse_markup(data: bytes | str) -> "BeautifulSoup":
    """Return the tree of an HTML or XML file. Entities that the file declares are not expanded.

    A text is decoded already: the encoding that it names is not looked at.
    """
    try:
        from bs4 import BeautifulSoup
        from bs4.dammit import EncodingDetector
    except ImportError as error:
        raise MissingDependencyError(
            f"Reading HTML needs beautifulsoup4: {pip_install('rag')}."
        ) from error
    if isinstance(data, bytes) and b"\x00" in data and not data.startswith(UTF16_MARKS):
        raise DocumentError("it is a binary file, not HTML.")
    if len(data) > _MOST:
        raise DocumentError(
            f"it has {len(data) / 1e6:.0f} MB, and markup of more than {_MOST / 1e6:.0f} MB is "
            "not read. Split it."
        )
    if isinstance(data, bytes) and not data.startswith((BOM_UTF8, *UTF16_MARKS)):
        declared = EncodingDetector.find_declared_encoding(data, is_html=True)
        data = decode_as(data, declared) if declared in LATIN_1 else data
    with warnings.catch_warnings():
        # on XML, which is read as HTML on purpose: no entity is expanded, and errors are mended
        warnings.simplefilter("ignore")
        return BeautifulSoup(data, "html.parser")


def markup_sections(
    soup: "BeautifulSoup", not_text: frozenset[str] = _NOT_TEXT
) -> Iterator[Document]:
    """Yield the sections of a tree, without the elements named in `not_text`."""
    for section in sections(_markdown(soup, not_text)):
        # the lines of the Markdown are not those of the file
        yield Document(section.page_content, metadata=section.metadata)


def _markdown(soup: "Tag", not_text: frozenset[str]) -> str:
    from bs4.element import CData, NavigableString, Tag

    pieces: list[str] = []
    depth = 0  # of tables within tables
    # nodes still to write, and plain texts to put after a node; the next one is last
    waiting: list[object] = [soup]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Tag):
            if node.name in not_text or _is_hidden(node):
                continue
            is_table = node.name == "table"
            if is_table and depth < _DEEPEST and (table := _table(node, not_text)):
                pieces.append(f"\n\n{table}\n\n")
            else:
                depth += is_table
                before, after = _around(node, pieces)
                pieces.append(before)
                waiting += [after, *([_TABLE_END] if is_table else [])]
                waiting += [_ITEM_END] if node.name == "li" else []
                waiting += _contents(node)
        elif node is _TABLE_END:
            depth -= 1
        elif node is _ITEM_END:
            _remove_empty_item(pieces)
        elif isinstance(node, CData):  # a feed holds its HTML so
            waiting.append(parse_markup(str(node)) if "<" in node else NavigableString(node))
        elif type(node) is NavigableString:  # comments and the doctype are other types
            pieces.append(re.sub(r"\s+", " ", node))
        elif type(node) is str:
            pieces.append(node)
    return "\n".join(
        line[1:] if line.startswith(_KEPT) else line.strip(" ").removeprefix("|").lstrip(" ")
        for line in "".join(pieces).split("\n")
    )


def _contents(tag: "Tag") -> Iterable[object]:
    """Return what a tag holds, the last first."""
    if tag.name == "pre":
        return [_code(tag)]
    texts = list(islice(tag.strings, _MOST_IN_RAISED)) if tag.name == "sup" else []
    raised = superscript("".join(texts)) if len(texts) < _MOST_IN_RAISED else ""
    return [raised] if raised else reversed(tag.contents)


def _around(tag: "Tag", pieces: list[str]) -> tuple[str, str]:
    """Return what a tag puts before and after its text, after these pieces."""
    if tag.name == "a" and getattr(tag.previous_sibling, "name", "") == "a":
        return " ", ""  # of a menu
    before, after = _AROUND.get(tag.name, ("", ""))
    begins_item = (
        (tag.name in _PARAGRAPHS or tag.name in _STAND_ALONE)
        and any(parent.name == "li" for parent in islice(tag.parents, _MOST_BLANK))
        and _begins_item(pieces)
    )
    if begins_item and tag.name in _STAND_ALONE:
        pieces.pop()
    return "" if begins_item and tag.name in _PARAGRAPHS else before, after


def _remove_empty_item(pieces: list[str]) -> None:
    if _begins_item(pieces):
        pieces.pop()


def _begins_item(pieces: list[str]) -> bool:
    """Return whether only space follows the mark of an item, and remove that space."""
    for number in range(len(pieces) - 1, max(len(pieces) - _MOST_BLANK, 0) - 1, -1):
        if pieces[number].strip():
            if pieces[number] != _ROWS["li"][0]:
                return False
            del pieces[number + 1 :]
            return True
    return False


def _code(tag: "Tag") -> str:
    """Return preformatted text: code between fences, with its lines as they are."""
    from bs4.element import NavigableString, Tag

    text = "".join(
        node if type(node) is NavigableString else "\n"
        for node in tag.descendants
        if type(node) is NavigableString or (isinstance(node, Tag) and node.name == "br")
    )
    symbols = sum(map(text.count, _SYMBOLS))
    if symbols <= _LEAST_SYMBOLS * len("".join(text.split())) and not tag.find("code"):
        return text  # such as an RFC or a mail, which is prose
    lines = text.strip("\n").expandtabs(4).splitlines()
    fence = "~~~" if "```" in text else "```"
    return "\n".join(f"{_KEPT}{line}" for line in [fence, *lines, fence])


def _is_hidden(tag: "Tag") -> bool:
    # without a value, "hidden" is an empty text
    return tag.get("hidden") in {"", "hidden", "true"} or bool(
        _HIDDEN.search(str(tag.get("style", "")))
    )


def _table(table: "Tag", not_text: frozenset[str]) -> str:
    """Return a table as a line for each row, or an empty string for a layout table.

    A layout table only places parts of a page. A cell that spans several rows is repeated in each,
    so that every row says what it is about.
    """
    if table.find([*_LAID_OUT]):
        return ""
    caption = table.find("caption")
    rows: list[list[str]] = []
    spanned: dict[int, tuple[int, str]] = {}  # column -> how many rows more, and the text
    for row in table.find_all("tr"):
        cells: list[str] = []
        for cell in row.find_all(["td", "th"], recursive=False):
            if cell.find(_OF_ROWS):  # its end tags are left out, which the parser does not know
                return ""
            _fill(cells, spanned)
            text = " ".join(_markdown(cell, not_text).split()).removeprefix("- ")
            down, right = _span(cell, "rowspan"), _span(cell, "colspan")
            if down > 1:
                spanned[len(cells)] = (down, text)
            cells += [text, *[_COVERED] * (right - 1)]
            if len(cells) > _MOST_COLUMNS:
                return ""
        _fill(cells, spanned)
        spanned = {column: (rows - 1, text) for column, (rows, text) in spanned.items() if rows > 1}
        rows.append(cells)
    if max(map(len, rows), default=0) < 2 or any(  # noqa: PLR2004
        len(cell) > _LONGEST_CELL for row in rows for cell in row
    ):
        return ""
    title = " ".join(caption.get_text(" ").split()) if caption else ""
    return "\n\n".join(
        filter(
            None, [title, table_text([cell for cell in row if cell != _COVERED] for row in rows)]
        )
    )


def _fill(cells: list[str], spanned: dict[int, tuple[int, str]]) -> None:
    """Add the cells of rows above that span the next columns of this row."""
    while len(cells) in spanned:
        cells.append(spanned[len(cells)][1])


def _span(cell: "Tag", name: str) -> int:
    value = str(cell.get(name, "1")).strip()
    return min(int(value), _MOST_SPANNED) if value.isdecimal() else 1
