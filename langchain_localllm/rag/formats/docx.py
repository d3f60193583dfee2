"""Word documents: turned into Markdown's plain shape, then read like it."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.rag.formats.markdown import sections

if TYPE_CHECKING:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

_HEADING = re.compile(r"(?:Heading (\d)|(Title))$")
_MOST_XML = 50_000_000
"""Bytes of XML that the file may hold unpacked; its tree takes about ten times as much memory."""
_MOST = 500_000_000
"""Bytes that it may hold unpacked in all, with its pictures."""
_MOST_PARTS = 10_000


def read_docx(data: bytes) -> Iterator[Document]:
    """The sections of a Word document, with the headings above each in `heading`; tables are read row by row."""
    try:
        import docx
        from docx.table import Table
    except ImportError as error:
        raise MissingDependencyError('Reading docx needs python-docx: pip install "langchain-localllm[rag]".') from error
    try:
        with ZipFile(BytesIO(data)) as archive:
            _refuse_bomb(archive)
        blocks = list(docx.Document(BytesIO(data)).iter_inner_content())
    except DocumentError:
        raise
    except BadZipFile:
        raise DocumentError("it is no .docx file, or encrypted. Save it anew without a password.") from None
    except Exception as error:  # python-docx raises errors of many types on broken files
        raise DocumentError(f"it is a broken .docx file ({error}). Save it anew.") from error
    markdown = "\n\n".join(_rows(block) if isinstance(block, Table) else _paragraph(block) for block in blocks)
    for section in sections(markdown):
        yield Document(section.page_content, metadata=section.metadata)  # a Word document has no lines


def _refuse_bomb(archive: ZipFile) -> None:
    parts = archive.infolist()
    xml = sum(part.file_size for part in parts if part.filename.lower().endswith((".xml", ".rels")))
    size = sum(part.file_size for part in parts)
    if xml > _MOST_XML or size > _MOST or len(parts) > _MOST_PARTS:
        raise DocumentError(
            f"it is far larger unpacked than a document is ({size / 1e6:,.0f} MB in {len(parts):,} parts). "
            "Save its text as a .txt file and index that."
        )


def _paragraph(paragraph: "Paragraph") -> str:
    style = (paragraph.style.name if paragraph.style else None) or ""
    if match := _HEADING.match(style):
        return f"{'#' * int(match[1] or 1)} {paragraph.text}"
    return f"- {paragraph.text}" if style.startswith("List") else paragraph.text


def _rows(table: "Table") -> str:
    return "\n".join(" | ".join(cell.text.replace("\n", " ") for cell in row.cells) for row in table.rows)
