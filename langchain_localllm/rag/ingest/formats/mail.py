"""Read mails, mailboxes and saved web pages (MHTML).

Their text is decoded, and that of attached documents is read.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from mimetypes import guess_extension
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.ingest.formats.attachment import attachment
from langchain_localllm.rag.ingest.formats.html import read_html
from langchain_localllm.rag.ingest.formats.text import decode, decode_as, tidy
from langchain_localllm.rag.ingest.normalize import normalize

_SHOWN: Final = ("From", "To", "Cc", "Date", "Subject")
_SEPARATOR: Final = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]*\n")
_QUOTED_FROM: Final = re.compile(rb"^>(>*From )", re.MULTILINE)
_MOST_NESTED: Final = 20
_SHORT: Final = 200
"""Characters below which a plain text may only say that the mail is to be read as HTML."""
_STANDS_FOR: Final = 5
"""How many times as long the HTML's text is then."""
_TEXTS: Final = frozenset(
    f"text/{kind}" for kind in ("plain", "html", "enriched", "rfc822-headers", "x-amp-html")
)
"""Types of a mail's own text. Others, such as an invitation (`text/calendar`), are files."""
_OF_PAGES: Final = frozenset(["text/css", "text/javascript", "application/javascript"])
"""Types of the style sheets and scripts of a saved page, which have no name."""
_SIGNATURES: Final = frozenset(
    f"application/{kind}" for kind in ("pgp-encrypted", "pgp-signature", "pkcs7-signature")
)


def read_mailbox(data: bytes) -> Iterator[Document]:
    """Yield the mails of an mbox file. A mail without a header is read as its text."""
    for part in _SEPARATOR.split(data):
        if part.strip():
            yield from _sections(
                message_from_bytes(_QUOTED_FROM.sub(rb"\1", part), policy=policy.default), 0
            )


def read_mail(data: bytes) -> Iterator[Document]:
    """Yield the sections of a mail and of the mails within it.

    The subject is the first part of `heading`. Of a text that is there as plain text and as HTML,
    the plain one is read. Attached documents are read with their name in `heading`; those that
    cannot be read are only named.
    """
    if b"\0" in data[:4]:  # saved as UTF-16
        data = decode(data).encode()
    message = message_from_bytes(data.removeprefix(BOM_UTF8), policy=policy.default)
    if not message.keys():
        raise DocumentError("it is not a mail: it has no header.")
    yield from _sections(message, 0)


def _sections(message: EmailMessage, depth: int) -> Iterator[Document]:
    shown = [f"{name}: {value}" for name in _SHOWN if (value := _header(message, name))]
    subject = _header(message, "Subject")
    texts, attached, files = _parts(message)
    if names := [name for part in files if (name := _file_name(part))]:
        shown.append(f"Attachments: {', '.join(names)}")
    plain = tidy(
        "\n\n".join(_text(part) for part in texts if part.get_content_type() != "text/html")
    )
    yield _under(subject, Document("\n\n".join(filter(None, ["\n".join(shown), plain]))))
    for part in texts:
        if part.get_content_type() == "text/html":
            for section in read_html(_text(part)):
                yield _under(subject, section)
    if depth < _MOST_NESTED:
        for each in attached:
            yield from _sections(each, depth + 1)
        for part in files:
            yield from _attached(part, subject)


def _attached(part: EmailMessage, subject: str) -> Iterator[Document]:
    """Yield an attached file, if it is not empty."""
    name = _file_name(part)
    data = part.get_payload(decode=True)
    if isinstance(data, bytes) and data:
        ending = guess_extension(part.get_content_type()) or ""
        heading = " > ".join(filter(None, [subject, name]))
        yield attachment(name or f"attachment{ending}", data, heading)


def _file_name(part: EmailMessage) -> str:
    try:
        return " ".join(normalize(part.get_filename() or "").split())
    except (
        ValueError,
        LookupError,
        IndexError,
        TypeError,
        AttributeError,
    ):  # the email module on headers that are damaged
        return ""


def _parts(
    message: EmailMessage,
) -> tuple[list[EmailMessage], list[EmailMessage], list[EmailMessage]]:
    """Return the parts that hold the mail's own text, the mails within it, and the attachments."""
    texts: list[EmailMessage] = []
    attached: list[EmailMessage] = []
    files: list[EmailMessage] = []
    waiting = [message]
    while waiting:
        part = waiting.pop(0)
        kind = part.get_content_type()
        payload = part.get_payload()
        inner = (
            [each for each in payload if isinstance(each, EmailMessage)]
            if isinstance(payload, list)
            else []
        )
        if kind == "message/rfc822":
            attached += inner
        elif kind == "multipart/alternative" and inner:  # the same text in several forms
            best = _best_form(inner)
            others = (form for form in inner if form is not best)
            waiting[:0] = [best, *(file for form in others for file in _attachments(form))]
        elif inner:
            waiting[:0] = inner
        elif kind in _TEXTS and part.get_content_disposition() != "attachment":
            texts.append(part)
        elif kind not in _SIGNATURES and not (kind in _OF_PAGES and not _file_name(part)):
            files.append(part)
    return texts, attached, files


def _best_form(forms: list[EmailMessage]) -> EmailMessage:
    """Return the form of a text to read: the plain one, unless it only replaces the HTML.

    A form may hold pictures and attachments next to the text.
    """
    kinds: dict[str, tuple[EmailMessage, EmailMessage]] = {
        leaf.get_content_type(): (leaf, form)
        for form in reversed(forms)
        for leaf in reversed([*_leaves(form)])
        if leaf.get_content_disposition() != "attachment"
    }
    if "text/plain" not in kinds:
        return kinds["text/html"][1] if "text/html" in kinds else forms[-1]
    plain, its_form = kinds["text/plain"]
    length = len(_text(plain).strip())
    if "text/html" not in kinds or length >= _SHORT:
        return its_form
    html, other_form = kinds["text/html"]
    whole = sum(len(section.page_content) for section in read_html(_text(html)))
    return other_form if whole > _STANDS_FOR * length else its_form


def _attachments(form: EmailMessage) -> Iterator[EmailMessage]:
    """Yield what a form of a text that is not read holds: files, mails, an invitation."""
    if form.is_multipart() or form.get_content_type() == "text/calendar":
        for leaf in _leaves(form):
            is_shown = leaf.get_content_maintype() == "image" or (
                leaf.get_content_type() in _TEXTS and not _file_name(leaf)
            )
            if leaf.get_content_disposition() == "attachment" or not is_shown:
                yield leaf


def _leaves(part: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that hold no others, and whole mails."""
    payload = part.get_payload()
    if part.get_content_type() == "message/rfc822" or not isinstance(payload, list):
        yield part
        return
    for each in payload:
        if isinstance(each, EmailMessage):
            yield from _leaves(each)


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (
        ValueError,
        LookupError,
        IndexError,
        TypeError,
        AttributeError,
    ):  # the email module on headers that are damaged
        return ""


def _text(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        return decode_as(data, part.get_content_charset() or "utf-8")
    except (LookupError, ValueError):
        return decode(data)


def _under(subject: str, section: Document) -> Document:
    heading = " > ".join(filter(None, [subject, section.metadata.get("heading", "")]))
    return Document(section.page_content, metadata={"heading": heading} if heading else {})
