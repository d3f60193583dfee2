"""A small vector store on SQLite: exact search, one file, nothing to install but numpy."""

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

from langchain_localllm.rag.index.database import Database
from langchain_localllm.rag.vectorstores.filters import Filter, has_metadata

_SCHEMA: Final = """
CREATE TABLE vector (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL,
    metadata TEXT NOT NULL, vector BLOB NOT NULL);
"""
_VERSION: Final = 1
_PAGE: Final = 64


class SQLiteVectors(VectorStore):
    """Keep vectors in a SQLite file, and compare with all of them in memory.

    They take 4 bytes for each of their numbers. It is meant for up to some hundred thousand
    passages; beyond that take Chroma or Qdrant.

    Args:
        embeddings: Makes the vectors. They are scaled to length 1, so a score is the cosine.
        path: The file; `None` keeps everything in memory.
        writable: Whether to open it for changes, and create it if it does not exist.

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
        self, embeddings: Embeddings, path: Path | None = None, *, writable: bool = True
    ) -> None:
        self._embeddings = embeddings
        self._db = Database(path, _SCHEMA, _VERSION, writable=writable)
        self._matrix: tuple[object, np.ndarray[Any, Any], np.ndarray[Any, Any]] | None = None

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
        self._matrix = None

    @override
    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:
        with self._db.transaction() as db:
            if ids is None:
                db.execute("DELETE FROM vector")
            else:
                db.executemany("DELETE FROM vector WHERE id = ?", [(key,) for key in ids])
        self._matrix = None
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

    def _nearest(
        self, vector: Sequence[float] | np.ndarray[Any, Any], k: int, wanted: Filter | None
    ) -> Iterator[tuple[Document, float, np.ndarray[Any, Any]]]:
        numbers, matrix = self._loaded()
        if not len(numbers) or k < 1:
            return
        scores = matrix @ _scaled(np.asarray(vector, np.float32))
        ranked = _ranked(scores, k if wanted is None else len(scores))
        for start in range(0, len(ranked), _PAGE):
            page = ranked[start : start + _PAGE]
            rows = self._db.all_of(
                "SELECT id, text, metadata, number FROM vector WHERE number IN ({})",
                numbers[page].tolist(),
            )
            documents = {row[3]: _document(row[:3]) for row in rows}
            for place in page:
                document = documents.get(int(numbers[place]))
                if document and (wanted is None or has_metadata(document.metadata, wanted)):
                    yield document, float(scores[place]), matrix[place]
                    k -= 1
                    if not k:
                        return

    def _loaded(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return the numbers and vectors of all rows, reloaded if another process changed them."""
        version = self._db.all("PRAGMA data_version")
        if self._matrix is None or self._matrix[0] != version:
            rows = self._db.all("SELECT number, vector FROM vector ORDER BY number")
            numbers = np.fromiter((number for number, _ in rows), np.int64, len(rows))
            matrix = np.frombuffer(b"".join(blob for _, blob in rows), np.float32).reshape(
                len(rows), -1 if rows else 0
            )
            self._matrix = version, numbers, matrix
        return self._matrix[1:]


def _ranked(scores: np.ndarray[Any, Any], k: int) -> np.ndarray[Any, Any]:
    """Return the places of the k highest scores, best first."""
    if k < len(scores):
        best = np.argpartition(-scores, k)[:k]
        return best[np.argsort(-scores[best], kind="stable")]
    return np.argsort(-scores, kind="stable")


def _scaled(vector: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def _document(row: Sequence[Any]) -> Document:
    key, text, metadata = row
    return Document(text, id=key, metadata=json.loads(metadata))
