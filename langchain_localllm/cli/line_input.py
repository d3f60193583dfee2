"""Read what a person types, line by line."""

import importlib
import select
import sys
from contextlib import suppress
from typing import Final

from langchain_localllm.cli.interrupt import editing_a_line

_PASTE_GAP: Final = 0.05
"""Seconds within which the next line of a pasted text is there."""


def read_line(prompt: str = "") -> str | None:
    """Return the next line of stdin, without its end, or `None` at the end of the input.

    On a terminal the line can be edited and be of any length, the arrow keys recall earlier ones,
    and a pasted text of several lines is one line where Python was built with GNU readline.

    Args:
        prompt: What a terminal shows before the line.
    """
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        return _read_plain_line(prompt if sys.stdin.isatty() else "")
    with suppress(ImportError):
        importlib.import_module("readline")  # `input` uses it from now on
    try:
        with editing_a_line():
            return sanitize_stdin(input(prompt))
    except EOFError:
        return None


def _read_plain_line(prompt: str) -> str | None:
    if prompt:
        print(prompt, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    return sanitize_stdin(line).removesuffix("\n") if line else None


def more_is_typed() -> bool:
    """Return whether another line waits on a terminal, as after the first one of a pasted text."""
    return sys.stdin.isatty() and bool(select.select([sys.stdin], [], [], _PASTE_GAP)[0])


def sanitize_stdin(text: str) -> str:
    """Return the text without invalid bytes, which a terminal may send."""
    return text.encode(errors="replace").decode()
