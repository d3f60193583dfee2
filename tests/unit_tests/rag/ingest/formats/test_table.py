"""Tables: the names of columns, cells over several rows, and what surrounds a CSV table."""

from collections.abc import Iterator
from typing import Any

import pytest

from langchain_localllm.rag.ingest.formats import table
from langchain_localllm.rag.ingest.formats.table import LONGEST_REPEATED, read_csv, read_sheet
from langchain_localllm.rag.ingest.formats.table import fill_merged as fill

BANK = (
    '"Giro account";"DE12"\n"Period:";"01.01.2026 - 31.01.2026"\n"Balance:";"1.234,56"\n{}'
    '"Booked";"Valid";"Receiver";"Amount"\n"05.01.26";"05.01.26";"Power Ltd";"-80,00"\n'
    '"06.01.26";"07.01.26";"Water Ltd";"-8,00"\n'
)
BOOKED = [
    "Booked: 05.01.26; Valid: 05.01.26; Receiver: Power Ltd; Amount: -80,00",
    "Booked: 06.01.26; Valid: 07.01.26; Receiver: Water Ltd; Amount: -8,00",
]


def texts(content: str) -> list[str]:
    return [row.page_content for row in read_csv(content.encode())]


def sheet(*rows: str) -> list[str]:
    numbered: Iterator[Any] = (
        (number, {column: cell for column, cell in enumerate(row.split("|")) if cell})
        for number, row in enumerate(rows, 1)
        if row
    )
    return [row.page_content for row in read_sheet(numbered, "")]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Region|2023|2024", "North|10|12"),
        ("|2023|2024", "North|10|12"),
        ("Region|2023/24|2024/25", "North|10|"),
        ("Region|2026-01|2026-02", "North|10|12"),
        ("Region|01/2026|02/2026|change", "North|10|12|2"),
        ("Region|2026-01-01|2026-01-02", "North|10|12"),
        ("Region|31.01.2026|28.02.2026", "North|10|12"),
        ("Region|2023|2024", "North|1950|12"),
        ("#|boat|%", "1|Heron|14"),
    ],
)
def test_read_sheet_years_and_dates_name_their_columns(header: str, row: str) -> None:
    names = dict(enumerate(header.split("|")))
    cells = [
        f"{names[column]}: {cell}" if names[column] else cell
        for column, cell in enumerate(row.split("|"))
        if cell
    ]
    assert sheet("Sales", header, row) == ["; ".join(cells)]


@pytest.mark.parametrize(
    "rows",
    [
        ("Heron|1998|2003", "Tern|1999|2004"),
        ("Heron|2026-01-01|2026-05-31", "Tern|2026-02-01|2026-06-30"),
        ("2026-01-01|2026-01-05|Heron", "2026-01-02|14|Tern"),
        ("Year|2026", "Price|14"),
        ("Heron|1998|14", "Tern|1999|9"),
    ],
)
def test_read_sheet_years_and_dates_of_rows_are_no_names(rows: tuple[str, str]) -> None:
    assert sheet(*rows) == [row.replace("|", " | ") for row in rows]


def test_fill_merged_cell_is_repeated_in_its_rows_that_have_cells() -> None:
    rows = [
        (1, {0: "Winter", 1: "a"}),
        (2, {1: "b", 2: "c"}),
        (4, {1: "d", 0: "Own"}),
        (5, {1: "e"}),
        (6, {1: "f"}),
    ]
    filled = list(fill(rows, {1: [(0, 5), (7, 9)]}))
    assert [list(row.values()) for _, row in filled] == [
        ["Winter", "a"],
        ["Winter", "b", "c"],
        ["d", "Own"],
        ["Winter", "e"],
        ["f"],
    ]


def test_fill_merged_long_cell_is_not_repeated() -> None:
    rows = [(1, {0: "a" * (LONGEST_REPEATED + 1)}), (2, {1: "b"})]
    assert list(fill(rows, {1: [(0, 2)]})) == rows


def test_fill_merged_cells_are_repeated_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_MOST_REPEATED", 10)
    rows = [(1, {0: "boat"}), *((number, {1: "a"}) for number in range(2, 1000))]
    assert sum(0 in row for _, row in fill(rows, {1: [(0, 1000)]})) == 3


