"""Draw a page of a PDF file as a PNG picture: `python pdf_drawing.py FILE PAGE <QUOTE >PICTURE`.

It runs in a process of its own, since a document must not be able to end or block the server, and
imports nothing of this package, so that it starts quickly.
"""

import re
import struct
import sys
import zlib
from contextlib import suppress
from typing import Any, Final

_WIDTH: Final = 1100
"""Pixels of the picture's width."""
_MOST_PIXELS: Final = 4_000_000
_MOST_MEMORY: Final = 2 << 30
_HIGHLIGHT: Final = (255, 236, 140)


def main(file: str, page: str, quote: str) -> None:
    """Write the picture to stdout."""
    import pypdfium2

    document = pypdfium2.PdfDocument(file)
    shown = document[int(page) - 1]
    width, height = shown.get_size()
    scale = min(_WIDTH / width, (_MOST_PIXELS / (width * height)) ** 0.5)
    pixels = (
        shown.render(scale=scale, rev_byteorder=True, prefer_bgrx=False).to_numpy()[:, :, :3].copy()
    )
    for left, bottom, right, top in _places(shown, quote):
        rows = slice(max(0, int((height - top) * scale)), int((height - bottom) * scale) + 1)
        columns = slice(max(0, int(left * scale)), int(right * scale) + 1)
        for color, share in enumerate(_HIGHLIGHT):
            pixels[rows, columns, color] = pixels[rows, columns, color] * (share / 255)
    sys.stdout.buffer.write(_png(pixels))


def _places(page: Any, quote: str) -> list[tuple[float, float, float, float]]:
    """Return the rectangles of a text on a page: left, bottom, right, top."""
    text = page.get_textpage()
    whole = text.get_text_range()
    words = quote.split()
    if not words:
        return []
    found = re.search(r"[\s\x02\ufffe-]*".join(map(re.escape, words)), whole)
    if not found:
        return []
    count = text.count_rects(found.start(), found.end() - found.start())
    return [text.get_rect(number) for number in range(count)]


def _png(pixels: Any) -> bytes:
    """Return a picture of 8 bits for red, green and blue as a PNG file."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + pixels[row].tobytes() for row in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _limit_memory() -> None:
    import resource

    with suppress(OSError, ValueError):  # macOS has no such limit
        resource.setrlimit(
            resource.RLIMIT_AS, (_MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1])
        )


if __name__ == "__main__":
    _limit_memory()
    main(sys.argv[1], sys.argv[2], sys.stdin.buffer.read().decode())
