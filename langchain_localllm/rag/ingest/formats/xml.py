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
_KEPT: Final = _NOT_TEXT | _INLINE | {"p", "pre"}
_CODE: Final = ["programlisting", "screen"]
"""DocBook's elements of preformatted text."""
_DECLARATIONS: Final = re.compile(rb"<!DOCTYPE[^\[>]*\[.*?\]\s*>", re.DOTALL)
_DEEPEST: Final = 6
_EMPTY_IN_HTML: Final = re.compile(
    rb"<(/?)((?:area|base|col|embed|input|link|meta|param|source|track)(?:\s[^<>]*[^/<>])?)>"
)
"""Elements that hold no text in HTML, and that may in XML, as the link of a feed does."""
_FEEDS: Final = ["rss", "feed", "rdf:rdf"]
_CHAPTERS: Final = frozenset(["chapter", "section"])
_ENTRIES: Final = frozenset(["entry", "item"])
_HTML: Final = re.compile(
    r"</(?:a|b|div|em|h\d|i|li|p|span|strong|td)>|<(?:br|img)\b", re.IGNORECASE
)
"""Of a text that is HTML, as the entries of feeds hold it."""


def read_xml(data: bytes) -> Iterator[Document]:
    """Yield the sections of an XML file with titles in `heading`, or else its text.

    The text has a line for each element.
    """
    from bs4.element import Tag

    soup = parse_markup(_EMPTY_IN_HTML.sub(rb"<\1x-\2>", _DECLARATIONS.sub(b"", data)))
    for tag in soup.find_all(_CODE):
        tag.name = "pre"
    is_feed = soup.find(_FEEDS) is not None
    chapters = _CHAPTERS | _ENTRIES if is_feed else _CHAPTERS
    depths: dict[int, int] = {}  # of chapters within each other; the tree comes from above
    in_titles: set[int] = set()  # what a title holds is its text
    for tag, parent in [(tag, id(tag.parent)) for tag in soup.find_all()]:
        if parent in in_titles:
            in_titles.add(id(tag))
            continue
        depth = depths.get(parent, 0) + (tag.name in chapters)
        depths[id(tag)] = depth
        if tag.name == "title" and depth:
            in_titles.add(id(tag))
            tag.string = tag.get_text(" ", strip=True)
            tag.name = f"h{min(depth, _DEEPEST)}"
        elif not _has_text(tag):
            for child in tag.contents:
                if (
                    isinstance(child, Tag)
                    and child.name not in _KEPT | chapters
                    and not (depth and child.name == "title")
                ):
                    child.name = "tr"  # a line of its own
    for text in soup.find_all(string=_HTML) if is_feed else []:
        text.replace_with(parse_markup(str(text)))
    yield from markup_sections(soup, _NOT_TEXT)


def _has_text(tag: "Tag") -> bool:
    """Return whether an element holds text next to its child elements."""
    return any(isinstance(child, str) and child.strip() for child in tag.contents)
