"""RTF: its text, without control words, fonts and pictures."""

import re
from collections.abc import Iterator
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.ingest.formats.text import tidy

START: Final = b"{\\rtf"
_ROW: Final = re.compile(r"^(?:[^|\n]*\|){2,}$", re.MULTILINE)
"""A row of a table, as striprtf writes it."""
_BINARY: Final = re.compile(rb"\\bin(\d*) ?")


def read_rtf(data: bytes) -> Iterator[Document]:
    """Yield the text of an RTF file as one Document."""
    try:
        from striprtf.striprtf import rtf_to_text
    except ImportError as error:
        raise MissingDependencyError(
            f"Reading RTF needs striprtf: {pip_install('rag')}."
        ) from error
    if not data.lstrip().startswith(START):
        raise DocumentError("it is not an RTF file. Save it again as .rtf or .docx.")
    try:
        text = str(rtf_to_text(_without_binary(data).decode("latin-1"), errors="replace"))  # type: ignore[no-untyped-call]  # striprtf has no types
    except (ValueError, LookupError, IndexError, TypeError) as error:
        raise DocumentError(
            f"it is a broken RTF file ({error}). Save it again as .rtf or .docx."
        ) from error
    yield Document(tidy(_ROW.sub(lambda row: row[0][:-1].replace("|", " | "), text)))


def _without_binary(data: bytes) -> bytes:
    """Return the data without the raw bytes of pictures, which may hold braces."""
    pieces, position = [], 0
    while found := _BINARY.search(data, position):
        pieces.append(data[position : found.start()])
        position = found.end() + int(found[1] or 0)
    return b"".join([*pieces, data[position:]])
