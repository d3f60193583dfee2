"""Embeddings by llama.cpp in this process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field
from typing_extensions import override

from langchain_localllm.base.embedding_batches import Plan, Vectors
from langchain_localllm.base.embeddings import NO_POOLING, LocalEmbeddings
from langchain_localllm.base.options import warn_once
from langchain_localllm.base.text_batches_inprocess import InProcessBatches
from langchain_localllm.gguf.header import GGUFInfo
from langchain_localllm.runtimes.llamacpp.options import ModelOptions


class LlamaCppEmbeddings(ModelOptions, InProcessBatches, LocalEmbeddings):
    """Embeddings from a GGUF file, by llama.cpp in this process.

    The file is loaded when the object is made; its weights are shared with `LlamaCpp` and
    `ChatLlamaCpp` of the same file and settings. A model that names no pooling gives the mean of
    its tokens' vectors. A model that wants prefixes before queries and documents gets them by its
    name, unless others are given.

    Example:
        >>> from langchain_localllm import LlamaCppEmbeddings
        >>> from langchain_localllm.models import tiny_embedding_model
        >>> with LlamaCppEmbeddings(model_path=tiny_embedding_model()) as embeddings:
        ...     vectors = embeddings.embed_documents(["a lamp", "a boat"])
        >>> len(vectors)
        2
    """

    ALIASES: ClassVar[Mapping[str, str]] = {"model": "model_path", "request_timeout": "timeout"}
    _TEXT: ClassVar[str] = "it is about generating text, and vectors are not generated."
    REMOVED: ClassVar[Mapping[str, str]] = {
        "client": "the engine belongs to the object and makes itself.",
        "device": "llama-cpp-python never read it. Use `n_gpu_layers`.",
        "f16_kv": "an embedding model keeps no cache.",
        "logits_all": _TEXT,
        "n_parts": "a GGUF file lists its parts.",
        "seed": _TEXT,
        "vocab_only": "a model without weights cannot make vectors.",
    }

    n_ctx: int | None = Field(default=None, ge=0)
    """Tokens that a text can have; 0 is what the model was trained with, and no more are possible.
    Default: that, at most 8,192."""
    n_batch: int = Field(default=256, ge=1)
    """Tokens of several texts that are computed together; a longer text is computed by itself. GPUs
    are faster with more."""
    flash_attn: bool | None = None
    """Use flash attention. Default: where llama.cpp has it, since several texts then take less
    time, and long ones less memory."""
    verbose: bool = False
    """Whether what llama.cpp says goes to stderr."""

    @override
    def load(self) -> Any:
        engine: Any
        if self._on_server:
            from langchain_localllm.runtimes.llamacpp.server_embedder import ServerEmbedder

            engine = ServerEmbedder(self.engine_settings())
        else:
            from langchain_localllm.runtimes.llamacpp.embedder import Embedder

            self._prepare()
            engine = Embedder(self.engine_settings())
        if not self._info(engine).embeds:
            warn_once(f"The model {self._path.name} {NO_POOLING}")
        return engine

    def _info(self, engine: Any) -> GGUFInfo:
        info: GGUFInfo = engine.info if self._on_server else engine.model.info
        return info

    @override
    def _names(self) -> Plan[list[str]]:
        yield from ()
        return [
            Path(self.model_path).name,
            str(self._info(self.engine).metadata.get("general.name", "")),
        ]

    @override
    def _vectors(self, texts: list[str]) -> Plan[Vectors]:
        vectors: Vectors = yield self.engine.submit(texts, cut=self.truncate)
        return vectors
