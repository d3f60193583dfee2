"""Embeddings that can work ahead, so that one batch is embedded while the one before it goes into the vector store."""

from collections.abc import Sequence

from langchain_core.embeddings import Embeddings
from typing_extensions import override


class AheadEmbeddings(Embeddings):
    """Another model's embeddings; texts that were given to `prepare` are there already.

    Example:
        >>> from langchain_core.embeddings import DeterministicFakeEmbedding
        >>> ahead = AheadEmbeddings(DeterministicFakeEmbedding(size=4))
        >>> ahead.prepare(["The boat is blue."])
        >>> len(ahead.embed_documents(["The boat is blue."])[0])
        4
    """

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings
        self._ready: dict[str, list[float]] = {}

    def prepare(self, texts: Sequence[str]) -> None:
        """Embed texts that `embed_documents` will be asked for."""
        wanted = list(dict.fromkeys(text for text in texts if text not in self._ready))
        self._ready.update(zip(wanted, self._embeddings.embed_documents(wanted) if wanted else [], strict=True))

    @override
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.prepare(texts)
        vectors = [self._ready[text] for text in texts]
        for text in texts:
            self._ready.pop(text, None)
        return vectors

    @override
    def embed_query(self, text: str) -> list[float]:
        return self._embeddings.embed_query(text)
