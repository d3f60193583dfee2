"""Vectors and words together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from typing_extensions import override

from langchain_localllm.rag import HybridRetriever, LocalRAG
from langchain_localllm.rag.answer.retrieve import _merged


@pytest.fixture
def retriever(tmp_path: Path) -> HybridRetriever:
    """Three passages; their vectors are noise, so only words find them, and the same text by its
    vector."""
    for name, text in {
        "a": "The boat is blue.",
        "b": "The ferry leaves at noon.",
        "c": "Odalys keeps the lamps.",
    }.items():
        (tmp_path / f"{name}.txt").write_text(text)
    rag = LocalRAG(None, DeterministicFakeEmbedding(size=64))
    rag.index(tmp_path)
    return rag.retriever


def test_retriever_ranks_are_merged_by_their_reciprocals() -> None:
    merged = _merged([["a", "b", "c"], ["c", "a"]])
    assert list(merged) == ["a", "c", "b"]
    assert merged["a"] == pytest.approx((1 + 61 / 62) / 2)
    assert _merged([["a"], ["a"]]) == {"a": 1.0}


def test_retriever_word_finds_what_its_vector_does_not(retriever: HybridRetriever) -> None:
    assert (
        retriever.invoke("When do the ferries leave?")[0].page_content
        == "The ferry leaves at noon."
    )


def test_retriever_nothing_is_found_when_nothing_has_to_do_with_the_question(
    retriever: HybridRetriever,
) -> None:
    retriever.min_similarity = 0.99
    assert retriever.invoke("Who wrote Hamlet?") == []
    assert retriever.invoke("The boat is blue.")[0].metadata["similarity"] == pytest.approx(1.0)
    retriever.min_similarity = -1
    assert len(retriever.invoke("Who wrote Hamlet?")) == 3


def test_retriever_reranker_decides_the_order(retriever: HybridRetriever) -> None:
    def longest_first(_question: str, passages: list[Document]) -> Sequence[float]:
        return [len(passage.page_content) for passage in passages]

    retriever.reranker = longest_first
    retriever.k = 1
    [found] = retriever.invoke("When do the ferries leave, and what colour is the boat?")
    assert found.metadata["score"] == len("The ferry leaves at noon.")


class ByLength(BaseDocumentCompressor):
    """A compressor that puts the longest passage first, and reports a score if it has one to
    report."""

    reports: bool = True

    @override
    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Any = None
    ) -> Sequence[Document]:
        best = sorted(documents, key=lambda document: -len(document.page_content))
        score = {"relevance_score": 0.5} if self.reports else {}
        return [
            document.model_copy(update={"metadata": document.metadata | score}) for document in best
        ]


@pytest.mark.parametrize("reports", [True, False])
def test_retriever_document_compressor_orders_the_passages(
    retriever: HybridRetriever, reports: bool
) -> None:
    question = "When do the ferries leave, and what colour is the boat?"
    before = retriever.invoke(question)
    retriever.reranker = ByLength(reports=reports)
    found = retriever.invoke(question)
    assert found[0].page_content == "The ferry leaves at noon."
    assert sorted(document.id or "" for document in found) == sorted(
        document.id or "" for document in before
    )
    merged = {document.id: document.metadata["score"] for document in before}
    assert [document.metadata["score"] for document in found] == [
        0.5 if reports else merged[document.id] for document in found
    ]


def test_retriever_empty_index_has_nothing() -> None:
    rag = LocalRAG(None, DeterministicFakeEmbedding(size=8))
    assert rag.retriever.invoke("What?") == []


async def test_retriever_async_finds_the_same(retriever: HybridRetriever) -> None:
    assert await retriever.ainvoke("ferry") == retriever.invoke("ferry")
