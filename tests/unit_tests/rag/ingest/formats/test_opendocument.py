"""OpenDocument: what is not in the running text of a file."""

from pathlib import Path

import pytest

from tests.unit_tests.rag.ingest.test_office_formats import CELL, ODF, load, opendocument

COMMENT = "<office:annotation><text:p>Check this.</text:p></office:annotation>"
CHART = ODF.format(
    "<office:chart><chart:chart xmlns:chart='c'><chart:title><text:p>Guests</text:p></chart:title>"
    "<table:table><table:table-rows><table:table-row><table:table-cell><text:p>May</text:p>"
    "</table:table-cell><table:table-cell><text:p>12</text:p></table:table-cell></table:table-row>"
    "</table:table-rows></table:table></chart:chart></office:chart>"
)
FORMULA = (
    '<math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mi>E</mi><annotation '
    'encoding="StarMath 5.0">E = m c^2</annotation></semantics></math>'
)
OBJECT = (
    '<draw:frame><draw:object xlink:href="./{}" xmlns:xlink="http://www.w3.org/1999/xlink"/>'
    "</draw:frame>"
)


def test_read_ods_comments_follow_their_cells_and_text_boxes_and_charts_the_rows(
    tmp_path: Path,
) -> None:
    box = "<draw:frame><draw:text-box><text:p>In a box.</text:p></draw:text-box></draw:frame>"
    sheet = ODF.format(
        f'<office:spreadsheet><table:table table:name="2026"><table:shapes>{box}'
        f"{OBJECT.format('Object 1')}</table:shapes><table:table-row>{CELL.format('boat')}"
        f"{CELL.format('price')}</table:table-row><table:table-row><table:table-cell>{COMMENT}"
        f"<text:p>Heron</text:p></table:table-cell>{CELL.format('14')}</table:table-row>"
        "</table:table></office:spreadsheet>"
    )
    data = opendocument("spreadsheet", sheet, **{"Object 1/content.xml": CHART})
    assert load(tmp_path, "a.ods", data) == [
        ("boat: Heron (Check this.); price: 14", {"heading": "2026"}),
        ("In a box.\n\nGuests\n\nMay | 12", {"heading": "2026"}),
    ]


@pytest.mark.parametrize(
    ("text", "columns", "expected"), [("kiwi", 16384, 50), ("k" * 4000, 50, 3), ("kiwi", 2, 2)]
)
def test_read_ods_repeated_cell_is_expanded_up_to_a_limit(
    tmp_path: Path, text: str, columns: int, expected: int
) -> None:
    cell = f'<table:table-cell table:number-columns-repeated="{columns}"><text:p>{text}</text:p>'
    row = f'<table:table-row table:number-rows-repeated="1000000">{cell}</table:table-cell>'
    sheet = f"<table:table>{row}</table:table-row></table:table>"
    data = opendocument(
        "spreadsheet", ODF.format(f"<office:spreadsheet>{sheet * 2}</office:spreadsheet>")
    )
    assert [found.count(text) for found, _ in load(tmp_path, "a.ods", data)] == [expected] * 2


def test_read_odt_formulas_and_charts_are_read_once_in_their_place(tmp_path: Path) -> None:
    formula, chart = OBJECT.format("Formula 1"), OBJECT.format("Chart 1")
    text = f"<text:p>With {formula} it is {chart}known.</text:p><text:p>Again {chart}</text:p>"
    parts = {"Formula 1/content.xml": FORMULA, "Chart 1/content.xml": CHART}
    data = opendocument("text", ODF.format(f"<office:text>{text}</office:text>"), **parts)
    assert load(tmp_path, "a.odt", data) == [
        ("With E = m c^2 it is known.\n\nGuests\n\nMay | 12\n\nAgain", {})
    ]


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("text", "a.odt", ["Winter | Heron\nWinter | Tern\nSummer | Heron"]),
        ("spreadsheet", "a.ods", ["Winter | Heron", "Winter | Tern", "Summer | Heron"]),
    ],
)
def test_read_opendocument_cell_over_rows_is_in_each(
    tmp_path: Path, kind: str, name: str, expected: list[str]
) -> None:
    row, covered = "<table:table-row>{}</table:table-row>", "<table:covered-table-cell/>"
    season = CELL.format("Winter").replace("cell>", 'cell table:number-rows-spanned="2">', 1)
    rows = [season + CELL.format("Heron"), covered + CELL.format("Tern")]
    rows.append(CELL.format("Summer") + CELL.format("Heron"))
    table = f"<table:table>{''.join(map(row.format, rows))}</table:table>"
    if kind == "spreadsheet":  # the first row would be names
        table = table.replace("Heron", "14").replace("Tern", "9")
        expected = [text.replace("Heron", "14").replace("Tern", "9") for text in expected]
    content = ODF.format(f"<office:{kind}>{table}</office:{kind}>")
    found = load(tmp_path, name, opendocument(kind, content))
    assert [text for text, _ in found] == expected


@pytest.mark.parametrize("name", ["a.fodt", "a.fods", "a.fodp"])
def test_read_flat_opendocument_is_read_as_the_archive(tmp_path: Path, name: str) -> None:
    picture = "<draw:image><office:binary-data>iVBORw0KGgo=</office:binary-data></draw:image>"
    text = ODF.format(f"<office:text><text:p>The boat.{picture}</text:p></office:text>")
    assert load(tmp_path, name, text.encode()) == [("The boat.", {})]
