"""Find the reading order of a PDF page where the file's differs.

Columns may be mixed, and tables are read by row.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, Final

_SPACES: Final = frozenset("\t\n\r \u00a0")
_RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_GAP: Final = 1.1
"""Heights of a character between two columns at least; words of a line are closer."""
_SAME_LINE: Final = 0.45
_ALIGNED: Final = 0.7
"""Heights of a character by which the cells of a column may be apart."""
_LEAST_LINES: Final = 5
"""Lines that each of two columns has at least."""
_WORDY: Final = 16
"""Characters of a line of a text, half of them at least; cells of tables have fewer."""
_CROSSING: Final = 0.2
"""Share of lines that may cross the space between columns: titles and footers."""
_MIXED: Final = 0.25
"""Changes from one column to the other for each line, above which the file mixes them."""
_ROWS: Final = 3.2
"""Heights of a character between two rows of a table at most."""
_TURNED: Final = 0.25
"""Share of parts that are one character, above which a text is turned by 90 degrees."""
_MOST_PLACES: Final = 200
_SHARED: Final = 0.75
"""Share of the columns of a row that are in the next one; words of a spaced text share fewer."""
_LEAST_ROWS: Final = 3
_TABLE_GAP: Final = 1.6
"""Heights of a character between two cells, in the middle of all."""
_MOST_SMALL: Final = 0.6
_LONG: Final = 28
"""Characters above which a text is a part of a line of a text rather than a cell."""
_LONGEST_SHARE: Final = 0.6
"""Share of a row that one of its cells may be; where it is more, a margin is next to a text."""
_MOST: Final = 20_000
"""Characters of a page above which its order is not looked into."""


@dataclass(slots=True)
class Piece:
    """A part of a line, with its place in points from the lower left corner."""

    text: str
    left: float
    right: float
    bottom: float
    top: float

    @property
    def middle(self) -> float:
        """The middle of its height."""
        return (self.bottom + self.top) / 2


def ordered_text(text_page: Any, raw: Any, *, by_place: bool = False) -> str:
    """Return a page's text in reading order, or an empty string if the file's order is good.

    Args:
        text_page: PDFium's text page.
        raw: The module `pypdfium2.raw`.
        by_place: Whether the order of the file is known to be another one, as of a filled form,
            whose values come after all its labels.
    """
    count = raw.FPDFText_CountChars(text_page)
    if not 0 < count <= _MOST:
        return ""
    pieces = list(_pieces(text_page, raw, count))
    if (len(pieces) < 2 * _LEAST_LINES - 4 and not by_place) or any(
        _RIGHT_TO_LEFT.search(piece.text) for piece in pieces
    ):
        return ""
    height = median(piece.top - piece.bottom for piece in pieces)
    if height <= 0 or sum(len(piece.text) == 1 for piece in pieces) > _TURNED * len(pieces):
        return ""
    gutter = _gutter(pieces, height)
    if by_place:
        text = _lines(_by_columns(pieces, height))
    elif gutter is None:
        text = _with_tables(pieces, height)
    else:
        text = _lines(_by_columns(pieces, height)) if _is_mixed(pieces, gutter) else ""
    # PDFium yields halves of pairs
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _pieces(text_page: Any, raw: Any, count: int) -> Iterator[Piece]:
    """Yield the parts of lines in file order: characters that closely follow each other."""
    box = raw.FS_RECTF()
    piece: Piece | None = None
    space = False
    for number in range(count):
        letter = chr(raw.FPDFText_GetUnicode(text_page, number) or 32)
        if letter in _SPACES:
            space = True
            continue
        if not raw.FPDFText_GetLooseCharBox(text_page, number, box):
            continue
        x0, x1, y0, y1 = box.left, box.right, box.bottom, box.top
        if piece and _follows(piece, x0, y0, y1):
            piece.text += f" {letter}" if space else letter
            piece.right = max(piece.right, x1)
            piece.bottom, piece.top = min(piece.bottom, y0), max(piece.top, y1)
        else:
            if piece:
                yield piece
            piece = Piece(letter, x0, x1, y0, y1)
        space = False
    if piece:
        yield piece


def _follows(piece: Piece, left: float, bottom: float, top: float) -> bool:
    height = max(piece.top - piece.bottom, top - bottom, 1.0)
    is_on_line = bottom < piece.top and top > piece.bottom
    return is_on_line and -height <= left - piece.right <= _GAP * height


def _gutter(pieces: Sequence[Piece], height: float) -> float | None:
    """Return where the space between two columns of text is, or `None` if there are no columns."""
    start, end = min(piece.left for piece in pieces), max(piece.right for piece in pieces)
    step = max(height / 2, (end - start) / _MOST_PLACES)
    # few places to look at, however many parts there are
    steps = {int((piece.right - start) / step) + 1 for piece in pieces}
    edges = [
        start + each * step
        for each in sorted(steps)
        if 0.15 * (end - start) < each * step < 0.85 * (end - start)
    ]
    best: tuple[int, float] | None = None
    for place in edges:
        crossing = sum(piece.left < place < piece.right for piece in pieces)
        if (best is None or crossing < best[0]) and crossing <= _CROSSING * len(pieces):
            sides = (
                [piece for piece in pieces if piece.right <= place],
                [piece for piece in pieces if piece.left >= place],
            )
            if all(
                len(side) >= _LEAST_LINES and median(len(piece.text) for piece in side) >= _WORDY
                for side in sides
            ):
                best = (crossing, place)
    return best[1] if best else None


def _is_mixed(pieces: Sequence[Piece], gutter: float) -> bool:
    """Return whether the file goes from column to column and back again and again."""
    sides = [
        piece.left >= gutter for piece in pieces if piece.right <= gutter or piece.left >= gutter
    ]
    changes = sum(one != other for one, other in pairwise(sides))
    return changes > max(3, _MIXED * len(sides))


def _by_columns(pieces: Sequence[Piece], height: float) -> list[Piece]:
    """Return the parts in reading order: the columns between two lines that cross them.

    One column follows the other.
    """
    gutter = _gutter(pieces, height) if pieces else None
    rows = sorted(pieces, key=lambda piece: (-piece.middle, piece.left))
    if gutter is None:
        return [piece for row in _rows(rows, height) for piece in row]
    found: list[Piece] = []
    left: list[Piece] = []
    right: list[Piece] = []
    for piece in rows:
        if piece.right <= gutter:
            left.append(piece)
        elif piece.left >= gutter:
            right.append(piece)
        else:
            found += [*_by_columns(left, height), *_by_columns(right, height), piece]
            left, right = [], []
    return [*found, *_by_columns(left, height), *_by_columns(right, height)]


def _rows(pieces: Sequence[Piece], height: float) -> list[list[Piece]]:
    """Return parts line by line from the top, each from left to right."""
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: -piece.middle):
        if rows and abs(rows[-1][0].middle - piece.middle) <= _SAME_LINE * height:
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [sorted(row, key=lambda piece: piece.left) for row in rows]


def _with_tables(pieces: Sequence[Piece], height: float) -> str:
    """Return a page in file order, its tables row by row, or an empty string without any."""
    table_of: dict[int, int] = {}
    tables: list[str] = []
    for rows in _tables(_rows(pieces, height), height):
        table_of |= {id(piece): len(tables) for row in rows for piece in row}
        tables.append("\n".join(" | ".join(piece.text for piece in row) for row in rows))
    if not tables:
        return ""
    blocks: list[str] = []
    others: list[Piece] = []
    shown: set[int] = set()
    for piece in pieces:
        number = table_of.get(id(piece))
        if number is None:
            others.append(piece)
        elif number not in shown:
            shown.add(number)
            blocks += [_lines(others), tables[number]]
            others = []
    return "\n\n".join(filter(None, [*blocks, _lines(others)]))


def _tables(rows: Sequence[list[Piece]], height: float) -> Iterator[list[list[Piece]]]:
    """Yield lines that follow each other and have the same columns of short texts."""
    found: list[list[Piece]] = []
    for row in [*rows, []]:
        is_near = (
            bool(found) and bool(row) and found[-1][0].middle - row[0].middle <= _ROWS * height
        )
        if _is_row(row) and (not found or (is_near and _are_aligned(found[-1], row, height))):
            found.append(row)
            continue
        if len(found) >= _LEAST_ROWS and not _is_prose(found, height):
            yield found
        found = [row] if _is_row(row) else []


def _is_prose(rows: Sequence[Sequence[Piece]], height: float) -> bool:
    """Return whether rows are lines of a spaced text.

    Its words are near to each other, and most begin with a small letter.
    """
    gap = median(right.left - left.right for row in rows for left, right in pairwise(row))
    cells = [piece.text for row in rows for piece in row]
    return gap < _TABLE_GAP * height or sum(
        text[0].islower() for text in cells
    ) > _MOST_SMALL * len(cells)


def _is_row(row: Sequence[Piece]) -> bool:
    """Return whether a line looks like a row.

    It has several texts, of which one at most is long, and none is most of it.
    """
    lengths = sorted((len(piece.text) for piece in row), reverse=True)
    return (
        len(row) >= 2  # noqa: PLR2004
        and lengths[1] <= _LONG
        and lengths[0] <= max(_WORDY, _LONGEST_SHARE * sum(lengths))
    )


def _are_aligned(row: Sequence[Piece], below: Sequence[Piece], height: float) -> bool:
    """Return whether two lines share most of their columns, by left or right edge or middle."""
    reach = _ALIGNED * height
    shared = sum(
        any(
            min(
                abs(one.left - other.left),
                abs(one.right - other.right),
                abs(one.left + one.right - other.left - other.right) / 2,
            )
            <= reach
            for other in below
        )
        for one in row
    )
    return shared >= max(2, _SHARED * min(len(row), len(below)))


def _lines(pieces: Sequence[Piece]) -> str:
    """Return parts in their order, those of one line joined."""
    text = ""
    before: Piece | None = None
    for piece in pieces:
        if before is not None:
            height = piece.top - piece.bottom
            text += (
                " "
                if abs(before.middle - piece.middle) < height / 2
                and before.right <= piece.left + height
                else "\n"
            )
        text += piece.text
        before = piece
    return text
