"""Files of markup, encoded data and typeset text: what is read of them, and what is refused."""

import base64
import binascii
import json
import os
import random
import zipfile
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path

import pytest

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag import load_file
from langchain_localllm.rag.index.text_search import content_words, search_terms, separated
from langchain_localllm.rag.ingest.formats.text import tidied, tidy
from langchain_localllm.rag.ingest.normalize import normalize

SENTENCE = "Der Schlüssel hängt hinter dem Barometer."
NOISE = base64.encodebytes(random.Random(1).randbytes(600)).decode()  # noqa: S311 - noise, no secret
RTF = (
    r"{\rtf1\ansi {\fonttbl {\f0 A;}} Der Schl\'fcssel h\u228?ngt hinter dem Barometer.\par "
    r"{\pict\pngblip 89504e47}}"
)
FB2 = (
    '<?xml version="1.0" encoding="windows-1251"?><FictionBook>'
    "<description><document-info><id>X1</id></document-info></description>"
    "<body><section><title><p>Глава</p></title><p>Лодка "
    "<emphasis>синяя</emphasis>.</p></section></body>"
    '<binary id="c">AAAABBBB1234</binary></FictionBook>'
)


def load(folder: Path, name: str, content: str | bytes) -> list[tuple[str, str]]:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(each.page_content, each.metadata.get("heading", "")) for each in load_file(file)]


def mail() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["Subject"], message["MIME-Version"] = (
        "a@example.org",
        "Schlüssel",
        "1.0",
    )
    message.set_content(SENTENCE, cte="base64")
    message.add_alternative(f"<p>{SENTENCE} <b>HTML</b></p>", subtype="html")
    message.add_attachment(
        os.urandom(300), maintype="application", subtype="pdf", filename="Plan.pdf"
    )
    return message


@pytest.mark.parametrize("name", ["a.rtf", "a.doc", "a.txt"])
def test_load_file_rtf_is_read_as_text_by_any_name(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, name, RTF) == [(SENTENCE, "")]


@pytest.mark.parametrize("name", ["a.eml", "a.mht", "1234.host:2,S"])
def test_load_file_mail_is_decoded_and_its_attachments_are_named(tmp_path: Path, name: str) -> None:
    [(text, heading)] = load(tmp_path, name, bytes(mail()))
    assert text == f"From: a@example.org\nSubject: Schlüssel\nAttachments: Plan.pdf\n\n{SENTENCE}"
    assert heading == "Schlüssel"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_load_file_mail_saved_in_another_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    content = "From: a@example.org\nSubject: Boats\nMIME-Version: 1.0\n\nThe boat is blue.\n"
    assert load(tmp_path, "a.eml", content.encode(encoding)) == load(tmp_path, "b.eml", content)


