"""Run the engine that embeds.

One thread owns a context, and packs the tokens of several texts into each batch.
"""

import itertools
import weakref
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from langchain_localllm.base.embedding_batches import Vectors, truncate_tokens
from langchain_localllm.base.local_engine.thread import EngineThread, engine_closed_error
from langchain_localllm.errors import ContextLengthError, InvalidRequestError, ServerError
from langchain_localllm.runtimes.llamacpp.context import ABORTED, DONE, Context, Part
from langchain_localllm.runtimes.llamacpp.ffi import lib
from langchain_localllm.runtimes.llamacpp.fork import refuse_fork
from langchain_localllm.runtimes.llamacpp.model import Model, check_companions, open_model
from langchain_localllm.runtimes.llamacpp.model_kind import require_embedding_model
from langchain_localllm.runtimes.llamacpp.settings import Adapters, EngineSettings
from langchain_localllm.runtimes.llamacpp.sizing import text_length

_MOST_SEQUENCES: Final = 256
"""Texts in a batch; llama.cpp takes no more."""
_MEAN: Final = 1
"""llama.cpp's number of the pooling for models that name none."""


@dataclass(frozen=True, slots=True)
class Job:
    """Texts to embed.

    Attributes:
        texts: The texts, or pairs of a query and a text.
        cut: Whether a text that is too long is cut at its end; otherwise it is an error.
        future: Where the vectors go. Cancelling it ends the work.
    """

    texts: Sequence[Any]
    cut: bool
    future: Future[Vectors]


