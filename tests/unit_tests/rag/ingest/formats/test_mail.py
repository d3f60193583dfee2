"""Mails: parts that are neither text nor named files."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.unit_tests.rag.conftest import write_pdf
from tests.unit_tests.rag.ingest.test_office_formats import load

EVENT = (
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Regatta\nDTSTART:20260601T100000Z\nEND:VEVENT\n"
    "END:VCALENDAR\n"
)


def part(content: str | bytes, kind: str) -> EmailMessage:
    message = EmailMessage()
    main, _, sub = kind.partition("/")
    if isinstance(content, str):
        message.set_content(content, subtype=sub)
    else:
        message.set_content(content, maintype=main, subtype=sub)
    return message


def test_read_mail_invitations_and_files_without_a_name_are_read(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "Plans"
    message.set_content("See below.")
    message.make_mixed()
    message.attach(part(EVENT, "text/calendar"))
    message.attach(part(write_pdf(["The jetty is new."]), "application/pdf"))
    message.attach(part(b"-----BEGIN PGP SIGNATURE-----", "application/pgp-signature"))
    assert load(tmp_path, "a.eml", message.as_bytes()) == [
        ("Subject: Plans\n\nSee below.", {"heading": "Plans"}),
        ("Summary: Regatta\nStart: 2026-06-01 10:00Z", {"heading": "Plans"}),
        ("The jetty is new.", {"heading": "Plans", "page": 1}),
    ]


def test_read_mail_invitation_among_the_forms_of_a_text_is_read(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "Plans"
    message.set_content("You are invited.")
    message.add_alternative("<p>You are invited.</p>", subtype="html")
    message.attach(part(EVENT, "text/calendar"))
    assert [text for text, _ in load(tmp_path, "a.eml", message.as_bytes())] == [
        "Subject: Plans\n\nYou are invited.",
        "Summary: Regatta\nStart: 2026-06-01 10:00Z",
    ]


def test_read_mail_html_in_the_encoding_of_its_part_is_read(tmp_path: Path) -> None:
    html = '<meta charset="iso-8859-1"><p>Gr\u00fc\u00dfe aus K\u00f6ln</p>'
    message = EmailMessage()
    message["Subject"] = "Hallo"
    message.set_content(html, subtype="html", charset="utf-8")
    assert load(tmp_path, "a.eml", message.as_bytes())[1][0] == "Gr\u00fc\u00dfe aus K\u00f6ln"


@pytest.mark.parametrize(
    ("plain", "read"),
    [
        ("", "The invoice is 14 marks."),
        ("View this mail as HTML.", "The invoice is 14 marks."),
        ("The invoice is 14 marks. In full: 14 marks and no more.", "In full"),
    ],
)
def test_read_mail_plain_text_that_only_stands_in_is_not_read(
    tmp_path: Path, plain: str, read: str
) -> None:
    message = EmailMessage()
    message["Subject"] = "Invoice"
    message.set_content(plain)
    message.add_alternative(
        f"<p>The invoice is 14 marks.</p>{'<p>Thank you.</p>' * 12}", subtype="html"
    )
    text = " ".join(text for text, _ in load(tmp_path, "a.eml", message.as_bytes()))
    assert read in text
    assert ("Thank you." in text) == (read == "The invoice is 14 marks.")


def test_read_mail_that_says_latin_1_is_windows_1252(tmp_path: Path) -> None:
    header = b"Subject: Hallo\nContent-Type: text/plain; charset=iso-8859-1\n\n"
    [(text, _)] = load(
        tmp_path, "a.eml", header + "1990\u20131995, 5 €, don\u2019t".encode("cp1252")
    )
    assert text.endswith("\n\n1990\u20131995, 5 €, don\u2019t")


def test_read_mail_in_japanese_with_characters_of_windows_is_read(tmp_path: Path) -> None:
    body = (
        "メール送信".encode("iso2022_jp").removesuffix(b"\x1b(B") + b"-!\x1b(B"
    )  # and a 1 in a circle
    header = b"Subject: Hallo\nContent-Type: text/plain; charset=iso-2022-jp\n\n"
    assert "メール送信" in load(tmp_path, "a.eml", header + body)[0][0]


def wrapped(kind: str, *parts: EmailMessage) -> EmailMessage:
    message = EmailMessage()
    getattr(message, f"make_{kind}")()
    for each in parts:
        message.attach(each)
    return message


HTML = f"<p>{'The boat is blue, and the jetty is new. ' * 10}</p>"


@pytest.mark.parametrize("kind", ["mixed", "related"])
def test_read_mail_files_beside_a_form_that_is_not_read_are_read(tmp_path: Path, kind: str) -> None:
    pdf = part(write_pdf(["The ferry costs 3 marks."]), "application/pdf")
    pdf.add_header("Content-Disposition", "inline", filename="prices.pdf")
    logo = part(b"GIF89a", "image/gif")
    plain = part("The boat is blue, and the jetty is new. " * 10, "text/plain")
    forms = wrapped("alternative", plain, wrapped(kind, part(HTML, "text/html"), logo, pdf))
    forms["Subject"] = "Plans"
    texts = [text for text, _ in load(tmp_path, "a.eml", forms.as_bytes())]
    assert len(texts) == 2
    assert texts[0].startswith("Subject: Plans\nAttachments: prices.pdf\n\nThe boat is blue,")
    assert texts[1] == "The ferry costs 3 marks."


def test_read_mail_html_with_pictures_is_read_where_the_text_only_points_to_it(
    tmp_path: Path,
) -> None:
    html = wrapped("related", part(HTML, "text/html"), part(b"GIF89a", "image/gif"))
    forms = wrapped("alternative", part("Open this in a browser.", "text/plain"), html)
    forms["Subject"] = "Plans"
    assert "the jetty is new" in load(tmp_path, "a.eml", forms.as_bytes())[1][0]


def test_read_mail_style_sheets_of_a_saved_page_are_not_read(tmp_path: Path) -> None:
    css = part("p { color: blue; }", "text/css")
    page = wrapped("related", part(HTML, "text/html"), css)
    page["Subject"] = "Page"
    texts = [text for text, _ in load(tmp_path, "a.mhtml", page.as_bytes())]
    assert not any("color" in text for text in texts)
    assert any("jetty" in text for text in texts)


def test_read_mail_mails_and_named_texts_beside_a_form_that_is_not_read_are_read(
    tmp_path: Path,
) -> None:
    forwarded = part("The boat costs 14 euros.", "text/plain")
    forwarded["Subject"] = "Prices"
    notes = part("The key is red.", "text/plain")
    notes.add_header("Content-Disposition", "inline", filename="notes.txt")
    holder = EmailMessage()
    holder.set_content(forwarded)
    plain = part("The boat is blue, and the jetty is new. " * 10, "text/plain")
    forms = wrapped("alternative", plain, wrapped("mixed", part(HTML, "text/html"), holder, notes))
    forms["Subject"] = "Plans"
    found = load(tmp_path, "a.eml", forms.as_bytes())
    assert "The key is red." in found[0][0]
    assert found[1] == ("Subject: Prices\n\nThe boat costs 14 euros.", {"heading": "Prices"})
