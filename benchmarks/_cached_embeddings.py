"""An embedding model that embeds each text once and keeps the vectors in a file."""

import hashlib
import sqlite3
from array import array
from pathlib import Path

from langchain_core.embeddings import Embeddings

from langchain_localllm.errors import ModelCallError


class CachedEmbeddings(Embeddings):
    """Embed each text once. A run that was ended resumes with the vectors of the one before.

    Args:
        embeddings: The embedding model.
        model: Its name: a file can hold the vectors of several models.
        file: A SQLite file for the vectors; in memory by default.
    """

    def __init__(self, embeddings: Embeddings, model: str, file: Path | None = None) -> None:
        self._embeddings = embeddings
        self._model = model
        self._db = sqlite3.connect(file or ":memory:", check_same_thread=False)
        self._db.execute("CREATE TABLE IF NOT EXISTS vector (key BLOB PRIMARY KEY, value BLOB)")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of texts."""
        keys = {text: hashlib.sha256(f"{self._model}\n{text}".encode()).digest() for text in texts}
        found = {text: self._kept(key) for text, key in keys.items()}
        if new := [text for text, vector in found.items() if vector is None]:
            try:
                vectors = self._embeddings.embed_documents(new)
            except ModelCallError:
                return self._embeddings.embed_documents(texts)  # raises the number of the text
            with self._db:
                self._db.executemany(
                    "INSERT OR IGNORE INTO vector VALUES (?, ?)",
                    [
                        (keys[text], array("f", vector).tobytes())
                        for text, vector in zip(new, vectors, strict=True)
                    ],
                )
            found |= dict(zip(new, vectors, strict=True))
        return [found[text] or [] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question."""
        return self.embed_documents([text])[0]

    def _kept(self, key: bytes) -> list[float] | None:
        row = self._db.execute("SELECT value FROM vector WHERE key = ?", (key,)).fetchone()
        return list(array("f", row[0])) if row else None
