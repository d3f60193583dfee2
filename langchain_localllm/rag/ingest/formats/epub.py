"""EPUB books: the chapters in their order, read as HTML."""

import posixpath
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote
from zipfile import ZipFile

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.ingest.formats.archive import open_archive, parse_xml
from langchain_localllm.rag.ingest.formats.html import read_html

START: Final = b"mimetypeapplication/epub+zip"
"""What the first part of such an archive holds, after the 30 bytes of its header."""
_HEADER: Final = 30
_MOST_XML: Final = 200_000_000
"""Bytes of HTML; one chapter at a time is in memory as a tree."""
_CONTAINER: Final = "META-INF/container.xml"
_ENCRYPTION: Final = "META-INF/encryption.xml"
_PAGES: Final = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def is_epub(start: bytes) -> bool:
    """Return whether the first bytes are those of an EPUB book."""
    return start[_HEADER:].startswith(START)


def read_epub(data: bytes) -> Iterator[Document]:
    """Yield the sections of a book in reading order, with the headings above each in `heading`."""
    with open_archive(data, "an EPUB book", _MOST_XML) as archive:
        names = set(archive.namelist())
        encrypted = _encrypted(archive) if _ENCRYPTION in names else set()
        chapters = [name for name in _chapters(archive, names) if name in names]
        if not chapters:
            raise DocumentError("it is not an EPUB book: it names no chapters. Get a whole copy.")
        if readable := [name for name in chapters if name not in encrypted]:
            for name in readable:
                yield from read_html(archive.read(name))
        else:
            raise DocumentError(
                "it is protected against copying (DRM), so its text cannot be read. Get a copy "
                "without it."
            )


def _chapters(archive: ZipFile, names: set[str]) -> list[str]:
    """Return the parts that hold the chapters: as the book lists them, else all HTML pages."""
    package = ""
    if _CONTAINER in names:
        package = next(
            (
                root.get("full-path", "")
                for root in parse_xml(archive.read(_CONTAINER)).iter("{*}rootfile")
            ),
            "",
        )
    package = (
        package
        if package in names
        else next((name for name in sorted(names) if name.endswith(".opf")), "")
    )
    if not package:
        return [
            name
            for name in archive.namelist()
            if name.lower().endswith((".xhtml", ".html", ".htm"))
        ]
    tree = parse_xml(archive.read(package))
    items = {item.get("id"): item for item in tree.iter("{*}item")}
    spine = [
        items[each.get("idref")] for each in tree.iter("{*}itemref") if each.get("idref") in items
    ]
    pages = [
        item
        for item in spine
        if item.get("media-type") in _PAGES and "nav" not in (item.get("properties") or "").split()
    ]
    return [
        posixpath.normpath(
            posixpath.join(posixpath.dirname(package), unquote(item.get("href", "")))
        )
        for item in pages
    ]


def _encrypted(archive: ZipFile) -> set[str]:
    """Return the parts that are encrypted. Many books have only their fonts encrypted."""
    references = parse_xml(archive.read(_ENCRYPTION)).iter("{*}CipherReference")
    return {unquote(reference.get("URI", "")) for reference in references}
