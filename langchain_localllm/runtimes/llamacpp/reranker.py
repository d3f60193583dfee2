"""Reranking by llama.cpp in this process."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field
from typing_extensions import override

from langchain_localllm.base.embedding_batches import Plan
from langchain_localllm.base.reranker import LocalReranker
from langchain_localllm.base.text_batches_inprocess import InProcessBatches
from langchain_localllm.runtimes.llamacpp.options import ModelOptions


class LlamaCppReranker(ModelOptions, InProcessBatches, LocalReranker):
    """Rerank documents by a GGUF file of a reranker, with llama.cpp in this process.

    The file is loaded when the object is made. It must have a classification head, as
    bge-reranker-v2-m3, jina-reranker-v2 and Qwen3-Reranker have.

    Scores are between 0 and 1 unless `normalize=False`: the sigmoid of logits; probabilities, such
    as those of Qwen3-Reranker, are returned as they are. Logits are recognized by a score outside
    of 0 to 1. Where the first scores are all inside, four short documents are scored once to find
    out.

    Example:
        >>> from langchain_core.documents import Document
        >>> from langchain_localllm import LlamaCppReranker
        >>> documents = [Document("The boat is blue."), Document("Bread needs flour.")]
        >>> file = "bge-reranker-v2-m3-Q8_0.gguf"
        >>> with LlamaCppReranker(model_path=file, top_n=1) as reranker:  # doctest: +SKIP
        ...     best = reranker.compress_documents(documents, "Which color has the boat?")
        >>> best[0].page_content  # doctest: +SKIP
        'The boat is blue.'
    """

    ALIASES: ClassVar[Mapping[str, str]] = {"model": "model_path", "request_timeout": "timeout"}

    n_ctx: int | None = Field(default=None, ge=0)
    """Tokens that a query and a document can have together; 0 is what the model was trained with,
    and no more are possible. Default: that, at most 8,192."""
    n_batch: int = Field(default=256, ge=1)
    """Tokens of several pairs that are computed together; a longer pair is computed by itself. GPUs
    are faster with more."""
    flash_attn: bool | None = None
    """Use flash attention. Default: where llama.cpp has it, since several texts then take less
    time, and long ones less memory."""
    verbose: bool = False
    """Whether llama.cpp's log goes to stderr."""

    @override
    def load(self) -> Any:
        if self._on_server:
            from langchain_localllm.runtimes.llamacpp.server_reranker import ServerReranker

            return ServerReranker(self.engine_settings())
        from langchain_localllm.runtimes.llamacpp.ranker import Ranker

        self._prepare()
        return Ranker(self.engine_settings())

    @override
    def _scores(self, query: str, texts: list[str]) -> Plan[list[float]]:
        rows = yield self.engine.submit([(query, text) for text in texts], cut=self.truncate)
        return [row[0] for row in rows]