def test_load_file_mail_of_html_and_a_forwarded_mail_are_read(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "Fwd"
    message.set_content("<h1>Boats</h1><p>The boat is blue.</p>", subtype="html")
    message.add_attachment(mail())
    loaded = load(tmp_path, "a.eml", bytes(message))
    assert ("The boat is blue.", "Fwd > Boats") in loaded
    assert any(SENTENCE in text for text, _ in loaded)


@pytest.mark.parametrize("name", ["a.mbox", "Inbox"])
def test_load_file_mailbox_is_read_mail_by_mail(tmp_path: Path, name: str) -> None:
    one = b"From a@example.org Sat Nov 28 09:00:00 2026\n" + bytes(mail())
    assert [heading for _, heading in load(tmp_path, name, one + b"\n\n" + one)] == [
        "Schlüssel",
        "Schlüssel",
    ]


@pytest.mark.parametrize(
    ("declared", "body"),
    [
        ("utf-8", SENTENCE.encode("cp1252")),
        ("us-ascii", SENTENCE.encode()),
        ("x-unknown", SENTENCE.encode()),
    ],
)
def test_load_file_mail_with_a_wrong_charset_is_read(
    tmp_path: Path, declared: str, body: bytes
) -> None:
    header = (
        f"Subject: x\nContent-Type: text/plain; charset={declared}\nContent-Transfer-Encoding: "
        "8bit\n\n"
    ).encode()
    assert "Barometer" in load(tmp_path, "a.eml", header + body)[0][0]


def test_load_file_fictionbook_has_chapters_and_no_pictures(tmp_path: Path) -> None:
    assert load(tmp_path, "a.fb2", FB2.encode("cp1251")) == [("Лодка синяя.", "Глава")]


@pytest.mark.parametrize("name", ["a.svg", "map"])
def test_load_file_svg_is_read_as_its_labels(tmp_path: Path, name: str) -> None:
    svg = (
        '<svg xmlns="x"><style>.a{}</style><title>Map</title><text>The '
        '<tspan>jetty</tspan></text><path d="M0 0"/></svg>'
    )
    assert load(tmp_path, name, svg) == [("Map\nThe jetty", "")]


@pytest.mark.parametrize("name", ["feed.xml", "feed.rss"])
def test_load_file_feed_holds_html_that_is_read(tmp_path: Path, name: str) -> None:
    feed = (
        '<?xml version="1.0"?><rss><item><d><![CDATA[<p>The <b>boat</b> is '
        "blue.</p>]]></d></item></rss>"
    )
    assert load(tmp_path, name, feed) == [("The boat is blue.", "")]


def test_load_file_xml_entities_are_not_expanded(tmp_path: Path) -> None:
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "haha"><!ENTITY b "&a;&a;">]><x>The boat '
        "&b; is blue.</x>"
    )
    assert "haha" not in load(tmp_path, "a.xml", bomb)[0][0]


@pytest.mark.parametrize("name", ["page.txt", "page.aspx", "page"])
def test_load_file_html_by_another_name_is_read_as_html(tmp_path: Path, name: str) -> None:
    page = (
        "\ufeff<!-- saved --><!DOCTYPE html><html><head><style>p {}</style></head><body><p>The "
        "boat.</p></body></html>"
    )
    assert load(tmp_path, name, page) == [("The boat.", "")]


def test_load_file_calendar_and_contacts_are_written_as_words(tmp_path: Path) -> None:
    event = (
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n"
        "DTSTART;TZID=Europe/Berlin:20261128T093000\r\n"
        "SUMMARY:The long\r\n er trip\\, by boat\r\nBEGIN:VALARM\r\nTRIGGER:-PT15M\r\n"
        "END:VALARM\r\nLOCATION:Jetty\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    assert load(tmp_path, "a.ics", event) == [
        ("Start: 2026-11-28 09:30\nSummary: The longer trip, by boat\nLocation: Jetty", "")
    ]
    card = (
        "BEGIN:VCARD\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=BC=\nrgen\n"
        "PHOTO;ENCODING=BASE64:AAAA\n BBBB\n"
        "ADR;TYPE=home:;;Lake Road 1;Fenn\nEND:VCARD\n"
    )
    assert load(tmp_path, "contacts", card) == [("Name: Jürgen\nAddress: Lake Road 1, Fenn", "")]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.ps", "%!PS-Adobe-3.0\n/Times findfont", "PostScript"),
        ("a.txt", NOISE, "encoded data"),
        ("one-line.txt", NOISE.replace("\n", ""), "encoded data"),
        ("a.min.js", "var a=function(){return 1};" * 400, "minified"),
        ("a.css", ".a{color:red}" * 600, "minified"),
        ("a.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Outlook"),
        ("a.epub", b"PK\x03\x04" + bytes(600), "EPUB"),
        ("a.gz", b"\x1f\x8b" + bytes(600), "gzip"),
        ("a.rtf", "no rtf", "not an RTF file"),
        ("a.json", '{"a": ' * 900 + "1" + "}" * 900, ""),
    ],
)
def test_load_file_unsupported_file_is_refused_with_its_reason(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    try:
        load(tmp_path, name, content)
    except DocumentError as error:
        assert reason in str(error)  # noqa: PT017 - deep JSON may be read too
        assert name in str(error)  # noqa: PT017
    else:
        assert not reason


def test_load_file_encoded_data_within_a_text_is_omitted(tmp_path: Path) -> None:
    packed = "".join(binascii.b2a_uu(random.Random(2).randbytes(45)).decode() for _ in range(5))  # noqa: S311
    text = (
        f"Before.\n\n{NOISE}\nBetween.\n\nbegin 644 a.bin\n{packed}`\nend\n\n"
        f"![x](data:image/png;base64,{'iVBORw0KGgo' * 9}) After."
    )
    assert load(tmp_path, "a.md", text) == [("Before.\n\nBetween.\n\n![x]() After.", "")]


@pytest.mark.parametrize(
    "text",
    [
        "d41d8cd98f00b204e9800998ecf8427e0000000000000000000000000000000a\n" * 5,
        "ACGT" * 20 + "\n" + "TGCA" * 20 + "\n" + "ACGT" * 20 + "\n" + "TGCA" * 20,
        "begin 100 years ago",
        "a" * 2000,
    ],
)
def test_load_file_long_words_that_are_not_encoded_stay(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, "a.txt", text)[0][0].split() == text.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a stan-\ndard one", "a standard one"),
        ("the con\ufb01gu-\nration", "the configuration"),
        ("Wör-\nter", "Wörter"),
        ("a soft\u00ad\nware", "a software"),
        ("a state-of-the-\nart one", "a state-of-the-art one"),
        ("a well-\nknown one", "a well-known one"),
        ("an e-mail and an e-\nmail", "an e-mail and an e-mail"),
        ("Haupt-\nund Nebensaison", "Haupt- und Nebensaison"),
        ("North-\nSouth", "North-\nSouth"),
        ("a pause -\nand on", "a pause -\nand on"),
        ("range 3-\nlong", "range 3-\nlong"),
        ("end-\n\nnew", "end-\n\nnew"),
    ],
)
def test_load_file_words_cut_at_a_lines_end_are_whole(text: str, expected: str) -> None:
    assert tidy(text) == expected


