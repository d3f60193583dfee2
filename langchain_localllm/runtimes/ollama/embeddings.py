"""Embeddings by Ollama."""

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pydantic import Field
from typing_extensions import override

from langchain_localllm.base.embeddings import LocalEmbeddings
from langchain_localllm.base.http import UNREADABLE
from langchain_localllm.base.prefixes import prefixes_of
from langchain_localllm.errors import ContextLengthError, WrongServerError
from langchain_localllm.runtimes.ollama.api import fetch, model_facts
from langchain_localllm.runtimes.ollama.manage import OllamaModels
from langchain_localllm.runtimes.ollama.options import OllamaServer
from langchain_localllm.transport.plan import Plan

_OWN: Final = frozenset({"batch_size", "document_prefix", "normalize", "query_prefix"})
"""Options that this side applies."""
_SHOWN: Final = 40


class OllamaEmbeddings(OllamaModels, LocalEmbeddings):
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
        "show_progress": "no progress is shown.",
    }

    truncate: bool = False
    """Cut a text that is longer than the context at its end. Otherwise such a text raises `ContextLengthError`."""
    dimensions: int | None = Field(default=None, ge=1)
    """Length of the vectors, for models whose vectors may be cut (Matryoshka)."""

    @override
    def prefixes(self) -> tuple[str, str]:
        query, document = prefixes_of(self.model)
        return (
            query if self.query_prefix is None else self.query_prefix,
            document if self.document_prefix is None else self.document_prefix,
        )

    @override
    def _embed(self, texts: list[str]) -> list[list[float]]:
        return self.client.run(embed(self, texts))

    @override
    async def _aembed(self, texts: list[str]) -> list[list[float]]:
        return await self.client.arun(embed(self, texts))


def embed(options: OllamaEmbeddings, texts: list[str]) -> Plan[list[list[float]]]:
    """One vector a text, in the order of the texts."""
    facts = yield from model_facts(options)
    if facts.capabilities is not None and "embedding" not in facts.capabilities:
        warnings.warn(f"The model '{options.model}' was not made for embeddings; its vectors tell little.", stacklevel=2)
    body = options.payload(_OWN)
    body["options"]["num_ctx"] = options.num_ctx or facts.context
    try:
        answer = yield from fetch(options, "POST", "/api/embed", {**body, "input": texts})
    except ContextLengthError:
        if len(texts) > 1:  # one at a time, the text that is too long can be named
            for text in texts:
                yield from embed(options, [text])
        raise _too_long(texts[0], body["options"]["num_ctx"]) from None
    try:
        return [_cut(vector, options.dimensions) for vector in answer["embeddings"]]
    except UNREADABLE:
        raise WrongServerError(f"The server at {options.client.address.url} gives no vectors at /api/embed.") from None


def _cut(vector: Any, dimensions: int | None) -> list[float]:
    """The vector's first dimensions, from an Ollama that does not know the option; the base class scales it again."""
    return list(map(float, vector[:dimensions]))


def _too_long(text: str, context: int) -> ContextLengthError:
    return ContextLengthError(
        f"The text that begins with {text[:_SHOWN]!r} has more tokens ({len(text)} characters) than the context of {context}. "
        "Split it, raise `num_ctx` where the model has more, or set `truncate=True`.",
        context_tokens=context,
    )
