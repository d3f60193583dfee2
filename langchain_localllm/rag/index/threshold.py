"""Whether an index holds the answer to a question.

In an index of thousands of passages something is always near to a question, or shares a word with it, so neither shows that the
answer is there. And embedding models differ: with one, unrelated texts have a cosine of 0.1, with another of 0.7. So the index
itself is measured: questions that it hardly answers are searched for in it, and a question must do better than most of them.

A question's score is the best of its candidates', which is `cosine + weight * coverage`. Coverage is the share of the question's
words that the passage holds, where a rare word counts more than a common one, and a word that no passage holds counts most. A word
counts half by the passage itself and half by the passage with the ones before and after it, since a passage is short and seldom
repeats its subject. The weight follows from how far the cosines of the questions differ, so it suits any embedding model. One
candidate must hold a quarter of the words, or be nearer than any off-topic question came.
"""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.rag.index.candidates import nearest
from langchain_localllm.rag.index.off_topic_questions import questions_like
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.text_search import content_words, terms_by_stem

_LEAST_QUANTILE: Final = 0.5
_MOST_QUANTILE: Final = 0.95
_CANDIDATES: Final = 12
"""Passages of each kind, by vector and by words, that a question is judged by."""
_WEIGHT: Final = 16.0
"""How many standard deviations of the off-topic questions' best cosines full coverage counts."""
_LEAST_COVERAGE: Final = 0.25
"""The share of the question's words that a candidate must hold, lest a few common words and a middling cosine are enough."""
_RARITY: Final = 1.5
"""The power of inverse document frequency: the larger, the more a rare word counts."""
_FEW: Final = 30
"""Passages that a smaller index is treated as having, since a word that its only passage holds is not a common one."""
_SAMPLE: Final = 48
"""Passages that the language is recognized by."""
_VERSION: Final = 2
"""The version of this measure: an index that was measured by another is measured again on its next update."""
_CHANGED: Final = 0.2
"""The index is measured again when so large a part of its passages is new or gone."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for an answer to a question: the `similarity` and the `coverage` of each candidate."""

    similarities: Sequence[float]
    coverages: Sequence[float]

    def score(self, weight: float) -> float:
        """Return how much the best candidate has to do with the question."""
        pairs = zip(self.similarities, self.coverages, strict=True)
        return max((similarity + weight * coverage for similarity, coverage in pairs), default=-math.inf)


def find_evidence(
    store: Store, question: str, near: Mapping[str, float], worded: Sequence[str], documents: Mapping[str, Document]
) -> Evidence:
    """Compare a question with its candidates.

    Args:
        store: The index.
        question: The question.
        near: Ids and similarities of the nearest passages, nearest first.
        worded: Ids of the passages with the best words, best first.
        documents: The passages themselves; one that is missing here does not count.
    """
    least = min(near.values(), default=0.0)
    candidates = dict.fromkeys([*itertools.islice(near, _CANDIDATES), *worded[:_CANDIDATES]])
    live = [key for key in candidates if key in documents]
    weights = _word_weights(store, question)
    around = store.catalog.neighbors(live)
    return Evidence([near.get(key, least) for key in live], [_coverage(weights, documents[key], around[key]) for key in live])


def default_quantile(passages: int) -> float:
    """Return the share of off-topic questions that an index of a size refuses by default: the larger, the more of them it answers.

    Example:
        >>> round(default_quantile(100), 2), round(default_quantile(10_000), 2)
        (0.89, 0.74)
    """
    return min(_MOST_QUANTILE, max(_LEAST_QUANTILE, 1.04 - 0.075 * math.log10(max(passages, 1))))


def is_answerable(store: Store, evidence: Evidence, quantile: float | None = None) -> bool:
    """Return whether the index seems to hold the answer to a question.

    Args:
        store: The index.
        evidence: What `find_evidence` returned.
        quantile: The share of off-topic questions that the question must do better than; with 0 every question is answerable.
            Default: `default_quantile`.
    """
    measured: dict[str, Any] | None = store.setting("off_topic")
    if not measured or quantile == 0:
        return bool(evidence.similarities)
    scores: list[float] = measured["scores"]
    quantile = default_quantile(measured["passages"]) if quantile is None else quantile
    threshold = scores[min(math.floor(quantile * len(scores)), len(scores) - 1)]
    if max(evidence.similarities, default=-math.inf) > least_similarity(store):  # a question in another language shares no word
        return True
    return max(evidence.coverages, default=0.0) >= _LEAST_COVERAGE and evidence.score(measured["weight"]) >= threshold


def least_similarity(store: Store) -> float:
    """Return the similarity above which a passage counts without a word of the question: no off-topic question comes so near."""
    return float((store.setting("off_topic") or {}).get("best_similarity", 0.0))


def calibrate(store: Store, changed: int) -> None:
    """Measure how well off-topic questions do, unless the index has hardly changed since that was measured.

    Args:
        store: The index, held for writing.
        changed: How many passages were added or removed since the last call.
    """
    passages = store.catalog.counts().passages
    measured = store.setting("off_topic")
    current = measured and measured.get("version") == _VERSION
    pending = (store.setting("off_topic_pending") or 0) + changed
    if not passages or (current and pending < _CHANGED * max(passages, measured["passages"])):
        if changed:
            store.catalog.write_settings(off_topic_pending=pending)
        return
    found = [_evidence_of(store, question) for question in questions_like(store.catalog.sample(_SAMPLE))]
    best = [max(each.similarities, default=0.0) for each in found]
    weight = _WEIGHT * statistics.pstdev(best)
    scores = sorted(each.score(weight) for each in found)
    about = {"version": _VERSION, "passages": passages, "weight": weight, "best_similarity": max(best), "scores": scores}
    store.catalog.write_settings(off_topic=about, off_topic_pending=0)


def _evidence_of(store: Store, question: str) -> Evidence:
    near = nearest(store, question, _CANDIDATES)
    worded = store.catalog.search(question, _CANDIDATES)
    return find_evidence(store, question, near, worded, store.catalog.documents([*near, *worded]))


def _word_weights(store: Store, question: str) -> dict[str, float]:
    """Return the stems of a question's words, each with its share of the whole: the rarer, the larger."""
    terms = terms_by_stem(question)
    passages, counts = store.catalog.frequencies(terms.values())
    passages = max(passages, _FEW)
    weights = {stem: math.log1p((passages - counts[term] + 0.5) / (counts[term] + 0.5)) ** _RARITY for stem, term in terms.items()}
    total = sum(weights.values())
    return {stem: weight / total for stem, weight in weights.items()} if total else {}


def _coverage(weights: Mapping[str, float], passage: Document, around: Sequence[str]) -> float:
    """Return the share of a question's words in a passage: the mean of those in itself, and in itself and its neighbors."""
    words = content_words(f"{passage.metadata.get('heading', '')}\n{passage.page_content}")
    missing = [stem for stem in weights if stem not in words]
    beside = set().union(*map(content_words, around)) if missing else set()
    return sum(weight * (1.0 if stem in words else 0.5 * (stem in beside)) for stem, weight in weights.items())