@pytest.mark.parametrize("blank", ["", "\n", '""\n'])
def test_read_csv_lines_above_the_table_are_one_passage(blank: str) -> None:
    [above, *rows] = read_csv(BANK.format(blank).encode())
    assert above.page_content == (
        "Giro account | DE12\nPeriod: | 01.01.2026 - 31.01.2026\nBalance: | 1.234,56"
    )
    assert [row.page_content for row in rows] == BOOKED
    assert above.line_at(len(above.page_content)) == 3  # type: ignore[attr-defined]  # a LocatedDocument
    assert rows[0].line_at(0) == 5 + bool(blank)  # type: ignore[attr-defined]  # a LocatedDocument


def test_read_csv_title_below_other_lines_is_the_heading() -> None:
    rows = list(read_csv(b"Harbor,2026\nReport\nPrices\n\nboat,price,day\nHeron,14,1\nTern,9,2\n"))
    assert [(row.page_content, row.metadata) for row in rows] == [
        ("Harbor | 2026\nReport", {}),
        ("boat: Heron; price: 14; day: 1", {"heading": "Prices"}),
        ("boat: Tern; price: 9; day: 2", {"heading": "Prices"}),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("boat,price\nHeron,14,x\nTern,9,y\n", "boat: Heron; price: 14; x"),
        ('"a","b"\n"x","y","z"\n"x","y","z"\n', "a: x; b: y; z"),
        ("boat,2024\nHeron,14\n", "boat: Heron; 2024: 14"),
        (
            "boat,2023,2024\nHeron,1950,2010\nTern,1960,2011\n",
            "boat: Heron; 2023: 1950; 2024: 2010",
        ),
        (",0,1,2\n0,5,6,7\n", "0; 0: 5; 1: 6; 2: 7"),
        ("sample,400,410.5\na,0.1,0.2\n", "sample: a; 400: 0.1; 410.5: 0.2"),
        ("boat,2026-01-01\nHeron,14\n", "boat: Heron; 2026-01-01: 14"),
    ],
)
def test_read_csv_first_row_that_names_the_columns_is_a_header(content: str, expected: str) -> None:
    assert texts(content)[0] == expected


@pytest.mark.parametrize(
    "rows",
    [
        ["2026-01-01,Bread,3.50", "2026-01-02,Milk,1.20"],
        ["Heron,14", "Tern,9"],
        ["1,Heron", "2,Tern"],
        ["Heron,1998", "Tern,1999", "Loon,2004", "Gull,2001"],
        ["0.0,1.25", "0.1,1.31"],
        ["Heron,14.50 €,blue", "Tern,9 €,red"],
    ],
)
def test_read_csv_first_row_like_those_below_names_nothing(rows: list[str]) -> None:
    assert texts("\n".join(rows)) == [row.replace(",", " | ") for row in rows]


def test_read_csv_quotes_far_below_are_those_of_a_cell() -> None:
    content = "name,note\n" + "Heron,blue\n" * 1000 + 'Tern,"He said ""yes, go"" now, ok"\n'
    assert texts(content)[-1] == 'name: Tern; note: He said "yes, go" now, ok'


def test_read_csv_apostrophes_are_letters() -> None:
    content = "name,note,day\nHeron,'blue',1\nTern,'it's, red',2\nLoon,'old',3\n"
    assert texts(content)[0] == "name: Heron; note: 'blue'; day: 1"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Heron;1,50\nTern;2,30\n", "Heron | 1,50"),
        ("sep=;\nboat;note\nHeron;a, b, c\n", "boat: Heron; note: a, b, c"),
        ('boat, note\nHeron, "blue, old"\n', "boat: Heron; note: blue, old"),
        ("id\tboat\n1\tHeron, blue\n2\tTern, red\n", "id: 1; boat: Heron, blue"),
        ("1,2,3\n4,5,6\n", "1 | 2 | 3"),
    ],
)
def test_read_csv_delimiter_is_found(content: str, expected: str) -> None:
    assert texts(content)[0] == expected
