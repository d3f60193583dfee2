r"""Rewrite a regular expression so that every converter of JSON schemas to grammars reads it alike.

llama.cpp's converters copy most of a pattern into the grammar as it is: `\d` and `\w` are errors
there, `.` matches the quote that ends the string, and `^a$|^b$` becomes something else. What cannot
be rewritten is not enforced, but checked at the end.
"""

import re
from collections.abc import Iterator
from typing import Final

_NOT_PLAIN: Final = r"\x00-\x1F\x22\x5C\x7F"
"""What a JSON string holds only behind a backslash; a pattern's match never has it here."""
_ANY: Final = f"[^{_NOT_PLAIN}]"
_SETS: Final = {
    "d": "0-9",
    "w": "A-Za-z0-9_",
    "s": " ",
    "D": "^0-9",
    "W": r"^A-Za-z0-9_\x80-\U0010FFFF",
    "S": "^ ",
}
"""The part of each class that all regex dialects agree on: a non-ASCII letter is `\\w` in some, and
`\\W` in others."""
_NEXT: Final = re.compile(
    r"""(?P<open>\((?:\?:|\?P?<[A-Za-z_]\w*>)?(?!\?)) | (?P<close>\)) | (?P<or>\|)
      | (?P<begin>\^) | (?P<end>\$) | (?P<any>\.)
      | (?P<quantifier>[*+?]|\{\d+(?:,\d*)?\})(?P<lazy>\??)
      | \[(?!\^?\])(?P<not>\^?)(?P<set>(?:\\.|[^\]\\\[])+)\]
      | (?P<char>\\u[0-9a-fA-F]{4} | \\x[0-9a-fA-F]{2} | \\. | [^\\()|*+?\[{])""",
    re.VERBOSE | re.DOTALL,
)
_ASSERTION: Final = re.compile(r"(?P<around>\(\?<?[=!])|\\[bB]")
"""What says something about a place in a text, and spans none of it."""
_INSIDE: Final = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|[^\\\[]", re.DOTALL)
_IN_SET: Final = re.compile(r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\.|[^\\]", re.DOTALL)
_LARGEST: Final = 500
"""Characters that a pattern's bounded repetitions may span; llama.cpp refuses grammars with
more."""


_LONGEST_LIMIT: Final = 100
"""Longest strings whose `*` and `+` get a limit: every one of them adds so many rules to the
grammar."""


class _Unsupported(Exception):  # noqa: N818 - not an error of the caller
    """The pattern cannot be rewritten."""


def grammar_pattern(pattern: str, longest: int | None = None) -> str | None:
    r"""Return the pattern in the subset that grammars have.

    That is: classes, groups, alternatives and repetitions.

    Args:
        pattern: A pattern of JSON Schema.
        longest: The string's longest length, which bounds what follows a pattern without `$`, and
            `*` and `+` after a character.

    Returns:
        A pattern from `^` to `$` whose matches are matches of the original, but for lookarounds and
        `\b`, which are left out; or `None` where it cannot be rewritten: one that does not begin
        with `^`, `\p{L}`, back references, and strings that need escapes in JSON.

    Example:
        >>> grammar_pattern(r"^\d{4}$|^none$")
        '^([0-9]{4}|[n][o][n][e])$'
        >>> grammar_pattern(r"^\p{Lu}") is None
        True
    """
    try:
        return f"^({_Writer(pattern, longest).whole()})$"
    except (_Unsupported, ValueError):
        return None


class _Writer:
    """Reads a pattern from left to right and writes it again."""

    def __init__(self, pattern: str, longest: int | None) -> None:
        self._pattern = pattern
        self._longest = longest
        self._at = 0
        self._depth = 0  # of groups

    def whole(self) -> str:
        """Return the pattern, each of whose alternatives begins with `^` and may end with `$`."""
        alternatives: list[str] = []
        last = "|"
        while last == "|":
            if not self._pattern.startswith("^", self._at):
                raise _Unsupported
            self._at += 1
            written, size, last = self._sequence()
            if last == ")" or size > _LARGEST or not written:
                raise _Unsupported
            if last == "$":
                last = self._take()
                if last not in {"", "|"}:
                    raise _Unsupported
            else:
                written += self._rest(size)
            alternatives.append(written)
        return "|".join(alternatives)

    def _group(self) -> tuple[str, int]:
        """Return what is written for a group, up to its end, and its longest length.

        The length is in characters and does not count `*` and `+`.
        """
        alternatives: list[str] = []
        largest, last = 0, "|"
        self._depth += 1
        while last == "|":
            written, size, last = self._sequence()
            if last not in {"|", ")"} or not written:
                raise _Unsupported
            alternatives.append(written)
            largest = max(largest, size)
        self._depth -= 1
        return f"({'|'.join(alternatives)})", largest

    def _sequence(self) -> tuple[str, int, str]:
        """Return what is written up to the next `|`, `)`, `$` or the end.

        Return also how many characters it spans, and what ended it.
        """
        parts: list[tuple[str, int]] = []
        last = ""
        while found := self._next():
            if found["or"] or found["close"] or found["end"]:
                last = found[0]
                break
            if found["begin"]:
                raise _Unsupported
            if found["quantifier"]:
                parts[-1:] = [self._limited(parts[-1] if parts else None, found["quantifier"])]
            else:
                parts.append(self._group() if found["open"] else (_class(found), 1))
        return "".join(written for written, _ in parts), sum(size for _, size in parts), last

    def _limited(self, part: tuple[str, int] | None, quantifier: str) -> tuple[str, int]:
        """Return a repeated part.

        One character without a limit is repeated no more often than the string is long.
        """
        least = {"*": 0, "+": 1}.get(quantifier)
        if (
            part is None
            or least is None
            or part[1] != 1
            or self._depth
            or not 0 < (self._longest or 0) <= _LONGEST_LIMIT
        ):
            return _repeated(part, quantifier)
        return _repeated(part, f"{{{least},{self._longest}}}")[0], 1

    def _next(self) -> "re.Match[str] | None":
        while found := _ASSERTION.match(self._pattern, self._at):
            self._skip(found)
        if self._at == len(self._pattern):
            return None
        found = _NEXT.match(self._pattern, self._at)
        if found is None:
            raise _Unsupported
        self._at = found.end()
        return found

    def _skip(self, assertion: "re.Match[str]") -> None:
        """Skip an assertion, whose parentheses may contain others."""
        self._at = assertion.end()
        depth = 1 if assertion["around"] else 0
        while depth:
            inside = _INSIDE.match(self._pattern, self._at)
            if inside is None:
                raise _Unsupported
            depth += {"(": 1, ")": -1}.get(inside[0], 0)
            self._at = inside.end()
        if self._pattern.startswith(("*", "+", "?", "{"), self._at):
            raise _Unsupported

    def _take(self) -> str:
        found = self._next()
        return found[0] if found else ""

    def _rest(self, size: int) -> str:
        """Return what may follow a pattern that is open at its end."""
        if self._longest is None or self._longest - size > _LARGEST:
            return f"{_ANY}*"
        return f"{_ANY}{{0,{self._longest - size}}}" if self._longest > size else ""


def _repeated(part: tuple[str, int] | None, quantifier: str) -> tuple[str, int]:
    if part is None or part[0][-1] in "*+?}":
        raise _Unsupported
    written, size = part
    if quantifier in {"*", "+", "?"}:
        return written + quantifier, size
    low, _, high = quantifier[1:-1].partition(",")
    if high and int(low) > int(high):
        raise _Unsupported
    if high == low:
        quantifier = f"{{{low}}}"
    if int(high or low) == 0:
        raise _Unsupported
    return written + quantifier, size * int(high or low)


def _class(found: "re.Match[str]") -> str:
    if found["any"]:
        return _ANY
    if found["set"] is None:
        char = found["char"]
        if (known := _SETS.get(char[1:])) and char[0] == "\\":
            return f"[^{known[1:]}{_NOT_PLAIN}]" if known[0] == "^" else f"[{known}]"
        if not list(_plain_parts(_code(char), _code(char))):
            raise _Unsupported
        return f"[{_escaped(_code(char))}]"
    return _set(found["set"], negated=bool(found["not"]))


def _set(text: str, *, negated: bool) -> str:
    items = _IN_SET.findall(text)
    written: list[str] = []
    while items:
        item = items.pop(0)
        if item[0] == "\\" and item[1:] in _SETS:
            if _SETS[item[1:]][0] == "^":
                raise _Unsupported
            written.append(_SETS[item[1:]])
            continue
        if len(items) > 1 and items[0] == "-":
            end = items[1]
            if end[0] == "\\" and end[1:] in _SETS:
                raise _Unsupported
            if _code(item) > _code(end):
                raise _Unsupported
            written += [_range(*part) for part in _plain_parts(_code(item), _code(end))]
            del items[:2]
        else:
            written += [_range(*part) for part in _plain_parts(_code(item), _code(item))]
    if not written and not negated:
        raise _Unsupported
    return f"[^{''.join(written)}{_NOT_PLAIN}]" if negated else f"[{''.join(written)}]"


def _plain_parts(low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the range without what a JSON string cannot hold as it is."""
    low = max(low, 0x20)
    for gap in (0x22, 0x5C, 0x7F):
        if low <= gap <= high:
            if low < gap:
                yield low, gap - 1
            low = gap + 1
    if low <= high:
        yield low, high


def _range(low: int, high: int) -> str:
    return _escaped(low) if low == high else f"{_escaped(low)}-{_escaped(high)}"


_NAMED: Final = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}


def _code(char: str) -> int:
    """Return the code point of a character of a pattern, which may be escaped."""
    if len(char) == 1:
        return ord(char)
    if char[1] in "ux" and (digits := char[2:]):
        return int(digits, 16)
    if char[1].isalnum():
        if char[1] not in _NAMED:
            raise _Unsupported
        return _NAMED[char[1]]
    return ord(char[1])


def _escaped(code: int) -> str:
    plain = code > 0x7F or chr(code).isalnum() or chr(code) in " _"  # noqa: PLR2004 - the end of ASCII
    return chr(code) if plain else f"\\x{code:02X}"
