"""PDF pages whose file order is not the reading order, tables, and text that no one can read."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
)

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag import load_file

LEFT = [f"The left column has line {number} here" for number in range(1, 9)]
RIGHT = [f"On the right side is line {number} now" for number in range(1, 9)]
TABLE = [
    ("boat", "price", "seats"),
    ("Heron", "14 marks", "4"),
    ("Tern", "9 marks", "2"),
    ("Dunlin", "11 marks", "3"),
]
Placed = tuple[float, float, str]


def pdf(lines: Sequence[Placed], *, unknown: bool = False) -> bytes:
    """Make a page of texts, each with its place, in the order of the file."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    if unknown:
        names = ArrayObject(
            [NumberObject(32), *(NameObject(f"/g{number}") for number in range(90))]
        )
        font[NameObject("/Encoding")] = DictionaryObject({NameObject("/Differences"): names})
    page = writer.add_blank_page(width=595, height=842)
    stream = DecodedStreamObject()
    stream.set_data(
        "".join(f"BT /F1 10 Tf {x} {y} Td ({text}) Tj ET\n" for x, y, text in lines).encode()
    )
    page[NameObject("/Contents")] = writer._add_object(stream)
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
    )
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def text_of(folder: Path, data: bytes) -> str:
    (folder / "a.pdf").write_bytes(data)
    [page] = load_file(folder / "a.pdf")
    assert page.metadata["page"] == 1
    return page.page_content


def columns(order: str) -> list[Placed]:
    title = (
        60.0,
        800.0,
        "A title that goes over both of the columns of this page, from one side to the other side",
    )
    left = [(60.0, 770.0 - 14 * number, text) for number, text in enumerate(LEFT)]
    right = [(320.0, 770.0 - 14 * number, text) for number, text in enumerate(RIGHT)]
    mixed = [each for pair in zip(left, right, strict=True) for each in pair]
    return [title, *(mixed if order == "mixed" else left + right)]


def table(order: str) -> list[Placed]:
    cells = [
        (60.0 + 110 * column, 700.0 - 16 * row, text)
        for row, values in enumerate(TABLE)
        for column, text in enumerate(values)
    ]
    if order == "by column":
        cells.sort()
        cells.sort(key=lambda cell: (cell[0], -cell[1]))
    above = [
        (60.0, 760.0, "These are the prices of all boats of the harbor in the year 2026."),
        (60.0, 746.0, "Pay first."),
    ]
    return [*above, *cells, (60.0, 600.0, "The office is open from May.")]


@pytest.mark.parametrize("order", ["mixed", "one after the other"])
def test_read_pdf_columns_are_read_one_after_the_other(tmp_path: Path, order: str) -> None:
    text = text_of(tmp_path, pdf(columns(order)))
    places = [text.index(line) for line in [*LEFT, *RIGHT]]
    assert places == sorted(places)
    assert text.startswith("A title")


@pytest.mark.parametrize("order", ["by row", "by column"])
def test_read_pdf_tables_are_read_row_by_row(tmp_path: Path, order: str) -> None:
    text = text_of(tmp_path, pdf(table(order)))
    assert (
        "boat | price | seats\nHeron | 14 marks | 4\nTern | 9 marks | 2\nDunlin | 11 marks | 3"
        in text
    )
    assert text.startswith("These are the prices")
    assert text.endswith("The office is open from May.")


def test_read_pdf_text_with_wide_spaces_is_not_a_table(tmp_path: Path) -> None:
    words = ["The", "rowing", "boat", "is", "called", "Heron", "and", "costs", "14", "marks"]
    lines = [
        (60.0 + 45 * place, 700.0 - 14 * row, words[(place + row * 3) % 10])
        for row in range(6)
        for place in range(9)
    ]
    shifted = [(x + (y % 4) * 9 * (x > 60), y, text) for x, y, text in lines]
    assert "|" not in text_of(tmp_path, pdf(shifted))


def test_read_pdf_font_without_meaning_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"fonts do not say which characters they show.*OCR"):
        text_of(tmp_path, pdf([(60.0, 700.0, "0123456789 ABCDEFG")], unknown=True))
