"""Turn questions and passages into terms for the keyword index."""

import functools
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from langchain_localllm.rag.ingest.normalize import normalize

_EAST_ASIAN: Final = re.compile(r"([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
"""Kana and Chinese characters, which are written without spaces between words."""
_ENDING: Final = re.compile(r"(?<=\w{3})(?:ies|ied|y|es|e|s|ed|ing)$")
_WORD: Final = re.compile(r"\w+")
_LIST: Final = (
    "a about am an and any are as at be been but by can could did do does for from had has have he her his how i if in into is it "
    "its many may me much my no not of on one or our she should so some such than that the their them then there these they this "
    "those to up us was we were what when where which who whom whose why will with would you your"
)
_COMMON: Final = frozenset(_LIST.split())
"""Stop words."""


def separated(text: str) -> str:
    """Return the text with spaces around every Chinese or Japanese character.

    Example:
        >>> separated("The 船 is blue.").split()
        ['The', '船', 'is', 'blue.']
    """
    return _EAST_ASIAN.sub(r" \1 ", normalize(text))


def search_terms(question: str) -> list[str]:
    """Return the terms for SQLite's FTS5: the words of a question without stop words, each in quotes.

    Example:
        >>> search_terms("Where is the ferry's jetty?")
        ['"ferry"', '"jetty"']
    """
    return [f'"{term}"' for term in dict.fromkeys(_terms(question))]


def content_words(text: str) -> set[str]:
    """Return the stems of the words of a text, without stop words.

    Example:
        >>> sorted(content_words("The ferries leave, and a ferry left."))
        ['ferr', 'leav', 'left']
    """
    return {_stem(term) for term in _terms(text)}


def terms_by_stem(question: str) -> dict[str, str]:
    """Return the stems of a question's words, each with its term for SQLite's FTS5.

    Example:
        >>> terms_by_stem("When does the ferry leave?")
        {'ferr': '"ferry"', 'leav': '"leave"'}
    """
    return {_stem(term): f'"{term}"' for term in _terms(question)}


@functools.lru_cache(maxsize=65536)
def _stem(term: str) -> str:
    return _ENDING.sub("", term)


def _terms(text: str) -> Iterator[str]:
    for run in _WORD.findall(normalize(text).lower()):
        parts = (run,) if run.isascii() else separated(run).split()
        if len(parts) == 1 and (len(run) > 1 or not run.isalpha()) and run not in _COMMON:
            yield run
        elif len(parts) > 1:  # pairs of characters are more specific than single ones
            yield from (f"{first} {second}" for first, second in pairwise(parts))
