"""Register the file formats that can be read: one module each, and one line each in `READERS`.

A reader takes the bytes of a file and yields Documents with `page`, `heading`, `cell` or `language`
in their metadata, if known. It raises DocumentError with the reason only; the caller adds the
file's name.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.ingest.formats.code import LANGUAGES, LINES, code_reader
from langchain_localllm.rag.ingest.formats.content_lines import read_content_lines
from langchain_localllm.rag.ingest.formats.detect import detect, is_old_excel, refuse_unsupported
from langchain_localllm.rag.ingest.formats.docx import read_docx
from langchain_localllm.rag.ingest.formats.epub import is_epub, read_epub
from langchain_localllm.rag.ingest.formats.html import read_html
from langchain_localllm.rag.ingest.formats.json import read_json, read_json_lines
from langchain_localllm.rag.ingest.formats.latex import read_latex
from langchain_localllm.rag.ingest.formats.mail import read_mail, read_mailbox
from langchain_localllm.rag.ingest.formats.markdown import read_markdown
from langchain_localllm.rag.ingest.formats.notebook import read_notebook
from langchain_localllm.rag.ingest.formats.opendocument import (
    is_opendocument,
    read_flat_opendocument,
    read_opendocument,
)
from langchain_localllm.rag.ingest.formats.pdf import read_pdf
from langchain_localllm.rag.ingest.formats.rtf import START as RTF_START
from langchain_localllm.rag.ingest.formats.rtf import read_rtf
from langchain_localllm.rag.ingest.formats.slides import read_pptx
from langchain_localllm.rag.ingest.formats.spreadsheet import read_xls, read_xlsx
from langchain_localllm.rag.ingest.formats.subtitles import read_subtitles
from langchain_localllm.rag.ingest.formats.table import read_csv
from langchain_localllm.rag.ingest.formats.text import read_lines, read_text
from langchain_localllm.rag.ingest.formats.xml import read_xml

Reader = Callable[[bytes], Iterable[Document]]

READERS_VERSION = 11
"""Raise this when a reader changes: existing indexes then read all files again, and embed only
changed passages."""

READERS: dict[str, Reader] = {
    ".csv": read_csv,
    ".dbk": read_xml,
    ".docbook": read_xml,
    ".docm": read_docx,
    ".docx": read_docx,
    ".dotm": read_docx,
    ".dotx": read_docx,
    ".eml": read_mail,
    ".epub": read_epub,
    ".fb2": read_xml,
    ".fodp": read_flat_opendocument,
    ".fods": read_flat_opendocument,
    ".fodt": read_flat_opendocument,
    ".htm": read_html,
    ".html": read_html,
    ".ics": read_content_lines,
    ".ipynb": read_notebook,
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".markdown": read_markdown,
    ".md": read_markdown,
    ".mbox": read_mailbox,
    ".mdx": read_markdown,
    ".mht": read_mail,
    ".mhtml": read_mail,
    ".ndjson": read_json_lines,
    ".odp": read_opendocument,
    ".ods": read_opendocument,
    ".odt": read_opendocument,
    ".otp": read_opendocument,
    ".ots": read_opendocument,
    ".ott": read_opendocument,
    ".pdf": read_pdf,
    ".potm": read_pptx,
    ".potx": read_pptx,
    ".ppsm": read_pptx,
    ".ppsx": read_pptx,
    ".pptm": read_pptx,
    ".pptx": read_pptx,
    ".qmd": read_markdown,
    ".rmd": read_markdown,
    ".rtf": read_rtf,
    ".srt": read_subtitles,
    ".svg": read_xml,
    ".tex": read_latex,
    ".tsv": read_csv,
    ".vcf": read_content_lines,
    ".vtt": read_subtitles,
    ".xhtml": read_html,
    ".xls": read_xls,
    ".xlsm": read_xlsx,
    ".xlsx": read_xlsx,
    ".xltm": read_xlsx,
    ".xltx": read_xlsx,
    ".xml": read_xml,
    **dict.fromkeys((*LINES, "dockerfile", "jenkinsfile", "makefile"), read_lines),
    **{ending: code_reader(language) for ending, language in LANGUAGES.items()},
}

_DETECTED: dict[str, Reader] = {
    "html": read_html,
    "ics": read_content_lines,
    "mail": read_mail,
    "mbox": read_mailbox,
    "xml": read_xml,
}
_PDF_START = b"%PDF-"
_PDF_HEAD = 1024
"""A PDF may begin within this many bytes: mail programs and web servers put headers before it."""
_ZIP_START = b"PK\x03\x04"
_PARTS: dict[bytes, Reader] = {
    b"word/document.xml": read_docx,
    b"xl/workbook.xml": read_xlsx,
    b"ppt/presentation.xml": read_pptx,
}
"""The part that each kind of Office file has."""
_FOLDERS: dict[Reader, bytes] = {read_docx: b"word/", read_xlsx: b"xl/", read_pptx: b"ppt/"}
"""The folder of its parts. One of another kind can hold such a file, as slides hold an Excel
table."""
_ARCHIVED = {read_docx, read_epub, read_opendocument, read_pptx, read_xlsx}
_SHEETS = {read_xls, read_xlsx}


def reader_for(path: Path, start: bytes) -> Reader:
    """Choose the reader for a file.

    PDF, RTF and archives are found by the first bytes, others by the file extension, else by the
    content.

    Raises:
        DocumentError: It is of a known format that cannot be read, or not the PDF that its name
            says.
    """
    reader = READERS.get(path.suffix.lower() or path.name.lower())
    if found := _reader_by_start(path, start, reader):
        return found
    refuse_unsupported(path, start)
    detected = (
        _DETECTED.get(detect(start)) if reader in {None, read_pdf, read_xls, *_ARCHIVED} else None
    )
    if reader is read_pdf and detected is None:
        raise DocumentError(
            "it is not a PDF file: it does not begin with %PDF. Get the file again, or correct "
            "the ending of its name."
        )
    if reader in _SHEETS and not start.startswith(_ZIP_START):
        return detected or read_csv  # programs export HTML and CSV under these names
    return detected or reader or read_text


def _reader_by_start(path: Path, start: bytes, reader: Reader | None) -> Reader | None:
    """Return the reader of a file that is not text, by its first bytes, or `None`.

    `reader` is that of its name.
    """
    if start.startswith(_PDF_START) or (reader is read_pdf and _PDF_START in start[:_PDF_HEAD]):
        return read_pdf
    if start.startswith(RTF_START):
        return read_rtf
    if start.startswith(_ZIP_START):
        return _archive_reader(path, start, reader)
    return read_xls if reader in {None, *_SHEETS} and is_old_excel(path, start) else None


def _archive_reader(path: Path, start: bytes, reader: Reader | None) -> Reader | None:
    """Return the reader of a ZIP archive that is a document.

    It is found by the archive's first parts, or else by the file's name.
    """
    if is_epub(start):
        return read_epub
    if is_opendocument(start):
        return read_opendocument
    if path.suffix.lower() == ".zip":  # it may hold documents
        return None
    if reader in _FOLDERS and _FOLDERS[reader] in start:
        return reader
    found = next((each for part, each in _PARTS.items() if part in start), None)
    return found or (reader if reader in _ARCHIVED else None)
