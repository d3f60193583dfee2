"""Markdown: a Document for each section."""

import re
from collections.abc import Iterable, Iterator

from langchain_core.documents import Document

from langchain_localllm.rag.code_blocks import FenceTracker
from langchain_localllm.rag.ingest.formats.text import decode, tidied

_HEADING = re.compile(r" {0,3}(#{1,6})(?!\s+\| )\s+(.*)")
"""A hash before a bar is the name of a table's first column."""
_UNDERLINE = re.compile(r"(=+|-{3,})[ \t]*$")
_UNDERLINED = re.compile(r"(?=\S)(?![-*+>#|]\s?)")
_INDENTED = re.compile(r" {4}|\t")
_CONTAINER = re.compile(r"\s*(?:[-*+•]|\d+[.)]|!!!|\?\?\?\+?|===|\[\^[^\]]*\]:)\s")
"""A list item, an admonition, a tab or a footnote: the indented lines below it are its text."""
_FRONT_MATTER = re.compile(
    r"\A(?:---\n(?P<yaml>.*?\n)(?:---|\.\.\.)|\+\+\+\n(?P<toml>.*?\n)\+\+\+)[ \t]*(?:\n|\Z)",
    re.DOTALL,
)
_YAML_LINE = re.compile(r"[ \t#}\]-]|[^\s:][^:]*:(?:[ \t]|$)|$")
_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*([\"']?)(.+?)\1[ \t]*$", re.MULTILINE)


def read_markdown(data: bytes) -> Iterator[Document]:
    """Yield the sections of a Markdown file, with the headings above each in `heading`."""
    yield from sections(decode(data))


def sections(markdown: str, first: int = 1) -> Iterator[Document]:
    r"""Split at headings, which go from the text to the metadata: `"Boats > Prices"`.

    The title in the front matter of a page is a heading above all others. Code keeps its lines.

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
    code: set[int] = set()
    front = _front_matter(markdown)
    if title := _TITLE.search(front):
        headings[0] = (first, title[2])
    # the rest of it is about the file, not in it
    text = "\n" * front.count("\n") + markdown[len(front) :]
    for number, line, level, is_code in _lines(text, first):
        if is_code:
            code.add(number)
        if not level:
            body.append((number, line))
            continue
        above = {each: text for each, text in headings.items() if each < level}
        yield from _section(headings, body, code, is_last=len(above) < len(headings))
        headings, body = above | {level: (number, line)}, []
    yield from _section(headings, body, code, is_last=True)


def last_heading(markdown: str) -> str:
    r"""Return the heading of what follows a text, with those above it; "" if it has none.

    Example:
        >>> last_heading("# Boats\nThe boat is blue.\n## Prices")
        'Boats > Prices'
    """
    headings: dict[int, str] = {}
    for _, line, level, _ in _lines(markdown, 1):
        if level:
            headings = {each: text for each, text in headings.items() if each < level}
            headings[level] = line
    return _path(headings.values())


def _lines(markdown: str, first: int) -> Iterator[tuple[int, str, int, bool]]:
    """Yield each line: its number, its text, its level if it is a heading, whether it is code."""
    fences = FenceTracker()
    indented = _IndentedCode()
    lines = markdown.split("\n")
    is_underline = False
    for number, (line, following) in enumerate(zip(lines, [*lines[1:], ""], strict=True), first):
        if is_underline:
            is_underline = False
            yield number, "", 0, False
        elif fences.is_code(line):
            yield number, line, 0, True
        elif match := _HEADING.match(line):
            indented = _IndentedCode()
            yield number, _without_closing(match[2]), len(match[1]), False
        elif (underline := _UNDERLINE.match(following)) and _UNDERLINED.match(line):
            is_underline, indented = True, _IndentedCode()
            yield number, line.strip(), 1 if underline[1].startswith("=") else 2, False
        else:
            yield number, line, 0, indented.is_code(line)


def _without_closing(heading: str) -> str:
    """Return a heading without the hashes that may close it, which `C#` does not have."""
    heading = heading.strip()
    text = heading.rstrip("#")
    return text.rstrip() if text != text.rstrip() or not text else heading


def _front_matter(markdown: str) -> str:
    """Return the front matter with which a text begins, or an empty text.

    Text between two rules is no front matter.
    """
    found = _FRONT_MATTER.match(markdown)
    if found is None:
        return ""
    is_yaml = found["toml"] is not None or all(map(_YAML_LINE.match, found["yaml"].split("\n")))
    return found[0] if is_yaml else ""


class _IndentedCode:
    """Find code that is indented by four spaces or a tab, after an empty line."""

    def __init__(self) -> None:
        self._after_empty = True
        self._in_code = False
        self._in_container = False

    def is_code(self, line: str) -> bool:
        if not line.strip():
            self._after_empty = True
            return self._in_code
        is_indented = bool(_INDENTED.match(line))
        if _CONTAINER.match(line) and not self._in_code:
            self._in_container = True
        elif not is_indented and self._after_empty:
            self._in_container = False
        self._in_code = (
            is_indented and not self._in_container and (self._in_code or self._after_empty)
        )
        self._after_empty = False
        return self._in_code


def _section(
    headings: dict[int, tuple[int, str]],
    body: list[tuple[int, str]],
    code: set[int],
    *,
    is_last: bool,
) -> Iterator[Document]:
    """Yield the text below a heading; the heading itself where nothing is below it."""
    if headings and is_last and not any(line.strip() for _, line in body):
        *_, own = headings
        body = [headings[own]]
        headings = {level: text for level, text in headings.items() if level != own}
    heading = _path(text for _, text in headings.values())
    section = tidied(body, {"heading": heading} if heading else {}, code)
    if section.page_content:
        yield section


def _path(headings: Iterable[str]) -> str:
    """Return headings as metadata have them. A page often repeats its title."""
    return " > ".join(dict.fromkeys(filter(None, headings)))
