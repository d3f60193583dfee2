"""PDF: filled fields of forms, text boxes and comments."""

from io import BytesIO

from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText, Link, Text
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    TextStringObject,
)

from langchain_localllm.rag.ingest.formats.pdf import read_pdf
from tests.unit_tests.rag.conftest import write_pdf


def text_of(writer: PdfWriter) -> str:
    out = BytesIO()
    writer.write(out)
    [page] = read_pdf(out.getvalue())
    return page.page_content


def form(*names: str) -> PdfWriter:
    """A page with labels below each other, and an empty field to the right of each."""
    labels = ":) Tj 0 -50 Td (".join([*names, ""])
    writer = PdfWriter(PdfReader(BytesIO(write_pdf([labels]))))
    page = writer.pages[0]
    kids = ArrayObject()
    for name, y in zip(names, range(770, 0, -50), strict=False):
        field = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Annot"),
                NameObject("/Subtype"): NameObject("/Widget"),
                NameObject("/FT"): NameObject("/Tx"),
                NameObject("/T"): TextStringObject(name),
                NameObject("/DA"): TextStringObject("/Helv 12 Tf 0 g"),
                NameObject("/Rect"): ArrayObject(map(FloatObject, (150, y - 4, 400, y + 14))),
            }
        )
        kids.append(writer._add_object(field))
    page[NameObject("/Annots")] = kids
    writer.root_object[NameObject("/AcroForm")] = DictionaryObject({NameObject("/Fields"): kids})
    return writer


def test_read_pdf_values_of_a_form_are_next_to_their_labels() -> None:
    writer = form("Boat", "Price", "Day")
    values = {"Boat": "Heron", "Price": "14 marks"}
    writer.update_page_form_field_values(writer.pages[0], values, auto_regenerate=False)
    assert text_of(writer).split("\n") == ["Boat: Heron", "Price: 14 marks", "Day:"]


def test_read_pdf_comments_are_read_once() -> None:
    writer = PdfWriter(BytesIO(write_pdf(["The boat is blue."])))
    place = (50.0, 50.0, 300.0, 100.0)
    writer.add_annotation(0, Text(text="Is it?", rect=place))
    writer.add_annotation(0, FreeText(text="In a box.", rect=place))
    writer.add_annotation(0, Text(text="The boat is\rblue.", rect=place))
    writer.add_annotation(0, Link(rect=place, url="http://example.org/"))
    assert text_of(writer) == "The boat is blue.\n\nIs it?\n\nIn a box."
