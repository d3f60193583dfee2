"""What a file is by its first bytes, where its name does not say it, and what cannot be read."""

import re
from pathlib import Path
from typing import Final

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.ingest.formats.ocr import NEEDS_OCR
from langchain_localllm.rag.ingest.formats.text import UTF16_MARKS

_OFFICE: Final = "Save it as .docx, .pdf or .txt."
_UNPACK: Final = "Unpack it and index the files."
_AUDIO: Final = "Index a transcript of it."
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SIGNATURES: Final[list[tuple[bytes, str]]] = [
    (_OLE, f"an Office file of an old format. {_OFFICE} A mail can be saved as .eml."),
    (b"%!PS", "a PostScript program. Convert it to PDF."),
    (b"\x1f\x8b", f"a gzip file. {_UNPACK}"),
    (b"BZh", f"a bzip2 file. {_UNPACK}"),
    (b"\xfd7zXZ\0", f"an xz file. {_UNPACK}"),
    (b"\x28\xb5\x2f\xfd", f"a Zstandard file. {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", f"a 7-Zip archive. {_UNPACK}"),
    (b"Rar!\x1a\x07", f"a RAR archive. {_UNPACK}"),
    (b"PK\x03\x04", f"a ZIP archive. {_UNPACK}"),
    (b"\x89PNG\r\n", f"an image. {NEEDS_OCR}"),
    (b"\xff\xd8\xff", f"an image. {NEEDS_OCR}"),
    (b"GIF8", f"an image. {NEEDS_OCR}"),
    (b"II*\0", f"an image. {NEEDS_OCR}"),
    (b"MM\0*", f"an image. {NEEDS_OCR}"),
    (b"ID3", f"an audio file. {_AUDIO}"),
    (b"OggS", f"an audio or video file. {_AUDIO}"),
    (b"RIFF", f"an image, audio or video file. {_AUDIO}"),
    (b"fLaC", f"an audio file. {_AUDIO}"),
    (b"\x1aE\xdf\xa3", f"a video file. {_AUDIO}"),
    (b"\x7fELF", "a program."),
    (b"\0asm", "a program."),
    (b"wOFF", "a font."),
    (b"wOF2", "a font."),
    (b"\0\1\0\0\0", "a font."),
    (b"OTTO", "a font."),
    (b"AT&TFORM", "a DjVu document. Convert it to PDF."),
    (b"ITSF", "a compiled help file. Unpack it and index the HTML files."),
    (b"GGUF", "a language model."),
    (b"SQLite format 3\0", "an SQLite database. Export its tables as CSV."),
]
_TAR: Final = b"ustar"
_TAR_AT: Final = 257
_ENDINGS: Final = {
    ".doc": f"a Word file of the old format. {_OFFICE}",
    ".key": f"a Keynote file. {_OFFICE}",
    ".msg": "an Outlook message. Save it as .eml.",
    ".numbers": "a Numbers table. Save it as .xlsx or .csv.",
    ".pages": f"a Pages document. {_OFFICE}",
    ".pot": "PowerPoint slides of the old format. Save them as .pptx or .pdf.",
    ".pps": "PowerPoint slides of the old format. Save them as .pptx or .pdf.",
    ".ppt": "PowerPoint slides of the old format. Save them as .pptx or .pdf.",
    ".xlsb": "a binary Excel table. Save it as .xlsx or .csv.",
}
_MAIL_HEADER: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*:[ \t].*\r?\n(?:[ \t].*\r?\n)*){3}")
_OF_A_MAIL: Final = re.compile(
    r"^(?:Received|Message-ID|MIME-Version|Return-Path|Delivered-To):", re.IGNORECASE | re.MULTILINE
)
_HTML: Final = re.compile(
    r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
_XML: Final = re.compile(
    r"<\?xml\s|<!DOCTYPE\s+[\w:-]+\s+(?:PUBLIC|SYSTEM|\[)|<svg\b|<FictionBook\b"
)
_ELEMENT: Final = re.compile(
    r"(?:<!--.*?-->\s*)*<(?P<name>[A-Za-z][\w:.-]*)(?:\s[^<>]*)?>", re.DOTALL
)
_OF_HTML: Final = re.compile(
    (
        r"article|body|br|center|div|font|form|h[1-6]|head|li|main|meta|ol|p|pre|script|section"
        r"|span|strong|style|table|td|title|tr|ul"
    ),
    re.IGNORECASE,
)
_HEAD: Final = 4000
_OLE_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_OLE_EXCEL: Final = ("Workbook\0".encode("utf-16-le"), "Book\0".encode("utf-16-le"))
_OLE_OTHERS: Final = ("WordDocument".encode("utf-16-le"), "PowerPoint Document".encode("utf-16-le"))
_EXCEL_WITHOUT_OLE: Final = (
    b"\x09\x08\x10\0",
    b"\x09\x08\x08\0",
    b"\x09\x04\x06\0",
    b"\x09\x02\x06\0",
    b"\x09\0\x04\0",
)


def refuse_unsupported(path: Path, start: bytes) -> None:
    """Raise `DocumentError` for a file of a known format that cannot be read.

    Args:
        path: The file; its ending says more where several formats begin alike.
        start: Its first bytes.
    """
    if start.startswith(_OLE) and _OLE_ENCRYPTED in start:
        raise DocumentError("it is an encrypted Office file. Save a copy without a password.")
    if start[4:8] == b"ftyp":
        is_image = start[8:12] in {b"heic", b"heix", b"mif1", b"msf1", b"avif"}
        raise DocumentError(
            "it is an image of a format that cannot be read. Save it as PNG or JPEG."
            if is_image
            else f"it is an audio or video file. {_AUDIO}"
        )
    if start[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        raise DocumentError(f"it is a tar archive. {_UNPACK}")
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        raise DocumentError(f"it is an image. {NEEDS_OCR}")
    for signature, what in _SIGNATURES:
        if start.startswith(signature):
            raise DocumentError(f"it is {_ENDINGS.get(path.suffix.lower(), what)}")


def is_old_excel(path: Path, start: bytes) -> bool:
    """Return whether a file is an Excel table of before 2007, by its name and first bytes."""
    if start.startswith(_EXCEL_WITHOUT_OLE):
        return True
    if not start.startswith(_OLE) or _OLE_ENCRYPTED in start:
        return False
    if path.suffix.lower() in {".xls", ".xlt"}:
        return True  # it may hold a Word file
    return any(name in start for name in _OLE_EXCEL) and not any(
        other in start for other in _OLE_OTHERS
    )


def detect(start: bytes) -> str:
    r"""Return `html`, `xml`, `mail`, `mbox`, `ics` or `""` for the first bytes of a text file.

    Example:
        >>> detect(b"<!DOCTYPE html><p>Hello"), detect(b"Hello")
        ('html', '')
    """
    wide = start.startswith(UTF16_MARKS)
    head = (
        start[:_HEAD]
        .decode("utf-16" if wide else "latin-1", errors="replace")
        .removeprefix("\xef\xbb\xbf")
        .lstrip()
    )
    if _HTML.match(head):
        return "html"
    if _XML.match(head):
        return "xml"
    if (element := _ELEMENT.match(head)) and (
        kind := _kind_of_markup(element["name"], head, start)
    ):
        return kind
    mbox = re.match(r"From \S+.*\d{4}.*\n", head)
    header = head[mbox.end() :] if mbox else head
    if _MAIL_HEADER.match(header) and _OF_A_MAIL.search(header):
        return "mbox" if mbox else "mail"
    return "ics" if re.match(r"BEGIN:V(?:CALENDAR|CARD)\b", head, re.IGNORECASE) else ""


def _kind_of_markup(name: str, head: str, start: bytes) -> str:
    """Return `html` or `xml` by a text's first element, or an empty string.

    An element that ends where the file ends makes it `xml`.
    """
    if _OF_HTML.fullmatch(name) and re.search(r"</[A-Za-z]", head):
        return "html"
    return "xml" if start.rstrip(b"\0\r\n\t ").decode("latin-1").endswith(f"</{name}>") else ""
