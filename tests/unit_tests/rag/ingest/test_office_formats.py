"""Spreadsheets, slides, OpenDocument, books and tables: what is read of them, and what is
refused."""

import re
import tarfile
from collections.abc import Callable
from datetime import date
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import docx
import openpyxl
import pptx
import pytest
from openpyxl.comments import Comment
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag import load_file
from langchain_localllm.rag.ingest.formats import spreadsheet

_TRANSITIONAL = re.compile(rb"http://schemas.openxmlformats.org/(\w+)/2006/(\w+)")
ODF = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
    " "
    'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0"><office:body>{}</office:body>'
    "</office:document-content>"
)
TEXT = ODF.format(
    "<office:text><text:tracked-changes><text:p>Old price.</text:p></text:tracked-changes>"
    '<text:h text:outline-level="1">Boats</text:h><text:p>The <text:span>rowing</text:span> '
    "boat<text:s/>is blue."
    "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Since "
    "May.</text:p></text:note-body></text:note>"
    "</text:p><text:list><text:list-item><text:p>Pay first.</text:p></text:list-item></text:list>"
    "<table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>boat</text:p></table:table-cell>"
    "<table:table-cell><text:p>price</text:p></table:table-cell></table:table-row></table:table-header-rows><table:table-row>"
    "<table:table-cell><text:p>Heron</text:p></table:table-cell><table:table-cell><text:p>14</text:p></table:table-cell>"
    "</table:table-row></table:table></office:text>"
)
CELL = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
SHEET = ODF.format(
    '<office:spreadsheet><table:table table:name="2026"><table:table-row>'
    + CELL.format("boat")
    + CELL.format("price")
    + '<table:table-cell table:number-columns-repeated="16382"/></table:table-row><table:table-row>'
    + CELL.format("Heron")
    + CELL.format("14")
    + "</table:table-row><table:table-row "
    'table:number-rows-repeated="1048574"><table:table-cell/></table:table-row>'
    "</table:table></office:spreadsheet>"
)
SLIDES = ODF.format(
    "<office:presentation><draw:page><draw:frame "
    'presentation:class="title"><draw:text-box><text:p>Boats</text:p></draw:text-box>'
    "</draw:frame><draw:frame><draw:text-box><text:p>The boat is "
    "blue.</text:p></draw:text-box></draw:frame><presentation:notes>"
    "<draw:frame><draw:text-box><text:p>Say it "
    "twice.</text:p></draw:text-box></draw:frame></presentation:notes></draw:page>"
    "</office:presentation>"
)
ENCRYPTED = '<manifest:manifest xmlns:manifest="m"><manifest:encryption-data/></manifest:manifest>'
CHAPTER = '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>{}</h1><p>{}</p></body></html>'
BOOK = {
    "META-INF/container.xml": (
        '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    ),
    "OEBPS/book.opf": (
        '<package><manifest><item id="b" href="two%20b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="a" href="one.xhtml" media-type="application/xhtml+xml"/><item id="n" '
        'href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/></manifest>'
        '<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>'
    ),
    "OEBPS/two b.xhtml": CHAPTER.format("Prices", "A day costs 14 marks."),
    "OEBPS/one.xhtml": CHAPTER.format("Boats", "The boat is blue."),
    "OEBPS/nav.xhtml": CHAPTER.format("Contents", "1 Boats"),
}
DRM = (
    "<encryption>" + "".join(f'<CipherReference URI="{name}"/>' for name in BOOK) + "</encryption>"
)


def load(folder: Path, name: str, content: bytes) -> list[tuple[str, dict[str, Any]]]:
    file = folder / name
    file.write_bytes(content)
    return [
        (each.page_content, {k: v for k, v in each.metadata.items() if k != "source"})
        for each in load_file(file)
    ]


def tar_archive(text: str) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        about = tarfile.TarInfo("notes.txt")
        about.size = len(text)
        made.addfile(about, BytesIO(text.encode()))
    return out.getvalue()


def archive(mimetype: str, parts: dict[str, str]) -> bytes:
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as file:
        file.writestr("mimetype", mimetype, ZIP_STORED)
        for name, text in parts.items():
            file.writestr(name, text)
    return out.getvalue()


def opendocument(kind: str, content: str, **parts: str) -> bytes:
    return archive(f"application/vnd.oasis.opendocument.{kind}", {"content.xml": content, **parts})


def workbook(fill: Callable[[Any], None]) -> bytes:
    book = openpyxl.Workbook()
    fill(book)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def two_sheets(book: Any) -> None:
    sheet = book.active
    sheet.title = "Boats"
    for row in (
        ["Prices of 2026"],
        [],
        ["boat", "day", "since", "share"],
        ["Heron", 14.10, date(2026, 5, 1), 0.25],
    ):
        sheet.append(row)
    sheet["D4"].number_format = "0%"
    sheet.append(["Tern", 0.1 + 0.2, None, "#N/A"])
    sheet["A4"].comment = Comment("The blue one.", "Ann")
    other = book.create_sheet("Keys")
    other.append(["harbor", "barometer"])
    other.append([3, 4])


def far_cell(book: Any) -> None:
    book.active["A1"], book.active["XFD1048576"] = "near", "far"


def slides() -> bytes:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Boats"
    slide.placeholders[1].text = "The boat is blue.\nPay first."
    table = slide.shapes.add_table(2, 2, 0, 0, Inches(2), Inches(2)).table
    for row, values in enumerate([("boat", "price"), ("Heron", "14")]):
        for column, value in enumerate(values):
            table.cell(row, column).text = value
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "In a group"
    slide.notes_slide.notes_text_frame.text = "Say it twice."
    data: Any = CategoryChartData()  # type: ignore[no-untyped-call]  # python-pptx has few types
    data.categories = ["May", "June"]
    data.add_series("Guests", (12, 30))
    presentation.slides.add_slide(presentation.slide_layouts[6]).shapes.add_chart(
        XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(2), Inches(2), data
    )
    out = BytesIO()
    presentation.save(out)
    return out.getvalue()


def old_excel() -> bytes:
    """Return a table of Excel 2, which needs no container."""
    cells = [(0, 0, "boat"), (0, 1, "price"), (1, 0, "Heron"), (1, 1, "14 marks")]
    labels = (
        b"\x04\0"
        + (8 + len(text)).to_bytes(2, "little")
        + bytes([row, 0, column, 0, 0, 0, 0, len(text)])
        + text.encode()
        for row, column, text in cells
    )
    return b"\x09\0\x04\0\x02\0\x10\0" + b"".join(labels) + b"\x0a\0\0\0"


@pytest.mark.parametrize("name", ["a.xlsx", "a.xlsm", "a.dat"])
def test_read_xlsx_rows_have_the_names_of_their_columns(tmp_path: Path, name: str) -> None:
    heading = {"heading": "Boats > Prices of 2026"}
    assert load(tmp_path, name, workbook(two_sheets)) == [
        ("boat: Heron; day: 14.1; since: 2026-05-01; share: 25%", heading),
        ("boat: Tern; day: 0.3", heading),
        ("harbor: 3; barometer: 4", {"heading": "Keys"}),
        ("The blue one.", {}),
    ]
    assert load_file(tmp_path / name)[0].line_at(0) == 4  # type: ignore[attr-defined]  # a LocatedDocument


def test_read_xlsx_of_the_strict_format(tmp_path: Path) -> None:
    out = BytesIO()
    with ZipFile(BytesIO(workbook(two_sheets))) as plain, ZipFile(out, "w") as strict:
        for part in plain.namelist():
            text = re.sub(
                rb"http://schemas.openxmlformats.org/(\w+)/2006/(\w+)",
                rb"http://purl.oclc.org/ooxml/\1/\2",
                plain.read(part),
            )
            strict.writestr(part, text)
    assert load(tmp_path, "a.xlsx", out.getvalue())[1][0] == "boat: Tern; day: 0.3"


def test_read_xlsx_cell_far_away_costs_no_memory(tmp_path: Path) -> None:
    assert [text for text, _ in load(tmp_path, "a.xlsx", workbook(far_cell))] == ["near", "far"]


def test_read_xlsx_too_many_cells_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheet, "_MOST_CELLS", 10_000)
    with pytest.raises(DocumentError, match=r"million cells\. Save the filled part"):
        load(tmp_path, "a.xlsx", workbook(far_cell))


