"""Reranking by llama.cpp's server in this process, for the backend `xllamacpp`."""

from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from langchain_localllm.base.embedding_batches import Vectors
from langchain_localllm.base.reranker import CUTS, cut_tokens
from langchain_localllm.errors import ContextLengthError
from langchain_localllm.gguf.header import RANK
from langchain_localllm.runtimes.llamacpp.model_kind import require_reranker
from langchain_localllm.runtimes.llamacpp.server_embedder import ServerEmbedder, Worker
from langchain_localllm.runtimes.llamacpp.server_engine import ask


class _RankWorker(Worker):
    """The thread that scores pairs of a query and a text."""

    @override
    def _embed(self, texts: list[tuple[str, str]], *, cut: bool) -> Vectors:
        query = texts[0][0]
        try:
            return self._score(query, [text for _, text in texts])
        except ContextLengthError:
            return [self._score_alone(query, text, cut=cut) for _, text in texts]

    def _score_alone(self, query: str, text: str, *, cut: bool) -> list[float]:
        try:
            return self._score(query, [text])[0]
        except ContextLengthError as error:
            if not cut:
                raise
            too_long = error
        tokens = self._tokens(text, special=False)
        for _ in range(CUTS):
            tokens = cut_tokens(tokens, too_long)
            shorter = str(ask(self._socket_path, "/detokenize", {"tokens": tokens})["content"])
            try:
                return self._score(query, [shorter])[0]
            except ContextLengthError as error:  # the tokenizer writes some tokens in a longer way
                too_long = error
        raise too_long

    def _score(self, query: str, texts: list[str]) -> Vectors:
        rows = self._rows("handle_rerank", {"query": query, "documents": texts}, "results")
        return [[row["relevance_score"]] for row in rows]


class ServerReranker(ServerEmbedder):
    """Score pairs of a query and a text with a loaded reranker.

    It works from any thread or event loop; the vectors hold one number.
    """

    _WORKER: ClassVar[type[Worker]] = _RankWorker

    @override
    def _pooling_type(self, path: Path) -> int:
        require_reranker(path, self.info)
        return RANK
