"""Choose where the token vectors start: what the word list knows of meaning and weight.

They are those of the embedding model. Near-synonyms start near each other, neighbours in the list
and words of one theme a little nearer than others, forms of a word on the same vector, small words
with little weight. Every vector has the same length once the model has normalised it, so a word's
weight is kept in the first dimensions: what is there is missing elsewhere, and the last
normalisation drops it.
"""

from __future__ import annotations

import numpy as np

from .embed_model import DROPPED
from .embed_tokens import ENDINGS, SPECIAL, START, stem
from .embed_words import IRREGULAR, LEXICON, STOP_WORDS

# Shares of a word's vector (squared): the word itself, its meaning, the two meanings beside it in
# the list, its theme.
OWN, MEANING, BESIDE, THEME = 0.3, 0.5, 0.025, 0.08


def weight(piece: str) -> float:
    """How much a piece matters at the start, from 0 to 1."""
    body = piece.removeprefix(START)
    if piece in SPECIAL or not any(c.isalnum() for c in body):
        return 0.1
    if piece.startswith(START) and body in STOP_WORDS:
        return 0.15
    if not piece.startswith(START) and body in ENDINGS:
        return 0.2
    if not body.isascii():
        return 0.6
    by_length = (0.35, 0.6, 0.8, 1.0) if piece.startswith(START) else (0.3, 0.5, 0.7, 0.8)
    return by_length[min(len(body), 4) - 1]


def relatives() -> dict[str, str]:
    """Word forms and stems to the plain word on whose vector they start."""
    found = {form: plain for plain, forms in IRREGULAR.items() for form in forms.split()}
    plain_words = {w for theme in LEXICON.values() for meaning in theme.meanings() for w in meaning}
    found |= {stem(w): w for w in sorted(plain_words) if stem(w) not in plain_words}
    return {form: plain for form, plain in found.items() if form not in STOP_WORDS}


def start_vectors(pieces: list[str], width: int, seed: int = 1) -> np.ndarray:
    """Token vectors, shape (pieces, width), 32-bit."""
    rng = np.random.default_rng(seed)
    own: dict[str, np.ndarray] = {}

    def unit(name: str) -> np.ndarray:
        if name not in own:
            vector = rng.normal(size=width)
            vector[:DROPPED] = 0
            own[name] = vector / np.linalg.norm(vector)
        return own[name]

    known: dict[str, np.ndarray] = {}
    for theme, entry in LEXICON.items():
        for part in (entry.things, entry.actions, entry.qualities):
            for number, meaning in enumerate(part):
                beside = [
                    unit(" ".join(m)) for m in part[max(0, number - 1) : number + 2] if m != meaning
                ]
                vector = (
                    MEANING**0.5 * unit(" ".join(meaning))
                    + BESIDE**0.5 * sum(beside)
                    + THEME**0.5 * unit(f"theme {theme}")
                )
                for word in meaning:
                    known[word] = known.get(word, 0) + vector
    same = relatives()
    vectors = np.zeros((len(pieces), width))
    for row, piece in enumerate(pieces):
        body = piece.removeprefix(START)
        plain = same.get(body, body)
        content = OWN**0.5 * unit(f"word {plain}")
        # short pieces are parts of other words more often than not
        if plain in known and len(body) > 2:
            content = content + (1 - OWN) ** 0.5 * known[plain] / np.linalg.norm(known[plain])
        content *= weight(piece) / np.linalg.norm(content)
        # their sum must be 0
        content[:DROPPED] = ((1 - weight(piece) ** 2) / DROPPED) ** 0.5 * (-1.0) ** np.arange(
            DROPPED
        )
        vectors[row] = content * width**0.5
    return vectors.astype(np.float32)
