"""An index moves to another vector store and stays the same. Qdrant works in its client's local
mode: no server can be had here."""

from pathlib import Path

import pytest

from langchain_localllm import LlamafileEmbeddings, errors
from langchain_localllm.rag import LocalRAG
from langchain_localllm.rag.index.migrate import move
from langchain_localllm.rag.vectorstores.kinds import open_vectors
from tests.integration_tests.cli.command import check_fault, localllm, stdout_of
from tests.integration_tests.rag.conftest import vector_ids

QUESTION = "How high is the hill?"


@pytest.mark.parametrize(
    ("old", "new"), [("chroma", "qdrant"), ("sqlite", "chroma"), ("qdrant", "sqlite")]
)
def test_move_index_is_the_same_on_another_store(
    notes: Path, embeddings: LlamafileEmbeddings, old: str, new: str
) -> None:
    folder = notes.parent / "index"
    told: list[tuple[int, int]] = []
    with LocalRAG(None, embeddings, folder, vectors=old) as rag:
        rag.index(notes)
        before, ids = rag.retriever.invoke(QUESTION), sorted(vector_ids(rag.store))
        assert move(rag.store, new, lambda done, total: told.append((done, total))) == len(ids)
    assert told[-1] == (len(ids), len(ids))
    with LocalRAG(None, embeddings, folder) as rag:
        after = rag.retriever.invoke(QUESTION)
        assert sorted(vector_ids(rag.store)) == ids
        assert [(found.id, found.page_content) for found in after] == [
            (found.id, found.page_content) for found in before
        ]
        assert after[0].metadata == {
            **before[0].metadata,
            "score": pytest.approx(before[0].metadata["score"], abs=1e-3),
        }
        rag.retriever.filter = {"source": ["notes/people.md"]}
        assert {found.metadata["source"] for found in rag.retriever.invoke(QUESTION)} <= {
            "notes/people.md"
        }
        assert rag.index().unchanged == 6
        assert move(rag.store, new) == 0
    assert not (
        folder / {"chroma": "chroma", "sqlite": "vectors.sqlite", "qdrant": "qdrant"}[old]
    ).exists()


def test_move_command_moves_an_index(notes: Path) -> None:
    stdout_of(localllm("rag", "index", notes, "--vectors", "chroma"))
    assert "The index is on qdrant now" in stdout_of(localllm("rag", "move", "qdrant"))
    assert "qdrant" in stdout_of(localllm("rag", "status"))
    check_fault(localllm("rag", "move", "qdrant:http://elsewhere.example"), 2, "elsewhere.example")


def test_move_remote_store_is_refused(embeddings: LlamafileEmbeddings) -> None:
    with pytest.raises(errors.InvalidOptionError, match=r"elsewhere\.example"):
        LocalRAG(None, embeddings, vectors="qdrant:http://elsewhere.example:6333")


@pytest.mark.parametrize(
    ("kind", "says"), [("qdrant:/a/path", "not an address"), ("lance", "no vector store")]
)
def test_move_folder_that_is_not_an_index_is_refused(
    embeddings: LlamafileEmbeddings, kind: str, says: str
) -> None:
    with pytest.raises(errors.InvalidOptionError, match=says):
        open_vectors(kind, None, embeddings)


def test_move_index_on_another_machine_is_refused_when_it_is_opened(
    notes: Path, embeddings: LlamafileEmbeddings
) -> None:
    folder = notes.parent / "index"
    with LocalRAG(None, embeddings, folder, vectors="sqlite") as rag:
        rag.index(notes)
        with rag.store.writing():
            rag.store.catalog.write_settings(vectors="qdrant:https://elsewhere.example")
    with pytest.raises(errors.InvalidOptionError, match="allow_remote"):
        LocalRAG(None, embeddings, folder)


def test_move_remote_servers_are_refused_among_several_addresses() -> None:
    embeddings = LlamafileEmbeddings(base_url=["http://localhost:1", "http://elsewhere.example:1"])
    with pytest.raises(errors.InvalidOptionError, match="elsewhere"):
        LocalRAG(None, embeddings)
