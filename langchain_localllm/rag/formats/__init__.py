"""The file formats that can be read: a file each, and a line each in `READERS`.

A reader takes the bytes of a file and yields Documents with `page`, `heading`, `cell` or `language` in their metadata, where they
have one; it raises DocumentError with the reason alone, since the caller knows the file's name.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from langchain_core.documents import Document

from langchain_localllm.rag.formats.code import LANGUAGES, code_reader
from langchain_localllm.rag.formats.docx import read_docx
from langchain_localllm.rag.formats.html import read_html
from langchain_localllm.rag.formats.json import read_json, read_json_lines
from langchain_localllm.rag.formats.markdown import read_markdown
from langchain_localllm.rag.formats.notebook import read_notebook
from langchain_localllm.rag.formats.pdf import read_pdf
from langchain_localllm.rag.formats.table import read_csv
from langchain_localllm.rag.formats.text import read_text

Reader = Callable[[bytes], Iterable[Document]]

READERS: dict[str, Reader] = {
    ".csv": read_csv,
    ".docx": read_docx,
    ".htm": read_html,
    ".html": read_html,
    ".ipynb": read_notebook,
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".markdown": read_markdown,
    ".md": read_markdown,
    ".ndjson": read_json_lines,
    ".pdf": read_pdf,
    ".tsv": read_csv,
    ".xhtml": read_html,
    **{ending: code_reader(language) for ending, language in LANGUAGES.items()},
}

_PDF_START = b"%PDF-"


def reader_for(path: Path, start: bytes) -> Reader:
    """The reader for a file: PDF by its first bytes, the others by the name's ending, else plain text."""
    if start.startswith(_PDF_START):
        return read_pdf
    return READERS.get(path.suffix.lower(), read_text)