def test_load_file_lines_are_known_after_a_cut_word() -> None:
    document = tidied(enumerate(["A stan-", "dard \ufb03", "", "Three."], 1))
    assert document.page_content == "A standard ffi\n\nThree."
    assert [
        document.line_at(document.page_content.index(word)) for word in ("A", "dard", "Three")
    ] == [1, 2, 4]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e\ufb03cient \ufb02ow", "efficient flow"),
        ("u\u0308ber", "über"),
        ("\u2f08\u2f24", "人大"),
        ("\uff21\uff11\uff0c", "A1\uff0c"),
        ("\uff76\uff9e", "ガ"),
        ("5 m² and ½ 2⁵ ™", "5 m² and ½ 2⁵ ™"),
        ("👩‍🔬 می‌خواهم", "👩‍🔬 می‌خواهم"),
    ],
)
def test_load_file_characters_are_as_typed(text: str, expected: str) -> None:
    assert normalize(text) == expected


def test_load_file_words_match_across_spellings() -> None:
    assert separated("e\ufb03cient") == "efficient"
    assert search_terms("e\ufb03cient") == ['"efficient"']
    assert content_words("u\u0308ber") == content_words("über")


def test_load_file_pdf_line_end_hyphens_and_a_broken_page_are_handled(tmp_path: Path) -> None:
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    page = writer.add_blank_page(595, 842)
    font = DictionaryObject(
        {
            NameObject(k): NameObject(v)
            for k, v in (("/Type", "/Font"), ("/Subtype", "/Type1"), ("/BaseFont", "/Helvetica"))
        }
    )
    stream = DecodedStreamObject()
    stream.set_data(
        b"BT /F1 12 Tf 14 TL 72 770 Td (This document only describes the long stan-) Tj T* "
        b"(dard of the boats on the lake.) Tj ET"
    )
    page[NameObject("/Contents")] = writer._add_object(stream)
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
    )
    out = BytesIO()
    writer.write(out)
    assert load(tmp_path, "a.pdf", out.getvalue()) == [
        ("This document only describes the long standard of the boats on the lake.", "")
    ]


