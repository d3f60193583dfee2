"""Number the sentences of passages, and check the numbers that an answer cites."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.rag.index.text_search import content_words

# A sentence ends before a space, a line's end, or at once in Chinese and Japanese; not after initials and these short forms.
_SENTENCE_END = re.compile(
    r"(?<!\b(?:Mr|Ms|Dr|St|No|vs)\.)(?<!\b(?:Mrs|e\.g|i\.e)\.)(?<!\b[A-Z]\.)"
    r"(?:(?<=[.!?…])|(?<=[.!?…][\"\u201d\u2019)]))\s+(?=[^a-z])|(?<=[\u3002\uff01\uff1f])|\n+"
)
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s+")
_MARKERS: Final = re.compile(r"(\s*)\[(\d{1,9}(?:\s*[,;]\s*\d{1,9})*)\]")
_UNFINISHED: Final = re.compile(r"\s*\[[\d\s,;]*$|\s+$")
"""The possible beginning of a marker, with the space before it, which is removed together with an invalid marker."""
_LONGEST_MARKER: Final = 64
_NUMBER: Final = re.compile(r"\d+")
_WORD: Final = re.compile(r"\w")


def number_sentences(passages: Iterable[Document]) -> list[list[str]]:
    r"""Return the sentences of each passage. Their numbers start at 1 and continue through all passages.

    A list item is a sentence, without its bullet.

    Example:
        >>> number_sentences([Document("Dr. Ames is in. Knock twice."), Document("- soup\n- bread")])
        [['Dr. Ames is in.', 'Knock twice.'], ['soup', 'bread']]
    """
    return [_sentences(passage.page_content) for passage in passages]


def format_passages(passages: Iterable[Document]) -> str:
    """Format passages for the prompt: one sentence per line, with its number.

    Example:
        >>> print(format_passages([Document("The boat is blue. It leaks."), Document("The key is old.")]))
        [1] The boat is blue.
        [2] It leaks.
        <BLANKLINE>
        [3] The key is old.
    """
    blocks: list[str] = []
    number = 0
    for sentences in number_sentences(passages):
        blocks.append("\n".join(f"[{number + place}] {sentence}" for place, sentence in enumerate(sentences, 1)))
        number += len(sentences)
    return "\n\n".join(blocks)


def cited_passages(answer: str, passages: Iterable[Document]) -> list[tuple[int, Document]]:
    """Return the numbers in an answer, each with the passage of its sentence; numbers without a passage are omitted.

    Example:
        >>> passages = [Document("The boat is blue. It leaks."), Document("The key is old.")]
        >>> [(number, passage.page_content) for number, passage in cited_passages("[3] The key is old.", passages)]
        [(3, 'The key is old.')]
    """
    passages = list(passages)
    owners = [passage for passage, sentences in zip(passages, number_sentences(passages), strict=True) for _ in sentences]
    numbers = dict.fromkeys(int(number) for _, markers in _MARKERS.findall(answer) for number in _NUMBER.findall(markers))
    return [(number, owners[number - 1]) for number in numbers if 0 < number <= len(owners)]


def _sentences(text: str) -> list[str]:
    parts = (_BULLET.sub("", part).strip() for part in _SENTENCE_END.split(text))
    return [part for part in parts if part]


@dataclass(frozen=True, slots=True)
class Citation:
    """Name the source of a statement in an answer.

    Attributes:
        marker: The number in the answer.
        quote: The sentence with this number.
        source: The file.
        passage: The passage that holds the sentence.
        page: Its page, from 1; `None` if unknown, as for the fields below.
        heading: The headings above it.
        line: The line of the file in which the passage begins.
        score: The retriever's score of the passage; 1 is best.
        similarity: The cosine similarity of the passage and the question.
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


@dataclass(frozen=True, slots=True)
class InvalidCitation:
    """Describe a citation that the passages do not support, and why."""

    marker: int
    reason: str


