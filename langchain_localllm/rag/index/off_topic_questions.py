"""Everyday questions that hardly any index answers, for `threshold.calibrate`.

It measures an index with them. They are about many subjects on purpose, so that an index that
answers some of them does not answer most. The questions of all languages but English mean the same.
"""

import functools
import json
from collections import Counter
from pathlib import Path
from typing import Final

from langchain_localllm.rag.index.text_search import content_words

_FREQUENT: Final = 1 / 16
"""The share of the questions of a language that a word must be in, to be a question word."""

QUESTIONS: Final[dict[str, list[str]]] = json.loads(
    Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
)
"""ISO 639-1 codes of languages, each with its questions: all that `rag.language` knows."""


def questions_in(language: str) -> list[str]:
    """Return the questions in a language; in English if there are none in it.

    Args:
        language: An ISO 639-1 code; empty if the language is not known.

    Example:
        >>> questions_in("de")[0]
        'Wer hat die Decke der Kapelle bemalt?'
    """
    return QUESTIONS.get(language, QUESTIONS["en"])


@functools.cache
def question_words(language: str) -> frozenset[str]:
    """Return the stems of words that many questions of a language have, whatever they are about.

    They say little about the subject of a question, and passages seldom contain them.

    Args:
        language: An ISO 639-1 code. English has only stop words, which are left out.

    Example:
        >>> sorted(question_words("es"))[:4]
        ['como', 'cual', 'cuando', 'cuanta']
    """
    questions = questions_in(language)
    counts = Counter(word for question in questions for word in content_words(question))
    return frozenset(word for word, count in counts.items() if count >= _FREQUENT * len(questions))
