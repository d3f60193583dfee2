"""HTML: turned into Markdown's plain shape, then read like it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.rag.formats.markdown import sections

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

_NOT_TEXT = ["head", "script", "style", "template", "noscript", "svg", "iframe"]
_BEFORE = {f"h{level}": "\n\n" + "#" * level + " " for level in range(1, 7)} | {"li": "\n- ", "br": "\n", "tr": "\n"}
_CELLS = ["td", "th"]
_BLOCKS = [
    *("address", "article", "aside", "blockquote", "dd", "details", "div", "dl", "dt", "figcaption", "footer", "form"),
    *("header", "hr", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "ul"),
]


def read_html(data: bytes) -> Iterator[Document]:
    """The sections of an HTML file, with the headings above each in `heading`."""
    try:
        from bs4 import BeautifulSoup
    except ImportError as error:
        raise MissingDependencyError('Reading HTML needs beautifulsoup4: pip install "langchain-localllm[rag]".') from error
    if b"\x00" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DocumentError("it is a binary file, not HTML.")
    yield from sections(_markdown(BeautifulSoup(data, "html.parser")))


def _markdown(soup: "BeautifulSoup") -> str:
    from bs4.element import NavigableString

    for tag in soup(_NOT_TEXT):
        tag.decompose()
    for string in soup.find_all(string=True):
        if type(string) is NavigableString and not string.find_parent("pre"):  # comments and the doctype are other types
            string.replace_with(re.sub(r"\s+", " ", string))
    for tag in soup(list(_BEFORE)):
        tag.insert_before(_BEFORE[tag.name])
    for tag in soup(_CELLS):
        tag.insert_after(" | ")
    for tag in soup([*_BLOCKS, *(name for name in _BEFORE if name.startswith("h"))]):
        tag.insert_before("\n\n") if tag.name in _BLOCKS else None
        tag.insert_after("\n\n")
    return "\n".join(line.strip(" ") for line in soup.get_text().split("\n"))
