"""Change a document at random.

It changes its bytes, the words of its format, how often they repeat, or the parts of its archive.
"""

import random
import re
import struct
from io import BytesIO
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

_WORDS: Final = [
    *(
        b"<div>",
        b"</div>",
        b"<tr>",
        b"<td>",
        b"<table>",
        b"<ul><li>",
        b"<li>",
        b"<p>",
        b"<b>",
        b"<pre>",
        b"<h1>",
        b"<br>",
        b"<a ",
    ),
    *(
        b"<!--",
        b"-->",
        b"<![CDATA[",
        b"]]>",
        b"<?",
        b"&amp;",
        b"&#x110000;",
        b"&#0;",
        b"&e;",
        b"<script>",
        b"<svg>",
        b"<",
        b">",
        b"&",
    ),
    *(
        b'<td rowspan="1000" colspan="1000">',
        b"<section>",
        b"<title>",
        b"<w:p>",
        b"<w:tbl>",
        b"<text:p>",
        b"<text:list>",
    ),
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b'{"a":',
        b'"',
        b"\\",
        b",",
        b":",
        b"1e999",
        b"-",
        b"NaN",
        b"9" * 5000,
        b"\\ud800",
        b'[{"a":',
    ),
    *(
        b"#",
        b"# ",
        b"## x\n",
        b"```",
        b"> ",
        b"* ",
        b"| ",
        b"|",
        b"---\n",
        b"===\n",
        b"\t",
        b" ",
        b"\n",
        b"\r",
        b"\r\n",
        b"[a](",
        b"_",
    ),
    *(
        b"{\\rtf1",
        b"\\par ",
        b"\\u8364?",
        b"\\'",
        b"\\bin999999999 ",
        b"{\\*",
        b"\\cell ",
        b"\\row ",
    ),
    *(b"\\begin{itemize}", b"\\end{itemize}", b"\\section{", b"$", b"\\\\", b"\\emph{", b"%", b"&"),
    *(
        b"BEGIN:VEVENT\n",
        b"END:VEVENT\n",
        b"From a@b 2026\n",
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\n",
        b"--x\n",
        b"=?utf-8?b?",
    ),
    *(
        b"1 0 obj",
        b"endobj",
        b"<<",
        b">>",
        b"stream\n",
        b"endstream",
        b"/Kids [2 0 R]",
        b"/Length 99999999",
        b"3 0 R",
        b"(",
        b") Tj ",
    ),
    *(
        b"\x00",
        b"\xff",
        b"\xff\xfe",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b"\x1b",
        b"\x08",
        b"\xe2\x80\x8b",
        b"\xf0\x9f\x99\x82",
        b"\xcc\x81",
    ),
    *(
        b"a",
        b"A1b2",
        b"a b ",
        b"The boat. ",
        b"0123456789abcdef",
        b"\xc3\xa9",
        b"\xe4\xb8\xad",
        b"-->",
        b"00:00:01,000 --> 00:00:02,000\n",
    ),
]
_COUNTS: Final = (1, 1, 2, 10, 100, 3000, 20_000)
_MOST: Final = 400_000
"""Bytes of what is inserted."""
_ENTITIES: Final = (
    b'<!DOCTYPE d [<!ENTITY e "ha">%s]>'
    % b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 12)),
    b'<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    b'<!DOCTYPE d [<!ENTITY e SYSTEM "http://127.0.0.1:9/x">]>',
    b'<!DOCTYPE d SYSTEM "file:///etc/passwd">',
    b'<!DOCTYPE d [<!ENTITY e "&e;">]>',
)
_ZIP: Final = b"PK\x03\x04"
_ELEMENT: Final = re.compile(rb"<[A-Za-z][^<>]*>")


def mutate_document(data: bytes, rng: random.Random) -> tuple[bytes, list[str]]:
    """Change a document in one to three places, and return it with what was changed, in words."""
    changes = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        in_parts = data.startswith(_ZIP) and rng.random() < 0.8  # noqa: PLR2004 - a share
        data, change = (_change_archive if in_parts else _change_bytes)(data, rng)
        changes.append(change)
    return data, changes


