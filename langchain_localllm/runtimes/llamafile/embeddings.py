"""Embeddings by llama.cpp's server."""

from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from langchain_localllm.base.embeddings import LocalEmbeddings
from langchain_localllm.base.http import ServerOptions
from langchain_localllm.runtimes.llamafile.api import embed
from langchain_localllm.runtimes.llamafile.options import DEFAULT_URL


class LlamafileEmbeddings(ServerOptions, LocalEmbeddings):
    """Embeddings by a llamafile, or by any server that offers `/v1/embeddings`.

    The server must be started for embeddings: `--embedding`, or `LocalServer(path, embedding=True)`.

    Example:
        >>> from langchain_localllm import LlamafileEmbeddings, LocalServer
        >>> from langchain_localllm.models import tiny_embedding_model
        >>> with LocalServer(tiny_embedding_model(), embedding=True) as server:
        ...     vectors = LlamafileEmbeddings(base_url=server.base_url).embed_documents(["a lamp", "a boat"])
        >>> len(vectors)
        2
    """

    ALIASES: ClassVar[Mapping[str, str]] = {"request_timeout": "timeout"}
    START_HINT: ClassVar[str] = (
        "Start one with `./model.llamafile --server --nobrowser --embedding`, or from Python with "
        "`langchain_localllm.LocalServer('model.gguf', embedding=True)`, and give its address as `base_url`."
    )

    base_url: str = DEFAULT_URL
    """The server's address."""
    model: str | None = None
    """The model's name, for servers that offer several."""

    @override
    def _embed(self, texts: list[str]) -> list[list[float]]:
        return self.client.run(embed(self, texts, self.model))

    @override
    async def _aembed(self, texts: list[str]) -> list[list[float]]:
        return await self.client.arun(embed(self, texts, self.model))
