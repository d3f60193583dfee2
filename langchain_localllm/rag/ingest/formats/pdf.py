"""PDF: a Document for each page."""

import re
import threading
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.ingest.formats.pdf_layout import ordered_text
from langchain_localllm.rag.ingest.formats.text import tidy

_LOCK: Final = threading.RLock()
"""PDFium may be called by one thread at a time."""
_HYPHEN: Final = re.compile("[\x02\ufffe]\\s*")
"""What PDFium writes for a hyphen at the end of a line; the break after it is left out."""
_LINE_END: Final = "\x02\ufffe\u00ad"
_SYMBOL: Final = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")
"""Characters of a font's own, such as the bullets of Symbol; they mean nothing to anyone else."""
_NOT_TEXT: Final = frozenset({"Cc", "Cn", "Co"})
_MOST_UNKNOWN: Final = 0.3
"""Share of the characters of a page."""
_SAMPLE: Final = 2000
_OCR: Final = "Run text recognition (OCR) on it first, for example with `ocrmypdf --force-ocr IN.pdf OUT.pdf`."
_PASSWORD: Final = 4  # FPDF_ERR_PASSWORD


def read_pdf(data: bytes) -> Iterator[Document]:
    """Yield the pages of a PDF file, numbered from 1 in `page`. An encrypted file is read where it needs no password.

    Columns that the file mixes are read one after the other, and tables row by row. Pages of unknown characters are left out.
    """
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
    empty, broken, garbled = True, 0, 0
    try:
        for number in range(count):
            try:
                text, is_garbled = _page_text(file, number)
            except pypdfium2.PdfiumError:
                broken += 1  # the other pages may be whole
                continue
            if is_garbled:
                garbled += 1
                continue
            text = tidy(_HYPHEN.sub("-\n", text))
            empty = empty and not text
            yield Document(text, metadata={"page": number + 1})
    finally:
        with _LOCK:
            file.close()
    if broken == count:
        raise DocumentError("it is a broken or truncated PDF without a readable page. Get a whole copy.")
    if empty and garbled:
        raise DocumentError(f"its fonts do not say which characters they show, so its text cannot be read. {_OCR}")
    if empty:
        raise DocumentError(f"it is a PDF without text, perhaps a scan. {_OCR}")


def _page_text(file: Any, number: int) -> tuple[str, bool]:
    """Return the text of a page, and whether it is garbage."""
    from pypdfium2 import raw

    with _LOCK:
        page = file[number]
        text_page = page.get_textpage()
        is_garbled = _is_garbled(text_page.raw, raw)
        text = "" if is_garbled else ordered_text(text_page.raw, raw) or str(text_page.get_text_bounded())
        text_page.close()
        page.close()
    text = _SYMBOL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", ""))
    return text, is_garbled


def _is_garbled(text_page: Any, raw: Any) -> bool:
    """Return whether many characters of a page are unknown: their font has no table of what they mean."""
    count = min(raw.FPDFText_CountChars(text_page), _SAMPLE)
    unknown = shown = 0
    for number in range(count):
        letter = chr(raw.FPDFText_GetUnicode(text_page, number))
        if letter.isspace() or letter in _LINE_END:
            continue
        shown += 1
        is_odd = letter == "\ufffd" or unicodedata.category(letter) in _NOT_TEXT
        unknown += is_odd or raw.FPDFText_HasUnicodeMapError(text_page, number) == 1
    return unknown > _MOST_UNKNOWN * shown