def _cut(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    place = rng.randrange(len(data) + 1)
    return data[:place], f"cut after {place} bytes"


def _flip(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    changed = bytearray(data or b"a")
    for _ in range(rng.choice((1, 1, 4, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed), "bits flipped"


def _remove(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    place, size = rng.randrange(len(data) + 1), rng.choice((1, 10, 1000))
    return data[:place] + data[place + size :], f"{size} bytes removed at {place}"


def _change_number(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    found = [*re.finditer(rb"\d+", data[: 1 << 20])]
    if not found:
        return _flip(data, rng)
    match, new = (
        rng.choice(found),
        rng.choice((b"0", b"-1", b"99999999", b"4294967296", b"9" * 30, b"1e400", b"")),
    )
    return data[: match.start()] + new + data[
        match.end() :
    ], f"{match[0][:20]!r} at {match.start()} is {new!r}"


def _add_entity(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    start = data.find(b"?>") + 2 if data.startswith(b"<?xml") else 0
    entity = rng.choice(_ENTITIES)
    return data[:start] + entity + data[start:].replace(b"boat", b"&e11; &e;"), f"{entity[:40]!r}"


def _repeat_element(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Open an element of the document again and again."""
    found = [*_ELEMENT.finditer(data[: 1 << 20])]
    if not found:
        return _insert(data, rng)
    match, count = rng.choice(found), rng.choice(_COUNTS)
    return data[: match.end()] + match[0] * count + data[
        match.end() :
    ], f"{match[0][:60]!r} {count} times"


def _repeat(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    place, start = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
    part = data[start : start + rng.choice((10, 100, 10_000))]
    count = min(rng.choice(_COUNTS), _MOST // (len(part) + 1) + 1)
    return data[:place] + part * count + data[
        place:
    ], f"bytes {start} to {start + len(part)} {count} times at {place}"


def _insert(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    word = b"".join(rng.sample(_WORDS, rng.choice((1, 1, 2))))
    count = min(rng.choice(_COUNTS), _MOST // len(word) + 1)
    place, alone = rng.randrange(len(data) + 1), rng.random() < 0.25  # noqa: PLR2004 - a share
    start, end = (data[:20], b"") if alone else (data[:place], data[place:])
    return (
        start + word * count + end,
        f"{word[:60]!r} {count} times {'alone' if alone else f'at {place}'}",
    )


_BYTES: Final = (
    _cut,
    _flip,
    _flip,
    _insert,
    _insert,
    _insert,
    _insert,
    _remove,
    _repeat,
    _change_number,
    _add_entity,
    _repeat_element,
)


def _change_bytes(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    return rng.choice(_BYTES)(data, rng)


_Parts = list[tuple[str, bytes]]


def _change_archive(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Change a part of an archive, or the archive around it."""
    try:
        with ZipFile(BytesIO(data)) as archive:
            parts = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:  # noqa: BLE001 - an earlier change broke it, and zipfile raises errors of many types
        return _change_bytes(data, rng)
    number = rng.randrange(len(parts))
    if rng.random() < 0.15:  # noqa: PLR2004 - a share
        return _in_directory(_written(parts), number, rng)
    change = rng.choice((_part, _part, _part, _drop, _rename, _twice, _bomb, _many, _swap))
    name = parts[number][0]
    what = change(parts, number, rng)
    return _written(parts), f"{name[:80]}: {what}"


def _part(parts: _Parts, number: int, rng: random.Random) -> str:
    name, content = parts[number]
    changed, what = _change_bytes(content, rng)
    parts[number] = name, changed
    return what


def _drop(parts: _Parts, number: int, _rng: random.Random) -> str:
    del parts[number]
    return "left out"


def _rename(parts: _Parts, number: int, rng: random.Random) -> str:
    name, content = parts[number]
    new = rng.choice(
        ("../../etc/passwd", "/etc/passwd", "a" * 300, name.upper(), "content.xml", "é.xml", "a")
    )
    parts[number] = new, content
    return f"named {new[:20]}"


def _twice(parts: _Parts, number: int, _rng: random.Random) -> str:
    name, content = parts[number]
    parts.append((name, content[: len(content) // 2]))
    return "again, cut"


def _bomb(parts: _Parts, number: int, rng: random.Random) -> str:
    name, content = parts[number]
    size, place = (
        rng.choice((1_000_000, 30_000_000, 80_000_000)),
        rng.choice((0, len(content) // 2, len(content))),
    )
    byte = rng.choice((b" ", b"<", b"a", b"\0"))
    parts[number] = name, content[:place] + byte * size + content[place:]
    return f"{size} times {byte!r} at {place}"


def _many(parts: _Parts, number: int, rng: random.Random) -> str:
    count = rng.choice((10, 1000, 12_000))
    parts += [(f"{parts[number][0]}{each}.xml", b"<a/>") for each in range(count)]
    return f"{count} more parts"


def _swap(parts: _Parts, number: int, rng: random.Random) -> str:
    other = rng.randrange(len(parts))
    (name, content), (there, other_content) = parts[number], parts[other]
    parts[number], parts[other] = (name, other_content), (there, content)
    return f"exchanged with {there}"


def _written(parts: list[tuple[str, bytes]]) -> bytes:
    with ZipFile(out := BytesIO(), "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts:
            if name in archive.NameToInfo:
                archive.NameToInfo.pop(name)  # written twice without a warning
            archive.writestr(name, content, ZIP_STORED if name == "mimetype" else ZIP_DEFLATED)
    return out.getvalue()


def _in_directory(data: bytes, number: int, rng: random.Random) -> tuple[bytes, str]:
    """Change the entry of a part in the archive's directory: its sizes, or how it is compressed."""
    changed = bytearray(data)
    places = [match.start() for match in re.finditer(b"PK\x01\x02", data)]
    place = places[min(number, len(places) - 1)]
    offset = rng.choice((8, 10, 16, 20, 24, 42))
    new = struct.pack("<I", rng.choice((0, 1, 8, 12, 93, 0x800, 1000, 0xFFFFFFFF)))[
        : 2 if offset in {8, 10} else 4
    ]
    changed[place + offset : place + offset + len(new)] = new
    return bytes(changed), f"part {number}: the directory has {new.hex()} at {offset}"