def test_read_pptx_slides_are_pages(tmp_path: Path) -> None:
    assert load(tmp_path, "a.pptx", slides()) == [
        (
            (
                "- The boat is blue.\n- Pay first.\n\nboat | price\nHeron | 14\n\nIn a group\n\n"
                "Notes: Say it twice."
            ),
            {"page": 1, "heading": "Boats"},
        ),
        ("| Guests\nMay | 12\nJune | 30", {"page": 2}),
    ]


def test_read_pptx_and_docx_cell_over_rows_is_in_each(tmp_path: Path) -> None:
    presentation, document = pptx.Presentation(), docx.Document()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    tables: list[Any] = [
        slide.shapes.add_table(4, 3, 0, 0, Inches(2), Inches(2)).table,
        document.add_table(4, 3),
    ]
    for table in tables:
        for row, values in enumerate(["aWx", "aWy", "aSx", "bSy"]):
            for column, value in enumerate(values):
                table.cell(row, column).text = value
        for above, below, column in ((0, 1, 1), (2, 3, 1), (0, 2, 0)):
            for row in range(above + 1, below + 1):
                table.cell(row, column).text = ""
            table.cell(above, column).merge(table.cell(below, column))
            table.cell(above, column).text = table.cell(above, column).text.strip()
    for name, file in (("a.pptx", presentation), ("a.docx", document)):
        out = BytesIO()
        file.save(out)
        [(text, _)] = load(tmp_path, name, out.getvalue())
        assert text == "a | W | x\na | W | y\na | S | x\nb | S | y"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.xls", old_excel(), [("boat: Heron; price: 14 marks", {"heading": "Sheet 1"})]),
        ("a.xls", b"boat\tprice\nHeron\t14\n", [("boat: Heron; price: 14", {})]),
        (
            "a.odt",
            opendocument("text", TEXT),
            [
                (
                    (
                        "The rowing boat is blue. (Since May.)\n\n- Pay first.\n\nboat | price\n"
                        "Heron | 14"
                    ),
                    {"heading": "Boats"},
                )
            ],
        ),
        (
            "a.ods",
            opendocument("spreadsheet", SHEET),
            [("boat: Heron; price: 14", {"heading": "2026"})],
        ),
        (
            "a.odp",
            opendocument("presentation", SLIDES),
            [("The boat is blue.\n\nNotes: Say it twice.", {"page": 1, "heading": "Boats"})],
        ),
        (
            "a.epub",
            archive("application/epub+zip", BOOK),
            [
                ("The boat is blue.", {"heading": "Boats"}),
                ("A day costs 14 marks.", {"heading": "Prices"}),
            ],
        ),
        (
            "title.csv",
            b"Prices,,\n,,\nboat,price\nHeron,14\n",
            [("boat: Heron; price: 14", {"heading": "Prices"})],
        ),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".bin"])
