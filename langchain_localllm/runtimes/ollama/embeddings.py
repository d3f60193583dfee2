"""Embeddings by Ollama."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator
from typing_extensions import override

from langchain_localllm.base.answer_decoder import UNREADABLE
from langchain_localllm.base.embedding_batches import Plan, Vectors
from langchain_localllm.base.embeddings import LocalEmbeddings, always_normalized
from langchain_localllm.base.options import warn_once
from langchain_localllm.base.text_batches_http import ServedBatches
from langchain_localllm.errors import ContextLengthError, WrongServerError
from langchain_localllm.runtimes.ollama.answer_decoder import token_count
from langchain_localllm.runtimes.ollama.api import fetch, model_facts
from langchain_localllm.runtimes.ollama.api_show import UNKNOWN_CONTEXT
from langchain_localllm.runtimes.ollama.client import OllamaModels
from langchain_localllm.runtimes.ollama.context import with_context
from langchain_localllm.runtimes.ollama.options import OllamaServer

_ENDS: Final = 2
"""Tokens that a model may want around a text."""


class OllamaEmbeddings(OllamaModels, ServedBatches, LocalEmbeddings):
    """Embeddings by Ollama, which always gives vectors of length 1.

    A model that wants prefixes before queries and documents gets them by its name, unless others
    are given.

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
    REMOVED: ClassVar[Mapping[str, str]] = {
        **OllamaServer.REMOVED,
        **dict.fromkeys(
            ("repeat_last_n", "repeat_penalty", "stop", "temperature", "top_k", "top_p"), _SAMPLED
        ),
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
            warn_once(
                f"The model '{self.model}' was not made for embeddings; its vectors mean little."
            )
        size = max((len(text.encode("utf-8", "replace")) for text in texts), default=0)
        load = fetch(self, "POST", "/api/embed", {**self._body(UNKNOWN_CONTEXT), "input": []})
        return (
            yield from with_context(self, size, load, partial(self._fetch_all, texts), refuses=True)
        )

    def _fetch_all(self, texts: list[str], num_ctx: int) -> Plan[Vectors]:
        context = self.context_tokens
        if context and any(len(text) > context - _ENDS for text in texts):
            return (yield from self._one_by_one(texts, num_ctx, context))
        return (yield from self._fetch(texts, num_ctx))[0]

    def _one_by_one(self, texts: list[str], num_ctx: int, context: int) -> Plan[Vectors]:
        """Return the vectors of texts close to the limit.

        An Ollama that does not count end tokens silently cuts texts by them.
        """
        vectors: Vectors = []
        for text in texts:
            found, count = yield from self._fetch([text], num_ctx)
            if (
                not self.truncate
                and context - _ENDS < count <= context
                and (yield from self._fetch(["a"], num_ctx))[1] == 1
            ):
                raise ContextLengthError(
                    "The text is too long with its end tokens.", context_tokens=context
                )
            vectors += found
        return vectors

    def _fetch(self, texts: list[str], num_ctx: int) -> Plan[tuple[Vectors, int]]:
        """Return the vectors, and how many tokens Ollama counted in all texts."""
        answer = yield from fetch(
            self, "POST", "/api/embed", {**self._body(num_ctx), "input": texts}
        )
        try:
            return list(answer["embeddings"]), token_count(answer, "prompt_eval_count") or 0
        except UNREADABLE:
            raise WrongServerError(
                f"The server at {self.client.address.url} gives no vectors at /api/embed."
            ) from None

    def _body(self, num_ctx: int) -> dict[str, Any]:
        cut = {} if self.dimensions is None else {"dimensions": self.dimensions}
        return self.request_body({**self.payload(), "truncate": self.truncate, **cut}, num_ctx)
