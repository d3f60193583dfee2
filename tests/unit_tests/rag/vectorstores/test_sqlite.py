"""The vector store on SQLite: exact up to a size, and by codes above it."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings
from typing_extensions import override

from langchain_localllm.rag.vectorstores import sqlite as sqlite_module
from langchain_localllm.rag.vectorstores.sqlite import SQLiteVectors

_COUNT = 3000
_DIMENSIONS = 96
_CODED: dict[str, Any] = {"exact_up_to": 1000, "block": 256, "compared": 200}
"""Sizes from which `_COUNT` vectors have codes, and 184 of them do not."""

Array = np.ndarray[Any, Any]


def clustered_vectors(count: int = _COUNT, seed: int = 1) -> Array:
    """Return vectors of length 1 around 60 centers, and not around zero, as those of texts."""
    choice = np.random.default_rng(seed)
    centers = choice.normal(size=(60, _DIMENSIONS)) + 0.5
    vectors = centers[choice.integers(60, size=count)]
    vectors = vectors + choice.normal(size=vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors, np.float32)


class Numbered(Embeddings):
    """Embeds the text of a number as the vector with that number."""

    def __init__(self, vectors: Array) -> None:
        self._vectors = vectors

    @override
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    @override
    def embed_query(self, text: str) -> list[float]:
        return self._vectors[int(text)].tolist()  # type: ignore[no-any-return]  # of floats


def filled(vectors: Array, path: Path | None = None, **options: Any) -> SQLiteVectors:
    """Return a store in which each vector has its number as id and text."""
    store = SQLiteVectors(Numbered(vectors), path, **options)
    for start in range(0, len(vectors), 100):
        texts = [str(number) for number in range(start, min(start + 100, len(vectors)))]
        store.add_texts(
            texts, [{"source": text[:-1], "odd": int(text) % 2} for text in texts], ids=texts
        )
    return store


def found(store: SQLiteVectors, query: int, k: int, **options: Any) -> dict[str, float]:
    """Return ids and scores."""
    pairs = store.similarity_search_with_score(str(query), k, **options)
    return {str(document.id): score for document, score in pairs}


def nearest(vectors: Array, query: int, k: int) -> list[str]:
    return [str(number) for number in np.argsort(-(vectors @ vectors[query]), kind="stable")[:k]]


def test_search_of_a_small_store_is_exact() -> None:
    vectors = clustered_vectors()
    store = filled(vectors)
    for query in range(0, _COUNT, 300):
        assert list(found(store, query, 20)) == nearest(vectors, query, 20)


def test_search_by_codes_finds_the_nearest_with_exact_scores_in_order() -> None:
    vectors = clustered_vectors()
    store = filled(vectors, **_CODED)
    recalls = []
    for query in range(0, _COUNT, 60):
        scores = found(store, query, 20)
        recalls.append(len(scores.keys() & nearest(vectors, query, 20)) / 20)
        assert list(scores.values()) == sorted(scores.values(), reverse=True)
        for key, score in scores.items():
            assert score == pytest.approx(float(vectors[int(key)] @ vectors[query]), abs=1e-6)
    assert np.mean(recalls) > 0.97


def test_large_store_holds_codes_and_few_vectors_in_memory(tmp_path: Path) -> None:
    vectors = clustered_vectors()
    filled(vectors, tmp_path / "vectors.sqlite", **_CODED).close()
    store = SQLiteVectors(Numbered(vectors), tmp_path / "vectors.sqlite", **_CODED)
    loaded = store._index.load()
    assert len(loaded.blocks) == _COUNT // 256
    assert len(loaded.numbers) == _COUNT % 256
    coded = sum(block.codes.nbytes for block in loaded.blocks.values())
    assert coded <= vectors.nbytes / 24


def test_added_deleted_and_replaced_vectors_count_at_once() -> None:
    vectors = clustered_vectors()
    store = filled(vectors[:-2], **_CODED)
    [first, *_] = found(store, 5, 3)
    assert first == "5"
    store.delete(["5"])
    assert "5" not in found(store, 5, 50)
    store.add_vectors(["new"], ["text"], [{}], [vectors[5]])
    assert found(store, 5, 1) == {"new": pytest.approx(1.0)}
    store.add_vectors(["7"], ["other"], [{}], [vectors[5]])
    assert set(found(store, 5, 2)) == {"new", "7"}
    assert "7" not in found(store, 7, 1)


def test_codes_of_reused_row_numbers_are_made_again() -> None:
    vectors = clustered_vectors()
    others = clustered_vectors(seed=2)
    store = filled(vectors, **_CODED)
    found(store, 0, 1)
    store.delete([str(number) for number in range(1500, _COUNT)])
    numbers = range(1500, _COUNT)
    store.add_vectors(
        [f"new{number}" for number in numbers],
        ["text"] * len(numbers),
        [{}] * len(numbers),
        others[1500:].tolist(),
    )
    for number in range(1500, _COUNT, 100):
        [document] = store.similarity_search_by_vector(others[number].tolist(), k=1)
        assert document.id == f"new{number}"


def test_codes_of_deleted_vectors_are_dropped_when_they_are_most() -> None:
    vectors = clustered_vectors()
    store = filled(vectors, **_CODED)
    for _ in range(3):  # each time all vectors get new numbers
        store = _added_again(store, vectors)
    coded = sum(len(block.numbers) for block in store._index.load().blocks.values())
    assert coded <= 2 * _COUNT
    assert list(found(store, 42, 1)) == ["42"]


def _added_again(store: SQLiteVectors, vectors: Array) -> SQLiteVectors:
    keys = [str(number) for number in range(len(vectors))]
    for start in range(0, len(vectors), 100):
        some = keys[start : start + 100]
        store.add_vectors(some, some, [{}] * len(some), vectors[start : start + 100].tolist())
    return store


def test_emptied_store_finds_nothing_and_can_be_filled() -> None:
    vectors = clustered_vectors()
    store = filled(vectors, **_CODED)
    store.delete()
    assert found(store, 1, 5) == {}
    store.add_texts(["1"], ids=["1"])
    assert list(found(store, 1, 5)) == ["1"]


@pytest.mark.parametrize("source", ["17", ["17", "290"]])
def test_filter_that_few_pass_is_exact(source: str | list[str]) -> None:
    vectors = clustered_vectors()
    store = filled(vectors, **_CODED)
    tens = [source] if isinstance(source, str) else source
    passing = [number for number in range(_COUNT) if str(number)[:-1] in tens]
    wanted = sorted(passing, key=lambda number: -float(vectors[number] @ vectors[3]))[:4]
    assert list(found(store, 3, 4, filter={"source": source})) == [str(each) for each in wanted]
    assert found(store, 3, 4, filter={"source": "none"}) == {}
    assert found(store, 3, 4, filter={"source": source, "odd": 2}) == {}


def test_filter_that_sqlite_compares_otherwise_finds_the_same() -> None:
    vectors = clustered_vectors()
    store = filled(vectors, **_CODED)
    assert list(found(store, 3, 4, filter={"missing": None})) == nearest(vectors, 3, 4)


def test_filter_by_source_uses_an_index() -> None:
    store = filled(clustered_vectors(10))
    conditions = sqlite_module._EXTRACT.format("source")
    query = f"SELECT number FROM vector WHERE {conditions} IN (?)"  # noqa: S608 - a constant
    [plan] = store._db.all(f"EXPLAIN QUERY PLAN {query}", ("1",))
    assert "vector_source" in plan[3]


def test_filter_that_many_pass_takes_the_nearest_of_these(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_localllm.rag.vectorstores.sqlite._MOST_FILTERED", 10)
    vectors = clustered_vectors()
    store = filled(vectors, **_CODED)
    recalls = []
    for query in range(0, _COUNT, 60):
        scores = found(store, query, 10, filter={"odd": 1})
        assert len(scores) == 10
        assert all(int(key) % 2 for key in scores)
        wanted = [each for each in nearest(vectors, query, 1000) if int(each) % 2][:10]
        recalls.append(len(scores.keys() & set(wanted)) / 10)
    assert np.mean(recalls) > 0.97


def test_changes_of_another_process_are_seen(tmp_path: Path) -> None:
    vectors = clustered_vectors()
    path = tmp_path / "vectors.sqlite"
    store = filled(vectors[:2500], path, **_CODED)
    assert list(found(store, 3, 1)) == ["3"]
    other = SQLiteVectors(Numbered(vectors), path, **_CODED)
    other.delete(["3"])
    _add(other, range(2500, _COUNT))
    reader = SQLiteVectors(Numbered(vectors), path, writable=False, **_CODED)
    for each in (SQLiteVectors(Numbered(vectors), path, **_CODED), reader):
        assert "3" not in found(each, 3, 5)
        assert list(found(each, 2999, 1)) == ["2999"]
    store._embeddings = Numbered(vectors)
    assert "3" not in found(store, 3, 5)
    assert list(found(store, 2999, 1)) == ["2999"]


def _add(store: SQLiteVectors, numbers: range) -> None:
    texts = [str(number) for number in numbers]
    store.add_texts(texts, ids=texts)


@pytest.mark.parametrize("writable", [True, False])
def test_file_of_an_earlier_version_is_searched_and_upgraded(
    tmp_path: Path, *, writable: bool
) -> None:
    vectors = clustered_vectors()
    path = tmp_path / "vectors.sqlite"
    filled(vectors, path, exact_up_to=_COUNT).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP TABLE code; DROP INDEX vector_source; PRAGMA user_version = 1"
        )
    with contextlib.closing(
        SQLiteVectors(Numbered(vectors), path, writable=writable, **_CODED)
    ) as store:
        for query in range(0, _COUNT, 500):
            assert list(found(store, query, 1)) == [str(query)]
        assert len(store._index.load().blocks) == _COUNT // 256
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2 if writable else 1,)


def test_mmr_of_a_large_store_prefers_passages_that_differ() -> None:
    vectors = clustered_vectors()
    vectors[1] = vectors[2] = vectors[0]
    store = filled(vectors, **_CODED)
    documents = store.max_marginal_relevance_search("0", k=3, fetch_k=20, lambda_mult=0.3)
    assert len({"0", "1", "2"} & {document.id for document in documents}) == 1
