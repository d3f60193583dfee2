"""Fields of forms, text boxes and comments, which are on a page of a PDF and not in its text."""

import ctypes
from collections.abc import Iterable, Iterator
from typing import Any, Final

_MOST: Final = 1000
"""Annotations of a page that are looked at."""
_LONGEST: Final = 100_000
"""Bytes of a comment."""


def flattened(file: Any, number: int, raw: Any) -> tuple[Any, bool, list[str]]:
    """Return a page whose form fields and text boxes are parts of its text.

    Also return whether it has form fields, and its comments.

    Args:
        file: The file, a `pypdfium2.PdfDocument`.
        number: The page, from 0.
        raw: The module `pypdfium2.raw`.
    """
    page = file[number]
    # what links and fields say is for screen readers, and a pop-up repeats its comment
    left_out = {raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_POPUP}
    found = list(_annotations(page, raw))
    kinds = {kind for kind, _ in found}
    if kinds & {raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_STAMP}:
        raw.FPDFPage_Flatten(page.raw, raw.FLAT_NORMALDISPLAY)
        page.close()
        page = file[number]
    comments = [comment for kind, comment in found if comment and kind not in left_out]
    return page, raw.FPDF_ANNOT_WIDGET in kinds, comments


def with_comments(text: str, comments: Iterable[str]) -> str:
    """Return a text and the comments that it does not have yet."""
    words = "".join(text.split())
    return "\n\n".join([text, *(each for each in comments if "".join(each.split()) not in words)])


def _annotations(page: Any, raw: Any) -> Iterator[tuple[int, str]]:
    """Yield the kind and the comment of each annotation of a page."""
    for place in range(min(raw.FPDFPage_GetAnnotCount(page.raw), _MOST)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, place)
        if annotation:
            yield raw.FPDFAnnot_GetSubtype(annotation), _comment(annotation, raw)
            raw.FPDFPage_CloseAnnot(annotation)


def _comment(annotation: Any, raw: Any) -> str:
    size = raw.FPDFAnnot_GetStringValue(annotation, b"Contents", None, 0)
    if not 2 < size <= _LONGEST:  # noqa: PLR2004 - the NUL at its end
        return ""
    buffer = ctypes.create_string_buffer(size)
    place = ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR))
    raw.FPDFAnnot_GetStringValue(annotation, b"Contents", place, size)
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\0").replace("\r", "\n").strip()
