"""Retrieve passages: by vectors and by words, merged by rank."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field
from typing_extensions import override

from langchain_localllm.rag.answer.sections import with_sections
from langchain_localllm.rag.index.candidates import nearest
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.threshold import find_evidence, is_answerable
from langchain_localllm.rag.profile import RagProfile
from langchain_localllm.rag.vectorstores.filters import Filter

Reranker = Callable[[str, list[Document]], Sequence[float]] | BaseDocumentCompressor
"""A document compressor of LangChain, such as `LlamaCppReranker`; or a function that takes a
question and passages, and returns a score for each, the highest of which comes first."""

_CANDIDATES: Final = 48
"""How many passages each side offers, so that merging has a choice."""
_MOST_CANDIDATES: Final = 3_000
"""With many copies of a file, the search is repeated for up to so many passages."""
_RERANKED: Final = 24
"""How many passages a reranker orders."""
_RANK: Final = 60
"""The constant of reciprocal rank fusion, as in Cormack et al. (2009): the larger, the less the
first ranks stand out."""


class HybridRetriever(BaseRetriever):
    """Retrieve passages of an index for a question, by vectors and by words.

    The nearest vectors and the best words (BM25) are merged by reciprocal rank. A passage's
    metadata gains `score` (of the merging, or of the reranker) and, where its vector was among the
    nearest, `similarity` (a cosine).

    Example:
        >>> from langchain_core.embeddings import DeterministicFakeEmbedding
        >>> from langchain_localllm.rag import LocalRAG
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (pathlib.Path(folder) / "notes.txt").write_text("The boat is blue.")
        ...     rag = LocalRAG(None, DeterministicFakeEmbedding(size=8))
        ...     report = rag.index(folder)
        ...     rag.retriever.invoke("What color is the boat?")[0].page_content
        'The boat is blue.'
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(arbitrary_types_allowed=True)

    store: Store
    """The index."""
    profile: Callable[[], RagProfile] = RagProfile
    """Returns the sizes: how far a found passage grows, and how many bytes all of them have."""
    k: int | None = Field(default=None, ge=1)
    """The most passages. Default: as many as the profile's budget holds."""
    filter: Filter | None = None
    """Metadata that a passage must have, such as `{"source": "notes/a.md"}`; a list means any of
    its values."""
    mmr: bool = False
    """Whether the vectors' side prefers passages that differ from each other (maximal marginal
    relevance)."""
    reranker: Reranker | None = None
    """Scores the merged candidates again, as a cross-encoder does. Default: none, so the order is
    that of the merging."""
    refusal_quantile: float | None = Field(default=None, ge=0, le=1)
    """The share of off-topic questions that a question must do better than, for anything to be
    found; 0 refuses nothing, and larger values refuse more. Default:
    `rag.index.threshold.default_quantile`, 0.75 for 100 passages and 0.65 for 10,000."""
    min_similarity: float | None = None
    """A fixed measure instead: the similarity from which a passage matters that shares no word with
    the question. -1 lets all pass."""

    @override
    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        near, words, documents = self._candidates(query)
        if not self._is_answerable(query, near, words, documents):
            return []
        scores = _merged([list(near), words])
        found = [
            _scored(documents[key], scores[key], near.get(key))
            for key in scores
            if key in documents
        ]
        if self.reranker and found:
            found = _reranked(self.reranker, query, found[:_RERANKED])
        sizes = self.profile().with_overrides(k=self.k)
        return with_sections(
            self.store.catalog, found, sizes.passage_size, sizes.context_bytes, sizes.k
        )

    def _candidates(self, query: str) -> tuple[dict[str, float], list[str], dict[str, Document]]:
        """Return the nearest passages with similarities, the best by words, and all by id.

        Copies of a passage count once; if they crowd out others, the search is repeated for more.
        """
        wanted = _CANDIDATES
        while True:
            near = self._by_vectors(query, wanted)
            words = self.store.catalog.search(query, wanted, self.filter)
            documents = self.store.catalog.documents(list(dict.fromkeys([*near, *words])))
            first = {document.page_content: key for key, document in reversed(documents.items())}
            kept = set(first.values())
            near_kept = {key: value for key, value in near.items() if key in kept}
            words_kept = [key for key in words if key in kept]
            crowded = any(
                len(found) >= wanted and len(left) * 2 < _CANDIDATES
                for found, left in ((near, near_kept), (words, words_kept))
            )
            if not crowded or wanted >= _MOST_CANDIDATES:
                return near_kept, words_kept, documents
            wanted *= 4

    def _by_vectors(self, query: str, wanted: int = _CANDIDATES) -> dict[str, float]:
        """Return ids and similarities of the nearest passages, nearest first."""
        return nearest(self.store, query, wanted, self.filter, mmr=self.mmr)

    def _is_answerable(
        self, query: str, near: dict[str, float], words: list[str], documents: dict[str, Document]
    ) -> bool:
        if self.min_similarity is not None:
            return bool(words) or any(
                similarity >= self.min_similarity for similarity in near.values()
            )
        return is_answerable(
            self.store,
            find_evidence(self.store, query, near, words, documents),
            self.refusal_quantile,
        )


def _merged(rankings: list[list[str]]) -> dict[str, float]:
    """Reciprocal rank fusion: ids and scores, best first; 1 is the first of every ranking."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking):
            scores[key] = scores.get(key, 0.0) + (_RANK + 1) / (_RANK + 1 + rank) / len(rankings)
    return dict(sorted(scores.items(), key=lambda item: -item[1]))


def _scored(document: Document, score: float, similarity: float | None) -> Document:
    about = {"score": round(score, 4)} | (
        {} if similarity is None else {"similarity": round(similarity, 4)}
    )
    return Document(document.page_content, id=document.id, metadata={**document.metadata, **about})


def _reranked(reranker: Reranker, query: str, found: list[Document]) -> list[Document]:
    if isinstance(reranker, BaseDocumentCompressor):
        return [
            _with_score(document, document.metadata.get("relevance_score"))
            for document in reranker.compress_documents(found, query)
        ]
    scored = [
        _with_score(document, score)
        for document, score in zip(found, reranker(query, found), strict=True)
    ]
    return sorted(scored, key=lambda document: -document.metadata["score"])


def _with_score(document: Document, score: float | None) -> Document:
    """Return the passage with another score.

    A compressor that reports none keeps the one of the merging.
    """
    metadata = {
        name: value for name, value in document.metadata.items() if name != "relevance_score"
    }
    new = {} if score is None else {"score": float(score)}
    return Document(document.page_content, id=document.id, metadata={**metadata, **new})
