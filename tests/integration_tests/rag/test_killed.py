"""A process that is killed while it indexes, at any moment: nothing is lost, and nothing is there
twice."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from langchain_localllm import LlamafileEmbeddings, LocalServer
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.update import update
from tests.integration_tests.rag.conftest import vector_ids, write_files

KILLS = 10

INDEXER = """
import sys
from langchain_localllm import LlamafileEmbeddings
from langchain_localllm.rag.index import update as module
from langchain_localllm.rag.index.store import Store
folder, address, kind = sys.argv[1:]
module._BATCH = 8  # so that there are many moments between batches
store = Store(folder + "/.localllm", LlamafileEmbeddings(base_url=address), vectors=kind)
module.update(store, [folder + "/notes"], on_progress=lambda _: print("step", flush=True))
"""


def held(store: Store) -> dict[str, tuple[str, dict[str, object]]]:
    """Every live passage: id, text and metadata."""
    return {
        str(each.id): (each.page_content, each.metadata)
        for batch in store.catalog.batches()
        for each in batch
    }


def run_and_kill(folder: Path, address: str, kind: str, steps: int, seconds: float) -> None:
    """Index, and kill the process so many steps of its progress and seconds after it began."""
    command = [sys.executable, "-c", INDEXER, str(folder), address, kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as indexing:
        assert indexing.stdout
        for _ in range(steps):
            assert indexing.stdout.readline() == b"step\n"
        time.sleep(seconds)
        indexing.kill()


@pytest.mark.parametrize("kind", ["chroma", "sqlite"])
def test_index_ten_kills_at_random_points(
    tmp_path: Path, embedding_server: LocalServer, kind: str
) -> None:
    choice = random.Random(7)  # noqa: S311 - moments, not a secret
    notes = tmp_path / "notes"
    write_files(notes, count=40, sentences=32)
    embeddings = LlamafileEmbeddings(base_url=embedding_server.base_url)
    in_the_middle = 0
    for number in range(KILLS):
        run_and_kill(
            tmp_path,
            embedding_server.base_url,
            kind,
            choice.randint(1, 40),
            choice.uniform(0, 0.05),
        )
        (notes / f"{number:05}.txt").unlink()
        write_files(notes / f"new{number}", count=2, sentences=16, seed=number)
        changed = notes / f"{20 + number:05}.txt"
        changed.write_text(f"{changed.read_text()}\n\nThis was added after kill number {number}.")
        store = Store(tmp_path / ".localllm", embeddings)
        # a question asked now finds whole files only, each with its vectors
        if store.exists and store.catalog.counts().passages:
            assert set(held(store)) <= set(vector_ids(store))
        in_the_middle += store.exists and bool(
            store.catalog._db.all("SELECT count(*) FROM draft")[0][0]
        )
        store.close()
    store = Store(tmp_path / ".localllm", embeddings)
    assert in_the_middle > KILLS / 2
    report = update(store, [notes])
    assert report.problems == []
    fresh = Store(None, embeddings)
    fresh.root = tmp_path
    update(fresh, [notes])
    assert held(store) == held(fresh)
    assert sorted(vector_ids(store)) == sorted(held(fresh))
    words = "SELECT count(*) FROM word"
    assert store.catalog._db.all(words) == fresh.catalog._db.all(words)
    assert store.catalog.counts() == fresh.catalog.counts()
    store.close()
