"""Embeddings by llama.cpp's server."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pydantic import PrivateAttr
from typing_extensions import override

from langchain_localllm.base.embedding_batches import Plan, Vectors, truncate_tokens
from langchain_localllm.base.embeddings import NO_POOLING, LocalEmbeddings
from langchain_localllm.base.options import warn_once
from langchain_localllm.base.text_batches_http import ServedBatches
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidRequestError,
    ModelCallError,
    ModelLoadingError,
    ServerError,
    WrongServerError,
)
from langchain_localllm.runtimes.llamafile.api import name_if_listed, token_ids
from langchain_localllm.runtimes.llamafile.embedding_api import (
    Input,
    NoPoolingError,
    Way,
    embed_openai,
    llamacpp,
    llamacpp_one_by_one,
    openai_base64,
    openai_one_by_one,
    openai_token_vectors,
)
from langchain_localllm.runtimes.llamafile.options import ManyServers

_WAYS: Final[Mapping[bool, tuple[Way, ...]]] = {
    True: (openai_base64, embed_openai, llamacpp),
    False: (llamacpp, openai_base64, embed_openai),
}
"""How to ask for the vectors of several texts, the best first, for vectors of length 1 and for raw
ones."""
_ONE_BY_ONE: Final[tuple[Way, ...]] = (llamacpp_one_by_one, openai_one_by_one)
"""The last resort, tried with one text: a server may refuse a list only because it is long."""
_ABOUT_THE_WAY: Final = re.compile(r"\b503\b|base64|encoding_format")
"""Words of a failure for which another way to ask can help."""
_REFUSED: Final = (InvalidRequestError, ServerError, WrongServerError)
"""What a server answers to a way of asking that it does not know."""
_PLAIN: Final[list[Input]] = ["a"]
_HOW_TO_SERVE: Final = (
    "Start it with `--embedding`; a llamafile from 0.8.13 to 0.9.3 offers embeddings only when it "
    "is started with `--server --v2`."
)


class LlamafileEmbeddings(ManyServers, ServedBatches, LocalEmbeddings):
    """Embeddings by a llamafile, or any server with `/v1/embeddings` or `/embedding`.

    The latter is llama.cpp's. The server must be started for embeddings: `--embedding`, or
    `LocalServer(path, embedding=True)`. A model that wants prefixes before queries and documents
    gets them by the name that the server reports, unless others are given.

    Example:
        >>> from langchain_localllm import LlamafileEmbeddings, LocalServer
        >>> from langchain_localllm.models import tiny_embedding_model
        >>> with LocalServer(tiny_embedding_model(), embedding=True) as server:
        ...     embeddings = LlamafileEmbeddings(base_url=server.base_url)
        ...     vectors = embeddings.embed_documents(["a lamp", "a boat"])
        >>> len(vectors)
        2
    """

    ALIASES: ClassVar[Mapping[str, str]] = {
        **ManyServers.ALIASES,
        "chunk_size": "batch_size",  # this and the next: as langchain_openai names it
        "show_progress_bar": "show_progress",
    }
    REMOVED: ClassVar[Mapping[str, str]] = {
        **LocalEmbeddings.REMOVED,
        "check_embedding_ctx_length": (
            "a text that is too long raises an error, or is cut with `truncate=True`."
        ),
        "tiktoken_enabled": "texts are sent as they are.",
    }
    START_HINT: ClassVar[str] = (
        "Start one with `./model.llamafile --server --embedding`, or from Python with "
        "`langchain_localllm.LocalServer('model.gguf', embedding=True)`, and give its address as "
        "`base_url`."
    )

    extra_body: dict[str, Any] | None = None
    """Fields to send with each request as they are, such as `{"truncate_prompt_tokens": -1}` for
    vLLM. They replace fields of the same name."""

    # the model's name by address; copies share it
    _names_found: dict[Any, str | None] = PrivateAttr(default_factory=dict)
    _found: dict[Any, Way] = PrivateAttr(default_factory=dict)  # how to ask, as above

    @override
    def _names(self) -> Plan[list[str]]:
        name = self.model
        if not name:
            if self.base_url not in self._names_found:
                self._names_found[self.base_url] = yield from name_if_listed(self)
            name = self._names_found[self.base_url]
        return [name] if name else []

    @override
    def _vectors(self, texts: list[str]) -> Plan[Vectors]:
        try:
            return (yield from self._ask_for([*texts]))
        except ContextLengthError as error:
            if not self.truncate or len(texts) > 1 or error.context_tokens is None:
                raise
            most = error.context_tokens
        whole = yield from token_ids(self, texts[0], special=True)
        nothing = yield from token_ids(self, "", special=True)
        return (yield from self._ask_for([truncate_tokens(whole, nothing, most)]))

    def _ask_for(self, texts: list[Input]) -> Plan[Vectors]:
        """Return the vectors, in the way that this server knows; found out with the first batch."""
        place = self.base_url, self.normalize
        if place in self._found:
            return (yield from self._found[place](self, texts))
        refusals: list[ModelCallError] = []
        ways = [*_WAYS[self.normalize], *(_ONE_BY_ONE if len(texts) == 1 else ())]
        for way in ways:
            try:
                vectors = yield from way(self, texts)
            except NoPoolingError:
                warn_once(f"The model on the server {NO_POOLING}")
                # the last resort
                ways += [] if openai_token_vectors in ways else [openai_token_vectors]
            except ModelLoadingError:
                raise
            except _REFUSED as error:
                if (
                    isinstance(error, ServerError)
                    and way is not openai_base64
                    and not _ABOUT_THE_WAY.search(str(error))
                ):
                    raise  # but servers without base64 may say nothing but 500
                refusals.append(error)
            else:
                self._found[place] = way
                return vectors
        if texts != _PLAIN:
            # finds the way, or shows that the texts are not to blame
            yield from self._ask_for([*_PLAIN])
            return (yield from self._ask_for(texts))
        refusal = next(
            (error for error in refusals if not isinstance(error, WrongServerError)), refusals[-1]
        )
        advice = "" if "--embedding" in str(refusal) else _HOW_TO_SERVE
        refusal.args = (f"The server gives no embeddings. {refusal} {advice}".rstrip(),)
        refusal.blames_server = True
        raise refusal
