"""PowerPoint slides (.pptx): a Document for each slide."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.ingest.formats.archive import office_file, parse_xml
from langchain_localllm.rag.ingest.formats.drawings import chart_text, diagram_lines
from langchain_localllm.rag.ingest.formats.table import LONGEST_REPEATED, table_text
from langchain_localllm.rag.ingest.formats.text import tidy
from langchain_localllm.rag.ingest.normalize import normalize

_A: Final = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_M: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_P: Final = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_DEEPEST: Final = 50
_NOT_SHOWN: Final = ("SLIDE_NUMBER", "DATE", "FOOTER")
"""Kinds of placeholders whose text is the same on all slides."""


def read_pptx(data: bytes) -> Iterator[Document]:
    """Yield the slides, numbered from 1 in `page`, with their title in `heading`.

    Texts, tables, charts and diagrams come in the order of the file, then comments and notes.
    """
    try:
        import pptx
    except ImportError as error:
        raise MissingDependencyError(
            f"Reading slides needs python-pptx: {pip_install('rag')}."
        ) from error
    file = office_file(data, "a .pptx file")
    try:
        presentation = pptx.Presentation(file)
    except Exception as error:  # python-pptx raises errors of many types on broken files
        raise DocumentError(f"it is a broken .pptx file ({error}). Save it again.") from error
    for number, slide in enumerate(presentation.slides, 1):
        title = slide.shapes.title
        heading = (
            " ".join(normalize(title.text_frame.text).split())
            if title is not None and title.has_text_frame
            else ""
        )
        blocks = [*_blocks(slide.shapes, title), *_newer(slide), *_comments(slide)]
        if slide.has_notes_slide and (notes := _notes(slide.notes_slide)):
            blocks.append(f"Notes: {notes}")
        text = tidy("\n\n".join(blocks).replace("\x0b", "\n")) or heading
        yield Document(
            text,
            metadata={
                "page": number,
                **({"heading": heading} if heading and text != heading else {}),
            },
        )


def _blocks(shapes: Iterable[Any], title: Any, depth: int = 0) -> Iterator[str]:
    """Yield the texts of shapes, those of a group after each other."""
    for shape in shapes:
        if title is not None and shape.element is title.element:
            continue
        if shape.is_placeholder and str(shape.placeholder_format.type).startswith(_NOT_SHOWN):
            continue
        if hasattr(shape, "shapes"):
            if depth < _DEEPEST:
                yield from _blocks(shape.shapes, title, depth + 1)
        elif getattr(shape, "has_table", False):
            yield table_text(_rows(shape.table))
        elif getattr(shape, "has_chart", False):
            yield chart_text(parse_xml(shape.chart.part.blob))
        elif shape.has_text_frame:
            yield "\n".join(_paragraphs(shape.text_frame))
        else:
            yield from _diagram(shape)


def _rows(table: Any) -> Iterator[list[str]]:
    """Yield the rows of a table; a cell that spans rows is repeated in each."""
    spanned: dict[int, tuple[int, str]] = {}  # column -> the row below it, and the text
    for number, row in enumerate(table.rows):
        texts = []
        for column, cell in enumerate(row.cells):
            text = cell.text
            below, above = spanned.get(column, (0, ""))
            if cell.is_merge_origin:
                repeated = text if len(text) <= LONGEST_REPEATED else ""
                spanned[column] = (number + cell.span_height, repeated)
            elif cell.is_spanned and number < below:
                text = text or above
            texts.append(text)
        yield texts


def _notes(slide: Any) -> str:
    """Return the notes, which LibreOffice writes as a plain text box."""
    frame = slide.notes_text_frame
    texts = [frame.text] if frame is not None else _blocks(slide.shapes, None)
    return "\n".join(filter(str.strip, texts)).strip()


def _newer(slide: Any) -> Iterator[str]:
    """Yield the texts of what PowerPoint 2007 does not know, such as formulas.

    python-pptx leaves them out.
    """
    for choice in slide.element.iter(f"{_MC}Choice"):
        for paragraph in [*choice.iter(f"{_A}p")] or [choice]:
            yield "".join(text.text or "" for text in paragraph.iter(f"{_A}t", f"{_M}t"))


def _comments(slide: Any) -> Iterator[str]:
    """Yield the comments on a slide, of old and new versions of PowerPoint."""
    for relation in slide.part.rels.values():
        if relation.reltype.endswith("/comments") and not relation.is_external:
            root = parse_xml(relation.target_part.blob)
            yield from (f"Comment: {text.text}" for text in root.iter(f"{_P}text") if text.text)
            for body in root.iter("{*}txBody"):
                yield "Comment: " + "".join(text.text or "" for text in body.iter(f"{_A}t"))


def _paragraphs(frame: Any) -> Iterator[str]:
    """Yield the paragraphs of a text.

    Those of a list with a dash, since each is a point of its own.
    """
    paragraphs = [paragraph for paragraph in frame.paragraphs if paragraph.text.strip()]
    for paragraph in paragraphs:
        yield f"- {paragraph.text.strip()}" if len(paragraphs) > 1 else paragraph.text


def _diagram(shape: Any) -> Iterator[str]:
    """Yield the texts of a diagram (SmartArt), which is in a part of its own."""
    for element in shape.element.iter("{*}relIds"):
        relation = next(
            (value for name, value in element.attrib.items() if str(name).endswith("}dm")), None
        )
        if relation and relation in shape.part.rels:
            diagram = parse_xml(shape.part.related_part(relation).blob)
            yield "\n".join(diagram_lines(diagram))
