"""Calendars (.ics) and contacts (.vcf): their values in plain words, without codes and pictures."""

import quopri
import re
from collections.abc import Iterator
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.rag.ingest.formats.located import located
from langchain_localllm.rag.ingest.formats.text import decode
from langchain_localllm.rag.ingest.normalize import normalize

_FOLDED: Final = re.compile(r"\n[ \t]")
_PROPERTY: Final = re.compile(
    r"(?:[\w-]+\.)?(?P<name>[\w-]+)(?P<parameters>(?:;(?:\"[^\"]*\"|[^:\"])*)?):(?P<value>.*)",
    re.DOTALL,
)
_ENTRIES: Final = {"VCARD", "VEVENT", "VTODO", "VJOURNAL"}
_CODES: Final = {
    "UID",
    "PRODID",
    "VERSION",
    "REV",
    "DTSTAMP",
    "SEQUENCE",
    "TRANSP",
    "CLASS",
    "N",
    "PHOTO",
    "LOGO",
    "SOUND",
    "KEY",
}
_NAMES: Final = {
    "FN": "Name",
    "TEL": "Phone",
    "ADR": "Address",
    "ORG": "Organization",
    "BDAY": "Birthday",
    "DTSTART": "Start",
    "DTEND": "End",
}
_PERSON: Final = re.compile(r";CN=\"?([^\";:]+)", re.IGNORECASE)
"""The name of who takes part."""
_DATE: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?")


def read_content_lines(data: bytes) -> Iterator[Document]:
    r"""Yield a Document for each event, task or contact.

    Example:
        >>> card = b"BEGIN:VCARD\nFN:Odalys Fenn\nTEL;TYPE=cell:+49 1\nEND:VCARD"
        >>> [entry.page_content for entry in read_content_lines(card)]
        ['Name: Odalys Fenn\nPhone: +49 1']
    """
    entry: list[str] = []
    start, nested = 0, 0
    for number, line in _unfolded(normalize(decode(data))):
        name, _, value = line.partition(":")
        if name.upper() == "BEGIN":
            if value.strip().upper() in _ENTRIES:
                entry, start, nested = [], number, 0
            else:
                nested += 1
        elif name.upper() == "END" and value.strip().upper() in _ENTRIES:
            if entry:
                yield located("\n".join(entry), [(0, start)])
            entry, start = [], 0
        elif name.upper() == "END":
            nested -= 1
        elif start and nested <= 0 and (text := _in_words(line)):
            entry.append(text)


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    number = 1
    lines = iter(text.split("\n"))
    waiting: tuple[int, str] | None = None
    for line in lines:
        if waiting and line[:1] in {" ", "\t"}:
            waiting = (waiting[0], waiting[1] + line[1:])
        elif waiting and waiting[1].endswith("=") and "QUOTED-PRINTABLE" in waiting[1].upper():
            waiting = (waiting[0], waiting[1][:-1] + line)
        else:
            if waiting:
                yield waiting
            waiting = (number, line)
        number += 1
    if waiting:
        yield waiting


def _in_words(line: str) -> str:
    found = _PROPERTY.fullmatch(line)
    if not found:
        return ""
    name, parameters, value = found["name"].upper(), found["parameters"].upper(), found["value"]
    if (
        name in _CODES
        or name.startswith("X-")
        or re.search(r"ENCODING=B(ASE64)?\b", parameters)
        or value.startswith("data:")
    ):
        return ""
    if "QUOTED-PRINTABLE" in parameters:
        value = decode(quopri.decodestring(value.encode()))
    if person := _PERSON.search(found["parameters"]):
        value = f"{person[1]}, {value}"
    value = re.sub(r"\\[nN]", "\n", value)
    value = re.sub(r"(?<!\\);+", ", ", value).replace("\\", "").strip(" ,")
    if name.startswith("DT") or name in {"DUE", "BDAY", "COMPLETED", "CREATED"}:
        value = _DATE.sub(
            lambda date: (
                f"{date[1]}-{date[2]}-{date[3]}"
                + (f" {date[4]}:{date[5]}{date[6]}" if date[4] else "")
            ),
            value,
        )
    return f"{_NAMES.get(name, name.capitalize())}: {value}" if value else ""
