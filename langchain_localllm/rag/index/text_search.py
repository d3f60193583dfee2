"""Turn questions and passages into terms for the keyword index.

The text of the keyword index is prepared here, so the same rules hold for passages and questions:

- ligatures, wide letters, accents and the vowel signs of Arabic and Hebrew do not count
  (`plain_letters`);
- scripts without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) are searched
  by pairs of characters or syllables, and Korean too, whose endings are attached to the word;
- endings of words do not count: those of English are removed by the Porter stemmer of SQLite, and
  in other languages with an alphabet a word is searched by its beginning;
- in German and Dutch, a word is also found at the end of a compound, and a compound by its parts.
"""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Final

import regex

from langchain_localllm.rag.ingest.normalize import normalize
from langchain_localllm.rag.language import known_language, language_of

VERSION: Final = 2
"""The version of the rules; the keyword index of an index with another one is made again on its
next update."""

_UNSPACED: Final = regex.compile(
    r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\u30fc]"
    r"|[\u0e40-\u0e44\u0ec0-\u0ec4]?[\p{Thai}\p{Lao}]\p{M}*[\u0e30\u0e32\u0e33\u0eb0\u0eb2\u0eb3]?"
    r"|\p{Khmer}(?:\u17d2\p{Khmer}|\p{M})*"
    r"|\p{Myanmar}(?:\u1039\p{Myanmar}|\p{M})*)"
)
"""A character or syllable of a script whose words are not separated."""
_MARKS: Final = re.compile("[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]")
"""Accents, and signs that Arabic and Hebrew are mostly written without."""
_LETTERS: Final = str.maketrans(
    {
        "ß": "ss",
        "œ": "oe",
        "æ": "ae",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ı": "i",
        "ة": "ه",
        "ى": "ي",
        "ς": "σ",
    }
)
_ENDING: Final = re.compile(r"(?<=\w{3})(?:ies|ied|y|es|e|s|ed|ing)$")
_WORD: Final = regex.compile(r"[\w\p{M}]+")
_ARTICLE: Final = re.compile(r"(?<!\w)[\u0648\u0641\u0628\u0643]?\u0627\u0644(?=\w{3})")
"""The Arabic article, which is attached to the word, also after a short preposition."""
_LIST: Final = (
    "a about am an and any are as at be been but by can could did do does for from had has have "
    "he her his how i if in into is it its many may me much my no not of on one or our she should "
    "so some such than that the their them then there these they this those to up us was we were "
    "what when where which who whom whose why will with would you your"
)
_COMMON: Final = frozenset(_LIST.split())
"""Stop words."""
_WHOLE_WORDS: Final = frozenset({"", "en", "zh", "ja", "ko"})
"""Languages in whose questions a Latin word is searched for as it is: the stemmer removes the
endings of English."""
_COMPOUNDING: Final = frozenset({"de", "nl"})
"""Languages whose long words are made of others."""
_SHORTEST_PART: Final = 4
_SHORTEST_COMPOUND: Final = 8
_SHORTEST_MISSPELLED: Final = 5
_TWO_ERRORS_FROM: Final = 6
"""Letters of a word that is compared by its spelling, and of one that may have two errors, as with
`fuzziness: AUTO` of Elasticsearch."""
_BEGINNING: Final = 0.7
"""The share of a word's letters that its forms have in common."""
_LINKS: Final = ("", "s", "es", "n", "en", "er", "e")
"""What can be between the parts of a compound."""
_BACKWARD: Final = "qxq"
"""Begins a term of the keyword index that is a word backward: its beginning is the end of the
word."""


def indexed_text(text: str) -> str:
    """Return a passage as the keyword index has it.

    Example:
        >>> indexed_text("The 船 is blue.").split()
        ['the', '船', 'is', 'blue.']
    """
    plain = separated(plain_letters(text))
    if language_of(text) not in _COMPOUNDING:
        return plain
    long = dict.fromkeys(
        word for word in _WORD.findall(plain) if len(word) >= _SHORTEST_COMPOUND and word.isalpha()
    )
    return " ".join([plain, *(_BACKWARD + word[::-1] for word in long)])


def separated(text: str) -> str:
    """Return the text with spaces around every character or syllable of a script without spaces.

    Example:
        >>> separated("The 船 is blue.").split(), separated("เรือสีฟ้า").split()
        (['The', '船', 'is', 'blue.'], ['เรื', 'อ', 'สี', 'ฟ้า'])
    """
    text = normalize(text)
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)


def plain_letters(text: str) -> str:
    """Return the text in small letters without accents.

    Example:
        >>> plain_letters("Große Cafés in Łódź")
        'grosse cafes in lodz'
    """
    text = text.lower()
    if text.isascii():
        return text
    split = unicodedata.normalize("NFD", normalize(text).translate(_LETTERS))
    return _ARTICLE.sub("", unicodedata.normalize("NFC", _MARKS.sub("", split)))


def search_terms(question: str, language: str = "") -> list[str]:
    """Return the terms for SQLite's FTS5: the words of a question without stop words.

    Args:
        question: The question.
        language: The language of the index, as an ISO 639-1 code, for a question that does not show
            its own.

    Example:
        >>> search_terms("Where is the ferry's jetty?")
        ['"ferry"', '"jetty"']
        >>> search_terms("船在哪里?")
        ['"船 在"', '"在 哪"', '"哪 里"']
        >>> search_terms("¿Dónde está la barca?")
        ['("donde" OR "dond"*)', '("esta" OR "esta"*)', '"la"', '("barca" OR "barc"*)']
        >>> search_terms("Boot", "de")  # also at the end of a compound, which is indexed backward
        ['("boot" OR "boot"* OR "qxqtoob"*)']
    """
    language = known_language(question) or language
    return [_term(word, language) for word in dict.fromkeys(_terms(question))]


