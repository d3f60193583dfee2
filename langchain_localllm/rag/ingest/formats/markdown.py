"""Markdown: a Document for each section."""

import re
from collections.abc import Iterator

from langchain_core.documents import Document

from langchain_localllm.rag.ingest.formats.text import decode, tidied

_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_UNDERLINED = re.compile(r"^(?=\S)(?![-*+>#|]\s?)(.+)\n(=+|-{3,})[ \t]*$", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A(?:---\n.*?\n(?:---|\.\.\.)|\+\+\+\n.*?\n\+\+\+)\n", re.DOTALL)


def read_markdown(data: bytes) -> Iterator[Document]:
    """Yield the sections of a Markdown file, with the headings above each in `heading`."""
    yield from sections(decode(data))


def sections(markdown: str, first: int = 1) -> Iterator[Document]:
    r"""Split at headings, which go from the text to the metadata: `"Boats > Prices"`.

    langchain-text-splitters has a splitter for this; it is not used because it drops the
    indentation of code and the joiners inside emoji and Persian words.

    Args:
        markdown: The text.
        first: The number of its first line.

    Example:
        >>> [section] = sections("# Boats\n## Prices\nA day costs 14 marks.")
        >>> section.page_content, section.metadata
        ('A day costs 14 marks.', {'heading': 'Boats > Prices'})
    """
    headings: dict[int, tuple[int, str]] = {}  # level -> line and text
    body: list[tuple[int, str]] = []
    fence = ""
    for number, line in enumerate(_plain_headings(markdown).split("\n"), first):
        if match := _FENCE.match(line):
            fence = "" if match[1] == fence else fence or match[1]
        heading = None if fence else _HEADING.match(line)
        if not heading:
            body.append((number, line))
            continue
        level = len(heading[1])
        above = {each: text for each, text in headings.items() if each < level}
        yield from _section(headings, body, is_last=len(above) < len(headings))
        headings, body = above | {level: (number, heading[2])}, []
    yield from _section(headings, body, is_last=True)


def _plain_headings(markdown: str) -> str:
    """Underlined headings as `#` ones.

    The front matter, if any, is left out: it is about the file, not in it.
    """
    text = _FRONT_MATTER.sub(lambda match: "\n" * match[0].count("\n"), markdown)
    return _UNDERLINED.sub(
        lambda match: ("# " if match[2].startswith("=") else "## ") + match[1] + "\n", text
    )


def _section(
    headings: dict[int, tuple[int, str]], body: list[tuple[int, str]], *, is_last: bool
) -> Iterator[Document]:
    """Yield the text below a heading; the heading itself where nothing is below it."""
    if headings and is_last and not any(line.strip() for _, line in body):
        *_, own = headings
        body = [headings[own]]
        headings = {level: text for level, text in headings.items() if level != own}
    heading = " > ".join(text for _, text in headings.values() if text)
    section = tidied(body, {"heading": heading} if heading else {})
    if section.page_content:
        yield section
