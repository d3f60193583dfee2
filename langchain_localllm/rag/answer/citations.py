"""Number the sentences of passages, and find the source of every sentence of an answer.

A model that names its sources writes the numbers of sentences, which are checked. For one that does
not, `support` finds them.
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.rag.answer.no_answer import is_refusal
from langchain_localllm.rag.answer.support import EmbedTexts, SupportFinder
from langchain_localllm.rag.code_blocks import CodeReader, code_blocks, has_fence
from langchain_localllm.rag.index.text_search import content_words
from langchain_localllm.rag.ingest.formats.code import SOURCE_LANGUAGES
from langchain_localllm.rag.ingest.sentences import LONGEST_ORDINAL, ORDINAL, SENTENCE_END
from langchain_localllm.rag.ingest.split import COLUMNS, IN_CODE, above

_SENTENCE_END: Final = re.compile(rf"{SENTENCE_END.pattern}|\n+")
_WRAPPED_SENTENCE_END: Final = re.compile(
    rf"{SENTENCE_END.pattern}|\n(?=\s*(?:[-*+•]|\d+[.)]|#\.)\s)"
)
"""In text whose paragraphs are wrapped."""
_PARAGRAPH_END: Final = re.compile(r"\n(?:[ \t]*\n)+")
_BULLET: Final = re.compile(rf"^\s*(?:[-*+•]|\d+[.)](?!\s+(?:\d\d?\.|{ORDINAL})))\s+")
_SPACE: Final = r"(?:(?<!\s)\s+|)"
"""Optional space. As `\\s*`, it would be tried from each of many spaces."""
_LABELS: Final = (
    "source sources sentence sentences passage passages citation citations quelle quellen satz "
    "sätze fuente fuentes fonte fonti frase frasi phrase phrases"
)
_LABEL_WORDS: Final = _LABELS.split()
_LABEL: Final = rf"(?:{'|'.join(_LABEL_WORDS)})\b"
_LABEL_BEGIN: Final = "|".join(
    sorted({word[:end] for word in _LABEL_WORDS for end in range(1, len(word))}, reverse=True)
)
_MARKED: Final = rf"(?:{_LABEL}[\s:.#]*)?(?:[1-9]\d{{0,2}}\s?[-\u2013]\s?\d{{1,3}}|\d{{1,9}})(?!\d)"
_MARKERS: Final = re.compile(
    rf"({_SPACE})[\[【]\s*({_MARKED}(?:\s*[,;]\s*{_MARKED})*)\s*(?:†[^\[\]【】\n]{{0,40}})?[\]】]",
    re.IGNORECASE,
)
"""`[1]`, `[1, 2]`, and what models write instead: `[1-3]`, `[Source: 1]`, `【1†source】`."""
_CODE_OR_MARKER: Final = re.compile(rf"(?P<code>`[^`\n]*`)|{_MARKERS.pattern}", re.IGNORECASE)
_UNFINISHED: Final = re.compile(
    rf"{_SPACE}[\[【](?:{_LABEL}|[\d\s,;:.#\u2013-])*(?:{_LABEL_BEGIN}|†[^\[\]【】\n]{{0,40}})?$"
    rf"|(?<=\d\.)\s+\w{{0,{LONGEST_ORDINAL}}}$"
    r"|(?<!\s)\s+(?:\|[ \t:]*)?$",
    re.IGNORECASE,
)
"""What cannot be read yet: the possible beginning of a marker, with the space before it, which is
removed together with an invalid marker; of an ordinal's noun; and of the line below the head of a
table."""
_LONGEST_MARKER: Final = 64
_NUMBER: Final = re.compile(r"(\d+)(?:\s?[-\u2013]\s?(\d+))?")
_MOST_IN_RANGE: Final = 10
"""Numbers of a range such as `[1-3]`; of a longer one, only its ends count."""
_LIST_BEGIN: Final = re.compile(r"\s*[-*+•\u2013|`~\d]")
_TABLE_RULE: Final = re.compile(r"\s*(?:\|[ \t]*)?:?-")
_WORD: Final = re.compile(r"\w")
_LIST_NUMBER: Final = re.compile(r"\d{1,3}[.)]")
_CITED_END: Final = re.compile(r"[.!?…\u3002\uff01\uff1f][\"\u201d\u2019)]?\s*\[[\d\s,;]*\]$")
"""The end of a sentence whose number comes after its full stop."""


def number_sentences(passages: Iterable[Document]) -> list[list[str]]:
    r"""Return the sentences of each passage.

    Their numbers start at 1 and continue through all passages.

    A list item is a sentence, without its bullet, and so is a block of code, and a paragraph of
    source code.

    Example:
        >>> passages = [Document("Dr. Ames is in. Knock twice."), Document("- soup\n- bread")]
        >>> number_sentences(passages)
        [['Dr. Ames is in.', 'Knock twice.'], ['soup', 'bread']]
    """
    return [[*_sentences(passage)] for passage in passages]


def format_passages(passages: Iterable[Document], *, with_places: bool = False) -> str:
    """Format passages for the prompt: one sentence per line, with its number.

    Args:
        passages: The passages.
        with_places: Whether a line before each passage says where it is from: its file, its page,
            and the headings above it, if its metadata has them; within a table also the names of
            the columns.

    Example:
        >>> boats = {"source": "docs/boats.md", "heading": "Boats > Prices"}
        >>> passages = [Document("It is blue. It leaks.", metadata=boats), Document("It is old.")]
        >>> print(format_passages(passages, with_places=True))
        boats.md, Boats > Prices:
        [1] It is blue.
        [2] It leaks.
        <BLANKLINE>
        [3] It is old.
    """
    passages = list(passages)
    places = map(_place, passages) if with_places else itertools.repeat("")
    return "\n\n".join(map(str.__add__, places, numbered_texts(passages)))


def numbered_texts(passages: Iterable[Document]) -> Iterator[str]:
    """Yield the sentences of each passage, one per line, with their numbers."""
    number = 0
    for sentences in number_sentences(passages):
        yield "\n".join(
            f"[{number + place}] {sentence}" for place, sentence in enumerate(sentences, 1)
        )
        number += len(sentences)


def _place(passage: Document) -> str:
    """Return the line that says where a passage is from."""
    source, page = str(passage.metadata.get("source", "")), passage.metadata.get("page")
    name = re.split(r"[/\\]", source.rstrip("/\\"))[-1]
    about = [name, f"page {page}" if page else "", str(passage.metadata.get("heading") or "")]
    place, columns = ", ".join(filter(None, about)), passage.metadata.get(COLUMNS)
    return (f"{place}:\n" if place else "") + (f"{columns}\n" if columns else "")


def cited_passages(answer: str, passages: Iterable[Document]) -> list[tuple[int, Document]]:
    """Return the numbers in an answer, each with the passage of its sentence.

    Numbers without a passage are omitted.

    Example:
        >>> passages = [Document("The boat is blue. It leaks."), Document("The key is old.")]
        >>> cited = cited_passages("[3] The key is old.", passages)
        >>> [(number, passage.page_content) for number, passage in cited]
        [(3, 'The key is old.')]
    """
    passages = list(passages)
    owners = [
        passage
        for passage, sentences in zip(passages, number_sentences(passages), strict=True)
        for _ in sentences
    ]
    numbers = dict.fromkeys(
        number for _, markers in _MARKERS.findall(answer) for number in _numbers_in(markers)
    )
    return [(number, owners[number - 1]) for number in numbers if 0 < number <= len(owners)]


def _numbers_in(markers: str) -> Iterator[int]:
    """Yield the numbers between the brackets of a marker."""
    for first, last in _NUMBER.findall(markers):
        start, end = int(first), int(last or first)
        yield from range(start, end + 1) if 0 <= end - start < _MOST_IN_RANGE else (start, end)


def _sentences(passage: Document) -> Iterator[str]:
    text = passage.page_content
    language = str(passage.metadata.get("language"))
    if language in SOURCE_LANGUAGES:
        for paragraph in _PARAGRAPH_END.split(text):
            if language == "rst" and not paragraph[:1].isspace():
                yield from _parts(_WRAPPED_SENTENCE_END, paragraph)
            elif paragraph.strip():
                yield paragraph.rstrip()
        return
    end = 0
    for start, stop in code_blocks(text, in_code=bool(passage.metadata.get(IN_CODE))):
        yield from _parts(_SENTENCE_END, text[end:start])
        if _WORD.search(text, start, stop):
            yield text[start:stop]
        end = stop
    yield from _parts(_SENTENCE_END, text[end:])


def _parts(ends: re.Pattern[str], text: str) -> Iterator[str]:
    return filter(None, (_BULLET.sub("", part).strip() for part in ends.split(text)))


@dataclass(frozen=True, slots=True)
class Citation:
    """Name the source of a statement in an answer.

    Attributes:
        marker: The number of the sentence, among those of all passages: the one in the answer, or
            the one that was found.
        quote: The sentence that supports the statement: the one with this number, unless the model
            named another sentence of the same passage.
        source: The file.
        passage: The passage that holds the sentence.
        page: Its page, from 1; `None` if unknown, as for the fields below.
        heading: The headings above it.
        line: The line of the file in which the passage begins.
        score: The retriever's score of the passage; 1 is best.
        similarity: The cosine similarity of the passage and the question.
        passage_id: The id of the passage in the index, for `LocalRAG.passage`; `None` without one.
        start: Where the quote begins in the passage, in characters.
        end: Where it ends.
        inferred: Whether the model did not cite the sentence, and it was found by comparing the
            statement with the passages.
    """

    marker: int
    quote: str
    source: str
    passage: str
    page: int | None = None
    heading: str | None = None
    line: int | None = None
    score: float | None = None
    similarity: float | None = None
    passage_id: str | None = None
    start: int = 0
    end: int = 0
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """Describe a sentence of an answer, and whether the passages support it.

    Attributes:
        text: The sentence, without markers.
        start: Where it begins in the answer, in characters.
        end: Where it ends.
        supported: Whether a passage supports it.
        citation: The sentence that supports it; `None` if it is not supported.
        score: The share of it that the best passage contains, from 0 to 1.
        missing: Its numbers and names that are neither in that passage nor in the question: they
            contradict it.
    """

    text: str
    start: int
    end: int
    supported: bool
    citation: Citation | None = None
    score: float = 0.0
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InvalidCitation:
    """Describe a citation that the passages do not support, and why."""

    marker: int
    reason: str


class CitationReader:
    """Find the sources of an answer while it streams.

    The numbers in it are checked, and each sentence is matched with the passages. A number after a
    statement is checked at once, and removed if the passages do not support it. A number before its
    statement is streamed when the statement begins, so it stays in the text even if it is invalid;
    one without a statement is removed. A `Statement` follows each sentence as it ends, before the
    text of the next one. Code between fences is one statement, and it and code within backticks
    stay as they are: `items[1]` is not a citation.

    Args:
        passages: The passages that the model was given.
        question: The question; words that only repeat it count less.
        embed: Embeds texts, to recognize a paraphrase. Default: words and numbers alone decide.

    Example:
        >>> passage = Document("The boat is blue. It leaks.", metadata={"source": "a.txt"})
        >>> reader = CitationReader([passage])
        >>> parts = [*reader.feed("The boat leaks [2], and the "), *reader.feed("sea is deep [7].")]
        >>> parts.extend(reader.end())
        >>> "".join(part.get("answer", "") for part in parts)
        'The boat leaks [2], and the sea is deep.'
        >>> [each.quote for part in parts for each in part.get("citations", [])]
        ['It leaks.']
        >>> [each.reason for part in parts for each in part.get("invalid_citations", [])]
        ['There is no sentence 7.']

        A sentence without a number is matched with the passages:

        >>> reader = CitationReader([passage])
        >>> parts = [*reader.feed("The boat is blue. It has 3 masts."), *reader.end()]
        >>> statements = [each for part in parts for each in part.get("statements", [])]
        >>> [(each.text, each.supported, each.missing) for each in statements]
        [('The boat is blue.', True, ()), ('It has 3 masts.', False, ('3',))]
    """

    def __init__(
        self, passages: Iterable[Document], question: str = "", embed: EmbedTexts | None = None
    ) -> None:
        passages = list(passages)
        numbered = number_sentences(passages)
        self._cited = [
            cited
            for passage, each in zip(passages, numbered, strict=True)
            for cited in _located(passage, each)
        ]
        self._finder = SupportFinder(passages, numbered, question, embed)
        self._code = CodeReader()
        self._in_code = False
        self._held = ""  # the possible beginning of a marker
        self._said = ""  # the sentence so far, without markers
        self._open: list[int] = []  # numbers before a statement that has not ended
        self._cited_numbers: set[int] = set()
        self._sentence = ""  # the sentence so far, with markers
        self._start = 0  # where it begins in the answer
        self._numbers: list[int] = []  # valid numbers in it
        self._last = ""  # the last statement that has ended
        self._leading = ""  # markers that wait for their statement

    def feed(self, piece: str) -> list[dict[str, Any]]:
        """Add text, and return the parts that are final.

        They are `{"answer": text}`, `{"citations": [...]}`, `{"invalid_citations": [...]}` and
        `{"statements": [...]}`.
        """
        return self._add_all(self._code.feed(piece))

    def end(self) -> list[dict[str, Any]]:
        """Return the remaining parts when the answer has ended."""
        parts = self._add_all(self._code.end())
        text, self._held = self._held, ""
        closed = [*parts, *self._with_statement(self._read(text)), *self._close()]
        if self._leading and any("citations" in part for part in closed):
            closed.append({"answer": self._leading})
        return [*closed, *self._end_sentence()]

    def _add_all(self, pieces: Iterable[tuple[str, bool]]) -> list[dict[str, Any]]:
        return [part for text, is_code in pieces for part in self._add(text, is_code=is_code)]

    def _add(self, text: str, *, is_code: bool) -> list[dict[str, Any]]:
        if is_code == self._in_code:
            return self._add_code(text) if is_code else self._add_prose(text)
        if not is_code:
            ended = self._end_sentence()
            self._in_code = False
            return [*ended, *self._add_prose(text)]
        held, self._held = self._held, ""
        said = held.rstrip()
        before = [*self._with_statement(self._read(said)), *self._end_sentence(text)]
        self._in_code = True
        self._start += len(held) - len(said)
        space = [{"answer": held[len(said) :]}] if held != said else []
        return [*before, *self._with_statement(space), *self._add_code(text)]

    def _add_code(self, text: str) -> list[dict[str, Any]]:
        self._sentence += text
        self._said += text
        return self._with_statement([{"answer": text}])

    def _add_prose(self, piece: str) -> list[dict[str, Any]]:
        text = self._held + piece
        context = self._sentence[-2:]
        start = _UNFINISHED.search(context + text, len(context))
        cut = start.start() - len(context) if start else len(text)
        cut = cut if len(text) - cut < _LONGEST_MARKER else len(text)
        self._held = text[cut:]
        return self._with_statement(self._read(text[:cut]))

    def _with_statement(self, parts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Hold back a number before its statement until the statement begins."""
        shown: list[dict[str, Any]] = []
        for part in parts:
            text = part.get("answer", "")
            if not text or not (self._leading or self._is_leading(text)):
                shown.append(part)
            elif _WORD.search(_MARKERS.sub("", text)):
                shown.append({"answer": self._leading + text})
                self._leading = ""
            else:
                self._leading += text
        return shown

    def _is_leading(self, text: str) -> bool:
        is_begun = _WORD.search(self._said)
        return bool(self._open) and not is_begun and bool(_MARKERS.fullmatch(text))

    def _read(self, text: str) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        place = 0
        for match in _MARKERS.finditer(text):
            parts += self._say(text[place : match.start()])
            is_index = not match[1] and self._sentence.count("`") % 2  # within backticks
            parts += self._say(match[0]) if is_index else self._mark(match)
            place = match.end()
        return parts + self._say(text[place:])

    def _say(self, text: str) -> list[dict[str, Any]]:
        self._said += text
        return self._put(text)

    def _put(self, text: str) -> list[dict[str, Any]]:
        """Put text into the answer, with a statement after each sentence that it ends."""
        parts: list[dict[str, Any]] = []
        if text[:1].isspace() and _CITED_END.search(self._sentence):
            parts += self._end_sentence()
        while (
            end := _SENTENCE_END.search(self._sentence + text, max(len(self._sentence) - 1, 0))
        ) and end.end() < len(self._sentence + text):
            cut = max(end.start() - len(self._sentence), 0)
            self._sentence += text[:cut]
            parts += [{"answer": text[:cut]}] if cut else []
            gap = end.end() - end.start()
            parts += self._end_sentence(text[cut + gap :])
            parts += [{"answer": text[cut : cut + gap]}] if gap else []
            self._start += gap
            text = text[cut + gap :]
        self._sentence += text
        return [*parts, {"answer": text}] if text else parts

    def _end_sentence(self, following: str = "") -> list[dict[str, Any]]:
        """Return the statement of the sentence that ends before a text."""
        sentence, numbers = self._sentence, self._numbers
        start, self._start = self._start, self._start + len(sentence)
        self._sentence, self._numbers = "", []
        said = (sentence if self._in_code else _BULLET.sub("", _without_markers(sentence))).strip()
        if not _WORD.search(said) or _LIST_NUMBER.fullmatch(said) or is_refusal(said):
            return []
        found = {number: self._finder.find(said, number) for number in numbers}
        cited = [number for number, support in found.items() if support and support.supported]
        support = found[cited[0]] if cited else self._finder.find(said)
        if support is None or (
            not support.supported and _is_lead_in(said, following, support.missing)
        ):
            return []
        number = cited[0] if cited else support.number
        citation = (
            self._citation(number, support.number, inferred=not cited)
            if support.supported
            else None
        )
        parts: list[dict[str, Any]] = []
        if (
            citation
            and not cited
            and number not in self._cited_numbers
            and number not in self._open
        ):
            self._cited_numbers.add(number)
            parts.append({"citations": [citation]})
        end = start + len(sentence)
        statement = Statement(
            said, start, end, support.supported, citation, support.score, support.missing
        )
        return [*parts, {"statements": [statement]}]

    def _mark(self, match: re.Match[str]) -> list[dict[str, Any]]:
        parts = self._close() if self._open and self._said.strip() else []
        numbers = [*_numbers_in(match[2])]
        sentence = next(
            (part for part in reversed(_SENTENCE_END.split(self._said)) if _WORD.search(part)), ""
        )
        self._last = sentence or self._last
        leading = not sentence
        kept: list[int] = []
        for number in numbers:
            if not 0 < number <= len(self._cited):
                parts.append(
                    {
                        "invalid_citations": [
                            InvalidCitation(number, f"There is no sentence {number}.")
                        ]
                    }
                )
            elif leading:
                kept.append(number)
                self._open.append(number)
                self._said = ""
            else:
                checked = self._check(number, sentence)
                kept += [] if any("invalid_citations" in part for part in checked) else [number]
                parts += checked
        if kept:
            if leading:
                parts += self._end_sentence()
            marker = f"{match[1]}[{', '.join(map(str, kept))}]"
            self._sentence += marker
            self._numbers += kept
            parts.append({"answer": marker})
        return parts

    def _close(self) -> list[dict[str, Any]]:
        """Check the numbers whose statement has ended."""
        statement = self._said if _WORD.search(self._said) else self._last
        parts = [part for number in self._open for part in self._check(number, statement)]
        self._open, self._said, self._last = [], "", statement
        return parts

    def _check(self, number: int, statement: str) -> list[dict[str, Any]]:
        if not statement:
            return [
                {
                    "invalid_citations": [
                        InvalidCitation(number, "The answer has no statement for it.")
                    ]
                }
            ]
        passage, _, _ = self._cited[number - 1]
        words = content_words(statement)
        if words and not words & content_words(
            f"{above(passage.metadata)}\n{passage.page_content}"
        ):
            return [
                {
                    "invalid_citations": [
                        InvalidCitation(
                            number,
                            f"The passage of sentence {number} shares no word with the statement.",
                        )
                    ]
                }
            ]
        if number in self._cited_numbers:
            return []
        self._cited_numbers.add(number)
        support = self._finder.find(statement, number)
        quoted = support.number if support and support.supported else number
        return [{"citations": [self._citation(number, quoted)]}]

    def _citation(self, number: int, quoted: int, *, inferred: bool = False) -> Citation:
        """Return the citation with a number, which quotes a sentence of the same passage."""
        passage, quote, start = self._cited[quoted - 1]
        about = {
            name: passage.metadata.get(name)
            for name in ("page", "heading", "line", "score", "similarity")
        }
        return Citation(
            number,
            quote,
            str(passage.metadata.get("source", "")),
            passage.page_content,
            **about,
            passage_id=passage.id,
            start=start,
            end=start + len(quote),
            inferred=inferred,
        )


