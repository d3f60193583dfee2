"""PDF: a Document for each page."""

import re
import threading
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.ingest.formats.ocr import NEEDS_OCR, recognize
from langchain_localllm.rag.ingest.formats.partly import PartlyReadError, left_out_parts
from langchain_localllm.rag.ingest.formats.pdf_annotations import flattened, with_comments
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
_MOST_PAGES: Final = 50_000
"""A file of some kilobytes can name the same page a million times."""
_MOST_OBJECTS: Final = 100
_DOTS_PER_INCH: Final = 300
_POINTS_PER_INCH: Final = 72
_MOST_PIXELS: Final = 5000
"""Of the longer side of a page that is recognized."""
_PASSWORD: Final = 4  # FPDF_ERR_PASSWORD


def read_pdf(data: bytes, ocr: str = "") -> Iterator[Document]:
    """Yield the pages of a PDF file, numbered from 1 in `page`.

    An encrypted file is read where it needs no password.

    Columns that the file mixes are read one after the other, and tables row by row. Pages of
    unknown characters, and pictures of pages, are read by Tesseract where `ocr` names languages,
    else left out. Filled fields of forms are read in their place, and comments at the end of their
    page.
    """
    file, count, fault = _open(data)
    advice = "No text was recognized there." if ocr else NEEDS_OCR
    empty, broken, garbled, pictures = True, 0, 0, 0
    left_out: list[int] = []
    try:
        for number in range(count):
            try:
                text, is_garbled, is_picture = _page_text(file, number)
                if (
                    ocr
                    and (is_garbled or is_picture)
                    and (recognized := _recognized(file, number, ocr))
                ):
                    text, is_garbled, is_picture = recognized, False, False
            except fault:
                broken += 1  # the other pages may be whole
                left_out.append(number + 1)
                continue
            if is_garbled or is_picture:
                garbled += is_garbled
                pictures += is_picture
                left_out.append(number + 1)
                continue
            text = tidy(_HYPHEN.sub("-\n", text))
            empty = empty and not text
            yield Document(text, metadata={"page": number + 1})
    finally:
        with _LOCK:
            file.close()
    if broken == count:
        raise DocumentError(
            "it is a broken or truncated PDF without a readable page. Get a whole copy."
        )
    if empty and garbled:
        raise DocumentError(
            f"its fonts do not say which characters they show, so its text cannot be read. {advice}"
        )
    if empty:
        raise DocumentError(f"it is a PDF without text, perhaps a scan. {advice}")
    if left_out:
        reasons = {
            "damaged": broken,
            "without readable characters": garbled,
            "pictures without text": pictures,
        }
        pages = left_out_parts(left_out, f"{count} pages")
        why = ", ".join(f"{number} {reason}" for reason, number in reasons.items() if number)
        raise PartlyReadError(f"{pages}: {why}.{f' {advice}' if garbled or pictures else ''}")


def _open(data: bytes) -> tuple[Any, int, type[Exception]]:
    """Return the file, the number of its pages, and the error that a broken page raises."""
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingDependencyError(
            f"Reading PDF needs pypdfium2: {pip_install('rag')}."
        ) from error
    with _LOCK:
        try:
            file = pypdfium2.PdfDocument(data)
            if file.get_formtype():
                file.init_forms()  # else the values of some fields are not drawn
            count = len(file)
            if count > _MOST_PAGES:
                raise DocumentError(
                    f"it has {count:,} pages, which is more than is read of one file "
                    f"({_MOST_PAGES:,}). Split it."
                )
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) == _PASSWORD:
                raise DocumentError(
                    "it is encrypted. Save a copy without a password and give that."
                ) from None
            reason = str(error).rstrip(".")
            raise DocumentError(
                f"it is a broken or truncated PDF ({reason}). Get a whole copy."
            ) from error
    return file, count, pypdfium2.PdfiumError


def _page_text(file: Any, number: int) -> tuple[str, bool, bool]:
    """Return a page's text, whether it is garbage, and whether a picture is in its place."""
    from pypdfium2 import raw

    with _LOCK:
        page, is_form, comments = flattened(file, number, raw)
        text_page = page.get_textpage()
        is_garbled = _is_garbled(text_page.raw, raw)
        text = (
            ""
            if is_garbled
            else ordered_text(text_page.raw, raw, by_place=is_form)
            or str(text_page.get_text_bounded())
        )
        is_picture = not is_garbled and not text.strip() and _has_picture(page.raw, raw)
        text_page.close()
        page.close()
    text = with_comments(text, comments)
    text = _SYMBOL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", ""))
    return text, is_garbled, is_picture


def _recognized(file: Any, number: int, languages: str) -> str:
    """Return the text that Tesseract sees on a page; empty where it sees none or fails."""
    try:
        return "\n\n".join(recognize(_picture(file, number), languages))
    except DocumentError:
        return ""  # the other pages may be readable


def _picture(file: Any, number: int) -> bytes:
    """Return a page as a gray picture, a PGM file."""
    with _LOCK:
        page = file[number]
        scale = min(_DOTS_PER_INCH / _POINTS_PER_INCH, _MOST_PIXELS / max(*page.get_size(), 1))
        pixels = page.render(scale=scale, grayscale=True).to_numpy()
        height, width = pixels.shape[:2]
        image: bytes = b"P5 %d %d 255\n" % (width, height) + pixels.tobytes()
        page.close()
    return image


def _has_picture(page: Any, raw: Any) -> bool:
    count = min(raw.FPDFPage_CountObjects(page), _MOST_OBJECTS)
    objects = (raw.FPDFPage_GetObject(page, number) for number in range(count))
    return any(raw.FPDFPageObj_GetType(each) == raw.FPDF_PAGEOBJ_IMAGE for each in objects)


def _is_garbled(text_page: Any, raw: Any) -> bool:
    """Return whether many characters of a page are unknown: their font does not map them."""
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
