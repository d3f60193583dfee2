"""Decide whether an index contains the answer to a question.

In an index of thousands of passages, some passage is always similar to a question or shares a word
with it, so neither proves that the index has the answer. And embedding models differ: unrelated
texts have a cosine of 0.1 with one, and of 0.7 with another. So the index is calibrated: off-topic
questions are searched for in it, and a question must score better than most of them.

A question's score is the best of its candidates', which is `cosine + weight * coverage`. Coverage
is the share of the question's words that the passage contains, weighted by rarity; a word that no
passage contains has the largest weight. Half of a word's weight is for the passage itself, and half
for the passage with its neighbors, since a passage is short and seldom repeats its subject. The
weight of coverage depends on the spread of the cosines, so it suits any embedding model. At least
one candidate must contain a quarter of the words, or have a clearly higher similarity than any
off-topic question.

A question in another language than the passages shares no words with them. Where none does,
similarities alone are compared.
"""

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.rag.index.candidates import nearest
from langchain_localllm.rag.index.off_topic_questions import question_words, questions_in
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.text_search import (
    content_words,
    misspelled_in,
    stems_in,
    terms_by_stem,
)
from langchain_localllm.rag.ingest.split import above
from langchain_localllm.rag.language import known_language

_LEAST_QUANTILE: Final = 0.5
_MOST_QUANTILE: Final = 0.95
_CANDIDATES: Final = 12
"""How many candidates of each kind, by vectors and by words, are compared with a question."""
_WEIGHT: Final = 16.0
"""The weight of full coverage, in standard deviations of the off-topic questions' best cosines."""
_LEAST_COVERAGE: Final = 0.25
"""The share of the question's words that a candidate must contain; a few common words and a medium
cosine are not enough."""
_RARITY: Final = 1.5
"""The exponent of the inverse document frequency: the larger, the more rare words count."""
_FEW: Final = 30
"""The smallest number of passages in the formula: in a tiny index, a word of the only passage is
not a common one."""
_SAMPLE: Final = 48
"""How many passages are sampled to detect the language."""
_VERSION: Final = 5
"""The version of the calibration: an index with another version is calibrated again on its next
update."""
_CHANGED: Final = 0.2
"""Calibrate again when this share of the passages was added or removed."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Hold the similarity and coverage of a question's candidates.

    Hold also whether its language is another one.
    """

    similarities: Sequence[float]
    coverages: Sequence[float]
    is_foreign: bool = False

    def score(self, weight: float) -> float:
        """Return the score of the best candidate."""
        pairs = zip(self.similarities, self.coverages, strict=True)
        return max(
            (similarity + weight * coverage for similarity, coverage in pairs), default=-math.inf
        )


def find_evidence(
    store: Store,
    question: str,
    near: Mapping[str, float],
    worded: Sequence[str],
    documents: Mapping[str, Document],
) -> Evidence:
    """Compare a question with its candidates.

    Args:
        store: The index.
        question: The question.
        near: Ids and similarities of the nearest passages, nearest first.
        worded: Ids of the best passages of the keyword search, best first.
        documents: The passages by id; candidates without one are ignored.
    """
    least = min(near.values(), default=0.0)
    candidates = dict.fromkeys([*itertools.islice(near, _CANDIDATES), *worded[:_CANDIDATES]])
    live = [key for key in candidates if key in documents]
    weights, unknown = _word_weights(store, question)
    around = store.catalog.neighbors(live)
    of_index, asked = store.catalog.language, known_language(question)
    coverages = [
        _coverage(weights, unknown, documents[key], around[key], asked or of_index) for key in live
    ]
    return Evidence(
        [near.get(key, least) for key in live],
        coverages,
        is_foreign=bool(of_index and asked and asked != of_index),
    )


def default_quantile(passages: int) -> float:
    """Return the default quantile for an index of this size.

    Larger indexes answer more off-topic questions.

    Example:
        >>> round(default_quantile(100), 2), round(default_quantile(10_000), 2)
        (0.75, 0.65)
    """
    return min(_MOST_QUANTILE, max(_LEAST_QUANTILE, 0.85 - 0.05 * math.log10(max(passages, 1))))


