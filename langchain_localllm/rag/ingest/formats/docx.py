"""Word documents: turned into Markdown's plain shape, then read like it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.ingest.formats.archive import office_file
from langchain_localllm.rag.ingest.formats.drawings import chart_text, diagram_lines
from langchain_localllm.rag.ingest.formats.markdown import sections
from langchain_localllm.rag.ingest.formats.table import LONGEST_REPEATED
from langchain_localllm.rag.ingest.normalize import superscript

if TYPE_CHECKING:
    from docx.document import Document as WordDocument

_HEADING = re.compile(r"(?:Heading (\d)|(Title))$")
_W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_BODY: Final = 9
"""The outline level of text that is no heading."""
_DEEPEST_HEADING: Final = 6
_LONGEST_CHAIN: Final = 20
"""Styles based on one another; a damaged file may have a ring of them."""
_SKIPPED: Final = frozenset(
    [
        *(
            f"{_W}{name}"
            for name in (
                *("del", "moveFrom", "delText", "instrText", "pPr", "rPr", "sdtPr", "tblPr"),
                "rt",  # how a Chinese or Japanese word is spoken
            )
        ),
        # the same text box for old programs
        "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    ]
)
"""Elements whose text is not shown."""
_CHARACTERS: Final = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_NOTES: Final = {f"{_W}{name}Reference": f"{name}s" for name in ("footnote", "endnote", "comment")}
"""An element that refers to a note or a comment, and the kind of part that holds it."""
_M: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_TEXTS: Final = frozenset([f"{_W}t", f"{_M}t"])


def read_docx(data: bytes) -> Iterator[Document]:
    """Yield the sections of a Word document, with the headings above each in `heading`.

    Tables are read row by row, notes and comments where they are referred to, and text boxes after
    their paragraph. Charts and diagrams, and the text of page headers and footers, come last.
    Deleted text of tracked changes is left out.
    """
    try:
        import docx
    except ImportError as error:
        raise MissingDependencyError(
            f"Reading docx needs python-docx: {pip_install('rag')}."
        ) from error
    try:
        blocks = list(_Reader(docx.Document(office_file(data, "a .docx file"))).blocks())
    except DocumentError:
        raise
    except Exception as error:  # python-docx raises errors of many types on broken files
        raise DocumentError(f"it is a broken .docx file ({error}). Save it again.") from error
    for section in sections("\n\n".join(blocks)):
        # a Word document has no lines
        yield Document(section.page_content, metadata=section.metadata)


class _Reader:
    """Read a document from its XML.

    python-docx leaves out text boxes, notes, content controls and tracked changes.
    """

    def __init__(self, document: "WordDocument") -> None:
        self._document = document
        # what each style is in Markdown: looking it up is slow
        self._styles: dict[str | None, str] = {}
        self._notes: dict[str, dict[str, str]] = {element: {} for element in _NOTES}
        # no note holds a note
        self._notes |= {element: self._notes_in(part) for element, part in _NOTES.items()}

    def blocks(self) -> Iterator[str]:
        """Yield paragraphs and tables as Markdown."""
        yield from self._blocks(self._document.element.body)
        yield from map(chart_text, self._parts("chart"))
        for diagram in self._parts("diagramData"):
            yield "\n".join(diagram_lines(diagram))
        margins = [
            block
            for kind in ("header", "footer")
            for part in self._parts(kind)
            for block in self._blocks(part)
        ]
        yield from dict.fromkeys(block for block in margins if block.strip())

    def _blocks(self, parent: Any) -> Iterator[str]:
        for child in parent:
            if child.tag == f"{_W}p":
                yield from self._paragraph(child)
            elif child.tag == f"{_W}tbl":
                yield "\n".join(self._rows(child))
            elif child.tag not in _SKIPPED:
                yield from self._blocks(child)

    def _paragraph(self, paragraph: Any) -> Iterator[str]:
        boxes: list[Any] = []
        text = "".join(self._pieces(paragraph, boxes))
        yield (self._mark(paragraph) if text.strip() else "") + text
        for box in boxes:
            yield from self._blocks(box)

    def _mark(self, paragraph: Any) -> str:
        """Return what marks a paragraph as a heading or an item of a list in Markdown."""
        from docx.text.paragraph import Paragraph

        level = _number(paragraph, "pPr", "outlineLvl", _BODY)
        if level < _BODY:
            return _heading(level)
        key = paragraph.style
        if key not in self._styles:
            style = Paragraph(paragraph, self._document._body).style  # noqa: SLF001 - any parent gives access to the styles
            self._styles[key] = _style_mark(style)
        return self._styles[key]

    def _pieces(self, element: Any, boxes: list[Any]) -> Iterator[str]:
        """Yield the texts of an element; text boxes go into `boxes`."""
        for child in element:
            name = str(child.tag).removeprefix(_W)
            if child.tag == f"{_W}txbxContent":
                boxes.append(child)
            elif child.tag in _TEXTS:
                yield child.text or ""
            elif child.tag in _NOTES:
                note = self._notes[child.tag].get(child.get(f"{_W}id"), "")
                yield f" ({note})" if note else ""
            elif name in _CHARACTERS:
                yield _CHARACTERS[name]
            elif _is_raised(child):
                text = "".join(self._pieces(child, boxes))
                yield superscript(text) or text
            elif child.tag not in _SKIPPED:
                yield from self._pieces(child, boxes)

    def _rows(self, table: Any) -> Iterator[str]:
        """Yield the rows of a table; a cell that spans rows is repeated in each."""
        above: dict[int, str] = {}
        for row in _children(table, f"{_W}tr"):
            column = _number(row, "trPr", "gridBefore", 0)
            cells = []
            for cell in _children(row, f"{_W}tc"):
                text = " ".join(" ".join(self._blocks(cell)).split())
                merge = cell.find(f"{_W}tcPr/{_W}vMerge")
                if merge is None:
                    above.pop(column, None)
                elif merge.get(f"{_W}val") == "restart":
                    above[column] = text if len(text) <= LONGEST_REPEATED else ""
                else:
                    text = text or above.get(column, "")
                cells.append(text)
                column += _number(cell, "tcPr", "gridSpan", 1)
            yield " | ".join(cells)

    def _notes_in(self, kind: str) -> dict[str, str]:
        """Return the notes of a kind, by their ids."""
        return {
            note.get(f"{_W}id"): " ".join(" ".join(self._blocks(note)).split())
            for part in self._parts(kind)
            for note in part
            if note.get(f"{_W}type", "normal") == "normal"
        }

    def _parts(self, kind: str) -> Iterator[Any]:
        """Yield the XML of the document's parts of a kind, such as `footnotes`."""
        from docx.oxml import parse_xml

        for relation in self._document.part.rels.values():
            if relation.reltype.endswith(f"/{kind}") and not relation.is_external:
                yield parse_xml(relation.target_part.blob)


