"""Spreadsheets: numbers as their formats show them, and cells over several rows."""

from pathlib import Path
from typing import Any

import pytest

from langchain_localllm.rag.ingest.formats import spreadsheet
from langchain_localllm.rag.ingest.formats.spreadsheet import cell_text
from tests.unit_tests.rag.ingest.test_office_formats import load, workbook


def seasons(book: Any) -> None:
    sheet = book.active
    for row in (
        ["Sales", None, None],
        ["season", "boat", "price"],
        ["Winter", "Heron", 9],
        [None, "Tern", 8],
        [None, None, None],
        ["Summer", "Heron", 14],
    ):
        sheet.append(row)
    for cells in ("A1:C1", "A3:A5", "B6:C6"):
        sheet.merge_cells(cells)


@pytest.mark.parametrize("read", [1_000_000, 100])
def test_read_xlsx_cell_over_rows_is_in_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    monkeypatch.setattr(spreadsheet, "_READ", read)
    assert [text for text, _ in load(tmp_path, "a.xlsx", workbook(seasons))] == [
        "season: Winter; boat: Heron; price: 9",
        "season: Winter; boat: Tern; price: 8",
        "season: Summer; boat: Heron",
    ]


@pytest.mark.parametrize(
    ("value", "number_format", "expected"),
    [
        (0.125, "0.0%", "12.5%"),
        (0.125, "0.0 %;[Red]-0.0 %", "12.5%"),
        (12.5, '0.0" %"', "12.5 %"),
        (12.5, r"0.0\%", "12.5%"),
        (14, "#,##0.00 [$€-407]", "14 €"),
        (14.5, '_-* #,##0.00\\ "€"_-;-* #,##0.00\\ "€"_-', "14.5 €"),
        (14, '_("$"* #,##0.00_);_("$"* \\(#,##0.00\\)', "$14"),
        (3, '[Red]0" kg"', "3 kg"),
        (1067, "00000", "01067"),
        (1067.0, "00000", "01067"),
        (1.5, "00000", "1.5"),
        (4, "0.00", "4"),
        (14_000, '#,##0," T€"', "14000"),
        (3, '[<5]0" g";0" kg"', "3"),
        (3, "[$-407]0", "3"),
        (0.5, "# ?/?", "0.5"),
        (3, '"closed"', "3"),
        (3, "General", "3"),
    ],
)
def test_cell_text_number_is_as_its_format_shows_it(
    value: float, number_format: str, expected: str
) -> None:
    assert cell_text(value, number_format) == expected
