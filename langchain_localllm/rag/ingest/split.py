"""Split documents into passages: small enough to search, and made of whole sentences."""

import bisect
import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from langchain_core.documents import Document

from langchain_localllm.errors import InvalidOptionError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.code_blocks import code_blocks
from langchain_localllm.rag.defaults import CHUNK_SIZE
from langchain_localllm.rag.ingest.formats.located import LocatedDocument
from langchain_localllm.rag.ingest.sentences import SENTENCE_END
from langchain_localllm.rag.ingest.table_header import table_headers

if TYPE_CHECKING:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

JOINT: Final = "joint"
"""The metadata of a passage with the text between it and the passage before it, or, if they
overlap, the number of characters that it repeats; missing at the beginning of a document."""

IN_CODE: Final = "in_code"
"""The metadata, 1, of a passage that begins within a block of code between fences."""

COLUMNS: Final = "columns"
"""The metadata of a passage that begins within a table, below its header: the header."""

Span = tuple[int, int]

_BLANK_LINE: Final = re.compile(r"\n[^\S\n]*\n\s*")
_LINE_END: Final = re.compile(r"\s*\n\s*")
_CLAUSE_END: Final = re.compile(r"(?<=[;:,\uff0c\u3001\uff1b\u060c])\s+|(?<=[\uff0c\u3001\uff1b])")
_SPACE: Final = re.compile(r"\s+")
_CUTS: Final = (_BLANK_LINE, _LINE_END, SENTENCE_END, _CLAUSE_END, _SPACE)
"""Where a text may be cut, best first."""
_SENTENCES: Final = 2
"""The place of the ends of sentences among them."""
_CHARACTERS: Final = 16
"""Characters of a piece of a text that has no spaces; one by one would take minutes for a line of
10 MB."""
_UNDERLINE: Final = re.compile(r"[=\-~^\"'`*+#]{3,}")
_HEADING: Final = re.compile(
    r"(?:#{1,6} [^\n]+"
    r"|(?![-*+•>|]\s|\d+[.)]\s)(?=[^\n]*\w)[^\n]{1,80}?(?<![.!?…;,\u3002\uff01\uff1f])"
    r"(?:\n[=\-~^\"'`*+#]{3,})?)"
)
"""A short line that does not end like a sentence, perhaps underlined, or one that ends with a
colon."""
_MOST_HEADINGS: Final = 3
"""Headings in a row that stay with what follows; more of them are a list of short lines."""


def split_documents(
    documents: Iterable[Document], chunk_size: int = CHUNK_SIZE, chunk_overlap: int = 0
) -> list[Document]:
    """Split documents into passages at paragraphs, else lines, else sentences.

    Source code by its syntax.

    Args:
        documents: What `load_documents` returned, or any other Documents. A passage never spans two
            of them.
        chunk_size: Longest passage in UTF-8 bytes, so that a Chinese character counts as three
            letters, which is about what it costs in tokens. A sentence that is longer is split at
            its commas, else between words.
        chunk_overlap: How many bytes neighboring passages of one document share at most, in whole
            sentences.

    Returns:
        The passages, each with its document's metadata, the `line` of the file in which it begins
        if that is known, `in_code` if it begins within a block of code between fences, and
        `columns`, the names of the columns, if it begins within a table. A heading is never the end
        of a passage.

    Raises:
        InvalidOptionError: `chunk_size` is below 1, or `chunk_overlap` is negative or not below
            `chunk_size`.
        MissingDependencyError: langchain-text-splitters, which splits source code, is not
            installed.

    Example:
        >>> text = "The key hangs by the door. The boat is blue."
        >>> notes = Document(text, metadata={"source": "notes.txt"})
        >>> [chunk.page_content for chunk in split_documents([notes], chunk_size=30)]
        ['The key hangs by the door.', 'The boat is blue.']
    """
    if chunk_size < 1 or not 0 <= chunk_overlap < chunk_size:
        raise InvalidOptionError(
            f"chunk_size={chunk_size} and chunk_overlap={chunk_overlap}: Use a positive size and "
            "a smaller overlap."
        )
    passages = list(iterate_passages(documents, chunk_size, chunk_overlap))
    for passage in passages:
        passage.metadata.pop(JOINT, None)
    return passages


