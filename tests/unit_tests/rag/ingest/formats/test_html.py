"""HTML: what is not shown as text."""

from pathlib import Path

from tests.unit_tests.rag.ingest.test_office_formats import load


def test_read_html_deleted_text_is_left_out(tmp_path: Path) -> None:
    page = b"<p>A day costs <del>12</del><ins>14</ins> marks.</p>"
    assert load(tmp_path, "a.html", page) == [("A day costs 14 marks.", {})]
