"""Mails: parts that are neither text nor named files."""

from email.message import EmailMessage
from pathlib import Path

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
