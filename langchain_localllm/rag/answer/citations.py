"""Numbers for the sentences of passages, so that an answer can say where it comes from."""

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
"""What may go on as a marker, with the space before it, which goes with a marker that is taken out."""
_LONGEST_MARKER: Final = 64
_NUMBER: Final = re.compile(r"\d+")
_WORD: Final = re.compile(r"\w")


def number_sentences(passages: Iterable[Document]) -> list[list[str]]:
    r"""The sentences of each passage; they are numbered from 1, on through all passages.

    A line of a list is a sentence, without its bullet.

    Example:
        >>> number_sentences([Document("Dr. Ames is in. Knock twice."), Document("- soup\n- bread")])
        [['Dr. Ames is in.', 'Knock twice.'], ['soup', 'bread']]
    """
    return [_sentences(passage.page_content) for passage in passages]


def format_passages(passages: Iterable[Document]) -> str:
    """The passages for the prompt, each sentence on a line of its own with its number.

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
    """The numbers in an answer, each with the passage that holds its sentence; a number without a passage is left out.

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
    """Where a statement of an answer comes from.

    Attributes:
        marker: The number in the answer.
        quote: The sentence with this number.
        source: The file.
        passage: The passage that holds the sentence.
        page: Its page, from 1, or `None`; the same below.
        heading: The headings above it.
        line: The line of the file in which the passage begins.
        score: How well the passage fits the question; 1 is the best in every respect.
        similarity: The cosine of the passage's and the question's vectors.
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
    """A citation that the passages do not hold, and why."""

    marker: int
    reason: str


class CitationReader:
    """Reads the citations in an answer while it comes, and takes out those that the passages do not hold.

    A number after a statement is checked at once. Of a statement after its number the first words are already told when it can be
    checked, so such a number stays in the text when it is rejected.

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
        self._held = ""  # what may be the beginning of a marker
        self._said = ""  # the sentence so far
        self._open: list[int] = []  # numbers whose statement is still to come
        self._told: set[int] = set()

    def feed(self, piece: str) -> list[dict[str, Any]]:
        """What is certain with this piece of the answer: `{"answer": text}`, `{"citations": [...]}`, `{"rejected": [...]}`."""
        text = self._held + piece
        start = _UNFINISHED.search(text)
        cut = start.start() if start and len(text) - start.start() < _LONGEST_MARKER else len(text)
        self._held = text[cut:]
        return self._read(text[:cut])

    def end(self) -> list[dict[str, Any]]:
        """What is left when the answer has ended."""
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
            return [{"rejected": [InvalidCitation(number, f"The passage of sentence {number} holds no word of the statement.")]}]
        if number in self._told:
            return []
        self._told.add(number)
        about = {name: passage.metadata.get(name) for name in ("page", "heading", "line", "score", "similarity")}
        return [{"citations": [Citation(number, quote, str(passage.metadata.get("source", "")), passage.page_content, **about)]}]
