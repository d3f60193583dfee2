"""Feeds and DocBook."""

from pathlib import Path

from tests.unit_tests.rag.ingest.test_office_formats import load

RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Island news</title>
<link>http://example.org/</link><item><title>Regatta</title><link>http://example.org/1</link>
<description>&lt;p&gt;The boats &lt;b&gt;leave&lt;/b&gt; at 5 &amp;amp; 6.&lt;/p&gt;
&lt;p&gt;Come.&lt;/p&gt;</description><enclosure url="a.mp3"/></item><item><title>Storm</title>
<description>No ferry: 3 &lt; 4.</description></item></channel></rss>"""
DOCBOOK = """<!DOCTYPE chapter PUBLIC "-//OASIS//DTD DocBook XML V4.1.2//EN" "docbookx.dtd">
<!-- about --><chapter><title>Boats</title><para>The boat is blue.</para></chapter>"""


def test_read_xml_entries_of_a_feed_are_sections_and_their_html_is_text(tmp_path: Path) -> None:
    assert load(tmp_path, "a.xml", RSS.encode()) == [
        ("Island news\nhttp://example.org/", {}),
        ("http://example.org/1\n\nThe boats leave at 5 & 6.\n\nCome.", {"heading": "Regatta"}),
        ("No ferry: 3 < 4.", {"heading": "Storm"}),
    ]


def test_load_file_docbook_without_an_xml_declaration_is_read(tmp_path: Path) -> None:
    for name in ("a.docbook", "a.dbk", "a.data"):
        expected = [("The boat is blue.", {"heading": "Boats"})]
        assert load(tmp_path, name, DOCBOOK.encode()) == expected


def test_read_xml_code_of_docbook_keeps_its_lines(tmp_path: Path) -> None:
    code = "# all\nfor boat in boats():\n    print(boat)"
    file = f"<chapter><title>Boats</title><programlisting>{code}</programlisting></chapter>"
    expected = [(f"```\n{code}\n```", {"heading": "Boats"})]
    assert load(tmp_path, "a.docbook", file.encode()) == expected