def iterate_passages(
    documents: Iterable[Document], chunk_size: int, chunk_overlap: int, longest_sentence: int = 0
) -> Iterator[Document]:
    """Work like `split_documents`, one by one.

    Args:
        documents: As for `split_documents`.
        chunk_size: As for `split_documents`.
        chunk_overlap: As for `split_documents`.
        longest_sentence: Bytes up to which a sentence stays whole although it is longer than
            `chunk_size`.

    Yields:
        Passages whose metadata also has `JOINT`.
    """
    splitters: dict[str, RecursiveCharacterTextSplitter | None] = {"": None}
    for document in documents:
        language = str(document.metadata.get("language", ""))
        if language not in splitters:
            splitters[language] = _code_splitter(language, chunk_size, chunk_overlap)
        text, splitter = document.page_content, splitters[language]
        spans = (
            _code_spans(splitter, text)
            if splitter
            else _Splitter(text, chunk_size, longest_sentence).passages(chunk_overlap)
        )
        surroundings = Surroundings("" if splitter else text)
        end: int | None = None
        for start, stop in spans:
            # skip passages without words, such as a rule or a bullet
            if not re.search(r"\w", text[start:stop]):
                continue
            passage = Document(text[start:stop], metadata=dict(document.metadata))
            if isinstance(document, LocatedDocument) and (line := document.line_at(start)):
                passage.metadata["line"] = line
            passage.metadata |= surroundings.at(start)
            if end is not None:
                passage.metadata[JOINT] = text[end:start] if start >= end else end - start
            end = stop
            yield passage


def above(metadata: Mapping[str, Any]) -> str:
    """Return what is above a passage and says what it is about: headings, and names of columns."""
    return "\n".join(str(metadata[name]) for name in ("heading", COLUMNS) if metadata.get(name))


class Surroundings:
    """Know what is around each place of a text: a block of code, or a table.

    Args:
        text: The text; empty for source code, which holds neither.
        in_code: Whether it begins within a block of code.
    """

    def __init__(self, text: str, *, in_code: bool = False) -> None:
        self._blocks = list(code_blocks(text, in_code=in_code))
        self._tables = list(table_headers(text))

    def at(self, place: int) -> dict[str, Any]:
        """Return the metadata of a passage that begins at a place: `IN_CODE`, `COLUMNS` or none."""
        if _around(self._blocks, place - 1):
            return {IN_CODE: 1}
        table = _around(self._tables, place)
        return {COLUMNS: table[2]} if table else {}


def _around(parts: Sequence[tuple[Any, ...]], place: int) -> tuple[Any, ...] | None:
    """Return the part of a text that begins at a place or before it, and ends after it."""
    before = bisect.bisect_right(parts, place, key=itemgetter(0)) - 1
    return parts[before] if before >= 0 and place < parts[before][1] else None


