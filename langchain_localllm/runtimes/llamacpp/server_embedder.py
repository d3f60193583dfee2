"""Embeddings by llama.cpp's server in this process, for the backend `xllamacpp`."""

import json
import os
import re
import shutil
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar, Final

from langchain_localllm.base.embedding_batches import Vectors, truncate_tokens
from langchain_localllm.base.local_engine.thread import EngineThread, engine_closed_error
from langchain_localllm.errors import ContextLengthError, InvalidRequestError
from langchain_localllm.gguf.header import GGUFInfo, read_lists
from langchain_localllm.runtimes.llamacpp.fork import refuse_fork
from langchain_localllm.runtimes.llamacpp.model_kind import require_embedding_model
from langchain_localllm.runtimes.llamacpp.server_engine import (
    as_json,
    ask,
    check_companions,
    checked,
    checked_model,
    keep_from_forks,
    start_server,
)
from langchain_localllm.runtimes.llamacpp.settings import EngineSettings
from langchain_localllm.runtimes.llamacpp.sizing import text_length

_MEAN: Final = 1
"""llama.cpp's number of the pooling for models that name none."""
_RAW: Final = -1
_TOGETHER: Final = 32
"""Texts in a request; what is cancelled ends after it."""
_SLOTS: Final = 4
_TOKENS, _TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
_SPECIAL: Final = frozenset({2, 3, 4})
"""Types of tokens: unknown, control, user-defined."""


_Job = tuple[Sequence[Any], bool, "Future[Vectors]"]


class Worker:
    """The thread.

    It does not reference the `ServerEmbedder`, so that a forgotten one can be freed.
    """

    def __init__(
        self, server: Any, socket_path: Path, n_ctx: int, name: str, special: re.Pattern[str]
    ) -> None:
        self.server: Any = server
        self._special = special
        self._socket_path, self._n_ctx = socket_path, n_ctx
        keep_from_forks(self)
        self.thread: EngineThread[_Job] = EngineThread(
            f"llama.cpp embeddings {name}", self._run, lambda: None
        )
        self._process = os.getpid()
        self.thread.start()

    def end(self) -> None:
        """End the thread, which frees the server."""
        self.thread.end()
        if self._process == os.getpid():
            shutil.rmtree(self._socket_path.parent, ignore_errors=True)

    def _run(self) -> None:
        for texts, cut, future in self.thread.items():
            result: Vectors | BaseException
            try:
                result = self._embed_all(texts, future, cut=cut)
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller
                result = error
            if future.set_running_or_notify_cancel():
                if isinstance(result, BaseException):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        self.server = None

    def _embed_all(self, texts: Sequence[Any], future: "Future[Vectors]", *, cut: bool) -> Vectors:
        vectors: Vectors = []
        for start in range(0, len(texts), _TOGETHER):
            if self.thread.ended:
                raise engine_closed_error()
            if future.cancelled():
                break
            vectors += self._embed([*texts[start : start + _TOGETHER]], cut=cut)
        return vectors

    def _embed(self, texts: list[Any], *, cut: bool) -> Vectors:
        try:
            return self._ask(
                [self._tokens(text) if self._special.search(text) else text for text in texts]
            )
        except ContextLengthError:
            return [self._embed_long(text, cut=cut) for text in texts]

    def _embed_long(self, text: str, *, cut: bool) -> list[float]:
        tokens = self._tokens(text)
        if len(tokens) > self._n_ctx:
            if not cut:
                words = f"The text has {len(tokens):,} tokens, and the model takes {self._n_ctx:,}."
                raise ContextLengthError(
                    words, prompt_tokens=len(tokens), context_tokens=self._n_ctx
                )
            tokens = truncate_tokens(tokens, self._tokens(""), self._n_ctx)
        return self._ask([tokens])[0]

    def _tokens(self, text: str, *, special: bool = True) -> list[int]:
        answer = ask(
            self._socket_path,
            "/tokenize",
            {"content": text, "add_special": special, "parse_special": False},
        )
        return [int(token) for token in answer["tokens"]]

    def _ask(self, texts: Sequence[str | list[int]]) -> Vectors:
        rows = self._rows("handle_embeddings", {"input": texts, "embd_normalize": _RAW}, "data")
        return [row["embedding"] for row in rows]

    def _rows(self, method: str, payload: dict[str, Any], key: str) -> list[dict[str, Any]]:
        """Ask the server, and return the rows of its answer in the order of the texts."""
        try:
            answer = checked(json.loads(getattr(self.server, method)(as_json(payload))))
        except (RuntimeError, ValueError) as error:
            if isinstance(error, InvalidRequestError | ContextLengthError):
                raise
            raise InvalidRequestError(f"llama.cpp refuses the text: {error}") from None
        return sorted(answer[key], key=lambda row: row["index"])


class ServerEmbedder:
    """A loaded model that embeds texts from any thread or event loop.

    Args:
        settings: The file and how it is loaded. Without `n_ctx`, a text has at most the model's
            context and 8,192 tokens.

    Attributes:
        info: What the file's header says.
        n_ctx: Tokens that a text can have.

    Raises:
        ModelFileError: The file is not a usable model.
        ServerError: This process is a fork of one that loaded a model.
    """

    _WORKER: ClassVar[type[Worker]] = Worker

    def __init__(self, settings: EngineSettings) -> None:
        refuse_fork()
        path = settings.path
        self.info = checked_model(path)
        pooling = self._pooling_type(path)
        check_companions(settings, embeds=True)
        self.n_ctx = text_length(settings.n_ctx, self.info.context_length)
        # a text is embedded in one batch or not at all
        batch = max(self.n_ctx, int(settings.context.get("n_batch", 0)))
        batch += -batch % _SLOTS  # llama.cpp aborts the process at other lengths
        more = {
            "cache_ram_mib": 0,
            "embd_normalize": _RAW,
            "embedding": True,
            "kv_unified_per_slot": self.n_ctx,
            "n_batch": batch,
            "n_ctx": self.n_ctx * _SLOTS,
            "n_parallel": _SLOTS,
            "n_ubatch": batch,
            "pooling_type": pooling,
        }
        server, socket_path = start_server(settings, more)
        self._worker = self._WORKER(
            server, socket_path, self.n_ctx, path.name, _special_tokens(path, self.info)
        )
        self._end = weakref.finalize(self, self._worker.end)

    def _pooling_type(self, path: Path) -> int:
        """Return llama.cpp's number of the pooling.

        Raises `ModelFileError` where the model makes no vectors.
        """
        require_embedding_model(path, self.info)
        return self.info.pooling_type or _MEAN

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
        self._worker.thread.submit((texts, cut, future))
        return future

    def free(self) -> None:
        """End the thread and free the memory; what is not done fails."""
        self._end()


def _special_tokens(path: Path, info: GGUFInfo) -> re.Pattern[str]:
    """Return a pattern of special tokens' names, which the server would read as tokens.

    It reads them so in any text.
    """
    lists = read_lists(path, info, (_TOKENS, _TYPES))
    pairs = zip(lists.get(_TOKENS, ()), lists.get(_TYPES, ()), strict=False)
    names = [
        re.escape(token.decode("utf-8", "replace"))
        for token, kind in pairs
        if kind in _SPECIAL and token
    ]
    return re.compile("|".join(names) or r"(?!)")
