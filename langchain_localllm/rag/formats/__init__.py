"""The file formats that can be read: a file each, and a line each in `READERS`.

A reader takes the bytes of a file and yields Documents with `page` or `heading` in their metadata; it raises
DocumentError with the reason alone, since the caller knows the file's name.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from langchain_core.documents import Document

from langchain_localllm.rag.formats.html import read_html
from langchain_localllm.rag.formats.markdown import read_markdown
from langchain_localllm.rag.formats.pdf import read_pdf
from langchain_localllm.rag.formats.text import read_text

Reader = Callable[[bytes], Iterable[Document]]

READERS: dict[str, Reader] = {
    ".htm": read_html,
    ".html": read_html,
    ".markdown": read_markdown,
    ".md": read_markdown,
    ".pdf": read_pdf,
    ".xhtml": read_html,
}

_PDF_START = b"%PDF-"


def reader_for(path: Path, data: bytes) -> Reader:
    """The reader for a file: PDF by its first bytes, the others by the name's ending, else plain text."""
    if data.startswith(_PDF_START):
        return read_pdf
    return READERS.get(path.suffix.lower(), read_text)
