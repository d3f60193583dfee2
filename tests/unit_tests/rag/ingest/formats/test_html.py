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
