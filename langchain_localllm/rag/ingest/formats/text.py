"""Plain text: from bytes to characters, and from lines to paragraphs."""

import codecs
import re
import unicodedata
from collections.abc import Container, Iterable, Iterator
from typing import Any

from langchain_core.documents import Document

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.code_blocks import FenceTracker
from langchain_localllm.rag.ingest.formats.located import LocatedDocument, located
from langchain_localllm.rag.ingest.normalize import normalize

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""Byte order marks."""
LATIN_1 = frozenset(["iso-8859-1", "iso8859-1", "iso_8859-1", "latin-1", "latin1"])
"""Names of Latin-1."""
_MARKS = [  # the longer marks first: UTF-16's is the beginning of UTF-32's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    *((mark, "utf-16") for mark in UTF16_MARKS),
]
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROLS = 0.01  # share of control characters above which bytes are not text
_TERMINAL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b")
_OVERSTRUCK = re.compile(r"[^\n]\x08")
"""How pages of `man` and old printers write bold and underlined letters."""
_NOT_IN_TEXT = frozenset({"Cc", "Cn", "Co", "Cs"})
"""Unicode categories: control characters, unassigned, private and surrogates."""
_MOST_ON_OTHER_SIDE = 20
"""Of so many NUL bytes of a UTF-16 text, one may be the other half of a character."""
_ACCENTED = [
    frozenset(letters)
    for letters in (
        "äöüß",
        "éèêëàâçùûüîïôœæÿ",
        "áéíóúñü",
        "ãõáéíóúâêôàçü",
        "àèéìòù",
        "åäöæøé",
        "ëïéöüè",
    )
]
"""The accented letters of German, French, Spanish, Portuguese, Italian, the Nordic languages and
Dutch."""
_LEAST_PLAIN = 2
"""Letters for each accented one: more accents than that, and it is an alphabet of its own, such as
Cyrillic."""
_SYMBOL_IN_WORD = re.compile(
    r"[^\W\d_][\u00a1-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7][^\W\d_]"
)
_ISO_2022_JP = re.compile(rb"\x1b\$[@B]")
_LEAST_WHOLE = 10
"""Whole characters beyond ASCII for each damaged one."""
_LEAST_JAPANESE = 3
"""The same where escape sequences say that a text is Japanese, which may have characters of
Windows."""
_KANA = re.compile("[\u3041-\u30fe]")
_MOST_KANJI = 5
"""Characters of a Japanese text for each kana."""
_LEAST_LETTERS = 4
_MOSTLY = 0.9
_GB_COMMON = (0xB0, 0xD7)
"""First bytes of the 3,755 common characters in GB 2312."""
_LAST_HANGUL = 0xC8
"""The last first byte of Korean syllables in EUC-KR, which begin like the Chinese ones of GB
2312."""
_SAMPLE = 100_000
"""Bytes used to guess an encoding; more are slow and add little."""
_BINARY = "it is a binary file of an unsupported type. Save its text as .docx, .pdf or .txt."
_WRAPPED = 50
"""A line of at least so many characters, of which Chinese, Japanese and Korean ones are twice as
wide, was broken by its editor, not by its author."""
_WIDE = re.compile(
    "[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60]"
)
_HAN_OR_KANA = re.compile("[\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_EDGE = 3
"""Characters of a line that show its writing: it may end or begin with quotation marks."""
_UNSPACED_END = re.compile("[。\uff1b\uff1a\uff01\uff1f!?…\u201d\u2019」』\uff09]$")
_NEW_BLOCK = re.compile(
    r"\s*(?:[-*+•|>#・●■◆○◇□①-⑳]|```|~~~|\d+[.)]\s"
    r"|第[一二三四五六七八九十百\d]+[章节節条條回部]|[\uff08(][一二三四五六七八九十]+[)\uff09]"
    r"|\uff08\d{1,2}\uff09|[一二三四五六七八九十]+[、\uff0e]|[^\s\uff1a]{1,8}\uff1a"
    r"|\[?\d{1,4}[-./]\d{1,2}[-./]\d{1,4},?[T ]\d{1,2}[:.]\d\d"
    r"|[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d)"
)
"""The beginning of a list item, a quotation, a table row or a heading, or of a line with the time
at which it was written, as in logs and chats."""
_CELLS = " | "
"""Between the cells of a row, which is a line of its own however long it is."""
_HYPHENS = ("-", "\u2010", "\u00ad")
_CUT_WORD = re.compile(r"[^\W\d_](?:-|\u2010|\u00ad)$")
_LAST_WORD = re.compile(r"([^\W\d_]+).$")
_FIRST_WORD = re.compile(r"[^\W\d_]+")
_HYPHENATED = re.compile(r"[^\W\d_]+-[^\W\d_]+")
_KEEPS_HYPHEN = frozenset(["ex", "half", "non", "self", "well"])
_COMPOUND = re.compile(r"[^\W\d_]-(?:an?|and|at|by|for|in|of|on|out|the|to|up).$")
_CONJUNCTION = re.compile(r"(?:and|or|und|oder|bzw|et|ou|e|o|y|i|en|of|och|og)\b")
_DATA_ADDRESS = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,[A-Za-z0-9+/=]*")
_ENCODED_LINE = re.compile(r"\s*+(?=.*[A-Z])(?=.*[a-z])(?=.*[0-9+/])[A-Za-z0-9+/]{56,}={0,2}\s*")
_UUENCODED = re.compile(r"begin [0-7]{3,4} \S")
_ENCODED_LINES = 4  # so many in a row are an encoded file
_ENCODED_LENGTH = 56
_UU_SPACES = 4  # that some programs strip at the end of a line
_ENCODED_END = re.compile(r"\s*[A-Za-z0-9+/]+={0,2}\s*")
_LONG_WORD = re.compile(r"[A-Za-z0-9+/]{400,}={0,2}")
_HEXADECIMAL = re.compile(r"(?=.*[0-9])(?=.*[A-Fa-f])(?:[0-9a-f]+|[0-9A-F]+)")
_LONG = 400


def read_text(data: bytes) -> Iterator[Document]:
    """Yield a plain text file as one Document, without what is encoded in it, such as base64."""
    text = decode(data)
    document = tidied(enumerate(text.split("\n"), 1))
    if not document.page_content and text.strip():
        raise DocumentError("it holds encoded data and no text. Decode it and index the result.")
    yield document


def read_lines(data: bytes) -> Iterator[Document]:
    """Yield a text whose lines stay apart, such as a script or a log, as one Document."""
    lines = decode(data).split("\n")
    yield tidied(enumerate(lines, 1), code=range(1, len(lines) + 1))


def decode(data: bytes) -> str:
    """Return the characters of a text file, in the encoding found.

    That is by its byte order mark, else UTF-8, else the encoding that fits best.

    Raises:
        DocumentError: The bytes are not text.
    """
    text = without_controls(data.decode(encoding_of(data), errors="replace"))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decode_as(data: bytes, encoding: str) -> str:
    """Return bytes in the encoding that is named for them.

    What is called Latin-1 is Windows-1252, as in browsers: Latin-1 has no dashes, quotes and `€`.

    Raises:
        LookupError: There is no such encoding.
        ValueError: The bytes are not in it.
    """
    if encoding.lower() in LATIN_1:
        return data.decode("cp1252", "replace")
    return data.decode(encoding)


def encoding_of(data: bytes) -> str:
    """Return the encoding of a text that begins with these bytes.

    Raises:
        DocumentError: The bytes are not text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    if wide := _utf16_without_mark(data[:_SAMPLE]):
        return wide
    if _ISO_2022_JP.search(data[:_SAMPLE]) and _is_mostly(
        "iso2022_jp", data[:_SAMPLE], _LEAST_JAPANESE
    ):
        return "iso2022_jp"
    is_utf8 = _decoded(data, "utf-8") is not None or _is_mostly("utf-8", data[:_SAMPLE])
    return "utf-8" if is_utf8 else _legacy_encoding(data[:_SAMPLE])


