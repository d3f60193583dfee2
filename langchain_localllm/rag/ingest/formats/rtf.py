"""RTF: its text, without control words, fonts and pictures."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.ingest.formats.text import tidy

START: Final = b"{\\rtf"
_ROW: Final = re.compile(r"^(?:[^|\n]*\|){2,}$", re.MULTILINE)
"""A row of a table, as striprtf writes it."""
_BINARY: Final = re.compile(rb"\\bin(\d*) ?")
_TOKEN: Final = re.compile(r"[{}]|\\(?:(?P<word>[A-Za-z]+)(?P<number>-?\d+)? ?|[^A-Za-z])")
_DOCUMENT: Final = 2
"""Open groups where that of the whole file is the innermost one."""
_NOTES: Final = frozenset(["footnote", "annotation"])
_BOXES: Final = frozenset(["shptxt", "dptxbxtext"])
_MOVED: Final = frozenset(
    [*_NOTES, *_BOXES, *(f"{kind}{page}" for kind in ("header", "footer") for page in ("", *"lrf"))]
)
"""Groups whose text striprtf leaves out, and the user sees."""
_SHAPES: Final = frozenset(["shp", "shpinst", "do"])
_PARAGRAPHS: Final = frozenset(["par", "sect", "page", "cell", "row"])
_OWN: Final = re.compile("[\ue000-\uf8ff]")
"""Characters of a font's own, such as the bullets of Symbol."""
_NOTE: Final = "\x02"
_NOTE_END: Final = "\x03"
"""Marks of a note, which no RTF file has in its text."""
_NOTE_AROUND: Final = re.compile(f"[ \t]*{_NOTE}\\s*|\\s*{_NOTE_END}")


def read_rtf(data: bytes) -> Iterator[Document]:
    """Yield the text of an RTF file as one Document.

    Notes and comments are read where they are referred to, and text boxes after their paragraph.
    The text of page headers and footers comes last. Deleted text of tracked changes is left out.
    """
    try:
        from striprtf.striprtf import rtf_to_text
    except ImportError as error:
        raise MissingDependencyError(
            f"Reading RTF needs striprtf: {pip_install('rag')}."
        ) from error
    if not data.lstrip().startswith(START):
        raise DocumentError("it is not an RTF file. Save it again as .rtf or .docx.")
    source = _in_place(_without_binary(data).decode("latin-1"))
    try:
        text = str(rtf_to_text(source, errors="replace"))  # type: ignore[no-untyped-call]  # striprtf has no types
    except (ValueError, LookupError, IndexError, TypeError) as error:
        raise DocumentError(
            f"it is a broken RTF file ({error}). Save it again as .rtf or .docx."
        ) from error
    text = _OWN.sub(" ", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    text = _NOTE_AROUND.sub(lambda found: " (" if _NOTE in found[0] else ")", text)
    yield Document(tidy(_ROW.sub(lambda row: row[0][:-1].replace("|", " | "), text)))


def _without_binary(data: bytes) -> bytes:
    """Return the data without the raw bytes of pictures, which may hold braces."""
    pieces, position = [], 0
    while found := _BINARY.search(data, position):
        pieces.append(data[position : found.start()])
        position = found.end() + int(found[1] or 0)
    return b"".join([*pieces, data[position:]])


@dataclass(slots=True)
class _Group:
    """A group `{...}`: its destination, such as `footnote`, and what it holds."""

    kind: str = ""
    pieces: list[str] = field(default_factory=list)
    is_deleted: bool = False


def _in_place(rtf: str) -> str:
    """Return an RTF file with notes, text boxes, headers and footers as parts of its text.

    striprtf leaves them out where they are.
    """
    groups = _Groups()
    position = 0
    for token in _TOKEN.finditer(rtf):
        groups.add_text(rtf[position : token.start()])
        groups.add(token)
        position = token.end()
    return groups.finish(rtf[position:])


class _Groups:
    """The groups of an RTF file that are open, and what of closed ones comes later."""

    def __init__(self) -> None:
        self._open = [_Group()]
        self._margins: dict[str, str] = {}
        self._boxes: list[str] = []

    def add_text(self, text: str) -> None:
        if text.strip("\r\n"):
            self._open[-1].kind = self._open[-1].kind or "text"
        self._open[-1].pieces.append(text)

    def add(self, token: re.Match[str]) -> None:
        group, word = self._open[-1], token["word"]
        group.is_deleted = group.is_deleted or (word == "deleted" and token["number"] != "0")
        if token[0] == "{":
            group.kind = group.kind or "text"
            self._open.append(_Group())
        elif token[0] == "}" and len(self._open) > _DOCUMENT:
            self._close()
        elif word and not group.kind:
            group.kind = word
            if word in _MOVED:
                group.pieces.clear()  # a `\\*` before it
            else:
                group.pieces.append(token[0])
        elif word in _PARAGRAPHS and self._is_in(_NOTES):
            group.pieces.append(" ")
        elif word in _PARAGRAPHS and self._boxes and not self._is_in(_SHAPES):
            group.pieces += [*self._taken_boxes(), token[0]]
        elif token[0] == "}" and len(self._open) == _DOCUMENT:
            group.pieces += [*self._rest(), token[0]]
            self._open[:] = [_Group(pieces=[*self._open[0].pieces, "{", *group.pieces])]
        else:
            group.pieces.append(token[0])

    def finish(self, text: str) -> str:
        """Return the whole; its end may be missing."""
        self.add_text(text)
        while len(self._open) > _DOCUMENT:
            self._close()
        *before, last = self._open
        opened = ["{"] if before else []
        pieces = [piece for group in before for piece in group.pieces]
        return "".join([*pieces, *opened, *last.pieces, *self._rest()])

    def _close(self) -> None:
        """Put a group that ends, or what takes its place, into the one around it."""
        group = self._open.pop()
        content = "".join(group.pieces)
        found = ""
        if group.kind in _MOVED:
            words = "" if group.is_deleted else "".join(_TOKEN.sub("", content).split())
            if group.kind in _NOTES:
                found = f"{{{_NOTE}{content}{_NOTE_END}}}" if words else ""
            elif group.kind in _BOXES:
                self._boxes += [f"{{{content}}}"]
            elif words:
                self._margins.setdefault(words, f"{{{content}}}")
        elif not group.is_deleted:
            found = f"{{{content}}}"
        self._open[-1].pieces.append(found)

    def _is_in(self, kinds: frozenset[str]) -> bool:
        return any(group.kind in kinds for group in self._open)

    def _rest(self) -> Iterator[str]:
        yield from self._taken_boxes()
        margins, self._margins = self._margins, {}
        for margin in margins.values():
            yield f"\\par\\par {margin}"

    def _taken_boxes(self) -> Iterator[str]:
        boxes, self._boxes = self._boxes, []
        for box in boxes:
            yield f"\\par {box}"