def test_read_latex_text_without_commands(tmp_path: Path) -> None:
    (tmp_path / "a.tex").write_text(
        r"""\documentclass{article} \usepackage[utf8]{inputenc}
\begin{document} % a comment
\section*{Boats \& \emph{sails}}\label{sec:boats}
The \textbf{boat \emph{Heron}}~\cite[p.~3]{s} costs 50\,\%, see Section~\ref{x}.\footnote{In marks.}
Caf\'e, stra\ss{}e, na\"{\i}ve, Ko\v{s}ice, \AA land, \o re.
\begin{itemize} \item first \item[b] second \end{itemize}
Energy is $E = m c^{2}$, and
\begin{equation} a^2 + b^2 = \frac{1}{2} \end{equation}
\subsection{Prices} Cheap --- ``very''.
\end{document} after the end"""
    )
    boats, prices = load_file(tmp_path / "a.tex")
    text = boats.page_content
    assert (boats.metadata["heading"], prices.metadata["heading"]) == (
        "Boats & sails",
        "Boats & sails > Prices",
    )
    for part in (
        "The boat Heron costs 50%",
        "Note: In marks.",
        "Café, straße, naïve, Košice, Åland, øre.",
        "- first",
        "- b second",
    ):
        assert part in text
    for part in ("$E = m c^{2}$", r"\frac{1}{2}"):
        assert part in text
    for part in ("usepackage", "comment", "textbf", "smith", "itemize", "sec:boats"):
        assert part not in text
    assert prices.page_content == "Cheap — “very”."


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.srt",
            (
                "\ufeff1\n00:00:01,000 --> 00:00:04,000\n<i>The boat is blue.</i>\n\n2\n00:05,0 "
                "--> 00:06,0\nThe key is old.\n"
            ),
        ),
        (
            "a.vtt",
            (
                "WEBVTT\n\n00:01.0 --> 00:02.0 align:start\n<v Ann>The boat is blue.\n\n00:02.0 "
                "--> 00:03.0\n<00:02.5>The key is old."
            ),
        ),
    ],
)
def test_read_subtitles_what_is_said(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    speaker = "Ann: " if name == "a.vtt" else ""
    assert [each.page_content for each in load_file(tmp_path / name)] == [
        f"{speaker}The boat is blue.\nThe key is old."
    ]


def test_read_subtitles_speakers_are_named_once_in_a_row(tmp_path: Path) -> None:
    said = ["<v Ann Lee>We ship on Monday.</v>", "<v Ann Lee>I said so.</v>", "<v.loud Bob>No."]
    lines = "".join(f"00:0{number}.0 --> 00:09.0\n{each}\n\n" for number, each in enumerate(said))
    (tmp_path / "a.vtt").write_text(f"WEBVTT\n\n{lines}", encoding="utf-8")
    [document] = load_file(tmp_path / "a.vtt")
    assert document.page_content == "Ann Lee: We ship on Monday.\nI said so.\nBob: No."


def test_read_content_lines_people_have_names(tmp_path: Path) -> None:
    (tmp_path / "a.ics").write_text(
        'BEGIN:VEVENT\nATTENDEE;ROLE=CHAIR;CN="Ann Lee":mailto:ann@x.org\n'
        "ORGANIZER;CN=Bob:mailto:bob@x.org\nEND:VEVENT\n"
    )
    [document] = load_file(tmp_path / "a.ics")
    assert document.page_content == (
        "Attendee: Ann Lee, mailto:ann@x.org\nOrganizer: Bob, mailto:bob@x.org"
    )


@pytest.mark.parametrize("name", ["a.sql", "a.yaml", "a.log", "Dockerfile", "Makefile", ".env"])
def test_read_lines_stay_apart(tmp_path: Path, name: str) -> None:
    text = "\n".join(
        f"line = {number}, with so many words that an editor could have wrapped it there"
        for number in range(3)
    )
    (tmp_path / name).write_text(f"{text}\n\n\tend\n")
    [document] = load_file(tmp_path / name)
    assert document.page_content == f"{text}\n\n\tend"
    assert "language" not in document.metadata


def test_read_text_lines_with_a_time_stay_apart(tmp_path: Path) -> None:
    lines = [
        "2026-01-01 12:00:01 INFO  server started on port 8080 and listening",
        "2026-01-01T12:00:02 ERROR cannot open the file of the database",
        "Nov 29 22:49:06 host sshd[3]: Accepted publickey for ann from there",
        "[12.03.24, 18:22:10] Ann: We meet tomorrow at the harbor, at ten",
        "12/03/24, 18:23 - Bob: I am there, and bring the new sail with me",
    ]
    wrapped = "A line that was wrapped by an editor, so that it goes on\n2026 in the next one."
    (tmp_path / "a.txt").write_text("\n".join([*lines, "", wrapped]))
    [document] = load_file(tmp_path / "a.txt")
    assert document.page_content == "\n".join(lines) + "\n\n" + wrapped.replace("\n", " ")


def test_read_notebook_of_format_3(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "heading", "source": "Boats", "level": 1},
        {"cell_type": "code", "input": ["x = 1"], "language": "python"},
        {"cell_type": "markdown", "source": ["The boat."]},
    ]
    (tmp_path / "old.ipynb").write_text(
        json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3})
    )
    found = [
        (each.page_content, each.metadata["heading"]) for each in load_file(tmp_path / "old.ipynb")
    ]
    assert found == [("x = 1", "Boats"), ("The boat.", "Boats")]