def _style_mark(style: Any) -> str:
    """Return what a style's paragraphs are in Markdown.

    A style that does not say it is like the one that it is based on.
    """
    for _ in range(_LONGEST_CHAIN):
        if style is None:
            break
        name = style.name or ""
        if match := _HEADING.match(name):
            return _heading(int(match[1] or 1) - 1)
        if name.startswith("List"):
            return "- "
        if (level := _number(style.element, "pPr", "outlineLvl", -1)) >= 0:
            return _heading(level) if level < _BODY else ""
        style = style.base_style
    return ""


def _heading(level: int) -> str:
    """Return what marks a heading of an outline level, from 0, in Markdown."""
    return "#" * min(level + 1, _DEEPEST_HEADING) + " "


def _is_raised(run: Any) -> bool:
    """Return whether an element is a run of superscript text."""
    align = run.find(f"{_W}rPr/{_W}vertAlign") if run.tag == f"{_W}r" else None
    return align is not None and align.get(f"{_W}val") == "superscript"


def _number(element: Any, properties: str, name: str, default: int) -> int:
    """Return a number among the properties of an element."""
    found = element.find(f"{_W}{properties}/{_W}{name}")
    value = "" if found is None else found.get(f"{_W}val", "")
    return int(value) if value.isdecimal() else default


def _children(parent: Any, tag: str) -> Iterator[Any]:
    """Yield the elements of a tag in a parent, without those of inner tables.

    Elements in content controls are included.
    """
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag not in _SKIPPED and child.tag != f"{_W}tbl":
            yield from _children(child, tag)
