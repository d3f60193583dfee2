"""What every embedding class of ours shares: batches in order, checked and normalised vectors."""

import math
from abc import abstractmethod
from typing import Final

from langchain_core.embeddings import Embeddings
from pydantic import Field
from typing_extensions import override

from langchain_localllm.base.options import Options
from langchain_localllm.errors import InvalidRequestError, ServerError

_BATCH: Final = 64
"""Texts sent to the engine at a time: enough to keep it busy, few enough to fail early."""


class LocalEmbeddings(Options, Embeddings):
    """Embeddings by a local engine: one vector a text, of length 1 unless `normalize=False`."""

    normalize: bool = True
    """Whether vectors are scaled to length 1, so that their dot product is the cosine."""
    query_prefix: str | None = None
    """Put before a query, for models that want it, such as `query: `."""
    document_prefix: str | None = None
    """Put before a document, for models that want it, such as `passage: `."""
    batch_size: int = Field(default=_BATCH, ge=1)
    """Texts sent to the engine at a time."""

    def prefixes(self) -> tuple[str, str]:
        """What is put before a query and before a document."""
        return self.query_prefix or "", self.document_prefix or ""

    @abstractmethod
    def _embed(self, texts: list[str]) -> list[list[float]]:
        """The engine's vectors, one a text, in order."""

    @abstractmethod
    async def _aembed(self, texts: list[str]) -> list[list[float]]:
        """As `_embed`, without blocking the event loop."""

    @override
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in the order of the texts; none for no texts.

        Raises:
            InvalidRequestError: A text is empty.
            ContextLengthError: A text is longer than the model's context.
        """
        return [vector for batch in self._batches(texts) for vector in self._checked(self._embed(batch), batch)]

    @override
    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return [vector for batch in self._batches(texts) for vector in self._checked(await self._aembed(batch), batch)]

    @override
    def embed_query(self, text: str) -> list[float]:
        """The vector of a query; raises as `embed_documents` does."""
        query = [self.prefixes()[0] + _not_empty(text, "The query")]
        return self._checked(self._embed(query), query)[0]

    @override
    async def aembed_query(self, text: str) -> list[float]:
        query = [self.prefixes()[0] + _not_empty(text, "The query")]
        return self._checked(await self._aembed(query), query)[0]

    def _batches(self, texts: list[str]) -> list[list[str]]:
        prefix = self.prefixes()[1]
        prefixed = [prefix + _not_empty(text, f"Text {index}") for index, text in enumerate(texts)]
        return [prefixed[start : start + self.batch_size] for start in range(0, len(prefixed), self.batch_size)]

    def _checked(self, vectors: list[list[float]], texts: list[str]) -> list[list[float]]:
        if len(vectors) != len(texts):
            raise ServerError(f"{len(texts)} texts were sent to the engine, {len(vectors)} vectors came back.")
        return [_scaled(vector) if self.normalize else vector for vector in vectors]


def _not_empty(text: str, name: str) -> str:
    if not text.strip():
        raise InvalidRequestError(f"{name} is empty, and an empty text has no meaning to embed. Leave it out.")
    return text


def _scaled(vector: list[float]) -> list[float]:
    length = math.sqrt(math.fsum(value * value for value in vector))
    if not (length > 0 and math.isfinite(length)):
        raise ServerError("The engine gave a vector of zeros or of values that are no numbers. Does this model make embeddings?")
    return [value / length for value in vector]
