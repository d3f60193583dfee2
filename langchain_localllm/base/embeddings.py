"""Share prefixes, batches in order, checked vectors and progress of embedding classes.

The vectors are normalized as well.
"""

import hashlib
import re
from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Final

from langchain_core.embeddings import Embeddings
from pydantic import AfterValidator, PrivateAttr
from typing_extensions import override

from langchain_localllm.base.embedding_batches import (
    EmbeddingJob,
    Plan,
    VectorPostprocessor,
    Vectors,
    split,
)
from langchain_localllm.base.embedding_prefixes import prefixes_of
from langchain_localllm.base.option_roles import NotSent
from langchain_localllm.base.progress import ProgressBar
from langchain_localllm.base.text_batches import TextBatches
from langchain_localllm.errors import InvalidOptionError, InvalidRequestError

NO_POOLING: Final = (
    "was not made for embeddings: it names no pooling. The mean of its tokens' vectors is used."
)
"""What a warning says about a model."""
_NAMED_OTHERWISE: Final = frozenset(
    {"base_url", "document_prefix", "model", "model_path", "query_prefix"}
)
"""Options for which the cache's namespace has the model's names, and the prefixes as they are
used."""
_NAME_LENGTH: Final = 64
_DIGEST_LENGTH: Final = 12


def _positive(number: int | None) -> int | None:
    if number is not None and number < 1:
        raise InvalidOptionError(f"It must be a positive integer, not {number}.")
    return number


class LocalEmbeddings(TextBatches, Embeddings):
    """Embeddings by a local engine: one vector a text, of length 1 unless `normalize=False`.

    A model that wants prefixes before queries and documents gets them by its name, unless others
    are given.
    """

    BATCH_TOKENS: ClassVar[int] = 8192
    """Tokens sent to the engine at a time, about."""

    normalize: Annotated[bool, NotSent] = True
    """Whether vectors are scaled to length 1, so that their dot product is the cosine."""
    query_prefix: Annotated[str | None, NotSent] = None
    """Put before a query, such as `query: `. Default: what the model wants, if its name is known;
    `""` is nothing."""
    document_prefix: Annotated[str | None, NotSent] = None
    """Put before a document, in the same way."""
    dimensions: Annotated[int | None, AfterValidator(_positive), NotSent] = None
    """Numbers of a vector that are kept, for models whose vectors may be cut (Matryoshka). They are
    scaled again. Default: all."""

    # of the engine's vectors; copies share it
    _lengths: dict[Any, int] = PrivateAttr(default_factory=dict)

    # --- what a runtime states ---

    @abstractmethod
    def _vectors(self, texts: list[str]) -> Plan[Vectors]:
        """Return the engine's vectors for a batch, one a text, in order."""

    @abstractmethod
    def _names(self) -> Plan[list[str]]:
        """Return what the model is called, the best name first."""

    # --- what LangChain calls ---

    @override
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text, in the order of the texts; none for no texts.

        Raises:
            InvalidRequestError: A text is empty or no text.
            ContextLengthError: A text is longer than the model's context, and `truncate` is not
                set.
            ModelCallError: The engine cannot be reached or fails. Its `failed_text` is the index of
                the text, if it is one text's fault, and holds the vectors that were made before in
                `done`.
        """
        _check(texts)
        if not texts:
            return []
        prefix = self._run(self._prefixes())[1]
        with self._work([prefix + text for text in texts]) as work:
            self._run_all(work.workers(self._lanes()))
        return work.vectors()

    @override
    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        _check(texts)
        if not texts:
            return []
        prefix = (await self._arun(self._prefixes()))[1]
        with self._work([prefix + text for text in texts]) as work:
            await self._arun_all(work.workers(self._lanes()))
        return work.vectors()

    @override
    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a query; raises as `embed_documents` does."""
        _check_text(text, "The query")
        prefix = self._run(self._prefixes())[0]
        with self._work([prefix + text], query=True) as work:
            self._run_all(work.workers(1))
        return work.vectors()[0]

    @override
    async def aembed_query(self, text: str) -> list[float]:
        _check_text(text, "The query")
        prefix = (await self._arun(self._prefixes()))[0]
        with self._work([prefix + text], query=True) as work:
            await self._arun_all(work.workers(1))
        return work.vectors()[0]

    def prefixes(self) -> tuple[str, str]:
        """Return what is put before a query and before a document."""
        return self._run(self._prefixes())

    def cache_namespace(self) -> str:
        """Return a name for a cache of vectors (`CacheBackedEmbeddings`).

        It is the model's name and a hash of all that changes vectors. Prefixes, `dimensions`,
        `normalize` and `truncate` are in the hash. It fits into a file's name.
        """
        names = self._run(self._names())
        chosen = self._options_in_key(_NAMED_OTHERWISE)
        digest = hashlib.sha256(
            repr([names, self.prefixes(), sorted(chosen.items())]).encode()
        ).hexdigest()
        readable = re.sub(
            r"[^a-zA-Z0-9_.-]+", "-", re.split(r"[/\\]", names[0])[-1] if names else "model"
        )
        return f"{readable[:_NAME_LENGTH]}-{digest[:_DIGEST_LENGTH]}"

    # --- how ---

    def _prefixes(self) -> Plan[tuple[str, str]]:
        query, document = self.query_prefix, self.document_prefix
        if query is None or document is None:
            wanted = prefixes_of((yield from self._names()))
            query = wanted[0] if query is None else query
            document = wanted[1] if document is None else document
        return query, document

    def _work(self, texts: list[str], *, query: bool = False) -> EmbeddingJob:
        shape = VectorPostprocessor(
            self.normalize, self.dimensions, self._lengths, (self._source(), self.dimensions)
        )
        batches = list(split(texts, self.batch_size, self.BATCH_TOKENS))
        bar = ProgressBar("texts", len(texts) if self.show_progress and not query else 0)
        return EmbeddingJob(texts, self._vectors, shape, batches, bar, query=query)


def always_normalized(normalize: bool) -> bool:
    """Return a validator for runtimes whose engine scales its vectors."""
    if not normalize:
        raise InvalidOptionError(
            "the engine gives vectors of length 1 only. LlamaCppEmbeddings and "
            "LlamafileEmbeddings give raw ones."
        )
    return normalize


def _check(texts: list[str]) -> None:
    if isinstance(texts, str):
        raise InvalidRequestError(
            "`embed_documents` expects a list of texts, not one text. Use [text], or `embed_query`."
        )
    for number, text in enumerate(texts):
        _check_text(text, f"Text {number}")


def _check_text(text: str, name: str) -> None:
    if not isinstance(text, str):
        raise InvalidRequestError(f"{name} is not text, but of type {type(text).__name__}.")
    if not text.strip():
        raise InvalidRequestError(
            f"{name} is empty, and an empty text has no meaning to embed. Leave it out."
        )
