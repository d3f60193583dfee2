"""Charts, diagrams and formulas of Office files."""

from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import docx
import pptx
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from lxml import etree
from pptx.opc.package import Part as SlidesPart
from pptx.opc.packuri import PackURI as SlidesURI

from langchain_localllm.rag.ingest.formats.drawings import chart_text
from tests.unit_tests.rag.ingest.test_office_formats import load, slides, two_sheets, workbook

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DIAGRAM = (
    '<d xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:p><a:r><a:t>Row </a:t>'
    "</a:r><a:r><a:t>out</a:t></a:r></a:p><a:p/><a:p><a:t>Come back</a:t></a:p></d>"
)
POINTS = "<c:pt idx='{}'><c:v>{}</c:v></c:pt>"
CHART = (
    "<c:chart xmlns:c='http://schemas.openxmlformats.org/drawingml/2006/chart'>"
    "<c:ser><c:tx><c:v>Guests</c:v></c:tx><c:cat>{}</c:cat><c:val>{}</c:val></c:ser>"
    "<c:ser><c:val>{}</c:val></c:ser></c:chart>"
)


def with_parts(document: Any, **parts: bytes) -> bytes:
    """Return a Word file that refers to parts of these kinds."""
    for kind, data in parts.items():
        name = PackURI(f"/word/{kind}1.xml")
        part = Part(name, "application/xml", data, document.part.package)
        document.part.relate_to(part, f"{RELATIONS}/{kind}")
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def test_read_docx_charts_and_diagrams_are_read(tmp_path: Path) -> None:
    with ZipFile(BytesIO(slides())) as archive:
        [name] = [each for each in archive.namelist() if each.startswith("ppt/charts/chart")]
        chart = archive.read(name)
    document = docx.Document()
    document.add_paragraph("The boat is blue.")
    data = with_parts(document, chart=chart, diagramData=DIAGRAM.encode())
    assert load(tmp_path, "a.docx", data) == [
        ("The boat is blue.\n\n| Guests\nMay | 12\nJune | 30\n\n- Row out\n- Come back", {})
    ]


def test_chart_text_missing_values_and_names_are_left_out() -> None:
    chart = CHART.format(
        POINTS.format(0, "May"), POINTS.format(0, "1.5E1") + POINTS.format(2, "x"), ""
    )
    assert chart_text(etree.fromstring(chart)) == "| Guests\nMay | 15\n3 | x"
    assert chart_text(etree.fromstring("<c/>")) == ""


def test_read_pptx_formulas_and_comments_are_read(tmp_path: Path) -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    slide.shapes._spTree.append(
        etree.fromstring(
            "<mc:AlternateContent xmlns:mc='http://schemas.openxmlformats.org/markup-compatibility/2006'"
            " xmlns:m='http://schemas.openxmlformats.org/officeDocument/2006/math'><mc:Choice><m:t>"
            "E=m</m:t></mc:Choice><mc:Fallback><m:t>old</m:t></mc:Fallback></mc:AlternateContent>"
        )
    )
    comment = (
        b"<p:cmLst xmlns:p='http://schemas.openxmlformats.org/presentationml/2006/main'><p:cm>"
        b"<p:text>Check this.</p:text></p:cm></p:cmLst>"
    )
    name = SlidesURI("/ppt/comments/comment1.xml")
    part = SlidesPart(name, "application/xml", slide.part.package, comment)
    slide.part.relate_to(part, f"{RELATIONS}/comments")
    out = BytesIO()
    presentation.save(out)
    assert load(tmp_path, "a.pptx", out.getvalue()) == [
        ("E=m\n\nComment: Check this.", {"page": 1})
    ]


def test_read_pptx_notes_without_a_placeholder_and_soft_hyphens_in_titles(tmp_path: Path) -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Row\u00ading"
    slide.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "The boat is blue."
    for shape in list(slide.notes_slide.shapes):
        shape.element.getparent().remove(shape.element)
    box = slide.shapes.add_textbox(0, 0, 9, 9)
    box.text_frame.text = "Say it twice."
    slide.notes_slide.shapes._spTree.append(box.element)
    out = BytesIO()
    presentation.save(out)
    assert load(tmp_path, "a.pptx", out.getvalue()) == [
        ("The boat is blue.\n\nNotes: Say it twice.", {"page": 1, "heading": "Rowing"})
    ]


def test_read_xlsx_diagrams_are_read(tmp_path: Path) -> None:
    book = workbook(two_sheets)
    out = BytesIO(book)
    with ZipFile(out, "a") as archive:
        archive.writestr("xl/diagrams/data1.xml", DIAGRAM)
    assert load(tmp_path, "a.xlsx", out.getvalue())[-1] == ("Row out\nCome back", {})