def _legacy_encoding(data: bytes) -> str:
    """Return the encoding of a text of before Unicode that fits best."""
    if _is_western(data):
        return "cp1252"
    if eastern := _east_asian(data):
        return eastern
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    if best is None:
        raise DocumentError(_BINARY)
    return best.encoding


def _decoded(data: bytes, encoding: str) -> str | None:
    """Return the characters of the beginning of a text, or `None` where the encoding is another."""
    try:
        # a character that is cut at the end is not a fault
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return None


def _is_mostly(encoding: str, data: bytes, least: int = _LEAST_WHOLE) -> bool:
    """Return whether bytes are in an encoding, with a few damaged characters."""
    text = data.decode(encoding, errors="replace")
    damaged = text.count("\ufffd")
    return sum(each > "\x7f" for each in text) - damaged >= least * damaged


def _east_asian(data: bytes) -> str:
    """Return the encoding of a Japanese or simplified Chinese text, or `""`."""
    for encoding in ("euc_jp", "cp932"):
        text = _decoded(data, encoding) or ""
        kana = len(_KANA.findall(text))
        if kana >= _LEAST_LETTERS and kana * _MOST_KANJI >= sum(each > "\x7f" for each in text):
            return encoding
    text = _decoded(data, "gb2312") or ""
    leads = [each.encode("gb2312")[0] for each in text if each > "\u2fff" and each.isalpha()]
    is_common = sum(_GB_COMMON[0] <= lead <= _GB_COMMON[1] for lead in leads) >= _MOSTLY * len(
        leads
    )
    is_chinese = (
        len(leads) >= _LEAST_LETTERS
        and is_common
        and max(leads) > _LAST_HANGUL
        and text.count(" ") * 3 < len(leads)
    )
    return "gb18030" if is_chinese else ""


