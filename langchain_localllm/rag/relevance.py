"""How near a passage must be to a question to matter.

Embedding models differ: with one, texts that have nothing in common are at 0.1, with another at 0.7. So the measure is taken from
the index itself: how near its passages are to each other by chance. What shares a word with the question counts in any case.
"""

from typing import Final

from langchain_localllm.rag.store import Store

_SAMPLE: Final = 48
_GROWN: Final = 2
"""The measure is taken again when the index has so many times the passages, or that part of them."""


def calibrate(store: Store) -> None:
    """Measure how near passages are to each other by chance, unless that is known well enough."""
    passages = store.catalogue.counts().passages
    known = store.setting("measured_passages") or 0
    if passages < _GROWN or known / _GROWN < passages < known * _GROWN:
        return
    import numpy as np

    vectors = np.asarray(store.embeddings.embed_documents(store.catalogue.sample(_SAMPLE)))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    store.catalogue.write_settings(measured_passages=passages, least_similarity=float(pairs.mean() + pairs.std()))


def least_similarity(store: Store) -> float:
    """The similarity below which a passage that shares no word with the question does not matter."""
    return float(store.setting("least_similarity") or 0.0)
