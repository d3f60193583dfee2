"""HTML: what is not shown as text, and code."""

from pathlib import Path

import pytest

from tests.unit_tests.rag.ingest.test_office_formats import load


def test_read_html_deleted_text_is_left_out(tmp_path: Path) -> None:
    page = b"<p>A day costs <del>12</del><ins>14</ins> marks.</p>"
    assert load(tmp_path, "a.html", page) == [("A day costs 14 marks.", {})]


@pytest.mark.parametrize("open_code", ["<pre><code>", "<pre>", '<pre class="python">'])
def test_read_html_code_keeps_its_lines_and_holds_no_headings(
    tmp_path: Path, open_code: str
) -> None:
    page = (
        f"<h1>Boats</h1><p>Run:</p>{open_code}# all boats\nfor boat in <b>boats</b>():<br>"
        "\tprint(boat[1])\n\nprint(&quot;|  done&quot;)</pre><p>Then rest.</p>"
    )
    code = '```\n# all boats\nfor boat in boats():\n    print(boat[1])\n\nprint("|  done")\n```'
    expected = [(f"Run:\n\n{code}\n\nThen rest.", {"heading": "Boats"})]
    assert load(tmp_path, "a.html", page.encode()) == expected


def test_read_html_fence_within_code_does_not_end_it(tmp_path: Path) -> None:
    page = b"<pre><code>```\n# a\n```</code></pre><h1>Next</h1>Text."
    assert load(tmp_path, "a.html", page) == [
        ("~~~\n```\n# a\n```\n~~~", {}),
        ("Text.", {"heading": "Next"}),
    ]


def test_read_html_preformatted_prose_is_read_as_paragraphs(tmp_path: Path) -> None:
    page = b"<pre>   The library of the station is open from Monday until\n   Friday.</pre>"
    assert load(tmp_path, "a.html", page) == [
        ("The library of the station is open from Monday until Friday.", {})
    ]


def test_read_html_without_the_end_of_its_head_is_read(tmp_path: Path) -> None:
    page = b"<!doctype html><html><head><title>Title</title><body><p>The boat is blue."
    assert load(tmp_path, "a.html", page) == [("The boat is blue.", {})]


def test_read_html_raised_numbers_stay_raised(tmp_path: Path) -> None:
    page = (
        "<p>10<sup>6</sup> s<sup>\u22121</sup> in 1954<sup>1, 2</sup>, the 1<sup>st</sup> time</p>"
    )
    text = "10⁶ s⁻¹ in 1954¹, ², the 1st time"
    assert load(tmp_path, "a.html", page.encode()) == [(text, {})]


@pytest.mark.parametrize(
    "items",
    [
        "<li><p>One.</p></li><li><p>Two.</p></li>",
        "<li>\n <div>\n  <p>One.</p></div></li>\n<li> <p>Two.</p></li>",
        "<li></li><li><p>One.</li><li>Two.</li><li> </li>",
        "<li><ul><li><p>One.</p></li></ul></li><li>Two.</li>",
    ],
)
def test_read_html_items_of_a_list_are_lines(items: str, tmp_path: Path) -> None:
    [(text, _)] = load(tmp_path, "a.html", f"<ul>{items}</ul><p>End.</p>".encode())
    assert [line for line in text.split("\n") if line] == ["- One.", "- Two.", "End."]


def test_read_html_dashes_that_are_no_items_stay(tmp_path: Path) -> None:
    page = b"<pre>boats:\n-\n  name: Heron</pre><p>a<br>-<br>b</p>"
    assert load(tmp_path, "a.html", page)[0][0].count("\n-\n") == 2


@pytest.mark.parametrize(
    "page", [f"10<sup>{' ' * 50_000}1{' ' * 50_000}a</sup>", "10" + "<sup>1<sup>" * 400]
)
def test_read_html_raised_text_costs_no_more_than_other_text(tmp_path: Path, page: str) -> None:
    assert load(tmp_path, "a.html", page.encode())[0][0].startswith("10")


def test_read_html_second_paragraph_of_an_item_is_one_of_its_own(tmp_path: Path) -> None:
    page = b"<ol><li><p>One.</p><p>More.</p></li><li><h3>Two</h3><p>Text.</p></li></ol>"
    assert load(tmp_path, "a.html", page) == [
        ("- One.\n\nMore.", {}),
        ("Text.", {"heading": "Two"}),
    ]


def test_read_html_column_of_numbers_is_no_heading(tmp_path: Path) -> None:
    row = "<tr><td>{}</td><td>{}</td><td>{}</td></tr>".format
    page = (
        f"<h1>Boats</h1><table>{row('#', 'Name', 'Price')}{row(1, 'Heron', 14)}</table>"
        "<h2>Safety</h2><p>Be careful."
    )
    assert load(tmp_path, "a.html", page.encode()) == [
        ("# | Name | Price\n1 | Heron | 14", {"heading": "Boats"}),
        ("Be careful.", {"heading": "Boats > Safety"}),
    ]


def test_read_html_that_says_latin_1_is_windows_1252(tmp_path: Path) -> None:
    page = '<meta charset="iso-8859-1"><p>1990\u20131995, 5 €, don\u2019t'.encode("cp1252")
    assert load(tmp_path, "a.html", page) == [("1990\u20131995, 5 €, don\u2019t", {})]
