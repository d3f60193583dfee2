"""Finding passages: by vectors and by words, merged."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field
from typing_extensions import override

from langchain_localllm.rag.defaults import PASSAGES
from langchain_localllm.rag.relevance import least_similarity
from langchain_localllm.rag.store import Store
from langchain_localllm.rag.vectors import Filter, similarity_of, store_filter

Reranker = Callable[[str, list[Document]], Sequence[float]]
"""Takes a question and passages, and gives a score for each; the highest comes first."""

_WIDER: Final = 4
"""How many times the wanted passages each side offers, so that merging has a choice."""
_RANK: Final = 60
"""The constant of reciprocal rank fusion, as in Cormack et al. (2009): the larger, the less the first ranks stand out."""


class HybridRetriever(BaseRetriever):
    """Passages of an index for a question: the nearest vectors and the best words (BM25), merged by reciprocal rank.

    A passage's metadata gains `score` (of the merging, or of the reranker) and, where its vector was among the nearest,
    `similarity` (a cosine).

    Example:
        >>> from langchain_core.embeddings import DeterministicFakeEmbedding
        >>> from langchain_localllm.rag import LocalRAG
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (pathlib.Path(folder) / "notes.txt").write_text("The boat is blue.")
        ...     rag = LocalRAG(None, DeterministicFakeEmbedding(size=8))
        ...     report = rag.index(folder)
        ...     rag.retriever.invoke("What colour is the boat?")[0].page_content
        'The boat is blue.'
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(arbitrary_types_allowed=True)

    store: Store
    """The index."""
    k: int = Field(default=PASSAGES, ge=1)
    """How many passages are wanted."""
    filter: Filter | None = None
    """Metadata that a passage must have, such as `{"source": "notes/a.md"}`; a list stands for any of its values."""
    mmr: bool = False
    """Whether the vectors' side prefers passages that differ from each other (maximal marginal relevance)."""
    reranker: Reranker | None = None
    """Scores the merged candidates anew, such as a cross-encoder does."""
    min_similarity: float | None = None
    """The similarity from which a passage matters that shares no word with the question. Default: what the index's passages have
    among each other by chance; -1 lets all pass."""

    @override
    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any) -> list[Document]:
        near = self._by_vectors(query)
        words = self.store.catalogue.search(query, self.k * _WIDER, self.filter)
        least = least_similarity(self.store) if self.min_similarity is None else self.min_similarity
        if not words and not any(similarity >= least for similarity in near.values()):
            return []
        scores = _merged([list(near), words])
        documents = self.store.catalogue.documents(list(scores))
        found = [_scored(documents[key], scores[key], near.get(key)) for key in scores if key in documents]
        found = list({document.page_content: document for document in reversed(found)}.values())[
            ::-1
        ]  # copies of a file count once
        if self.reranker and found:
            found = _reranked(self.reranker, query, found)
        return found[: self.k]

    def _by_vectors(self, query: str) -> dict[str, float]:
        """Ids and similarities of the nearest passages, nearest first."""
        if self.store.catalogue.is_empty:
            return {}
        vectors = self.store.vectors
        wanted = {"filter": store_filter(vectors, self.filter)} if self.filter else {}
        wide = self.k * _WIDER
        similarity = similarity_of(vectors)
        found = vectors.similarity_search_with_score(query, wide, **wanted)
        near = {document.id: similarity(score) for document, score in found if document.id}
        if not self.mmr:
            return near
        varied = vectors.max_marginal_relevance_search(query, wide, wide * 2, **wanted)
        return {document.id: near.get(document.id, min(near.values())) for document in varied if document.id}


def _merged(rankings: list[list[str]]) -> dict[str, float]:
    """Reciprocal rank fusion: ids and scores, best first; 1 is the first of every ranking."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking):
            scores[key] = scores.get(key, 0.0) + (_RANK + 1) / (_RANK + 1 + rank) / len(rankings)
    return dict(sorted(scores.items(), key=lambda item: -item[1]))


def _scored(document: Document, score: float, similarity: float | None) -> Document:
    about = {"score": round(score, 4)} | ({} if similarity is None else {"similarity": round(similarity, 4)})
    return Document(document.page_content, id=document.id, metadata={**document.metadata, **about})


def _reranked(reranker: Reranker, query: str, found: list[Document]) -> list[Document]:
    scored = [
        Document(document.page_content, id=document.id, metadata={**document.metadata, "score": float(score)})
        for document, score in zip(found, reranker(query, found), strict=True)
    ]
    return sorted(scored, key=lambda document: -document.metadata["score"])
