"""A small whole document of each format, to be changed."""

import json
from email.message import EmailMessage
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import docx
import openpyxl
import pptx

_HANDBOOK: Final = Path(__file__).parents[2] / "docs" / "handbook"
_ODF: Final = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content'
    ' xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
    " "
    'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0"><office:body>{}</office:body>'
    "</office:document-content>"
)
_ODT: Final = (
    '<office:text><text:h text:outline-level="1">Boats</text:h><text:p>The '
    '<text:span>rowing</text:span> boat<text:s text:c="3"/>'
    "is blue.<text:note><text:note-body><text:p>Since "
    "May.</text:p></text:note-body></text:note></text:p><text:list>"
    "<text:list-item><text:p>Pay "
    "first.</text:p></text:list-item></text:list><table:table><table:table-row><table:table-cell>"
    "<text:p>Heron</text:p></table:table-cell><table:table-cell><text:p>14</text:p></table:table-cell></table:table-row>"
    "</table:table></office:text>"
)
_ODS: Final = (
    "<office:spreadsheet><table:table "
    'table:name="2026"><table:table-row><table:table-cell><text:p>boat</text:p></table:table-cell>'
    "<table:table-cell "
    'table:number-columns-repeated="3"><text:p>price</text:p></table:table-cell></table:table-row>'
    "<table:table-row "
    'table:number-rows-repeated="4"><table:table-cell><text:p>Heron</text:p></table:table-cell></table:table-row>'
    "</table:table></office:spreadsheet>"
)
_ODP: Final = (
    "<office:presentation><draw:page><draw:frame "
    'presentation:class="title"><draw:text-box><text:p>Boats</text:p></draw:text-box>'
    "</draw:frame><draw:frame><draw:text-box><text:p>The boat is "
    "blue.</text:p></draw:text-box></draw:frame></draw:page>"
    "</office:presentation>"
)
_TEXTS: Final = {
    "a.txt": (
        "The boat is blue.\n\nThe key hangs behind the barometer. It costs 14 marks.\n\n* one\n* "
        "two\n"
    ),
    "a.md": (
        "---\ntitle: Boats\n---\n# Boats\n\nThe boat is blue.\n\n## Prices\n\n| boat | price |\n"
        "|---|---|\n| Heron | 14 |\n\n"
        "```python\nprint(1)\n```\n\n- one\n  - two\n\n> quoted\n"
    ),
    "a.html": "<!DOCTYPE html><html><head><title>T</title></head><body><h1>Boats</h1><p>The boat "
    "is "
    "<b>blue</b>.</p>"
    '<table><caption>Prices</caption><tr><th rowspan="2">boat</th><td '
    'colspan="2">14</td></tr><tr><td>9</td></tr></table><ul>'
    "<li>one<li>two</ul><pre>a  b</pre><!-- no --><script>1</script></body></html>",
    "a.xml": '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e '
    '"blue">]><d><section><title>Boats</title><p>The boat is &e;.</p>'
    "<p><![CDATA[<b>old</b>]]></p></section></d>",
    "a.svg": (
        '<svg xmlns="http://www.w3.org/2000/svg"><text x="1">The boat <tspan>is</tspan> '
        "blue.</text></svg>"
    ),
    "a.json": json.dumps(
        {
            "boats": [{"name": "Heron", "seats": [2, 3]}, {"name": "Tern", "price": 9.5}],
            "open": True,
        }
    ),
    "a.jsonl": '{"boat": "Heron"}\n{"boat": "Tern", "seats": [1, 2]}\n',
    "a.ipynb": json.dumps(
        {
            "cells": [
                {
                    "cell_type": "markdown",
                    "source": ["# Boats\n", "The boat is blue."],
                    "metadata": {},
                },
                {
                    "cell_type": "code",
                    "source": "print(1)",
                    "outputs": [{"output_type": "stream", "text": ["1"]}],
                    "metadata": {},
                },
            ],
            "metadata": {"language_info": {"name": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    ),
    "a.csv": 'boat,price,note\nHeron,14,"old, but ""good"""\nTern,9,\n',
    "a.tsv": "boat\tprice\nHeron\t14\n",
    "a.rtf": (
        r"{\rtf1\ansi{\fonttbl{\f0 Arial;}}\f0 The boat is \b blue\b0 .\par K\'f6ln \u8364? \trowd "
        r"a\cell b\cell\row }"
    ),
    "a.tex": r"\documentclass{article}\begin{document}\section{Boats}The boat \emph{is} blue. "
    r"$x^2$ \begin{itemize}\item one"
    r"\end{itemize}\begin{tabular}{ll}a & b \\ c & d\end{tabular}\cite{x}~\"u\end{document}",
    "a.ics": (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Boats\nDTSTART:20260501T100000Z\nDESCRIPTION:The "
        "boat\\nis\n  blue.\n"
        "END:VEVENT\nEND:VCALENDAR\n"
    ),
    "a.vcf": (
        "BEGIN:VCARD\nFN:Odalys Fenn\nTEL;TYPE=cell:+49 1\n"
        "NOTE;ENCODING=QUOTED-PRINTABLE:K=C3=B6ln\nEND:VCARD\n"
    ),
    "a.srt": (
        "1\n00:00:01,000 --> 00:00:02,000\nThe boat is blue.\n\n2\n00:00:03,000 --> 00:00:04,000\n"
        "<i>The key</i> is old.\n"
    ),
    "a.vtt": (
        "WEBVTT\n\n00:01.000 --> 00:02.000\nThe boat is blue.\n\nNOTE no\n\n00:03.000 --> "
        "00:04.000\n<v Ann>The key.\n"
    ),
    "a.py": (
        'def boat(a: int) -> str:\n    """Return the boat."""\n    return "blue" * a\n\n\nclass '
        "Key:\n    x = 1\n"
    ),
    "a.js": "function boat(a) {\n  // blue\n  return `x${a}`;\n}\n",
    "a.mbox": (
        "From a@b Thu Jan  1 00:00:00 2026\nFrom: a@b.c\nSubject: Boats\n\nThe boat is blue.\n\n"
        "From b@c Thu Jan  1 00:00:00 2026\nSubject: =?utf-8?q?K=C3=B6ln?=\nContent-Type: "
        "text/html\n\n<p>The key.</p>\n"
    ),
}


@cache
def samples() -> dict[str, bytes]:
    """Return the documents by their names, whose endings say what they are."""
    return {
        **{name: text.encode() for name, text in _TEXTS.items()},
        "a.docx": _docx(),
        "a.eml": _mail(),
        "a.epub": _epub(),
        "a.odp": _opendocument("presentation", _ODP),
        "a.ods": _opendocument("spreadsheet", _ODS),
        "a.odt": _opendocument("text", _ODT),
        "a.pdf": (_HANDBOOK / "safety.pdf").read_bytes(),
        "a.pptx": _pptx(),
        "a.xls": _TEXTS["a.html"].encode(),
        "a.xlsx": _xlsx(),
        "small.pdf": _pdf(),
    }


def _docx() -> bytes:
    document = docx.Document()
    document.add_heading("Boats", 1)
    document.add_paragraph("The boat is blue.")
    document.add_paragraph("One", style="List Bullet")
    table = document.add_table(2, 2)
    table.cell(0, 0).text, table.cell(1, 1).text = "boat", "14"
    document.sections[0].header.paragraphs[0].text = "Handbook"
    document.save(out := BytesIO())
    return out.getvalue()


def _pptx() -> bytes:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text, slide.placeholders[1].text = (
        "Boats",
        "The boat is blue.\nThe key is old.",
    )
    slide.shapes.add_table(2, 2, 0, 0, 1000, 1000).table.cell(0, 0).text = "Heron"
    slide.notes_slide.notes_text_frame.text = "Say it twice."
    presentation.save(out := BytesIO())
    return out.getvalue()


def _xlsx() -> bytes:
    book = openpyxl.Workbook()
    for row in (["boat", "price"], ["Heron", 14], ["Tern", 9.5], ["Sum", "=SUM(B2:B3)"]):
        book.active.append(row)
    book.create_sheet("2026").append(["The key is old."])
    book.save(out := BytesIO())
    return out.getvalue()


def _archive(mimetype: str, parts: dict[str, str]) -> bytes:
    with ZipFile(out := BytesIO(), "w", ZIP_DEFLATED) as file:
        file.writestr("mimetype", mimetype, ZIP_STORED)
        for name, text in parts.items():
            file.writestr(name, text)
    return out.getvalue()


def _opendocument(kind: str, content: str) -> bytes:
    return _archive(
        f"application/vnd.oasis.opendocument.{kind}", {"content.xml": _ODF.format(content)}
    )


def _epub() -> bytes:
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>{}</h1><p>{}</p></body></html>'
    return _archive(
        "application/epub+zip",
        {
            "META-INF/container.xml": (
                '<container><rootfiles><rootfile full-path="O/book.opf"/></rootfiles></container>'
            ),
            "O/book.opf": (
                '<package><manifest><item id="a" href="one.xhtml" '
                'media-type="application/xhtml+xml"/><item id="b" href="two.xhtml" '
                'media-type="application/xhtml+xml"/></manifest><spine><itemref '
                'idref="a"/><itemref idref="b"/></spine></package>'
            ),
            "O/one.xhtml": page.format("Boats", "The boat is blue."),
            "O/two.xhtml": page.format("Prices", "A day costs 14 marks."),
        },
    )


def _mail() -> bytes:
    inner = EmailMessage()
    inner["Subject"] = "Prices"
    inner.set_content("A day costs 14 marks.")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = (
        "a@b.c",
        "d@e.f",
        "Boats in Köln",
        "<1@b.c>",
    )
    mail.set_content("The boat is blue.\n> The key is old.\n")
    mail.add_alternative("<p>The boat is blue.</p>", subtype="html")
    mail.add_attachment(
        _TEXTS["a.csv"].encode(), maintype="text", subtype="csv", filename="prices.csv"
    )
    mail.add_attachment(inner)
    return bytes(mail)


def _pdf() -> bytes:
    """Return a PDF in plain text, whose objects can be changed."""
    stream = (
        b"BT /F1 12 Tf 72 770 Td (The ferry costs 3 marks.) Tj 0 -20 Td (The jetty is new.) Tj ET"
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << "
            b"/Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Outlines /Count 0 >>",
    ]
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(
        out
        + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, start)
    )