def _utf16_without_mark(data: bytes) -> str:
    """Return the encoding of UTF-16 text without a byte order mark, or `""`.

    Its NUL bytes are all on one side.
    """
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if even + odd <= _MOST_CONTROLS * len(data) or min(even, odd) * _MOST_ON_OTHER_SIDE > max(
        even, odd
    ):
        return ""
    encoding = "utf-16-be" if even > odd else "utf-16-le"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return ""
    odd_characters = sum(
        unicodedata.category(each) in _NOT_IN_TEXT and not each.isspace() for each in text
    )
    return encoding if odd_characters <= _MOST_CONTROLS * len(text) else ""


def _is_western(data: bytes) -> bool:
    """Return whether bytes are a text in Windows-1252 or Latin-1.

    It is one if it has the accented letters of one of its languages.
    """
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    accented = [letter for letter in text if letter > "\x7f" and letter.isalpha()]
    if _SYMBOL_IN_WORD.search(text) or len(accented) * _LEAST_PLAIN > sum(map(str.isalpha, text)):
        return False
    return any(set(map(str.lower, accented)) <= letters for letters in _ACCENTED)


def without_controls(text: str) -> str:
    r"""Return a text without colors of a terminal and other control characters.

    A form feed becomes a line break.

    Raises:
        DocumentError: It has more control characters than text has.

    Example:
        >>> without_controls("The \x1b[31mboat\x1b[0m is blue.\x0cThe lamp is red.")
        'The boat is blue.\nThe lamp is red.'
    """
    if not _CONTROL.search(text) and "\x1b" not in text and "\x0c" not in text:
        return text
    text = _OVERSTRUCK.sub("", _TERMINAL.sub("", text)).rstrip("\x00\x1a")
    if len(_CONTROL.findall(text)) > max(1, _MOST_CONTROLS * len(text)):
        raise DocumentError(_BINARY)
    return _CONTROL.sub("", text).replace("\x0c", "\n")


def tidied(
    lines: Iterable[tuple[int, str]],
    metadata: dict[str, Any] | None = None,
    code: Container[int] = (),
) -> LocatedDocument:
    """Return a Document of numbered lines with whole paragraphs, as small models expect.

    The lines of each paragraph are put back together. Words that were cut at the end of a line are
    whole again, characters are normalized, and encoded data is left out. Code keeps its lines.

    Args:
        lines: The lines, with their numbers.
        metadata: What else is known.
        code: The numbers of lines of code; those between fences are found.
    """
    pieces: list[str] = []
    starts: list[tuple[int, int]] = []
    length = 0
    before = ""  # the line as the file has it: normalizing drops a soft hyphen at its end
    blank = False
    lines = list(_without_encoded(lines))
    hyphenated: set[str] | None = None
    fences = FenceTracker()
    for number, full in lines:
        line = normalize(full.rstrip() if pieces else full.strip())
        if not line:
            blank = True
            continue
        text, joint = line, "" if not pieces else "\n\n" if blank else "\n"
        keeps_lines = fences.is_code(full) or number in code
        if (
            not (blank or keeps_lines)
            and before.endswith(_HYPHENS)
            and _CUT_WORD.search(before)
            and line.lstrip()[:1].islower()
        ):
            if hyphenated is None:
                hyphenated = {
                    word.lower() for _, each in lines for word in _HYPHENATED.findall(each)
                }
            text = line.lstrip()
            length -= len(pieces[-1])
            pieces[-1], joint = _joined(pieces[-1], before, text, hyphenated)
            length += len(pieces[-1])
        elif (
            not (blank or keeps_lines)
            and _width(before) >= _WRAPPED
            and not _NEW_BLOCK.match(line)
            and _CELLS not in before + line
        ):
            text, joint = line.lstrip(), _joint(before, line.lstrip())
        pieces += (joint, text)
        length += len(joint)
        starts.append((length, number))
        length += len(text)
        before, blank = "" if keeps_lines else full.rstrip(), False
    return located("".join(pieces), starts, metadata)