def test_load_file_office_document(
    tmp_path: Path,
    name: str,
    content: bytes,
    expected: list[tuple[str, dict[str, Any]]],
    suffix: str,
) -> None:
    is_binary = b"\0" in content
    assert load(tmp_path, name + (suffix if is_binary else ""), content) == expected


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "a.odt",
            opendocument("text", TEXT, **{"META-INF/manifest.xml": ENCRYPTED}),
            "it is encrypted",
        ),
        (
            "a.epub",
            archive("application/epub+zip", BOOK | {"META-INF/encryption.xml": DRM}),
            r"protected against copying \(DRM\)",
        ),
        ("a.epub", archive("application/epub+zip", {}), "names no chapters"),
        ("a.odp", b"PK\x03\x04" + bytes(99), "not an OpenDocument file, or it is truncated"),
        ("a.pptx", archive("x", {"ppt/presentation.xml": "<x/>"}), r"broken \.pptx"),
        ("a.pptx", b"The boat is blue.", r"not a \.pptx file"),
        ("a.odt", opendocument("text", " " * 60_000_000), "far larger unpacked"),
        ("a.odt", opendocument("text", "<a>" * 5000), "cannot be read"),
        (
            "a.docx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
            + bytes(99)
            + "EncryptedPackage".encode("utf-16-le"),
            "encrypted Office file",
        ),
        (
            "a.xlsb",
            archive("x", {"xl/workbook.bin": "x"}),
            "a binary Excel table. Save it as .xlsx",
        ),
        ("backup.zip", archive("x", {"word/document.xml": "x"}), "a ZIP archive"),
        ("backup.tar", tar_archive("The boat is blue.\n" * 9999), "a tar archive. Unpack it"),
        ("a.heic", b"\0\0\0\x18ftypheic" + bytes(99), "an image"),
        ("a.webp", b"RIFF\0\0\0\0WEBP" + bytes(99), "an image"),
    ],
)
def test_load_file_office_document_that_cannot_be_read(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    with pytest.raises(DocumentError, match=reason):
        load(tmp_path, name, content)


@pytest.mark.parametrize("stored", [ZIP_STORED, ZIP_DEFLATED])
def test_load_file_slides_that_hold_a_table_are_slides(tmp_path: Path, stored: int) -> None:
    out = BytesIO()
    with ZipFile(BytesIO(slides())) as given, ZipFile(out, "w") as made:
        made.writestr("ppt/embeddings/table.xlsx", workbook(two_sheets), stored)
        for name in given.namelist():
            made.writestr(name, given.read(name), ZIP_STORED)
    assert load(tmp_path, "a.pptx", out.getvalue()) == load(tmp_path, "b.pptx", slides())


def test_read_html_menus_and_forms_keep_words_apart(tmp_path: Path) -> None:
    html = (
        "<html><nav><a href='/'>Home</a><a href='/b'>Boats</a></nav><select><option>Red</option>"
        "<option>Blue</option></select><label>Name</label><button>Save</button>"
        "<p hidden>secret</p><p>The <b>boat</b>house is <a href='/c'>blue</a>.</p></html>"
    )
    [(text, _)] = load(tmp_path, "a.html", html.encode())
    assert " ".join(text.split()) == "Home Boats Red Blue Name Save The boathouse is blue."


def test_read_html_tables_stay_tables(tmp_path: Path) -> None:
    html = (
        "<p>Prices of all boats in the harbor of the island, for a "
        "day:</p><table><caption>Day</caption><tr><th>Boat</th><th>Price</th><th style='display: "
        "none'>x</th></tr><tr><td rowspan=2>The large rowing boat which is called "
        "Heron</td><td><p>14 marks\n in May</p></td></tr><tr><td><ul><li>9 "
        "marks</li></ul></td></tr><tr><td colspan=2>closed on Sunday</td></tr></table>"
    )
    [(text, _)] = load(tmp_path, "a.html", html.encode())
    assert text.split("\n\n", 1)[1] == (
        "Day\n\nBoat | Price\nThe large rowing boat which is called Heron | 14 marks in May\n"
        "The large rowing boat which is called Heron | 9 marks\nclosed on Sunday"
    )
    page = (
        "<table><tr><td><h1>Boats</h1><p>Blue.</p></td><td><table><tr><td>a<td>b</table></td></tr>"
        "</table>"
    )
    assert load(tmp_path, "b.html", page.encode()) == [("Blue.\n\na | b", {"heading": "Boats"})]


def test_read_mail_attached_documents_are_read(tmp_path: Path) -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@example.org", "Prices"
    message["To"] = ", ".join(f"someone{number}@example.org" for number in range(4))
    message.set_content("See the table.")
    message.add_attachment(
        b"boat,price\nHeron,14", maintype="text", subtype="csv", filename="prices.csv"
    )
    message.add_attachment(
        workbook(two_sheets), maintype="application", subtype="octet-stream", filename="Boats.xlsx"
    )
    message.add_attachment(
        b"%PDF-broken", maintype="application", subtype="pdf", filename="plan.pdf"
    )
    found = load(tmp_path, "a.eml", message.as_bytes())
    assert found[0][0].endswith(
        "\nSubject: Prices\nAttachments: prices.csv, Boats.xlsx, plan.pdf\n\nSee the table."
    )
    assert found[1] == ("boat: Heron; price: 14", {"heading": "Prices > prices.csv"})
    assert found[2][1] == {"heading": "Prices > Boats.xlsx > Boats > Prices of 2026"}
    assert len(found) == 6
