"""Find the sentence of the passages that supports a sentence of an answer.

The model does not help. Many small models never name their sources. So the words of each sentence
are compared with every sentence of the passages: words, numbers and names count by how much they
say, and a word in the same sentence counts more than one next to it or elsewhere in the passage.
Where the words differ, as in a paraphrase or another language, an embedding model can be asked.

A number or a name that is neither in the passage nor in the question contradicts it: such a
sentence is not supported, however many of its words are.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.rag.answer.dates import is_month, parts_of_date, read_dates
from langchain_localllm.rag.index.text_search import content_words
from langchain_localllm.rag.ingest.split import above
from langchain_localllm.rag.language import language_of

EmbedTexts = Callable[[list[str]], list[list[float]]]
"""A function from texts to vectors, such as `Embeddings.embed_documents`."""

_NUMBER: Final = re.compile(r"\d+(?:[.,:\u2019' \u00a0\u202f]\d{3}(?!\d))*(?:[.,:/]\d+)*")
_SEPARATORS: Final = re.compile(r"[,\u2019' \u00a0\u202f](?=\d{3}(?!\d))")
_DIGITS: Final = {
    word: str(number)
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ]
    )
}
"""Numbers that are as often written as words; in other languages numbers in words are compared as
words."""
_DECIMALS_WITH_COMMA: Final = re.compile(
    r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}|0,\d+|\d+,(?:\d{1,2}|\d{4,})"
)
"""Numbers as most of Europe writes them: `1.234,50`."""
_THOUSAND: Final = re.compile(r"[1-9]\d{0,2}\.\d{3}")
"""A number whose dot may separate thousands: `1.234`."""
_NAME: Final = re.compile(r"(?<=[\w,;)] )[\"\u201c(]?([^\W\d_a-z][\w\u2019'-]+)")
"""A word with a capital letter within a sentence."""
_CAPITALIZED_NOUNS: Final = 0.3
"""From this share of capitalized words on, a language writes its nouns so, as German does, and they
are not names."""
_WORD: Final = re.compile(r"[^\W\d_]{2,}")

_NEXT_TO: Final = 0.5
_ELSEWHERE: Final = 0.1
"""What a word counts that is in a neighboring sentence or the heading, or elsewhere in the passage,
instead of 1."""
_NUMBER_WEIGHT: Final = 2.0
_NAME_WEIGHT: Final = 1.5
_ASKED_WEIGHT: Final = 0.3
"""What a word of the question counts: models repeat it, whether the passages say so or not."""
_FEW_WORDS: Final = 3
_TIE_BREAK: Final = 0.2
"""How much the words of the question count in choosing one of several sentences that support an
answer."""
_LEAST_SCORE: Final = 0.6
"""The share of a sentence that must be found for it to be supported."""
_LEAST_SIMILARITY: Final = 0.8
"""Or the cosine of the two sentences, as for a paraphrase or an answer in another language."""
_COMMON_PREFIX: Final = 0.7
"""The share of two words that must be the same from their beginning, for them to be forms of one
word."""
_SHORTEST_PREFIX: Final = 4


@dataclass(frozen=True, slots=True)
class Support:
    """Hold how well a sentence is supported.

    Attributes:
        number: The number of the best sentence of the passages, from 1, as in the prompt; 0 if none
            has anything of it.
        score: The share of the sentence that the passage contains, from 0 to 1.
        missing: Numbers and names that are neither in the passage nor in the question.
        supported: Whether the passage supports it.
    """

    number: int
    score: float
    missing: tuple[str, ...]
    supported: bool


class SupportFinder:
    """Find support in the passages that a model was given.

    Args:
        passages: The passages.
        sentences: The sentences of each, as `number_sentences` returns them.
        question: The question that was asked.
        embed: Embeds texts, to recognize a paraphrase. Default: words and numbers alone decide.

    Example:
        >>> passage = Document("The boat is blue. It was built in 1954.")
        >>> sentences = [["The boat is blue.", "It was built in 1954."]]
        >>> finder = SupportFinder([passage], sentences, "When was the boat built?")
        >>> finder.find("The boat was built in 1954.").number
        2
        >>> finder.find("The boat was built in 1953.").missing
        ('1953',)
    """

    def __init__(
        self,
        passages: Sequence[Document],
        sentences: Sequence[Sequence[str]],
        question: str = "",
        embed: EmbedTexts | None = None,
    ) -> None:
        self._texts = [sentence for each in sentences for sentence in each]
        self._embed = embed
        self._vectors: list[list[float]] = []
        self._asked = _terms(question)
        self._given = _terms(question, all_forms=True)
        self._found: dict[tuple[str, int], Support | None] = {}
        self._candidates: list[_Candidate] = []
        for passage, each in zip(passages, sentences, strict=True):
            heading = _terms(above(passage.metadata), all_forms=True)
            terms = [_terms(sentence, all_forms=True) for sentence in each]
            whole = _Lookup(set().union(heading, *terms))
            for place, own in enumerate(terms):
                near = set().union(heading, *terms[max(place - 1, 0) : place + 2])
                self._candidates.append(_Candidate(_Lookup(own), _Lookup(near), whole))
        self._has_capitalized_nouns = _has_capitalized_nouns(self._texts)

    def find(self, statement: str, number: int = 0) -> Support | None:
        """Return the best support of a sentence, or `None` if it has no words.

        Args:
            statement: The sentence of the answer.
            number: The number of the sentence that the model cites: then only its passage counts,
                and this sentence comes before others that support as much.
        """
        key = (statement, number)
        if key not in self._found:
            self._found[key] = self._find(statement, number)
        return self._found[key]

    def _find(self, statement: str, number: int) -> Support | None:
        terms = _terms(statement)
        if not terms:
            return None
        if not self._candidates:
            return Support(0, 0.0, (), supported=False)
        names = set() if self._has_capitalized_nouns else _names(statement)
        weights = {
            term: _weight(term, names) * (_ASKED_WEIGHT if term in self._asked else 1.0)
            for term in terms
        }
        if len(terms) < _FEW_WORDS:  # such as "four": the question says what of
            weights |= {term: _ASKED_WEIGHT * _weight(term, names) for term in self._asked - terms}
        places: Sequence[int] = range(len(self._candidates))
        if number:
            passage = self._candidates[number - 1].passage
            places = [place for place in places if self._candidates[place].passage is passage]
        scores = {place: self._candidates[place].score(weights) for place in places}
        asked = dict.fromkeys(self._asked, 1.0)
        ranks = {
            place: score + _TIE_BREAK * self._candidates[place].score(asked)
            for place, score in scores.items()
        }
        best = max(ranks, key=lambda place: (round(ranks[place], 6), place == number - 1))
        passage = self._candidates[best].passage
        near = self._candidates[best].near
        numbers = {
            term
            for term in terms
            if _is_number(term) and term not in (passage if is_month(term) else near)
        }
        missing = tuple(
            sorted((numbers | {name for name in names if name not in passage}) - self._given)
        )
        if missing or scores[best] >= _LEAST_SCORE:
            return Support(
                best + 1 if scores[best] else 0,
                round(scores[best], 3),
                missing,
                supported=not missing,
            )
        similar = self._most_similar(statement, places) if self._embed else None
        return similar or Support(
            best + 1 if scores[best] else 0, round(scores[best], 3), (), supported=False
        )

    def _most_similar(self, statement: str, places: Sequence[int]) -> Support | None:
        """Return the support that the embedding model finds, if it does."""
        if self._embed is None:
            return None
        if not self._vectors:
            self._vectors = self._embed(self._texts)
        [vector] = self._embed([statement])
        similarities = {place: _cosine(vector, self._vectors[place]) for place in places}
        best = max(similarities, key=lambda place: similarities[place])
        return (
            Support(best + 1, round(similarities[best], 3), (), supported=True)
            if similarities[best] >= _LEAST_SIMILARITY
            else None
        )


class _Lookup:
    """Words, and their other forms."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = set(words)
        self._by_beginning: dict[str, list[str]] = {}
        for word in self._words:
            self._by_beginning.setdefault(word[:_SHORTEST_PREFIX], []).append(word)

    def __contains__(self, word: str) -> bool:
        if word in self._words:
            return True
        if _is_number(word):
            return any(self._words.issuperset(terms) for terms in _other_forms(word))
        if len(word) < _SHORTEST_PREFIX:
            return False
        return any(
            _is_same_word(word, other)
            for other in self._by_beginning.get(word[:_SHORTEST_PREFIX], ())
        )


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A sentence, with what is around it."""

    own: _Lookup
    near: _Lookup
    passage: _Lookup

    def score(self, weights: dict[str, float]) -> float:
        found = 0.0
        for term, weight in weights.items():
            if term in self.passage:
                found += weight * (
                    1.0 if term in self.own else _NEXT_TO if term in self.near else _ELSEWHERE
                )
        return found / sum(weights.values()) if weights else 0.0


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    length = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / length if length else 0.0


def _is_same_word(one: str, other: str) -> bool:
    common = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return common >= _COMMON_PREFIX * max(len(one), len(other))


def _terms(text: str, *, all_forms: bool = False) -> set[str]:
    """Return the stems of a text's words, and its numbers and dates in one spelling.

    Args:
        text: The text.
        all_forms: Whether to add what the text says as well: the year of a date, for one.
    """
    dates, rest = read_dates(text)
    numbers = {_number(number) for number in _NUMBER.findall(rest)}
    thousands = {number for number in numbers if _THOUSAND.fullmatch(number)}
    if all_forms and thousands and language_of(text) != "en":
        numbers |= {number.replace(".", "") for number in thousands}
    plain = _NUMBER.sub(" ", text if all_forms else rest).replace("[", " ")
    words = {_DIGITS.get(word, word) for word in content_words(plain)}
    return numbers | words | {term for date in dates for term in date.terms(all_forms=all_forms)}


def _number(written: str) -> str:
    """Return a number without separators of thousands, and with a dot before its decimals."""
    number = re.sub(r"[\u2019' \u00a0\u202f]", "", written).rstrip(".,:")
    if _DECIMALS_WITH_COMMA.fullmatch(number):
        number = number.replace(".", "").replace(",", ".")
    return _SEPARATORS.sub("", number).removesuffix(".00")


def _other_forms(number: str) -> Iterator[set[str]]:
    """Yield what says the same as a number or a date."""
    if _THOUSAND.fullmatch(number):
        yield {number.replace(".", "")}
    yield from parts_of_date(number)


def _is_number(term: str) -> bool:
    return term[0].isdigit() or is_month(term)


def _names(sentence: str) -> set[str]:
    _, rest = read_dates(sentence)
    return set().union(*(content_words(name) for name in _NAME.findall(rest)))


def _has_capitalized_nouns(sentences: Sequence[str]) -> bool:
    words = [word for sentence in sentences for word in _WORD.findall(sentence)[1:]]
    return bool(words) and sum(word[0].isupper() for word in words) >= _CAPITALIZED_NOUNS * len(
        words
    )


def _weight(term: str, names: set[str]) -> float:
    return _NUMBER_WEIGHT if _is_number(term) else _NAME_WEIGHT if term in names else 1.0
