"""Plain text: from bytes to characters, and from lines to paragraphs."""

import codecs
import re
from collections.abc import Iterator

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError

_MARKS = [  # the longer marks first: UTF-16's is the beginning of UTF-32's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROLS = 0.01  # share of control characters above which bytes are no text
_WRAPPED = 50  # a line of at least so many characters was broken by its editor, not by its author
_NEW_BLOCK = re.compile(r"\s*([-*+•|>#]|```|~~~|\d+[.)]\s)")


def read_text(data: bytes) -> Iterator[Document]:
    """A plain text file as one Document."""
    yield Document(tidy(decode(data)))


def decode(data: bytes) -> str:
    """Characters of a text file: by its byte order mark, else UTF-8, else the encoding that fits best.

    Raises:
        DocumentError: The bytes are not text.
    """
    text = _by_mark(data) or _by_guess(data)
    if len(_CONTROL.findall(text)) > _MOST_CONTROLS * len(text):
        raise DocumentError("it is a binary file, not text, Markdown, HTML or PDF.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _by_mark(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    return None


def _by_guess(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        best = from_bytes(data).best()
        if best is None:
            raise DocumentError("it is a binary file, not text, Markdown, HTML or PDF.") from None
        return str(best)


def tidy(text: str) -> str:
    r"""Put the lines of each paragraph back together, as small models expect, and keep lists, tables and short lines.

    Example:
        >>> tidy("The library of the station is open from Monday until\nFriday.\n\n- no dogs\n- no boots")
        'The library of the station is open from Monday until Friday.\n\n- no dogs\n- no boots'
    """
    pieces: list[str] = []
    before = ""
    for line in map(str.rstrip, text.split("\n")):
        goes_on = line and len(before) >= _WRAPPED and not _NEW_BLOCK.match(line)
        pieces += (" ", line.lstrip()) if goes_on else ("\n", line)
        before = line
    return re.sub(r"\n{3,}", "\n\n", "".join(pieces)).strip()
