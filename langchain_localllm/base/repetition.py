"""Notice an answer that repeats itself: the same words without end, or the same sentence."""

import re
from collections import Counter
from typing import Final

__all__ = ["RepeatedSentences", "RepetitionDetector"]

_WINDOW: Final = 4_000
"""Characters at the end of the text that are compared."""
_INTERVAL: Final = 200
"""Characters between two comparisons."""
_MIN_LENGTH: Final = 1_000
_MIN_REPEATS: Final = 5
_MIN_SENTENCES: Final = 30
_MAX_DISTINCT: Final = 1 / 8
"""Share of different sentences at the end of a text, for one that repeats a few sentences in
changing order."""
_SAME_SENTENCE: Final = 3
"""How often the same sentence ends an answer about documents."""
_LEAST_WORDS: Final = 4
"""The fewest words of such a sentence: shorter ones are items of a list."""
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|\n+")


class RepetitionDetector:
    """Watch a text that arrives in pieces.

    Args:
        min_length: Characters that repetitions must fill. Rulers of dashes and lists of zeros in
            ordinary answers are shorter than the default.

    Example:
        >>> detector = RepetitionDetector()
        >>> any(detector.is_repeating("and so on ") for _ in range(200))
        True
    """

    def __init__(self, min_length: int = _MIN_LENGTH) -> None:
        self._min_length = min_length
        self._interval = min(_INTERVAL, min_length // 4)
        self._text = ""
        self._new = 0

    def is_repeating(self, piece: str) -> bool:
        """Add a piece, and return whether the text repeats itself at its end.

        It does so with the same words at least five times over, `min_length` characters long, or
        with 30 sentences or more of which at most one in eight is new.
        """
        self._text += piece
        self._new += len(piece)
        if self._new < self._interval:
            return False
        self._new = 0
        self._text = self._text[-_WINDOW:]
        return _ends_in_repetition(self._text, self._min_length) or _ends_in_few_sentences(
            self._text
        )


class RepeatedSentences:
    """Count the sentences of an answer about documents, which has no reason to say one again.

    Example:
        >>> sentences = RepeatedSentences()
        >>> [sentences.is_repeating("The boat leaves at noon.") for _ in range(3)]
        [False, False, True]
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def is_repeating(self, sentence: str) -> bool:
        """Add a sentence, and return whether it came three times; one of three words may."""
        self._counts[sentence] += len(sentence.split()) >= _LEAST_WORDS
        return self._counts[sentence] >= _SAME_SENTENCE


def _ends_in_few_sentences(text: str) -> bool:
    sentences = _SENTENCE_END.split(text)
    return len(sentences) >= _MIN_SENTENCES and len(set(sentences)) <= _MAX_DISTINCT * len(
        sentences
    )


def _ends_in_repetition(text: str, min_length: int) -> bool:
    """Find the shortest period of each end of the text.

    It uses the failure function of Knuth, Morris and Pratt.
    """
    backwards = text[::-1]
    borders = [0] * len(backwards)
    border = 0
    for end in range(1, len(backwards)):
        while border and backwards[end] != backwards[border]:
            border = borders[border - 1]
        border += backwards[end] == backwards[border]
        borders[end] = border
        length = end + 1
        if length >= min_length and length >= _MIN_REPEATS * (length - border):
            return True
    return False
