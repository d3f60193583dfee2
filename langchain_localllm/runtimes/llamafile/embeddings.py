"""Embeddings by llama.cpp's server."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pydantic import PrivateAttr
from typing_extensions import override

from langchain_localllm.base.embedding_http import ServedEmbeddings
from langchain_localllm.base.embedding_work import Plan, Vectors, shortened
from langchain_localllm.base.embeddings import NO_POOLING
from langchain_localllm.base.options import advise_once
from langchain_localllm.errors import ContextLengthError, WrongServerError
from langchain_localllm.runtimes.llamafile.api import name_if_told
from langchain_localllm.runtimes.llamafile.options import ManyServers
from langchain_localllm.runtimes.llamafile.vectors import Input, NoPoolingError, Way, old, openai, own, tokens

_WAYS: Final[Mapping[bool, tuple[Way, ...]]] = {True: (openai, own, old), False: (own, old, openai)}
"""How to ask, the best first, for vectors of length 1 and for raw ones."""


class LlamafileEmbeddings(ManyServers, ServedEmbeddings):
    """Embeddings by a llamafile, or by any server that offers `/v1/embeddings` or llama.cpp's `/embedding`.

    The server must be started for embeddings: `--embedding`, or `LocalServer(path, embedding=True)`. A model that wants prefixes
    before queries and documents gets them by the name that the server tells, unless others are given.

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

    _told: dict[Any, str | None] = PrivateAttr(default_factory=dict)  # the model's name by address; copies share it
    _found: dict[Any, Way] = PrivateAttr(default_factory=dict)  # how to ask, likewise

    @override
    def _names(self) -> Plan[list[str]]:
        name = self.model
        if not name:
            if self.base_url not in self._told:
                self._told[self.base_url] = yield from name_if_told(self)
            name = self._told[self.base_url]
        return [name] if name else []

    @override
    def _vectors(self, texts: list[str]) -> Plan[Vectors]:
        try:
            return (yield from self._ask_for([*texts]))
        except ContextLengthError as error:
            if not self.truncate or len(texts) > 1 or error.context_tokens is None:
                raise
            most = error.context_tokens
        whole, nothing = (yield from tokens(self, texts[0])), (yield from tokens(self, ""))
        return (yield from self._ask_for([shortened(whole, nothing, most)]))

    def _ask_for(self, texts: list[Input]) -> Plan[Vectors]:
        """The vectors, in the way that this server knows; found out with the first batch."""
        place = self.base_url, self.normalize
        ways = (self._found[place],) if place in self._found else _WAYS[self.normalize]
        for way in ways:
            try:
                vectors = yield from way(self, texts)
            except NoPoolingError:
                advise_once(f"The model on the server {NO_POOLING}")
            except WrongServerError:
                if way is ways[-1]:
                    raise
            else:
                self._found[place] = way
                return vectors
        raise AssertionError  # the last way returns or raises
