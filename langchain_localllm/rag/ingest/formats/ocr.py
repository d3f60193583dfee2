"""Recognize the text of pictures and scanned pages (OCR) with Tesseract, a program of the system.

It runs in a process of its own, opens no connection, and is only used where languages are given.
"""

import csv
import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, InvalidOptionError, MissingDependencyError
from langchain_localllm.rag.ingest.formats.text import tidy

NEEDS_OCR: Final = (
    'Recognize its text (OCR): `localllm rag index --ocr eng`, or `ocr="eng"` in Python; this '
    "needs the program Tesseract."
)
"""The advice for scans; an update with `ocr` tries again the files that have it."""
_SECONDS: Final = 300
"""Longest time for a picture."""
_LEAST_CONFIDENCE: Final = 60.0
"""Percent. Tesseract gives clean print 90 and more; what it sees in photos without text stays
below."""
_IMAGES: Final = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"BM")
_LANGUAGES: Final = re.compile(r"[A-Za-z0-9_/-]+(?:\+[A-Za-z0-9_/-]+)*")


def is_image(start: bytes) -> bool:
    r"""Return whether a file that begins so is a picture that Tesseract reads.

    Example:
        >>> is_image(b"\x89PNG\r\n\x1a\n"), is_image(b"%PDF-1.7")
        (True, False)
    """
    return start.startswith(_IMAGES) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")


def require_languages(languages: str) -> str:
    """Return the languages when Tesseract can recognize all of them.

    Args:
        languages: Tesseract's names, joined by `+`: `"eng"`, `"deu+eng"`; `""` for no OCR.

    Raises:
        InvalidOptionError: A language is not installed.
        MissingDependencyError: Tesseract is not installed.

    Example:
        >>> require_languages("")
        ''
    """
    if not languages:
        return languages
    if not _LANGUAGES.fullmatch(languages):
        raise InvalidOptionError(
            f"ocr={languages!r} does not name languages. Use Tesseract's names, joined by '+': "
            "'eng', 'deu+eng'."
        )
    installed = _installed()
    missing = [name for name in languages.split("+") if name not in installed]
    if missing:
        raise InvalidOptionError(
            f"Tesseract has no data for {', '.join(missing)}. Installed: "
            f"{', '.join(sorted(installed))}. Install it, for example with `apt install "
            f"tesseract-ocr-{missing[0]}`."
        )
    return languages


def read_image(data: bytes, languages: str) -> Iterator[Document]:
    """Yield the text of a picture, and of each page of a TIFF file with its number in `page`.

    Args:
        data: A PNG, JPEG, TIFF, GIF, BMP, WebP or PGM file.
        languages: Tesseract's names of the languages, joined by `+`.

    Raises:
        DocumentError: It is damaged, or it shows no text that can be read.
        MissingDependencyError: Tesseract is not installed.
    """
    pages = recognize(data, languages)
    if not any(pages):
        raise DocumentError("it is an image, and no text was recognized in it.")
    for number, text in enumerate(pages, 1):
        yield Document(tidy(text), metadata={"page": number} if len(pages) > 1 else {})


def recognize(image: bytes, languages: str) -> list[str]:
    """Return the text of each page of a picture; empty where no words are recognized well enough.

    Raises:
        DocumentError: It is damaged, or takes longer than five minutes.
        MissingDependencyError: Tesseract is not installed.
    """
    mode = "1" if "osd" in _installed() else "3"  # 1 also turns pages that are turned sideways
    command = [_program(), "-", "-", "-l", languages, "--psm", mode, "tsv"]
    # several threads for a page take more time in all
    setting = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        ran = subprocess.run(  # noqa: S603 - the program is Tesseract, and the picture is its input
            command, input=image, capture_output=True, check=False, timeout=_SECONDS, env=setting
        )
    except subprocess.TimeoutExpired:
        raise DocumentError(f"its text was not recognized within {_SECONDS} seconds.") from None
    if ran.returncode:
        said = ran.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise DocumentError(f"Tesseract cannot read it: {said[-1]}")
    return _pages(ran.stdout.decode(errors="replace"))


def _pages(table: str) -> list[str]:
    """Return the texts of the pages of Tesseract's table of words."""
    rows = csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    found = [row for row in rows if row["level"] in {"1", "5"}]
    return [_page(list(words)) for _, words in groupby(found, lambda row: row["page_num"])]


def _page(rows: list[dict[str, str]]) -> str:
    words = [row for row in rows if row["level"] == "5" and row["text"].strip()]
    letters = sum(len(row["text"]) for row in words)
    confidence = sum(float(row["conf"]) * len(row["text"]) for row in words)
    if not letters or confidence / letters < _LEAST_CONFIDENCE:
        return ""
    paragraphs = groupby(words, lambda row: (row["block_num"], row["par_num"]))
    return "\n\n".join(_paragraph(list(each)) for _, each in paragraphs)


def _paragraph(words: list[dict[str, str]]) -> str:
    lines = groupby(words, lambda row: row["line_num"])
    return "\n".join(" ".join(row["text"] for row in line) for _, line in lines)


def _program() -> str:
    found = shutil.which("tesseract")
    if not found:
        raise MissingDependencyError(
            "OCR needs the program Tesseract: `apt install tesseract-ocr`, or `brew install "
            "tesseract`."
        )
    return found


@functools.cache
def _installed() -> frozenset[str]:
    """Return the names of the languages that Tesseract has data for."""
    ran = subprocess.run(  # noqa: S603 - the program is Tesseract
        [_program(), "--list-langs"], capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    return frozenset(ran.stdout.splitlines()[1:])
