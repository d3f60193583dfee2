"""Precompute embeddings: one batch is embedded while the previous one is stored."""

from collections.abc import Sequence

from langchain_core.embeddings import Embeddings
from typing_extensions import override

from langchain_localllm.errors import ContextLengthError, ModelCallError


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

    def prepare(self, texts: Sequence[str]) -> str | None:
        """Embed texts that `embed_documents` will be asked for.

        Returns:
            The first text that is longer than the model's window, or `None`. What was embedded
            before it is kept.
        """
        wanted = list(dict.fromkeys(text for text in texts if text not in self._ready))
        try:
            self._ready.update(
                zip(wanted, self._embeddings.embed_documents(wanted) if wanted else [], strict=True)
            )
        except ModelCallError as error:
            self._ready.update({wanted[number]: vector for number, vector in error.done.items()})
            if (
                not isinstance(error, ContextLengthError)
                or error.failed_text is None
                or len(wanted[error.failed_text]) == 1
            ):
                raise
            return wanted[error.failed_text]
        return None

    @override
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        if self.prepare(texts) is not None:
            return self._embeddings.embed_documents(texts)  # raises the error that names the text
        vectors = [self._ready[text] for text in texts]
        for text in texts:
            self._ready.pop(text, None)
        return vectors

    @override
    def embed_query(self, text: str) -> list[float]:
        return self._embeddings.embed_query(text)