class Worker:
    """The thread. It knows nothing of the `Embedder`, so that a forgotten one can go."""

    def __init__(
        self, model: Model, settings: Mapping[str, Any], n_ctx: int, lora: Adapters
    ) -> None:
        self._model, self._settings, self._n_ctx, self._lora = model, settings, n_ctx, lora
        self._nothing = model.tokenize("")
        self._size = self._length(model)
        # tokens of a batch, but for a longer text
        self._pack = min(int(settings.get("n_batch", 512)), n_ctx)
        self._context = self._make_context(self._pack)
        self.thread: EngineThread[Job] = EngineThread(
            f"llama.cpp embeddings {model.name}", self._run, self._interrupt
        )
        self.thread.start()

    def _length(self, model: Model) -> int:
        """Return how many numbers a vector has."""
        return int(lib.llama_model_n_embd_out(model.pointer))

    def _interrupt(self) -> None:
        self._context.abort()

    # --- the thread ---

    def _run(self) -> None:
        for job in self.thread.items():
            self._do(job)
            del job
        self._context.free()

    def _do(self, job: Job) -> None:
        result: Vectors | BaseException
        try:
            result = self._embed(job)
        except BaseException as error:  # noqa: BLE001 - it belongs to the one who asked
            result = error
        if job.future.set_running_or_notify_cancel():
            if isinstance(result, BaseException):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)

    def _embed(self, job: Job) -> Vectors:
        vectors: Vectors = []
        for pack in self._packs([self._tokens(text, cut=job.cut) for text in job.texts]):
            if self.thread.ended:
                raise engine_closed_error()
            if job.future.cancelled():
                break
            vectors += self._compute(pack)
        return vectors

    def _tokens(self, text: Any, *, cut: bool) -> list[int]:
        tokens = self._model.tokenize(text, special=False)
        if not tokens:
            raise InvalidRequestError("the model's vocabulary has no token for it.")
        if len(tokens) <= self._n_ctx:
            return tokens
        if cut:
            return truncate_tokens(tokens, self._nothing, self._n_ctx)
        raise self._too_long(tokens)

    def _too_long(self, tokens: list[int]) -> ContextLengthError:
        words = f"The text has {len(tokens):,} tokens, and the model takes {self._n_ctx:,}."
        return ContextLengthError(words, prompt_tokens=len(tokens), context_tokens=self._n_ctx)

    def _packs(self, texts: list[list[int]]) -> Iterator[list[list[int]]]:
        """Yield the texts, in order, as many at a time as a batch has room for."""
        pack: list[list[int]] = []
        room = self._pack
        for tokens in texts:
            if pack and (len(tokens) > room or len(pack) == _MOST_SEQUENCES):
                yield pack
                pack, room = [], self._pack
            pack.append(tokens)
            room -= len(tokens)
        if pack:
            yield pack

    def _compute(self, pack: list[list[int]]) -> Vectors:
        self._make_room(sum(map(len, pack)))
        status = ABORTED
        while status == ABORTED:
            self._context.clear_abort()
            if self.thread.ended:
                raise engine_closed_error()
            self._context.clear()
            status = self._context.decode(
                [Part(number, 0, tokens, len(tokens)) for number, tokens in enumerate(pack)]
            )
        if self.thread.ended:
            raise engine_closed_error()
        if status != DONE:
            raise ServerError(f"llama.cpp could not compute this: llama_decode returned {status}.")
        pointers = map(
            lib.llama_get_embeddings_seq, itertools.repeat(self._context.pointer), range(len(pack))
        )
        return [pointer[: self._size] for pointer in pointers]

    # --- the context ---

    def _make_room(self, tokens: int) -> None:
        """Make the context large enough for a text, which is computed in one piece.

        A larger context takes its memory only then.
        """
        if tokens > self._context.batch_size:
            # where that fails, the old one stays
            larger = self._make_context(min(self._n_ctx, 1 << (tokens - 1).bit_length()))
            self._context.free()
            self._context = larger

    def _make_context(self, size: int) -> Context:
        sequences = min(size, _MOST_SEQUENCES)
        # llama.cpp aborts the process where it pools batches that are no multiple of the sequences
        size = -(-size // sequences) * sequences
        lengths = {"n_ctx": size, "n_batch": size, "n_ubatch": size, "n_seq_max": sequences}
        return Context(
            self._model,
            {**self._settings, **lengths, "embeddings": True, "kv_unified": True},
            self._lora,
        )


class Embedder:
    """A loaded model that embeds texts from any thread or event loop.

    Args:
        settings: The file and how it is loaded. Without `n_ctx`, a text has at most the model's
            context and 8,192 tokens.

    Attributes:
        model: The weights and the vocabulary.
        n_ctx: Tokens that a text can have.

    Raises:
        ModelFileError: The file is not a usable model.
        InvalidOptionError: llama.cpp refuses the settings.
        ServerError: This process is a fork of one that loaded a model.
    """

    _WORKER: ClassVar[type[Worker]] = Worker

    def __init__(self, settings: EngineSettings) -> None:
        refuse_fork()
        check_companions(settings)
        self.model: Model = open_model(settings.path, settings.model)
        pooling = self._pooling_type(settings.path)
        self.n_ctx = text_length(settings.n_ctx, self.model.trained_context)
        context = {**settings.context, "pooling_type": pooling}
        self._worker = self._WORKER(self.model, context, self.n_ctx, settings.lora)
        self._end = weakref.finalize(self, self._worker.thread.end)

    def _pooling_type(self, path: Path) -> int:
        """Return llama.cpp's number of the pooling.

        Raises `ModelFileError` where the model makes no vectors.
        """
        require_embedding_model(path, self.model.info)
        return self.model.info.pooling_type or _MEAN

    def submit(self, texts: Sequence[Any], *, cut: bool = False) -> Future[Vectors]:
        """Begin to compute vectors of texts, after those of earlier calls.

        Args:
            texts: The texts; for a reranker pairs of a query and a text.
            cut: Whether a text that is too long is cut at its end; otherwise it is an error.

        Raises:
            ServerError: This process is a fork of the one that loaded the model, or the engine was
                freed.
        """
        refuse_fork()
        future: Future[Vectors] = Future()
        self._worker.thread.submit(Job(texts, cut, future))
        return future

    def free(self) -> None:
        """End the thread and free the memory; what is not done fails."""
        self._end()