PAGE = "<html><head><script>x()</script></head><body><p>The key is old.</p></body></html>"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", f"<!DOCTYPE html>{PAGE}"),
        ("a.pdf", PAGE),
        ("a.docx", PAGE),
        ("a.doc", PAGE),
        ("a.txt", "<div class='x'><p>The key is old.</p></div>"),
        ("a.xls", "<table><tr><td>The key is old.</td></tr></table>"),
        ("a", "<!-- page --><p>The key is old.</p>"),
        ("a.kml", '<kml xmlns="x"><name>The key is old.</name></kml>\n'),
        (
            "a.docbook",
            (
                '<?xml version="1.0"?><office:document><text:p>The key is '
                "old.</text:p></office:document>"
            ),
        ),
        ("a.docx", r"{\rtf1\ansi The key is old.}"),
    ],
)
def test_load_file_markup_by_any_name_is_read_as_its_text(
    tmp_path: Path, name: str, content: str
) -> None:
    assert [text.rstrip(" |") for text, _ in load(tmp_path, name, content)] == ["The key is old."]


@pytest.mark.parametrize(
    "content",
    ["a < b and b > c", "<stdin> is read first.", "<T> T first(List<T> all)", "<- left", "<3"],
)
def test_load_file_text_that_begins_with_an_angle_bracket_stays(
    tmp_path: Path, content: str
) -> None:
    assert load(tmp_path, "a.txt", content) == [(content, "")]


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
BOX = "<w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent>"
WORD_BODY = f"""
<w:p><w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">
  <mc:Choice Requires="wps"><w:drawing>{BOX}</w:drawing></mc:Choice>
  <mc:Fallback><w:pict>{BOX}</w:pict></mc:Fallback>
</mc:AlternateContent></w:r></w:p>
<w:p><w:ins><w:r><w:t>Inserted.</w:t></w:r></w:ins>
<w:del><w:r><w:delText>Deleted.</w:delText></w:r></w:del></w:p>
<w:sdt><w:sdtPr/><w:sdtContent><w:p><w:r><w:t>In a control.</w:t></w:r></w:p></w:sdtContent></w:sdt>
<w:p><w:hyperlink><w:r><w:t>A link,</w:t></w:r></w:hyperlink>
<w:fldSimple><w:r><w:tab/><w:t>a field.</w:t></w:r></w:fldSimple></w:p>
<w:p><w:r><w:t>Noted</w:t><w:footnoteReference w:id="2"/><w:t>.</w:t></w:r></w:p>
"""
FOOTNOTES = f"""<?xml version="1.0"?><w:footnotes {W}>
<w:footnote w:id="-1" w:type="separator"><w:p><w:r><w:t>separator</w:t></w:r></w:p></w:footnote>
<w:footnote w:id="2"><w:p><w:r><w:t>a note</w:t></w:r></w:p></w:footnote></w:footnotes>"""


