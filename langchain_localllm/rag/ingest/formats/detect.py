"""What a file is by its first bytes, where its name does not say it, and what cannot be read."""

import re
from pathlib import Path
from typing import Final

from langchain_localllm.errors import DocumentError

_OFFICE: Final = "Save it as .docx, .pdf or .txt."
_UNPACK: Final = "Unpack it and index the files."
_OCR: Final = "Run text recognition (OCR) on it first."
_AUDIO: Final = "Index a transcript of it."
_SIGNATURES: Final[list[tuple[bytes, str]]] = [
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"an Office file of an old or encrypted format. {_OFFICE} A mail can be saved as .eml."),
    (b"%!PS", "a PostScript program. Convert it to PDF."),
    (b"\x1f\x8b", f"a gzip file. {_UNPACK}"),
    (b"BZh", f"a bzip2 file. {_UNPACK}"),
    (b"\xfd7zXZ\0", f"an xz file. {_UNPACK}"),
    (b"\x28\xb5\x2f\xfd", f"a Zstandard file. {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", f"a 7-Zip archive. {_UNPACK}"),
    (b"Rar!\x1a\x07", f"a RAR archive. {_UNPACK}"),
    (b"PK\x03\x04", f"a ZIP archive. {_UNPACK}"),
    (b"\x89PNG\r\n", f"an image. {_OCR}"),
    (b"\xff\xd8\xff", f"an image. {_OCR}"),
    (b"GIF8", f"an image. {_OCR}"),
    (b"II*\0", f"an image. {_OCR}"),
    (b"MM\0*", f"an image. {_OCR}"),
    (b"ID3", f"an audio file. {_AUDIO}"),
    (b"OggS", f"an audio or video file. {_AUDIO}"),
    (b"RIFF", f"an image, audio or video file. {_AUDIO}"),
    (b"SQLite format 3\0", "an SQLite database. Export its tables as CSV."),
]
_ENDINGS: Final = {
    ".doc": f"a Word file of the old format. {_OFFICE}",
    ".epub": f"an EPUB book. {_OFFICE}",
    ".msg": "an Outlook message. Save it as .eml.",
    ".odp": f"OpenDocument slides. {_OFFICE}",
    ".ods": "an OpenDocument table. Save it as .csv.",
    ".odt": f"an OpenDocument text. {_OFFICE}",
    ".ppt": f"PowerPoint slides. {_OFFICE}",
    ".pptx": f"PowerPoint slides. {_OFFICE}",
    ".xls": "an Excel table. Save it as .csv.",
    ".xlsx": "an Excel table. Save it as .csv.",
}
_MAIL_HEADER: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*:[ \t].*\r?\n(?:[ \t].*\r?\n)*){3}")
_OF_A_MAIL: Final = re.compile(r"^(?:Received|Message-ID|MIME-Version|Return-Path|Delivered-To):", re.IGNORECASE | re.MULTILINE)
_HTML: Final = re.compile(r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_XML: Final = re.compile(r"<\?xml\s|<svg\b|<FictionBook\b")
_ELEMENT: Final = re.compile(r"(?:<!--.*?-->\s*)*<(?P<name>[A-Za-z][\w:.-]*)(?:\s[^<>]*)?>", re.DOTALL)
_OF_HTML: Final = re.compile(
    r"article|body|br|center|div|font|form|h[1-6]|head|li|main|meta|ol|p|pre|script|section|span|strong|style|table|td|title|tr|ul",
    re.IGNORECASE,
)
_HEAD: Final = 4000


def refuse_unsupported(path: Path, start: bytes) -> None:
    """Raise `DocumentError` for a file of a known format that cannot be read.

    Args:
        path: The file; its ending says more where several formats begin alike.
        start: Its first bytes.
    """
    for signature, what in _SIGNATURES:
        if start.startswith(signature):
            raise DocumentError(f"it is {_ENDINGS.get(path.suffix.lower(), what)}")


def detect(start: bytes) -> str:
    r"""Return `html`, `xml`, `mail`, `mbox`, `ics` or `""` for the first bytes of a text file.

    Example:
        >>> detect(b"<!DOCTYPE html><p>Hello"), detect(b"Hello")
        ('html', '')
    """
    wide = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    head = start[:_HEAD].decode("utf-16" if wide else "latin-1", errors="replace").removeprefix("\xef\xbb\xbf").lstrip()
    if _HTML.match(head):
        return "html"
    if _XML.match(head):
        return "xml"
    if (element := _ELEMENT.match(head)) and (kind := _kind_of_markup(element["name"], head, start)):
        return kind
    mbox = re.match(r"From \S+.*\d{4}.*\n", head)
    header = head[mbox.end() :] if mbox else head
    if _MAIL_HEADER.match(header) and _OF_A_MAIL.search(header):
        return "mbox" if mbox else "mail"
    return "ics" if re.match(r"BEGIN:V(?:CALENDAR|CARD)\b", head, re.IGNORECASE) else ""


def _kind_of_markup(name: str, head: str, start: bytes) -> str:
    """Return `html` or `xml` for a text that begins with an element of HTML, or one that ends where the file ends, else `""`."""
    if _OF_HTML.fullmatch(name) and re.search(r"</[A-Za-z]", head):
        return "html"
    return "xml" if start.rstrip(b"\0\r\n\t ").decode("latin-1").endswith(f"</{name}>") else ""
