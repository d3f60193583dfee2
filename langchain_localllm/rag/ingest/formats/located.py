"""A Document that knows in which line of its file each part of its text is."""

import bisect
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.documents import Document
from pydantic import PrivateAttr


class LocatedDocument(Document):
    r"""A Document with `line_at`.

    Example:
        >>> document = located("The boat.\nThe key.", [(0, 7), (10, 9)])
        >>> document.line_at(0), document.line_at(12)
        (7, 9)
    """

    _starts: list[int] = PrivateAttr(default_factory=list)
    _lines: list[int] = PrivateAttr(default_factory=list)

    @property
    def lines(self) -> list[tuple[int, int]]:
        """Pairs of a place in the text and the line of the file that begins there."""
        return list(zip(self._starts, self._lines, strict=True))

    def line_at(self, offset: int) -> int | None:
        """Return the line of the file, from 1, of a place in the text."""
        place = bisect.bisect_right(self._starts, offset) - 1
        return self._lines[place] if place >= 0 else None


def located(
    text: str, lines: Sequence[tuple[int, int]], metadata: dict[str, Any] | None = None
) -> LocatedDocument:
    """Make one.

    Args:
        text: The text.
        lines: Pairs of a place in the text and the line of the file that begins there, in order.
        metadata: What else is known.
    """
    document = LocatedDocument(page_content=text, metadata=metadata or {})
    document._starts = [start for start, _ in lines]  # noqa: SLF001 - our own
    document._lines = [line for _, line in lines]  # noqa: SLF001 - our own
    return document


def as_it_is(text: str, first: int = 1, metadata: dict[str, Any] | None = None) -> LocatedDocument:
    """Return a Document of text whose lines stay as they are.

    `first` is the line of the file with which it begins.
    """
    return located(text, list(_starts(text.splitlines(keepends=True), first)), metadata)


def _starts(lines: Iterable[str], number: int) -> Iterable[tuple[int, int]]:
    offset = 0
    for line in lines:
        yield offset, number
        offset += len(line)
        number += 1