@pytest.mark.parametrize("name", ["a.docx", "a.doc", "a"])
def test_load_file_word_document_text_outside_of_plain_paragraphs_is_read(
    tmp_path: Path, name: str
) -> None:
    document = pytest.importorskip("docx").Document()
    table = document.add_table(2, 2)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "Boats"
    table.cell(1, 0).text = "Heron"
    table.cell(1, 1).add_table(1, 1).cell(0, 0).text = "14 marks"
    document.sections[0].header.paragraphs[0].text = "The header."
    document.sections[0].footer.paragraphs[0].text = "The footer."
    out = BytesIO()
    document.save(out)
    with zipfile.ZipFile(out) as archive:
        parts = {part.filename: archive.read(part).decode("latin-1") for part in archive.infolist()}
    body, end = parts["word/document.xml"].split("<w:sectPr", 1)
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    parts["word/document.xml"] = f"{body}{WORD_BODY}<w:sectPr{end}"
    parts["word/footnotes.xml"] = FOOTNOTES
    parts["word/_rels/document.xml.rels"] = parts["word/_rels/document.xml.rels"].replace(
        "</Relationships>",
        f'<Relationship Id="rId99" Type="{kind}" Target="footnotes.xml"/></Relationships>',
    )
    content = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(
        "</Types>", f'<Override PartName="/word/footnotes.xml" ContentType="{content}"/></Types>'
    )
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for part, text in parts.items():
            archive.writestr(part, text.encode("latin-1"))
    [(text, _)] = load(tmp_path, name, out.getvalue())
    assert text.split("\n") == [
        *(
            "Boats",
            "Heron | 14 marks",
            "",
            "In a box.",
            "",
            "Inserted.",
            "",
            "In a control.",
            "",
            "A link,\ta field.",
            "",
        ),
        *("Noted (a note).", "", "The header.", "", "The footer."),
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", '{"a": "one"}\n{"a": "two"}\n', ["a: one", "a: two"]),
        ("a.json", r'{"a": "\ud800 one"}', ["� one"]),
        ("a.js", "\ufefflet boat;\n\ufefflet lamp;\n", ["let boat;\nlet lamp;\n"]),
        (
            "a.ipynb",
            (
                '{"cells": [{"cell_type": "code", "source": "x = 1"}], "metadata": '
                '{"language_info": '
                "null}}"
            ),
            ["x = 1"],
        ),
        (
            "a.ipynb",
            '{"cells": [{"cell_type": "code", "source": "x = 1"}], "metadata": []}',
            ["x = 1"],
        ),
        (
            "a.csv",
            f"a,b\n{'x' * 140_000},1\ntwo,2\n",
            [f"a: {'x' * 140_000}; b: 1", "a: two; b: 2"],
        ),
        (
            "a.mbox",
            "From a@b 2026\nFrom: a@b\nSubject: S\n\n>From here.\n",
            ["From: a@b\nSubject: S\n\nFrom here."],
        ),
        ("a.md", "+++\ntitle = 'T'\n+++\nThe key is old.", ["The key is old."]),
    ],
)
def test_load_file_odd_but_readable_file_is_read(
    tmp_path: Path, name: str, content: str, expected: list[str]
) -> None:
    assert [text for text, _ in load(tmp_path, name, content)] == expected


def test_load_file_heading_without_text_below_it_is_read_as_text(tmp_path: Path) -> None:
    markdown = "# Boats\n## Heron\n### Blue\n## Tern\nIt is red.\n# In an emergency call 112\n"
    assert load(tmp_path, "a.md", markdown) == [
        ("Blue", "Boats > Heron"),
        ("It is red.", "Boats > Tern"),
        ("In an emergency call 112", ""),
    ]
