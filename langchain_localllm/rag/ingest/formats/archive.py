"""Open ZIP archives that documents are made of, within limits.

Their XML is parsed without what an attacker could use.
"""

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.extras import pip_install

if TYPE_CHECKING:
    from lxml.etree import _Element

MOST_XML: Final = 50_000_000
"""Bytes of XML that a document may hold unpacked; its tree takes about ten times as much memory."""
_MOST: Final = 500_000_000
"""Bytes that it may hold unpacked in all, with its pictures."""
_MOST_PARTS: Final = 10_000
_ENCRYPTED: Final = 1
"""The bit of a part's flags that says so."""
_STRICT: Final = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
_TRANSITIONAL: Final = rb"http://schemas.openxmlformats.org/\1/2006/\2"
"""The namespaces of Office's format "Strict Open XML", which the libraries do not know."""
_TYPES: Final = "[Content_Types].xml"
_VARIANTS: Final = [
    (
        re.compile(rb"application/vnd\.(?:ms-word|[\w-]+\.wordprocessingml)\.[\w.]+\.main\+xml"),
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    ),
    (
        re.compile(
            rb"application/vnd\.(?:ms-powerpoint|[\w-]+\.presentationml)\.[\w.]+\.main\+xml"
        ),
        b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
    ),
]
"""Types of files with macros, templates and slide shows, which the libraries refuse, and the type
of a plain document."""


def open_archive(data: bytes, kind: str, most_xml: int = MOST_XML) -> ZipFile:
    """Open the archive of a document.

    Args:
        data: The file.
        kind: What it should be, such as `a .docx file`, for messages.
        most_xml: How many bytes of XML and HTML it may hold.

    Raises:
        DocumentError: It is not an archive, encrypted, or far larger unpacked than a document is.
    """
    try:
        archive = ZipFile(BytesIO(data))
    except BadZipFile:
        raise DocumentError(
            f"it is not {kind}, or it is truncated. Get a whole copy, or save it again."
        ) from None
    parts = archive.infolist()
    xml = sum(
        part.file_size
        for part in parts
        if part.filename.lower().endswith((".xml", ".rels", ".xhtml", ".html", ".htm"))
    )
    size = sum(part.file_size for part in parts)
    if xml > most_xml or size > _MOST or len(parts) > _MOST_PARTS:
        raise DocumentError(
            f"it is far larger unpacked than a document is ({size / 1e6:,.0f} MB in "
            f"{len(parts):,} parts). Save its text as a .txt file and index that."
        )
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        raise DocumentError("it is encrypted. Save a copy without a password.")
    return archive


def office_file(data: bytes, kind: str, most_xml: int = MOST_XML) -> BytesIO:
    """Check a Word, Excel or PowerPoint file, and return it for the library that reads it.

    Raises:
        DocumentError: As of `open_archive`.
    """
    with open_archive(data, kind, most_xml) as archive:
        names = archive.namelist()
        is_strict = "_rels/.rels" in names and _STRICT.search(archive.read("_rels/.rels"))
        types = archive.read(_TYPES) if _TYPES in names else b""
        plain_types = types
        for variant, plain_type in _VARIANTS:
            plain_types = variant.sub(plain_type, plain_types)
        if not is_strict and plain_types == types:
            return BytesIO(data)
        out = BytesIO()
        with ZipFile(out, "w", ZIP_STORED) as plain:
            for name in names:
                # pictures are not read
                part = archive.read(name) if name.endswith((".xml", ".rels")) else b""
                content = plain_types if name == _TYPES else part
                plain.writestr(name, _STRICT.sub(_TRANSITIONAL, content))
        return out


def parse_xml(data: bytes) -> "_Element":
    """Return the tree of an XML part. No entity is expanded, and nothing is fetched."""
    try:
        from lxml import etree
    except ImportError as error:
        raise MissingDependencyError(
            f"Reading this format needs lxml: {pip_install('rag')}."
        ) from error
    options: dict[str, Any] = {
        "resolve_entities": False,
        "no_network": True,
        "load_dtd": False,
        "remove_comments": True,
    }
    return etree.fromstring(data, etree.XMLParser(**options, remove_pis=True))
