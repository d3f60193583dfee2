"""XML: FictionBook, SVG, DocBook, feeds and others, as the text of their elements."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from langchain_core.documents import Document

from langchain_localllm.rag.ingest.formats.html import markup_sections, parse_markup

if TYPE_CHECKING:
    from bs4.element import Tag

_NOT_TEXT: Final = frozenset(
    {"binary", "document-info", "script", "style", "stylesheet", "metadata"}
)
_INLINE: Final = frozenset(
    {"a", "b", "code", "em", "emphasis", "i", "strong", "sub", "sup", "tspan"}
)
_KEPT: Final = _NOT_TEXT | _INLINE | {"chapter", "p", "section"}
_DECLARATIONS: Final = re.compile(rb"<!DOCTYPE[^\[>]*\[.*?\]\s*>", re.DOTALL)
_DEEPEST: Final = 6


def read_xml(data: bytes) -> Iterator[Document]:
    """Yield the sections of an XML file with titles in `heading`, or else its text.

    The text has a line for each element.
    """
    from bs4.element import Tag

    soup = parse_markup(_DECLARATIONS.sub(b"", data))
    depths: dict[int, int] = {}  # of chapters within each other; the tree comes from above
    in_titles: set[int] = set()  # what a title holds is its text
    for tag, parent in [(tag, id(tag.parent)) for tag in soup.find_all()]:
        if parent in in_titles:
            in_titles.add(id(tag))
            continue
        depth = depths.get(parent, 0) + (tag.name in {"section", "chapter"})
        depths[id(tag)] = depth
        if tag.name == "title" and depth:
            in_titles.add(id(tag))
            tag.string = tag.get_text(" ", strip=True)
            tag.name = f"h{min(depth, _DEEPEST)}"
        elif not _has_text(tag):
            for child in tag.contents:
                if (
                    isinstance(child, Tag)
                    and child.name not in _KEPT
                    and not (depth and child.name == "title")
                ):
                    child.name = "tr"  # a line of its own
    yield from markup_sections(soup, _NOT_TEXT)


def _has_text(tag: "Tag") -> bool:
    """Return whether an element holds text next to its child elements."""
    return any(isinstance(child, str) and child.strip() for child in tag.contents)