def compound_parts(word: str, is_known: Callable[[str], bool]) -> list[str]:
    """Return the terms for the two parts of a compound, if both are words of the index.

    Args:
        word: A word of a question.
        is_known: Whether a term is in the index.

    Example:
        >>> compound_parts("ruderboote", {'"ruder"', '"boot"*'}.__contains__)
        ['"ruder"', '"boot"*']
    """
    for end in range(len(word) - _SHORTEST_PART, _SHORTEST_PART - 1, -1):
        last = f'"{_beginning(word[end:])}"*'
        for first in dict.fromkeys(word[:end].removesuffix(link) for link in _LINKS):
            if len(first) >= _SHORTEST_PART and is_known(f'"{first}"') and is_known(last):
                return [f'"{first}"', last]
    return []


def compounds_of(question: str, language: str = "") -> list[str]:
    """Return the words of a question that can be compounds.

    Example:
        >>> compounds_of("Wo liegen die Ruderboote?"), compounds_of("Where are the rowing-boats?")
        (['ruderboote'], [])
    """
    if (known_language(question) or language) not in _COMPOUNDING:
        return []
    return [
        word
        for word in dict.fromkeys(_terms(question))
        if len(word) >= _SHORTEST_COMPOUND and word.isalpha()
    ]


def content_words(text: str) -> set[str]:
    """Return the stems of the words of a text, without stop words.

    Example:
        >>> sorted(content_words("The ferries leave, and a ferry left."))
        ['ferr', 'leav', 'left']
    """
    return {_stem(term) for term in _terms(text)}


def terms_by_stem(question: str, language: str = "") -> dict[str, str]:
    """Return the stems of a question's words, each with its term for SQLite's FTS5.

    Example:
        >>> terms_by_stem("When does the ferry leave?")
        {'ferr': '"ferry"', 'leav': '"leave"'}
    """
    language = known_language(question) or language
    return {_stem(word): _term(word, language) for word in _terms(question)}


def stems_in(stems: Iterable[str], words: set[str], language: str) -> set[str]:
    """Return the stems of a question that a passage contains.

    They may be in another form or within a compound.

    Args:
        stems: Stems of the question's words.
        words: What `content_words` returned for the passage.
        language: The language of the question.

    Example:
        >>> sorted(stems_in({"boot", "segel"}, content_words("Das Ruderboot leckt."), "de"))
        ['boot']
    """
    stems = set(stems)
    found = stems & words
    for stem in stems - found:
        if (
            len(stem) < _SHORTEST_PART
            or not stem.isalpha()
            or (stem.isascii() and language in _WHOLE_WORDS)
        ):
            continue
        beginning = _beginning(stem)
        compounding = language in _COMPOUNDING
        if any(
            word.startswith(beginning) or (compounding and word.endswith(stem)) for word in words
        ):
            found.add(stem)
    return found


def misspelled_in(stems: Iterable[str], words: set[str]) -> set[str]:
    """Return the stems of a question that a passage spells almost alike.

    One letter may be missing, added, changed or swapped with the next one; two in a stem of six or
    more letters. The first letter must be the same. Short stems and numbers are not compared.

    Args:
        stems: Stems of the question's words that no passage contains.
        words: What `content_words` returned for the passage.

    Example:
        >>> sorted(misspelled_in({"ghandi", "2035", "boot"}, {"gandhi", "2036", "boat"}))
        ['ghandi']
    """
    return {
        stem
        for stem in stems
        if len(stem) >= _SHORTEST_MISSPELLED
        and stem.isalpha()
        and any(
            word[0] == stem[0] and _is_alike(stem, word, 1 + (len(stem) >= _TWO_ERRORS_FROM))
            for word in words
        )
    }


def _is_alike(one: str, other: str, errors: int) -> bool:
    """Return whether at most so many letters are missing, added, changed or swapped."""
    if not one or not other:
        return len(one) + len(other) <= errors
    if one[0] == other[0]:
        return _is_alike(one[1:], other[1:], errors)
    if abs(len(one) - len(other)) > errors or not errors:
        return False
    rests = [(one[1:], other[1:]), (one[1:], other), (one, other[1:])]
    if one[1::-1] == other[:2]:
        rests.append((one[2:], other[2:]))
    return any(_is_alike(*rest, errors - 1) for rest in rests)


@functools.lru_cache(maxsize=65536)
def _stem(term: str) -> str:
    return _ENDING.sub("", term)


def _term(word: str, language: str) -> str:
    """Return a word as a term for FTS5; the word itself counts more than other forms of it."""
    if (
        len(word) < _SHORTEST_PART
        or not word.isalpha()
        or (word.isascii() and language in _WHOLE_WORDS)
    ):
        return f'"{word}"'
    forms = [f'"{word}"', f'"{_beginning(word)}"*']
    if language in _COMPOUNDING:
        forms.append(f'"{_BACKWARD}{word[::-1]}"*')
    return f"({' OR '.join(forms)})"


def _beginning(word: str) -> str:
    """Return a word without what may be its ending."""
    return word[: max(_SHORTEST_PART, int(_BEGINNING * len(word)))]


def _terms(text: str) -> Iterator[str]:
    single: list[str] = []
    has_terms = False
    for run in _WORD.findall(plain_letters(text)):
        parts = (run,) if run.isascii() else separated(run).split()
        found = [run] if run not in _COMMON else []
        if len(parts) > 1:  # pairs of characters are more specific than single ones
            found = [f"{first} {second}" for first, second in pairwise(parts)]
        elif len(run) == 1 and run.isalpha():
            single += found if _UNSPACED.match(run) else []
            continue
        has_terms = has_terms or bool(found)
        yield from found
    if not has_terms:
        yield from single