def is_answerable(store: Store, evidence: Evidence, quantile: float | None = None) -> bool:
    """Return whether the index probably contains the answer to a question.

    Args:
        store: The index.
        evidence: What `find_evidence` returned.
        quantile: The share of off-topic questions that the question must score above; with 0 every
            question is answerable. Default: `default_quantile`.
    """
    measured: dict[str, Any] | None = store.setting("off_topic")
    if not measured or quantile == 0:
        return bool(evidence.similarities)
    quantile = default_quantile(measured["passages"]) if quantile is None else quantile
    similarity = max(evidence.similarities, default=-math.inf)
    if similarity > least_similarity(store):
        return True
    has_words = max(evidence.coverages, default=0.0) >= _LEAST_COVERAGE
    if evidence.is_foreign and not has_words and "similarities" in measured:
        return similarity >= _at(measured["similarities"], quantile)
    return has_words and evidence.score(measured["weight"]) >= _at(measured["scores"], quantile)


def _at(numbers: Sequence[float], quantile: float) -> float:
    """Return the quantile of sorted numbers."""
    return numbers[min(math.floor(quantile * len(numbers)), len(numbers) - 1)]


def least_similarity(store: Store) -> float:
    """Return the similarity above which a passage needs no word of the question.

    Off-topic questions stay below it.
    """
    return float((store.setting("off_topic") or {}).get("best_similarity", 0.0))


def calibrate(store: Store, changed: int) -> None:
    """Measure the scores of off-topic questions, unless the index has hardly changed.

    It is compared with the index at the last calibration.

    Args:
        store: The index, locked for writing.
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
    language = _language_of(store.catalog.sample(_SAMPLE))
    store.catalog.write_settings(language=language)
    found = [_evidence_of(store, question) for question in questions_in(language)]
    best = [max(each.similarities, default=0.0) for each in found]
    spread = statistics.pstdev(best)
    weight = _WEIGHT * spread
    scores = sorted(each.score(weight) for each in found)
    similarity = max(best) + spread  # so few questions have not met the most similar passage
    about = {
        "version": _VERSION,
        "passages": passages,
        "weight": weight,
        "best_similarity": similarity,
        "scores": scores,
        "similarities": sorted(best),
    }
    store.catalog.write_settings(off_topic=about, off_topic_pending=0)


def _language_of(texts: Sequence[str]) -> str:
    """Return the language of most texts; empty if it is not known."""
    known = Counter(language for language in map(known_language, texts) if language)
    return known.most_common(1)[0][0] if known else ""


def _evidence_of(store: Store, question: str) -> Evidence:
    near = nearest(store, question, _CANDIDATES)
    worded = store.catalog.search(question, _CANDIDATES)
    return find_evidence(store, question, near, worded, store.catalog.documents([*near, *worded]))


def _word_weights(store: Store, question: str) -> tuple[dict[str, float], set[str]]:
    """Return the weights of the stems of a question's words, and those that no passage contains.

    The rarer, the larger is the weight. Their sum is 1. Question words count as common.
    """
    language = known_language(question) or store.catalog.language
    terms = terms_by_stem(question, language)
    passages, counts = store.catalog.frequencies(terms.values())
    passages = max(passages, _FEW)
    common = question_words(language)
    weights = {
        stem: _weight(passages, passages // 2 if stem in common else counts[term])
        for stem, term in terms.items()
    }
    total = sum(weights.values())
    return (
        {stem: weight / total for stem, weight in weights.items()},
        {stem for stem, term in terms.items() if not counts[term]},
    )


def _weight(passages: int, count: int) -> float:
    """Return the weight of a word that so many of the passages contain."""
    return math.pow(math.log1p((passages - count + 0.5) / (count + 0.5)), _RARITY)


def _coverage(
    weights: Mapping[str, float],
    unknown: set[str],
    passage: Document,
    around: Sequence[str],
    language: str,
) -> float:
    """Return the coverage of a question by a passage; words of its neighbors count half.

    A word that no passage contains may be misspelled: it counts half where the passage has one that
    is spelled almost alike.
    """
    words = content_words(f"{above(passage.metadata)}\n{passage.page_content}")
    own = stems_in(weights, words, language)
    missing = weights.keys() - own
    nearby = (
        stems_in(missing, set().union(*map(content_words, around)), language) if missing else set()
    )
    half = nearby | misspelled_in(unknown - own, words)
    return sum(
        weight * (1.0 if stem in own else 0.5 * (stem in half)) for stem, weight in weights.items()
    )
