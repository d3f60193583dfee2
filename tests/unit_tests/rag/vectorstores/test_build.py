"""Passages into a vector store."""

import sys

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_localllm.errors import MissingDependencyError
from langchain_localllm.rag import build_index

EMBEDDINGS = DeterministicFakeEmbedding(size=8)


def test_build_progress_counts_passages_and_every_passage_is_found() -> None:
    chunks = [Document(f"Passage {number}.") for number in range(130)]
    progress: list[tuple[int, int]] = []
    index = build_index(
        chunks, EMBEDDINGS, on_progress=lambda done, total: progress.append((done, total))
    )
    assert progress == [(64, 130), (128, 130), (130, 130)]
    assert index.similarity_search("Passage 129.", k=1)[0].page_content == "Passage 129."


def test_build_same_passage_of_the_same_place_is_kept_once() -> None:
    store = InMemoryVectorStore(EMBEDDINGS)
    chunks = [Document("Same.", metadata={"source": source}) for source in ("a", "a", "b")]
    assert build_index(chunks, EMBEDDINGS, store) is store
    build_index(chunks, EMBEDDINGS, store)
    assert len(store.store) == 2


def test_build_missing_numpy_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "langchain-localllm\[rag\]"'):
        build_index([], EMBEDDINGS)
