"""A small vector store on SQLite: one file, nothing to install but numpy."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance
from typing_extensions import override

from langchain_localllm.rag.index.database import AT_ONCE, Database
from langchain_localllm.rag.vectorstores.codes import Array
from langchain_localllm.rag.vectorstores.filters import Filter, has_metadata
from langchain_localllm.rag.vectorstores.vector_index import (
    CODE_TABLE,
    FORGET_REUSED,
    VectorIndex,
    as_arrays,
    dot_products,
    ranked,
)

_EXTRACT: Final = "json_extract(metadata, '$.{}')"
_SOURCE_INDEX: Final = f"CREATE INDEX vector_source ON vector ({_EXTRACT.format('source')});"
_SCHEMA: Final = f"""
CREATE TABLE vector (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL,
    metadata TEXT NOT NULL, vector BLOB NOT NULL);
{CODE_TABLE}
{_SOURCE_INDEX}
"""
_VERSION: Final = 2
_UPGRADES: Final = {1: CODE_TABLE + _SOURCE_INDEX}
_EXACT_UP_TO: Final = 50_000
_BLOCK: Final = 8192
"""Vectors of a block. Fewer have no codes and are compared exactly."""
_COMPARED: Final = 2000
_COMPARED_PER_RESULT: Final = 8
"""By codes, at least so many candidates are found for each result that is wanted."""
_MOST_FILTERED: Final = 10_000
"""If a filter leaves at most so many vectors, all of them are compared exactly."""
_PAGE: Final = 64


class SQLiteVectors(VectorStore):
    """Keep vectors in a SQLite file, for up to about a million passages.

    A question is compared with up to 50,000 vectors, which are in memory: 4 bytes for each of their
    numbers. Of more vectors, codes of one bit for each number are in memory; the 2,000 vectors that
    are nearest by these are read and compared exactly, so scores are exact cosines.

    Args:
        embeddings: Makes the vectors. They are scaled to length 1, so a score is the cosine.
        path: The file; `None` keeps everything in memory.
        writable: Whether to open it for changes, and create it if it does not exist.
        exact_up_to: The most vectors that are all compared exactly.
        block: How many vectors have their codes stored together; the vectors after the last
            complete block are compared exactly.
        compared: How many of the vectors with codes are compared exactly: the more, the fewer of
            the nearest are missed, and the longer a question takes.

    Raises:
        StoreError: The file cannot be used.

    Example:
        >>> from langchain_core.embeddings import DeterministicFakeEmbedding
        >>> store = SQLiteVectors(DeterministicFakeEmbedding(size=8))
        >>> ids = store.add_texts(["The boat is blue.", "The key is old."])
        >>> store.similarity_search("The key is old.", k=1)[0].page_content
        'The key is old.'
    """

    def __init__(
        self,
        embeddings: Embeddings,
        path: Path | None = None,
        *,
        writable: bool = True,
        exact_up_to: int = _EXACT_UP_TO,
        block: int = _BLOCK,
        compared: int = _COMPARED,
    ) -> None:
        self._embeddings = embeddings
        self._db = Database(path, _SCHEMA, _VERSION, writable=writable, upgrades=_UPGRADES)
        self._compared = compared
        self._index = VectorIndex(self._db, exact_up_to, block)

    @property
    @override
    def embeddings(self) -> Embeddings:
        return self._embeddings

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @override
    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        texts = list(texts)
        keys = [key or str(uuid4()) for key in ids or [""] * len(texts)]
        self.add_vectors(
            keys, texts, metadatas or [{} for _ in texts], self._embeddings.embed_documents(texts)
        )
        return keys

    def add_vectors(
        self,
        ids: Sequence[str],
        texts: Sequence[str],
        metadatas: Sequence[dict[str, Any]],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        """Add texts whose vectors are known; what has the same id is replaced."""
        blobs = [_scaled(np.asarray(vector, np.float32)).tobytes() for vector in vectors]
        rows = [
            (key, text, json.dumps(about), blob)
            for key, text, about, blob in zip(ids, texts, metadatas, blobs, strict=True)
        ]
        with self._db.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO vector (id, text, metadata, vector) VALUES (?, ?, ?, ?)",
                rows,
            )
        self._index.note_change()
        self._index.encode_new()

    @override
    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:
        with self._db.transaction() as db:
            if ids is None:
                db.execute("DELETE FROM vector")
            else:
                db.executemany("DELETE FROM vector WHERE id = ?", [(key,) for key in ids])
            db.execute(FORGET_REUSED)
        self._index.note_change()
        return True

    @override
    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        return [
            _document(row)
            for row in self._db.all_of(
                "SELECT id, text, metadata FROM vector WHERE id IN ({})", ids
            )
        ]

    @override
    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        return [document for document, _ in self.similarity_search_with_score(query, k, **kwargs)]

    @override
    def similarity_search_with_score(
        self, query: str, k: int = 4, filter: Filter | None = None, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Return the nearest texts and their cosines."""
        return [
            (document, score)
            for document, score, _ in self._nearest(self._embeddings.embed_query(query), k, filter)
        ]

    @override
    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, filter: Filter | None = None, **kwargs: Any
    ) -> list[Document]:
        return [document for document, _, _ in self._nearest(embedding, k, filter)]

    @override
    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Filter | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        vector = np.asarray(self._embeddings.embed_query(query), np.float32)
        found = list(self._nearest(vector, fetch_k, filter))
        chosen = maximal_marginal_relevance(
            vector, [each.tolist() for _, _, each in found], lambda_mult, k
        )
        return [found[number][0] for number in chosen]

    @override
    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return lambda score: max(0.0, score)

    @classmethod
    @override
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        store = cls(embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    # --- search ---

    def _nearest(
        self, vector: Sequence[float] | Array, k: int, wanted: Filter | None
    ) -> list[tuple[Document, float, Array]]:
        query = _scaled(np.asarray(vector, np.float32))
        rows = self._candidates(query, k, wanted) if k > 0 else []
        if not rows:
            return []
        numbers, vectors = as_arrays(rows)
        scores = dot_products(vectors, query)
        best = ranked(scores, k)
        documents = {
            row[3]: _document(row[:3])
            for row in self._db.all_of(
                "SELECT id, text, metadata, number FROM vector WHERE number IN ({})",
                numbers[best].tolist(),
            )
        }
        return [
            (documents[number], float(scores[place]), vectors[place])
            for place, number in zip(best, numbers[best].tolist(), strict=True)
            if number in documents
        ]

    def _candidates(self, query: Array, k: int, wanted: Filter | None) -> list[tuple[int, bytes]]:
        """Return the numbers and vectors of the rows that are compared exactly."""
        loaded = self._index.load()
        if wanted and loaded.blocks and (few := self._few(wanted)) is not None:
            return list(self._rows([few], len(few), wanted))
        compared = max(self._compared, _COMPARED_PER_RESULT * k)
        return [
            *self._rows(loaded.exact_order(query, None if wanted else k), k, wanted),
            *self._rows(loaded.code_order(query, compared), compared, wanted),
        ]

    def _rows(
        self, order: Iterable[Array], most: int, wanted: Filter | None
    ) -> Iterator[tuple[int, bytes]]:
        """Yield the numbers and vectors of the first rows that exist and have the metadata."""
        size = min(max(most, _PAGE), AT_ONCE)
        for page in (
            part[start : start + size] for part in order for start in range(0, len(part), size)
        ):
            found = self._db.all_of(
                "SELECT number, vector, metadata FROM vector WHERE number IN ({})", page.tolist()
            )
            rows = {
                number: vector
                for number, vector, metadata in found
                if not wanted or has_metadata(json.loads(metadata), wanted)
            }
            for number in page.tolist():
                if number in rows:
                    yield number, rows[number]
                    most -= 1
                    if not most:
                        return

    def _few(self, wanted: Filter) -> Array | None:
        """Return the numbers of the rows that have the metadata; `None` if these are many.

        It is also `None` if SQLite compares such a value in another way than Python.
        """
        conditions, values = "1", []
        for name, value in wanted.items():
            options = value if isinstance(value, list) else [value]
            if not name.isidentifier() or not all(isinstance(each, str | int) for each in options):
                return None
            conditions += f" AND {_EXTRACT.format(name)} IN ({', '.join('?' * len(options))})"
            values += options
        rows = self._db.all(
            f"SELECT number FROM vector WHERE {conditions} LIMIT ?",  # noqa: S608 - no values
            (*values, _MOST_FILTERED + 1),
        )
        return None if len(rows) > _MOST_FILTERED else np.array([number for (number,) in rows])


def _scaled(vector: Array) -> Array:
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def _document(row: Sequence[Any]) -> Document:
    key, text, metadata = row
    return Document(text, id=key, metadata=json.loads(metadata))
