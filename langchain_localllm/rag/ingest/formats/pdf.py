"""PDF: a Document for each page."""

import re
import threading
from collections.abc import Iterator
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.ingest.formats.text import tidy

_LOCK: Final = threading.RLock()
"""PDFium may be called by one thread at a time."""
_HYPHEN: Final = re.compile("[\x02\ufffe]\\s*")
"""What PDFium writes for a hyphen at the end of a line; the break after it is left out."""
_PASSWORD: Final = 4  # FPDF_ERR_PASSWORD


def read_pdf(data: bytes) -> Iterator[Document]:
    """Yield the pages of a PDF file, numbered from 1 in `page`. An encrypted file is read where it needs no password."""
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingDependencyError(f"Reading PDF needs pypdfium2: {pip_install('rag')}.") from error
    with _LOCK:
        try:
            file = pypdfium2.PdfDocument(data)
            count = len(file)
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) == _PASSWORD:
                raise DocumentError("it is encrypted. Save a copy without a password and give that.") from None
            raise DocumentError(f"it is a broken or truncated PDF ({error}) Get a whole copy.") from error
    empty, broken = True, 0
    try:
        for number in range(count):
            try:
                text = tidy(_HYPHEN.sub("-\n", _page_text(file, number)))
            except pypdfium2.PdfiumError:
                broken += 1  # the other pages may be whole
                continue
            empty = empty and not text
            yield Document(text, metadata={"page": number + 1})
    finally:
        with _LOCK:
            file.close()
    if broken == count:
        raise DocumentError("it is a broken or truncated PDF without a readable page. Get a whole copy.")
    if empty:
        raise DocumentError("it is a PDF without text, perhaps a scan. Run text recognition (OCR) on it first.")


def _page_text(file: Any, number: int) -> str:
    with _LOCK:
        page = file[number]
        text_page = page.get_textpage()
        text = str(text_page.get_text_bounded())
        text_page.close()
        page.close()
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
