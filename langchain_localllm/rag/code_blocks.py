"""Find code between fences, in documents and in answers.

A fence is a line that begins with three or more backticks or tildes, as in CommonMark 0.31, section
4.5 (https://spec.commonmark.org/0.31.2/#fenced-code-blocks), at any indentation: models and lists
indent them.
"""

import re
from collections.abc import Iterator
from typing import Final

_FENCE: Final = re.compile(r"[ \t]*(?P<fence>`{3,}(?=[^`\n]*$)|~{3,})(?P<rest>.*)", re.DOTALL)
_MAY_BE_FENCE: Final = re.compile(r"[ \t]*(?:`{0,2}|`{3,}[^`]*|~{0,2}|~{3,}.*)\Z")
_ANY: Final = "?"
"""The fence of a block of which the text holds only the end."""


class FenceTracker:
    """Follow a text line by line.

    Args:
        in_code: Whether the text begins within a block.

    Example:
        >>> tracker = FenceTracker()
        >>> [tracker.is_code(line) for line in ["Run:", "```sh", "# all", "```", "Done."]]
        [False, True, True, True, False]
    """

    def __init__(self, *, in_code: bool = False) -> None:
        self._fence = _ANY if in_code else ""

    @property
    def in_code(self) -> bool:
        """Whether the next line is within a block."""
        return bool(self._fence)

    def is_code(self, line: str) -> bool:
        """Add a line, and return whether it belongs to a block, fences included."""
        was_in_code = self.in_code
        if match := _FENCE.match(line):
            if not self._fence:
                self._fence = match["fence"]
            elif not match["rest"].strip() and match["fence"].startswith(self._fence.strip(_ANY)):
                self._fence = ""
        return was_in_code or self.in_code


def has_fence(text: str) -> bool:
    """Return whether a text can have a fence: most have none, and need no look at each line."""
    return "```" in text or "~~~" in text


def code_blocks(text: str, *, in_code: bool = False) -> Iterator[tuple[int, int]]:
    r"""Yield where each block begins and ends in a text, fences included.

    Args:
        text: The text.
        in_code: Whether it begins within a block.

    Example:
        >>> text = "Run:\n```\nls\n```\nDone."
        >>> [text[start:end] for start, end in code_blocks(text)]
        ['```\nls\n```']
    """
    if not in_code and not has_fence(text):
        return
    tracker = FenceTracker(in_code=in_code)
    start = 0 if in_code else -1
    place = 0
    for line in text.split("\n"):
        end = place + len(line)
        is_code = tracker.is_code(line)
        if is_code and start < 0:
            start = place
        if is_code and not tracker.in_code:
            yield start, end
            start = -1
        place = end + 1
    if start >= 0:
        yield start, len(text)


class CodeReader:
    r"""Separate code from prose in a text that arrives in pieces.

    Example:
        >>> reader = CodeReader()
        >>> pieces = [*reader.feed("Run:\n``"), *reader.feed("`\nls\n```\nDone."), *reader.end()]
        >>> [text for text, is_code in pieces if is_code]
        ['```\n', 'ls\n', '```']
    """

    def __init__(self) -> None:
        self._tracker = FenceTracker()
        self._held = ""  # the beginning of a line that may be a fence
        self._is_begun = False  # whether the beginning of the line was yielded

    def feed(self, piece: str) -> Iterator[tuple[str, bool]]:
        """Add text, and yield what is known of it: a text, and whether it is code.

        The line break after a block is not code.
        """
        for part in piece.splitlines(keepends=True):
            self._held += part
            if not self._is_begun and (part.endswith("\n") or not self._may_be_fence()):
                self._is_begun = True
                yield from self._line(self._held)
            elif self._is_begun:
                yield self._held, self._tracker.in_code
            else:
                continue
            self._held = ""
            self._is_begun = not part.endswith("\n")

    def end(self) -> Iterator[tuple[str, bool]]:
        """Yield the rest when the text has ended."""
        held, self._held = self._held, ""
        if held:
            yield from self._line(held)

    def _may_be_fence(self) -> bool:
        return _MAY_BE_FENCE.match(self._held) is not None

    def _line(self, line: str) -> Iterator[tuple[str, bool]]:
        text = line.rstrip("\n")
        is_code = self._tracker.is_code(text)
        if is_code and not self._tracker.in_code and text != line:
            yield text, True
            yield "\n", False
        else:
            yield line, is_code