class CitationReader:
    """Read the citations in an answer while it streams, and remove those that the passages do not support.

    A number after a statement is checked at once. A number before its statement has been streamed before it can be checked, so it
    stays in the text even if it is rejected.

    Example:
        >>> reader = CitationReader([Document("The boat is blue. It leaks.", metadata={"source": "a.txt"})])
        >>> parts = [*reader.feed("The boat leaks [2], and the "), *reader.feed("sea is deep [7]."), *reader.end()]
        >>> "".join(part.get("answer", "") for part in parts)
        'The boat leaks [2], and the sea is deep.'
        >>> [each.quote for part in parts for each in part.get("citations", [])]
        ['It leaks.']
        >>> [each.reason for part in parts for each in part.get("rejected", [])]
        ['There is no sentence 7.']
    """

    def __init__(self, passages: Iterable[Document]) -> None:
        passages = list(passages)
        numbered = zip(passages, number_sentences(passages), strict=True)
        self._cited = [(passage, sentence) for passage, sentences in numbered for sentence in sentences]
        self._held = ""  # the possible beginning of a marker
        self._said = ""  # the sentence so far
        self._open: list[int] = []  # numbers before a statement that has not ended
        self._cited_numbers: set[int] = set()

    def feed(self, piece: str) -> list[dict[str, Any]]:
        """Add text, and return the parts that are final: `{"answer": text}`, `{"citations": [...]}`, `{"rejected": [...]}`."""
        text = self._held + piece
        start = _UNFINISHED.search(text)
        cut = start.start() if start and len(text) - start.start() < _LONGEST_MARKER else len(text)
        self._held = text[cut:]
        return self._read(text[:cut])

    def end(self) -> list[dict[str, Any]]:
        """Return the remaining parts when the answer has ended."""
        text, self._held = self._held, ""
        return [*self._read(text), *self._close()]

    def _read(self, text: str) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        place = 0
        for match in _MARKERS.finditer(text):
            parts += self._say(text[place : match.start()])
            parts += self._mark(match)
            place = match.end()
        return parts + self._say(text[place:])

    def _say(self, text: str) -> list[dict[str, Any]]:
        if not text:
            return []
        self._said += text
        return [{"answer": text}]

    def _mark(self, match: re.Match[str]) -> list[dict[str, Any]]:
        parts = self._close() if self._open and self._said.strip() else []
        numbers = [int(number) for number in _NUMBER.findall(match[2])]
        sentence = _SENTENCE_END.split(self._said)[-1]
        leading = not _WORD.search(sentence)
        kept: list[int] = []
        for number in numbers:
            if not 0 < number <= len(self._cited):
                parts.append({"rejected": [InvalidCitation(number, f"There is no sentence {number}.")]})
            elif leading:
                kept.append(number)
                self._open.append(number)
                self._said = ""
            else:
                checked = self._check(number, sentence)
                kept += [] if any("rejected" in part for part in checked) else [number]
                parts += checked
        if kept:
            parts.append({"answer": f"{match[1]}[{', '.join(map(str, kept))}]"})
        return parts

    def _close(self) -> list[dict[str, Any]]:
        """Check the numbers whose statement has ended."""
        parts = [part for number in self._open for part in self._check(number, self._said)]
        self._open, self._said = [], ""
        return parts

    def _check(self, number: int, statement: str) -> list[dict[str, Any]]:
        passage, quote = self._cited[number - 1]
        words = content_words(statement)
        if words and not words & content_words(f"{passage.metadata.get('heading', '')} {passage.page_content}"):
            return [{"rejected": [InvalidCitation(number, f"The passage of sentence {number} shares no word with the statement.")]}]
        if number in self._cited_numbers:
            return []
        self._cited_numbers.add(number)
        about = {name: passage.metadata.get(name) for name in ("page", "heading", "line", "score", "similarity")}
        return [{"citations": [Citation(number, quote, str(passage.metadata.get("source", "")), passage.page_content, **about)]}]
