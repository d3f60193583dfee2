"""Grow the passages that were found to the paragraphs or sections around them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.rag.index.catalog import Catalog
from langchain_localllm.rag.ingest.split import COLUMNS, IN_CODE, JOINT

_REACH: Final = 12
"""How many passages before and after the found one are considered."""

_PARAGRAPH: Final = 2
"""Line breaks between two paragraphs."""

_Row = tuple[int, Document]
"""A passage with its place in the file."""


@dataclass(slots=True)
class _Section:
    """Passages in a row of one document; `found` is one of them."""

    found: Document
    rows: list[_Row]

    @property
    def size(self) -> int:
        return sum(_size(each) for _, each in self.rows)


def with_sections(
    catalog: Catalog, found: Iterable[Document], size: int, budget: int, k: int
) -> list[Document]:
    """Return the sections around passages, best first.

    Sections that touch become one, at the rank of the better one. A text that is in several of
    them, or in several files, is in the first only.

    Args:
        catalog: The record of the index.
        found: Passages, best first.
        size: Bytes up to which a passage grows.
        budget: Bytes of all sections together. The first passage is returned even if it is longer.
        k: The most sections.
    """
    sections: list[_Section] = []
    taken: set[str] = set()
    for passage in found:
        if passage.page_content in taken or (sections and _size(passage) > budget):
            continue
        if len(sections) >= k:
            break
        around = catalog.around(str(passage.id), _REACH)
        section = _grown(passage, around, min(size, budget), taken)
        budget -= section.size
        taken.update(each.page_content for _, each in section.rows)
        if touching := next((each for each in sections if _touch(each, section)), None):
            touching.rows = sorted([*touching.rows, *section.rows], key=lambda row: row[0])
        else:
            sections.append(section)
    return [_document(section) for section in sections]


def _grown(found: Document, around: Sequence[_Row], size: int, taken: set[str]) -> _Section:
    """Add neighbors up to `size` bytes.

    The rest of the paragraph comes first, until the room is used up, then the nearest paragraphs,
    the next one before the previous one. A paragraph of which only a part has room is not added:
    that part would be about something else.
    """
    first = last = next(number for number, (_, each) in enumerate(around) if each.id == found.id)
    room = size - _size(found)
    while True:
        options = []
        if last + 1 < len(around) and _follows(around[last], around[last + 1]):
            options.append((_lines_between(around[last + 1]), 0, last + 1))
        if first and _follows(around[first - 1], around[first]):
            options.append((_lines_between(around[first]), 1, first - 1))
        options = [
            (lines, before, place)
            for lines, before, place in options
            if _needed(around, place, lines, before) <= room
            and around[place][1].page_content not in taken
        ]
        if not options:
            return _Section(found, list(around[first : last + 1]))
        _, before, place = min(options)
        first, last = (place, last) if before else (first, place)
        room -= _size(around[place][1])


def _needed(around: Sequence[_Row], place: int, lines: int, before: int) -> int:
    """Return the bytes of a neighbor, or of its whole paragraph if that is another one."""
    size = _size(around[place][1])
    if lines < _PARAGRAPH:
        return size
    step = -1 if before else 1
    while 0 <= place + step < len(around):
        later = max(place, place + step)
        if not _follows(around[later - 1], around[later]):
            break
        if _lines_between(around[later]) >= _PARAGRAPH:
            break
        place += step
        size += _size(around[place][1])
    return size


def _touch(one: _Section, other: _Section) -> bool:
    if one.found.metadata.get("source") != other.found.metadata.get("source"):
        return False
    return _follows(one.rows[-1], other.rows[0]) or _follows(other.rows[-1], one.rows[0])


def _follows(row: _Row, later: _Row) -> bool:
    """Return whether a passage is the next one of the same document."""
    return later[0] == row[0] + 1 and JOINT in later[1].metadata


def _lines_between(later: _Row) -> int:
    joint = later[1].metadata[JOINT]
    return joint.count("\n") if isinstance(joint, str) else 0


def _document(section: _Section) -> Document:
    """Return a section as one Document, with its beginning and the found passage's scores."""
    first = section.rows[0][1]
    text = first.page_content
    for _, passage in section.rows[1:]:
        joint = passage.metadata[JOINT]
        text += (
            joint + passage.page_content if isinstance(joint, str) else passage.page_content[joint:]
        )
    metadata = {**section.found.metadata, **first.metadata}
    for name in {JOINT, *({COLUMNS, IN_CODE} - first.metadata.keys())}:
        metadata.pop(name, None)
    return Document(text, id=section.found.id, metadata=metadata)


def _size(passage: Document) -> int:
    return len(passage.page_content.encode())
