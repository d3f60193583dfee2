"""Every vector store that can be named: an index is made, updated, asked, filtered and made
anew."""

from pathlib import Path

import pytest

from langchain_localllm import LlamafileEmbeddings
from langchain_localllm.rag import LocalRAG
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.update import remove
from tests.integration_tests.rag.conftest import vector_ids


@pytest.mark.parametrize("kind", ["chroma", "qdrant", "sqlite", "memory"])
def test_index_from_its_first_day_to_its_last(
    notes: Path, embeddings: LlamafileEmbeddings, kind: str
) -> None:
    folder = None if kind == "memory" else notes.parent / "index"
    with LocalRAG(None, embeddings, folder, vectors=kind) as rag:
        assert rag.index(notes).added == 6
        [hill, *_] = rag.retriever.invoke("How high is the hill?")
        assert hill.metadata["source"] == "notes/boats.md"
        assert hill.metadata["heading"] == "Boats and walks > Cairn Hill"
        assert hill.metadata["line"] == 15
        assert hill.metadata["score"] == pytest.approx(1.0)
        (notes / "boats.md").unlink()
        (notes / "people.md").write_text(
            "# Who does what\n\nOdalys Fenn is the head cook.", encoding="utf-8"
        )
        report = rag.index()
        assert (report.removed, report.changed, report.unchanged, report.added) == (1, 1, 4, 0)
        assert "notes/boats.md" not in {
            found.metadata["source"] for found in rag.retriever.invoke("How high is the hill?")
        }
        assert (
            rag.retriever.invoke("Who is the head cook?")[0].page_content
            == "Odalys Fenn is the head cook."
        )
        live = [str(each.id) for batch in rag.store.catalog.batches() for each in batch]
        assert sorted(vector_ids(rag.store)) == sorted(live)
        assert rag.index(rebuild=True).added == 5


@pytest.mark.parametrize("kind", ["chroma", "qdrant", "sqlite"])
def test_index_remove_needs_no_embedding_model(
    notes: Path, embeddings: LlamafileEmbeddings, kind: str
) -> None:
    with LocalRAG(None, embeddings, notes.parent / "index", vectors=kind) as rag:
        rag.index(notes)
    store = Store(notes.parent / "index")
    assert remove(store, ["notes/boats.md"]) == 1
    assert store.catalog.tombstoned() == []
    store.close()
    with LocalRAG(None, embeddings, notes.parent / "index") as rag:
        live = [str(each.id) for batch in rag.store.catalog.batches() for each in batch]
        assert sorted(vector_ids(rag.store)) == sorted(live)
        assert "notes/boats.md" not in {
            found.metadata["source"] for found in rag.retriever.invoke("Who is the warden?")
        }


@pytest.mark.parametrize("kind", ["chroma", "qdrant", "sqlite", "memory"])
@pytest.mark.parametrize("mmr", [False, True])
def test_index_filter_holds_on_both_sides(
    notes: Path, embeddings: LlamafileEmbeddings, kind: str, mmr: bool
) -> None:
    wanted = {"source": ["notes/people.md", "notes/safety.pdf"]}
    with LocalRAG(None, embeddings, vectors=kind, k=10, filter=wanted, mmr=mmr) as rag:
        rag.index(notes)
        found = {
            passage.metadata["source"]
            for passage in rag.retriever.invoke("Where is the ferry and who is the warden?")
        }
        assert found == set(wanted["source"])
        rag.retriever.filter = {"source": "notes/safety.pdf", "page": 2}
        assert {
            passage.metadata["page"] for passage in rag.retriever.invoke("Where is the box?")
        } <= {2}
