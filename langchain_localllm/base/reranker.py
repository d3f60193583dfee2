"""Share batches, checked scores and LangChain's interface between all rerankers.

Batches are in order, scores between 0 and 1; the interface is that of compressors.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final, Literal

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import Field, PrivateAttr
from typing_extensions import override

from langchain_localllm.base.embedding_batches import EmbeddingJob, Plan, Vectors, split
from langchain_localllm.base.progress import ProgressBar
from langchain_localllm.base.text_batches import TextBatches
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidRequestError,
    ModelCallError,
    ServerError,
)

Scale = Literal["logits", "probabilities"]
"""What an engine's scores are."""

_PROBE: Final = (
    "What is the capital of France?",
    [
        "Paris is the capital of France.",
        "Bread is baked from flour and water.",
        "The moon has no air.",
        "He plays chess.",
    ],
)
"""A query, and documents that fit it well and not at all: the logits of a reranker for them are
outside of 0 to 1."""
CUTS: Final = 4
"""How often a text is cut until it fits; its tokens as text can be more tokens."""


class LocalReranker(TextBatches, BaseDocumentCompressor):
    """Score documents by how well they answer a query.

    The model reads both together (a cross-encoder). Scores are between 0 and 1 unless
    `normalize=False`. Most rerankers compute logits, of which the sigmoid is returned; scores that
    are probabilities already, such as those of Qwen3-Reranker and of most servers other than
    llama.cpp's, are returned as they are. Logits are recognized by a score outside of 0 to 1. Where
    the first scores are all inside, four short documents are scored once to find out. The order of
    documents is the same either way.
    """

    ALIASES: ClassVar[Mapping[str, str]] = {"request_timeout": "timeout"}
    BATCH_TOKENS: ClassVar[int] = 8192
    """Tokens sent to the engine at a time, about."""

    top_n: int | None = Field(default=None, ge=1)
    """Documents that `compress_documents` returns at most. Default: all."""
    normalize: bool = True
    """Whether scores are put between 0 and 1. Otherwise they are the engine's own."""

    _scales: dict[Any, Scale] = PrivateAttr(default_factory=dict)  # by what scores; copies share it

    @abstractmethod
    def _scores(self, query: str, texts: list[str]) -> Plan[list[float]]:
        """Return the engine's scores for a batch, one for each text, in order."""

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return a score for each text, in the order of the texts; the highest fits the query best.

        Args:
            query: The question, or what is searched for.
            texts: The texts; no texts give no scores.

        Raises:
            InvalidRequestError: The query is empty, or something is not text.
            ContextLengthError: A text and the query are longer than the model's context together,
                and `truncate` is not set.
            ModelCallError: The engine cannot be reached or fails. The error has the index of the
                text that caused it in `failed_text`.
        """
        texts = _checked(query, texts)
        if not texts:
            return []
        with self._job(query, texts) as job:
            self._run_all(job.workers(self._lanes()))
        return self._run(self._finished([score for (score,) in job.vectors()]))

    async def arerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """As `rerank`, without blocking the event loop."""
        texts = _checked(query, texts)
        if not texts:
            return []
        with self._job(query, texts) as job:
            await self._arun_all(job.workers(self._lanes()))
        return await self._arun(self._finished([score for (score,) in job.vectors()]))

    @override
    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """Return the documents with the best scores, best first, at most `top_n`.

        Each is a copy whose metadata has its score as `relevance_score`. Raises as `rerank` does.

        Args:
            documents: The documents.
            query: What they are to fit.
            callbacks: Not used: no run of its own is traced.
        """
        return self._best(documents, self.rerank(query, _texts_of(documents)))

    @override
    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """As `compress_documents`, without blocking the event loop."""
        return self._best(documents, await self.arerank(query, _texts_of(documents)))

    def _best(self, documents: Sequence[Document], scores: list[float]) -> list[Document]:
        scored = [
            document.model_copy(
                update={"metadata": {**document.metadata, "relevance_score": score}}
            )
            for document, score in zip(documents, scores, strict=True)
        ]
        scored.sort(key=lambda document: -document.metadata["relevance_score"])
        return scored[: self.top_n]

    def _job(self, query: str, texts: list[str]) -> EmbeddingJob:
        batches = list(split(texts, self.batch_size, self.BATCH_TOKENS))
        bar = ProgressBar("texts", len(texts) if self.show_progress else 0)
        return EmbeddingJob(
            texts,
            partial(self._rows, query),
            _ScoreCheck(),
            batches,
            bar,
            together_with="the query",
        )

    def _rows(self, query: str, texts: list[str]) -> Plan[Vectors]:
        return [[score] for score in (yield from self._scores(query, texts))]

    def _finished(self, scores: list[float]) -> Plan[list[float]]:
        """Return the scores as the caller wants them."""
        if not self.normalize or (yield from self._scale(scores)) == "probabilities":
            return scores
        return [_sigmoid(score) for score in scores]

    def _scale(self, scores: list[float]) -> Plan[Scale]:
        source = self._source()
        if _are_logits(scores):
            self._scales[source] = "logits"
        elif source not in self._scales:
            try:
                probe = yield from self._scores(*_PROBE)
            except ModelCallError:  # the caller has its scores, and does not ask for this
                return "probabilities"
            self._scales[source] = "logits" if _are_logits(probe) else "probabilities"
        return self._scales[source]


def cut_tokens(tokens: list[int], too_long: ContextLengthError) -> list[int]:
    """Return a document's tokens without as many at their end as it had too many with the query.

    Raises:
        ContextLengthError: It is not known how many these are.
        InvalidRequestError: No token of the document would be left.
    """
    prompt, context = too_long.prompt_tokens, too_long.context_tokens
    if prompt is None or context is None or prompt <= context:
        raise too_long
    if (kept := len(tokens) - (prompt - context)) <= 0:
        raise InvalidRequestError(
            f"The query leaves no room for a document in the {context:,} tokens that the model "
            "takes. Shorten the query."
        )
    return tokens[:kept]


class _ScoreCheck:
    """Checks a row of one score."""

    def finish(self, vector: list[float]) -> list[float]:
        """Return the score as a float; raises `ServerError` for what is not a finite number."""
        try:
            score = float(vector[0])
        except (TypeError, ValueError):  # JSON has null for NaN
            score = math.nan
        if not math.isfinite(score):
            raise ServerError(
                f"the engine returned {vector[0]!r} as its score, which is not a finite number."
            )
        return [score]


def _are_logits(scores: list[float]) -> bool:
    return any(not 0 <= score <= 1 for score in scores)


def _sigmoid(logit: float) -> float:
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    power = math.exp(logit)
    return power / (1 + power)


def _checked(query: str, texts: Sequence[str]) -> list[str]:
    if not isinstance(query, str):
        raise InvalidRequestError(f"The query is not text, but of type {type(query).__name__}.")
    if not query.strip():
        raise InvalidRequestError("The query is empty. Pass a question or words to search for.")
    if isinstance(texts, str):
        raise InvalidRequestError("`rerank` expects a list of texts, not one text. Use [text].")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidRequestError(
                f"Text {number} is not text, but of type {type(text).__name__}."
            )
    return list(texts)


def _texts_of(documents: Sequence[Document]) -> list[str]:
    for number, document in enumerate(documents):
        if not isinstance(document, Document):
            raise InvalidRequestError(
                f"Document {number} is not a Document, but of type {type(document).__name__}. For "
                "plain texts use `rerank`."
            )
    return [document.page_content for document in documents]
