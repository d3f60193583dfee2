"""Everyday questions that hardly any index answers, for `threshold.calibrate`.

It measures an index with them. They are about many subjects on purpose, so that an index that
answers some of them does not answer most. The questions of all languages but English mean the same.
"""

import json
from pathlib import Path
from typing import Final

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