def _is_lead_in(said: str, following: str, missing: Iterable[str]) -> bool:
    """Return whether a line only announces a list, code or rows of a table.

    It does not if the passages lack a number or a name in it. The names of columns are often
    capitalized.
    """
    if "|" in said and _TABLE_RULE.match(following):
        return not any(term[0].isdigit() for term in missing)
    is_announcing = said.rstrip("*_").endswith((":", "\uff1a"))
    return is_announcing and not missing and bool(_LIST_BEGIN.match(following))


def _without_markers(sentence: str) -> str:
    return _CODE_OR_MARKER.sub(lambda found: found["code"] or "", sentence)


def _located(passage: Document, sentences: Iterable[str]) -> Iterator[tuple[Document, str, int]]:
    """Yield the sentences of a passage, each with where it begins."""
    end = 0
    for sentence in sentences:
        start = passage.page_content.find(sentence, end)
        end = start + len(sentence)
        yield passage, sentence, start


def with_markers(answer: str, statements: Iterable[Statement]) -> str:
    """Return an answer with a number after each sentence whose source was found.

    Models that cite write them so.

    Example:
        >>> reader = CitationReader([Document("The boat is blue. It leaks.")])
        >>> parts = [*reader.feed("The boat is blue."), *reader.end()]
        >>> statements = [each for part in parts for each in part.get("statements", [])]
        >>> with_markers("The boat is blue.", statements)
        'The boat is blue. [1]'
    """
    text, place = "", 0
    for each in statements:
        text += answer[place : each.end] + marker_of(each)
        place = each.end
    return text + answer[place:]


def marker_of(statement: Statement) -> str:
    """Return what is shown after a sentence: the number of its source unless the model cited it.

    `[?]` if it is not supported. After a block of code, it is a line of its own.
    """
    if not statement.supported:
        mark = "[?]"
    elif statement.citation and statement.citation.inferred:
        mark = f"[{statement.citation.marker}]"
    else:
        return ""
    return f"\n{mark}" if has_fence(statement.text) else f" {mark}"
