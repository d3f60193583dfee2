"""Reranking by llama.cpp's server, and by other servers with a path for it.

Source: https://github.com/ggml-org/llama.cpp/tree/master/tools/server ("POST /reranking").
"""

import re
from typing import Any, ClassVar, Final

from pydantic import PrivateAttr
from typing_extensions import override

from langchain_localllm.base.answer_decoder import UNREADABLE
from langchain_localllm.base.embedding_batches import Plan
from langchain_localllm.base.reranker import CUTS, LocalReranker, cut_tokens
from langchain_localllm.base.text_batches_http import ServedBatches
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidRequestError,
    ModelCallError,
    ModelLoadingError,
    ServerError,
    WrongServerError,
)
from langchain_localllm.runtimes.llamafile.api import ask, detokenize, token_ids
from langchain_localllm.runtimes.llamafile.error_reader import ErrorReader, reported_error
from langchain_localllm.runtimes.llamafile.options import ManyServers

_WAYS: Final = (
    ("/v1/rerank", "documents"),
    ("/rerank", "documents"),
    ("/rerank", "texts"),
    ("/v1/reranking", "documents"),
)
"""Path and name of the texts: llama.cpp, vLLM, SGLang, LocalAI and Xinference; Infinity; Text
Embeddings Inference; Lemonade."""
_WANTS_TEXTS: Final = re.compile(r"field\W{1,3}texts\b|\.texts\b", re.IGNORECASE)
_NO_RERANKER: Final = re.compile(r"re-?rank|score\b.{0,10}\bapi", re.IGNORECASE)
"""What servers say of a model that is not a reranker, or of one that was not started as one."""
_SCORES: Final = ("relevance_score", "score")
_HOW_TO_SERVE: Final = "Start llama-server with a reranker and `--reranking`."


class LlamafileReranker(ManyServers, ServedBatches, LocalReranker):
    """Rerank documents by llama.cpp's server, or any other with `/v1/rerank` or `/rerank`.

    llama-server must be started with a reranker and `--reranking`, or as `LocalServer(path,
    rerank=True)`. vLLM, SGLang, Infinity, Text Embeddings Inference (TEI), LocalAI, Xinference and
    Lemonade are understood too.

    Scores are between 0 and 1 unless `normalize=False`: the sigmoid of llama.cpp's logits;
    probabilities, such as those of Qwen3-Reranker and of most other servers, are returned as they
    are. Logits are recognized by a score outside of 0 to 1. Where the first scores are all inside,
    four short documents are scored once to find out.

    Example:
        >>> from langchain_core.documents import Document
        >>> from langchain_localllm import LlamafileReranker
        >>> reranker = LlamafileReranker(base_url="http://localhost:8080", top_n=3)
        >>> documents = [Document("The boat is blue."), Document("Bread needs flour.")]
        >>> question = "Which color has the boat?"
        >>> best = reranker.compress_documents(documents, question)  # doctest: +SKIP
        >>> best[0].metadata["relevance_score"]  # doctest: +SKIP
        0.98
    """

    START_HINT: ClassVar[str] = (
        "Start one with `llama-server --model reranker.gguf --reranking`, or from Python with "
        "`langchain_localllm.LocalServer('reranker.gguf', rerank=True)`, and give its address as "
        "`base_url`. Without a server, use LlamaCppReranker."
    )

    extra_body: dict[str, Any] | None = None
    """Fields to send with each request as they are, such as `{"truncate_prompt_tokens": -1}` for
    vLLM."""

    # by address, what it answered; copies share it
    _ways: dict[Any, tuple[str, str]] = PrivateAttr(default_factory=dict)

    @override
    def _scores(self, query: str, texts: list[str]) -> Plan[list[float]]:
        try:
            return (yield from self._ask_for(query, texts))
        except ContextLengthError as error:
            if not self.truncate or len(texts) > 1:
                raise
            too_long = error
        tokens = yield from token_ids(self, texts[0])
        for _ in range(CUTS):
            tokens = cut_tokens(tokens, too_long)
            text = yield from detokenize(self, tokens)
            try:
                return (yield from self._ask_for(query, [text]))
            except ContextLengthError as error:  # the tokenizer writes some tokens in a longer way
                too_long = error
        raise too_long

    def _ask_for(self, query: str, texts: list[str]) -> Plan[list[float]]:
        """Ask in the way that this server knows, which the first request finds out."""
        found = self._ways.get(self.base_url)
        refusal: ModelCallError | None = None
        for way in (found,) if found else _WAYS:
            try:
                scores = yield from self._ask_at(way, query, texts)
            except ModelLoadingError:
                raise
            except WrongServerError as error:
                refusal = refusal or error
            except (InvalidRequestError, ServerError) as error:
                if not _WANTS_TEXTS.search(str(error)):
                    error.blames_server = bool(_NO_RERANKER.search(str(error)))
                    raise
                refusal = error
            else:
                self._ways[self.base_url] = way
                return scores
        raise WrongServerError(
            f"The server offers no reranking at /v1/rerank or /rerank. {_HOW_TO_SERVE} {refusal}"
        ) from refusal

    def _ask_at(self, way: tuple[str, str], query: str, texts: list[str]) -> Plan[list[float]]:
        path, name = way
        body: dict[str, Any] = {"query": query, name: texts}
        if name == "documents":
            body["top_n"] = len(texts)  # some servers return only the best by default
        elif self.truncate:
            body["truncate"] = True
        if not self.normalize:
            body["raw_scores"] = True  # Infinity and TEI would return probabilities
        answer = yield from ask(self, "POST", path, {**body, **(self.extra_body or {})})
        return self._scores_in(answer, path, len(texts))

    def _scores_in(self, answer: Any, path: str, count: int) -> list[float]:
        """Return the scores in the order of the texts; servers sort them."""
        url = self.client.address.url
        try:
            rows = answer if isinstance(answer, list) else answer.get("results", answer.get("data"))
            scores = {
                row["index"]: next(row[name] for name in _SCORES if name in row) for row in rows
            }
        except (*UNREADABLE, StopIteration):
            if error := reported_error(answer):
                raise ErrorReader(url).in_answer(error) from None
            raise WrongServerError(f"The server at {url} gives no scores at {path}.") from None
        if sorted(scores) != [*range(count)]:
            raise ServerError(
                f"{count} texts were sent to the server at {url}, {len(scores)} scores came back."
            )
        return [scores[number] for number in range(count)]
