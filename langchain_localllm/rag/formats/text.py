"""Plain text: from bytes to characters, and from lines to paragraphs."""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Any

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.formats.located import LocatedDocument, located

_MARKS = [  # the longer marks first: UTF-16's is the beginning of UTF-32's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROLS = 0.01  # share of control characters above which bytes are no text
_SAMPLE = 100_000
"""Bytes that are looked at to guess an encoding; more take long and tell little."""
_BINARY = "it is a binary file, and of no kind that can be read."
_WRAPPED = 50  # a line of at least so many characters was broken by its editor, not by its author
_NEW_BLOCK = re.compile(r"\s*([-*+•|>#]|```|~~~|\d+[.)]\s)")


def read_text(data: bytes) -> Iterator[Document]:
    """A plain text file as one Document."""
    yield tidied(enumerate(decode(data).split("\n"), 1))


def decode(data: bytes) -> str:
    """Characters of a text file: by its byte order mark, else UTF-8, else the encoding that fits best.

    Raises:
        DocumentError: The bytes are not text.
    """
    text = data.decode(encoding_of(data), errors="replace")
    refuse_binary(text)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def encoding_of(data: bytes) -> str:
    """The encoding of a text that begins with these bytes.

    Raises:
        DocumentError: The bytes are not text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)  # a character that is cut at the end is no fault
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        best = from_bytes(data[:_SAMPLE]).best()
        if best is None:
            raise DocumentError(_BINARY) from None
        return best.encoding
    return "utf-8"


def refuse_binary(text: str) -> None:
    """Raise `DocumentError` for what has more control characters than text has."""
    if len(_CONTROL.findall(text)) > _MOST_CONTROLS * len(text):
        raise DocumentError(_BINARY)


def tidied(lines: Iterable[tuple[int, str]], metadata: dict[str, Any] | None = None) -> LocatedDocument:
    """A Document of numbered lines: those of each paragraph are put back together, as small models expect."""
    pieces: list[str] = []
    starts: list[tuple[int, int]] = []
    length = 0
    before = ""
    blank = False
    for number, full in lines:
        line = full.rstrip() if pieces else full.strip()
        if not line:
            blank = True
            continue
        goes_on = not blank and len(before) >= _WRAPPED and not _NEW_BLOCK.match(line)
        joint = "" if not pieces else " " if goes_on else "\n\n" if blank else "\n"
        text = line.lstrip() if goes_on else line
        pieces += (joint, text)
        length += len(joint)
        starts.append((length, number))
        length += len(text)
        before, blank = line, False
    return located("".join(pieces), starts, metadata)


def tidy(text: str) -> str:
    r"""Put the lines of each paragraph back together, as small models expect, and keep lists, tables and short lines.

    Example:
        >>> tidy("The library of the station is open from Monday until\nFriday.\n\n- no dogs\n- no boots")
        'The library of the station is open from Monday until Friday.\n\n- no dogs\n- no boots'
    """
    return tidied(enumerate(text.split("\n"))).page_content
