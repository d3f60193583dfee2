"""Embeddings by Ollama."""

import warnings
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator
from typing_extensions import override

from langchain_localllm.base.embedding_http import ServedEmbeddings
from langchain_localllm.base.embedding_work import Plan, Vectors
from langchain_localllm.base.embeddings import OURS, always_normalized
from langchain_localllm.base.http import UNREADABLE
from langchain_localllm.errors import WrongServerError
from langchain_localllm.runtimes.ollama.api import fetch, model_facts
from langchain_localllm.runtimes.ollama.manage import OllamaModels
from langchain_localllm.runtimes.ollama.options import OllamaServer

_SENT: Final = frozenset({"dimensions", "truncate"})
"""Options of all embedding classes that Ollama knows too."""


class OllamaEmbeddings(OllamaModels, ServedEmbeddings):
    """Embeddings by Ollama, which always gives vectors of length 1.

    A model that wants prefixes before queries and documents gets them by its name, unless others are given.

    Example:
        >>> from langchain_localllm import OllamaEmbeddings
        >>> embeddings = OllamaEmbeddings(model="nomic-embed-text")
        >>> embeddings.prefixes()
        ('search_query: ', 'search_document: ')
    """

    ALIASES: ClassVar[Mapping[str, str]] = {
        **OllamaServer.ALIASES,
        "embed_instruction": "document_prefix",
        "query_instruction": "query_prefix",
    }
    _SAMPLED: ClassVar[str] = "it is about generating text, and vectors are not generated."
    RETIRED: ClassVar[Mapping[str, str]] = {
        **OllamaServer.RETIRED,
        **dict.fromkeys(("repeat_last_n", "repeat_penalty", "stop", "temperature", "top_k", "top_p"), _SAMPLED),
        "model_kwargs": "nothing read it. Give options by their names.",
    }

    normalize: Annotated[bool, AfterValidator(always_normalized)] = True
    """Vectors always have length 1, since Ollama scales them."""

    @override
    def _names(self) -> Plan[list[str]]:
        yield from ()
        return [self.model]

    @override
    def _vectors(self, texts: list[str]) -> Plan[Vectors]:
        facts = yield from model_facts(self)
        if facts.capabilities is not None and "embedding" not in facts.capabilities:
            warnings.warn(f"The model '{self.model}' was not made for embeddings; its vectors tell little.", stacklevel=2)
        body = self.payload(OURS - _SENT)
        body["options"]["num_ctx"] = self.num_ctx or facts.context
        answer = yield from fetch(self, "POST", "/api/embed", {**body, "input": texts})
        try:
            return list(answer["embeddings"])
        except UNREADABLE:
            raise WrongServerError(f"The server at {self.client.address.url} gives no vectors at /api/embed.") from None
