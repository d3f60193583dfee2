"""Embeddings by GPT4All."""

from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, BeforeValidator, Field
from typing_extensions import override

from langchain_localllm.base.embedding_batches import Plan, Vectors
from langchain_localllm.base.embeddings import LocalEmbeddings, always_normalized
from langchain_localllm.base.text_batches_inprocess import InProcessBatches
from langchain_localllm.gguf.header import check_gguf
from langchain_localllm.runtimes.gpt4all.embedder import embed
from langchain_localllm.runtimes.gpt4all.options import ModelOptions, as_text

DEFAULT_MODEL: Final = "all-MiniLM-L6-v2.gguf2.f16.gguf"


def _or_default(model: Any) -> Any:
    return DEFAULT_MODEL if model is None else as_text(model)


class GPT4AllEmbeddings(ModelOptions, InProcessBatches, LocalEmbeddings):
    """Embeddings in this process, by the gpt4all package or llama.cpp (see `backend`).

    llama.cpp is used where the package cannot load the file. The package embeds with models of the
    architectures bert and nomic-bert. A model that wants prefixes before queries and documents gets
    them by its name, unless others are given.

    Example:
        >>> from langchain_localllm import GPT4AllEmbeddings
        >>> from langchain_localllm.models import tiny_embedding_model
        >>> with GPT4AllEmbeddings(model=tiny_embedding_model()) as embeddings:
        ...     vectors = embeddings.embed_documents(["a lamp", "a boat"])
        >>> len(vectors)
        2
    """

    EMBEDS: ClassVar[bool] = True
    LLAMACPP: ClassVar[str] = "LlamaCppEmbeddings"
    BATCH_TOKENS: ClassVar[int] = 256
    ALIASES: ClassVar[Mapping[str, str]] = {"model_name": "model", "request_timeout": "timeout"}
    REMOVED: ClassVar[Mapping[str, str]] = {
        "client": "the model is loaded by itself, and shared by the objects that use it.",
        "model_type": "the engine finds the architecture in the file.",
        "verbose": "nothing is printed.",
    }

    model: Annotated[str | Path, BeforeValidator(_or_default)] = DEFAULT_MODEL
    """Path of a GGUF file, or the name of one in `~/.cache/gpt4all`. The default is that of the
    package."""
    batch_size: int = Field(default=8, ge=1)
    """Texts sent to the engine at a time. More are slower, since its attention spans them all."""
    normalize: Annotated[bool, AfterValidator(always_normalized)] = True
    """Vectors always have length 1, since the package scales them."""

    @classmethod
    @override
    def _normalize_names(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """With what `langchain_community` handed to the package in a dict of its own."""
        more = dict(given.get("gpt4all_kwargs") or {})
        folder = more.pop("model_path", None)
        named = super()._normalize_names(
            {name: value for name, value in {**given, **more}.items() if name != "gpt4all_kwargs"}
        )
        if folder is not None and "model" in named:
            named["model"] = Path(folder, named["model"])
        return named

    @override
    def _names(self) -> Plan[list[str]]:
        yield from ()
        return [self.path.name, str(check_gguf(self.path).metadata.get("general.name", ""))]

    @override
    def _vectors(self, texts: list[str]) -> Plan[Vectors]:
        vectors: Vectors
        if (model := self.on_llamacpp()) is not None:
            vectors = yield model.engine.submit(texts, cut=self.truncate)
            return vectors
        future: Future[Vectors] = Future()
        self.engine.submit(partial(embed, texts, self.threads, future, cut=self.truncate))
        vectors = yield future
        return vectors
