"""HTML: turned into Markdown's plain shape, then read like it."""

import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.ingest.formats.markdown import sections

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

_NOT_TEXT = frozenset({"head", "script", "style", "template", "noscript", "svg", "iframe"})
_MOST: Final = 30_000_000
"""Bytes; the tree of an HTML or XML file takes about ten times as much memory."""
_HEADINGS = {f"h{level}": ("\n\n" + "#" * level + " ", "\n\n") for level in range(1, 7)}
_ROWS = {"li": ("\n- ", ""), "br": ("\n", ""), "tr": ("\n", ""), "td": ("", " | "), "th": ("", " | ")}
_BLOCKS = (
    *("address", "article", "aside", "blockquote", "dd", "details", "div", "dl", "dt", "figcaption", "footer", "form"),
    *("header", "hr", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "ul"),
)
_AROUND = {**_HEADINGS, **_ROWS, **dict.fromkeys(_BLOCKS, ("\n\n", "\n\n"))}  # what a tag puts before and after its text


def read_html(data: bytes) -> Iterator[Document]:
    """Yield the sections of an HTML file, with the headings above each in `heading`."""
    yield from markup_sections(parse_markup(data))


def parse_markup(data: bytes) -> "BeautifulSoup":
    """Return the tree of an HTML or XML file. Entities that the file declares are not expanded."""
    try:
        from bs4 import BeautifulSoup
    except ImportError as error:
        raise MissingDependencyError(f"Reading HTML needs beautifulsoup4: {pip_install('rag')}.") from error
    if b"\x00" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DocumentError("it is a binary file, not HTML.")
    if len(data) > _MOST:
        raise DocumentError(f"it has {len(data) / 1e6:.0f} MB, and markup of more than {_MOST / 1e6:.0f} MB is not read. Split it.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on XML, which is read as HTML on purpose: no entity is expanded, and errors are mended
        return BeautifulSoup(data, "html.parser")


def markup_sections(soup: "BeautifulSoup", not_text: frozenset[str] = _NOT_TEXT) -> Iterator[Document]:
    """Yield the sections of a tree, without the elements named in `not_text`."""
    for section in sections(_markdown(soup, not_text)):
        yield Document(section.page_content, metadata=section.metadata)  # the lines of the Markdown are not those of the file


def _markdown(soup: "BeautifulSoup", not_text: frozenset[str]) -> str:
    from bs4.element import CData, NavigableString, Tag

    pieces: list[str] = []
    waiting: list[object] = [soup]  # nodes still to write, and plain texts to put after a node; the next one is last
    while waiting:
        node = waiting.pop()
        if isinstance(node, Tag):
            if node.name not in not_text:
                before, after = _AROUND.get(node.name, ("", ""))
                pieces.append(before)
                waiting += [after, *([node.get_text()] if node.name == "pre" else reversed(node.contents))]
        elif isinstance(node, CData):  # a feed holds its HTML so
            waiting.append(parse_markup(node.encode()) if "<" in node else NavigableString(node))
        elif type(node) is NavigableString:  # comments and the doctype are other types
            pieces.append(re.sub(r"\s+", " ", node))
        elif type(node) is str:
            pieces.append(node)
    return "\n".join(line.strip(" ") for line in "".join(pieces).split("\n"))