class _Splitter:
    """Split one text.

    Args:
        text: The text.
        size: Longest passage in bytes.
        longest_sentence: Bytes up to which a longer sentence stays whole.
    """

    def __init__(self, text: str, size: int, longest_sentence: int) -> None:
        self._text = text
        self._is_ascii = text.isascii()
        self._size = size
        self._longest = max(size, longest_sentence)

    def passages(self, overlap: int) -> Iterator[Span]:
        """Yield the spans of the passages.

        Each begins up to `overlap` bytes within the one before, at a sentence.
        """
        before: Span | None = None
        for start, end in self._spans(*self._stripped(), 0):
            yield (
                (self._overlapping(before, start, end, overlap) if before and overlap else start),
                end,
            )
            before = start, end

    def _spans(self, start: int, end: int, level: int) -> Iterator[Span]:
        """Yield spans that are small enough.

        Parts of this level are put together, and those that are too long are split at the next
        level.
        """
        if start >= end:
            return
        if self._length(start, end) <= (self._size if level <= _SENTENCES else self._longest):
            yield start, end
            return
        if level == len(_CUTS):
            yield from self._characters(start, end)
            return
        size = self._size
        pending: Span | None = None
        for begin, stop in self._parts(start, end, level):
            if pending and self._length(pending[0], stop) <= size:
                pending = pending[0], stop
                continue
            if pending:
                yield pending
            pending = None
            if self._length(begin, stop) <= size:
                pending = begin, stop
            else:
                yield from self._spans(begin, stop, level + 1)
        if pending:
            yield pending

    def _parts(self, start: int, end: int, level: int) -> Iterator[Span]:
        """Yield the parts between the cuts of a level. There is no cut after a heading."""
        begin = start
        headings = 0
        piece = start
        for cut in _CUTS[level].finditer(self._text, start, end):
            if cut.start() == start or cut.end() >= end:
                continue
            is_heading = level < _SENTENCES and self._is_heading(
                piece, cut.start(), cut.end(), level
            )
            piece = cut.end()
            if is_heading and headings < _MOST_HEADINGS:
                headings += 1
                continue
            yield begin, cut.start()
            begin, headings = cut.end(), 0
        yield begin, end

    def _is_heading(self, start: int, end: int, following: int, level: int) -> bool:
        """Return whether the text before a cut belongs to what follows.

        It does if it is a heading, its underline, or a line with a colon.
        """
        text = self._text
        if text[end - 1] == ":" or _UNDERLINE.fullmatch(text, start, end):
            return True
        # within a paragraph, a heading is known by its underline
        if level and not _BLANK_LINE.match(text, end, following):
            underline = _UNDERLINE.match(text, following)
            return underline is not None and text[underline.end() : underline.end() + 1] in {
                "",
                "\n",
            }
        return bool(_HEADING.fullmatch(text, start, end))

    def _characters(self, start: int, end: int) -> Iterator[Span]:
        """Yield pieces of a text without spaces."""
        while start < end:
            stop = min(end, start + _CHARACTERS)
            while stop > start + 1 and self._length(start, stop) > self._size:
                stop -= 1
            while stop < end and self._length(start, min(end, stop + _CHARACTERS)) <= self._size:
                stop = min(end, stop + _CHARACTERS)
            yield start, stop
            start = stop

    def _overlapping(self, before: Span, start: int, end: int, overlap: int) -> int:
        """Return where a passage begins that repeats the last sentences of the one before."""
        first = start
        for cut in reversed(list(SENTENCE_END.finditer(self._text, *before))):
            if (
                self._length(cut.end(), before[1]) > overlap
                or self._length(cut.end(), end) > self._longest
            ):
                break
            first = cut.end()
        return first

    def _length(self, start: int, end: int) -> int:
        return end - start if self._is_ascii else len(self._text[start:end].encode())

    def _stripped(self) -> Span:
        return len(self._text) - len(self._text.lstrip()), len(self._text.rstrip())


def _code_spans(splitter: "RecursiveCharacterTextSplitter", text: str) -> Iterator[Span]:
    for chunk in splitter.create_documents([text]):
        start = chunk.metadata["start_index"]
        yield start, start + len(chunk.page_content)


def _code_splitter(
    language: str, chunk_size: int, chunk_overlap: int
) -> "RecursiveCharacterTextSplitter | None":
    """Return the splitter of a programming language.

    `None` for a language that is split as text.
    """
    try:
        from langchain_text_splitters import Language, RecursiveCharacterTextSplitter
    except ImportError as error:
        raise MissingDependencyError(
            f"Splitting source code needs langchain-text-splitters: {pip_install('rag')}."
        ) from error
    sizes: dict[str, Any] = {
        "chunk_size": chunk_size,
        "chunk_overlap": chunk_overlap,
        "length_function": lambda text: len(text.encode()),
        "add_start_index": True,
    }
    # that of reStructuredText splits between a title and the line under it
    if language != "rst" and language in set(Language):
        # the library names languages, such as Perl, that it cannot split
        with contextlib.suppress(ValueError):
            return RecursiveCharacterTextSplitter.from_language(Language(language), **sizes)
    return None