def _width(line: str) -> int:
    return len(line) if line.isascii() else len(line) + len(_WIDE.findall(line))


def _joint(line: str, following: str) -> str:
    """Return what joins two lines of a paragraph.

    A Chinese or Japanese sentence has no space where its line was broken. What ends one may end a
    paragraph too, since many texts have a line for each.
    """
    if not (_HAN_OR_KANA.search(line[-_EDGE:]) and _HAN_OR_KANA.search(following[:_EDGE])):
        return " "
    return "\n" if _UNSPACED_END.search(line) else ""


def _joined(text: str, line: str, following: str, hyphenated: set[str]) -> tuple[str, str]:
    """Return the text of a line that ends in a hyphen, and what joins it to the following one.

    The hyphen goes, unless the file has the word with a hyphen elsewhere, or it replaces a part of
    the next word.
    """
    if line.endswith("\u00ad"):
        return text, ""
    left, right = _LAST_WORD.search(text), _FIRST_WORD.match(following)
    start = left[1].lower() if left else ""
    if _CONJUNCTION.match(following):
        return text, " "
    if (
        start in _KEEPS_HYPHEN
        or _COMPOUND.search(text)
        or f"{start}-{right[0].lower() if right else ''}" in hyphenated
    ):
        return text, ""
    return text[:-1], ""


def _without_encoded(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield the lines without files that are encoded in them, as base64 or by uuencode."""
    waiting: list[tuple[int, str]] = []
    # the line that begins a uuencoded file, until the next one shows whether it does
    begin: tuple[int, str] | None = None
    uuencoded = False
    for number, line in lines:
        uuencoded = (uuencoded or begin is not None) and _is_uuencoded(line)
        if uuencoded:
            begin = None
            continue
        if begin:
            yield begin
        begin = (number, line) if line.startswith("begin ") and _UUENCODED.match(line) else None
        if begin:
            continue
        if len(line) >= _ENCODED_LENGTH and _ENCODED_LINE.fullmatch(line):
            waiting.append((number, line))
            continue
        if len(waiting) < _ENCODED_LINES:
            yield from waiting
        is_end = len(waiting) >= _ENCODED_LINES and _ENCODED_END.fullmatch(line)
        waiting = []
        if not is_end:
            yield (
                number,
                _without_long_words(line) if len(line) > _LONG or "base64," in line else line,
            )
    if begin:
        yield begin
    if len(waiting) < _ENCODED_LINES:
        yield from ((number, _without_long_words(line)) for number, line in waiting)


def _is_uuencoded(line: str) -> bool:
    """Return whether a line has the length that its first character encodes."""
    if not line.strip("` ") or line.strip() == "end":
        return True
    groups = -(-((ord(line[0]) - 32) & 63) // 3)
    return 0 <= groups * 4 - len(line.rstrip()) + 1 <= _UU_SPACES and max(line) <= "`"


def _without_long_words(line: str) -> str:
    """Return a line without encoded data.

    That is addresses that hold a file, and words of mixed characters that no person wrote.
    """

    def kept(found: re.Match[str]) -> str:
        word = found[0]
        mixed = (
            any(map(str.isupper, word))
            and any(map(str.islower, word))
            and any(map(str.isdigit, word))
        )
        return "" if mixed or _HEXADECIMAL.fullmatch(word) else word

    return _LONG_WORD.sub(kept, _DATA_ADDRESS.sub("", line))


def tidy(text: str) -> str:
    r"""Put the lines of each paragraph back together, and keep lists, tables and short lines.

    Small models expect whole paragraphs.

    Example:
        >>> wrapped = "The library of the station is open from Monday until\nFriday."
        >>> tidy(f"{wrapped}\n\n- no dogs\n- no boots")
        'The library of the station is open from Monday until Friday.\n\n- no dogs\n- no boots'
    """
    return tidied(enumerate(text.split("\n"))).page_content
