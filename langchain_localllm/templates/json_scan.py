"""Find the end of a JSON value in a text that arrives in pieces."""

import re
from typing import Final

_OUTSIDE: Final = re.compile(r'["{}\[\]<]')
_INSIDE: Final = re.compile(r'["\\]')


class JsonScanner:
    """Finds the end of an object or array without reading any character twice.

    Example:
        >>> scanner = JsonScanner(0)
        >>> [scanner.end('{"a": "}'), scanner.end('{"a": "}"} and more')]
        [None, 10]
    """

    __slots__ = ("_at", "_closing", "_depth", "_in_string")

    def __init__(self, start: int, closing: str = "") -> None:
        """Begin.

        Args:
            start: Where the value begins.
            closing: A marker, beginning with `<`, that ends a value that is broken.
        """
        self._at = start
        self._closing = closing
        self._depth = 0
        self._in_string = False

    def end(self, text: str) -> int | None:
        """Return the index after the value in the text so far.

        `None` if the value is not complete.
        """
        while found := (_INSIDE if self._in_string else _OUTSIDE).search(text, self._at):
            at, mark = found.start(), found[0]
            if mark == "\\":
                if at + 1 == len(text):
                    self._at = at  # what is escaped has not come yet
                    return None
                self._at = at + 2
                continue
            if mark == "<" and self._closing:
                if text.startswith(self._closing, at):
                    return at
                if self._closing.startswith(text[at:]):
                    self._at = at
                    return None
            self._at = at + 1
            self._note(mark)
            if self._depth == 0 and not self._in_string:
                return self._at
        self._at = len(text)
        return None

    def _note(self, mark: str) -> None:
        if mark == '"':
            self._in_string = not self._in_string
        else:
            self._depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(mark, 0)
