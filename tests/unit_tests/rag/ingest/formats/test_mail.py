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
