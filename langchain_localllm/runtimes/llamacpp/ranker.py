"""The engine that scores pairs of a query and a text, for the backend `llama-cpp-python`."""

from pathlib import Path
from typing import ClassVar, Final

from typing_extensions import override

from langchain_localllm.base.reranker import cut_tokens
from langchain_localllm.base.special_tokens import LiteralText
from langchain_localllm.gguf.header import RANK
from langchain_localllm.runtimes.llamacpp.embedder import Embedder, Worker
from langchain_localllm.runtimes.llamacpp.ffi import lib
from langchain_localllm.runtimes.llamacpp.model import Model
from langchain_localllm.runtimes.llamacpp.model_kind import require_reranker

_TEMPLATE: Final = "tokenizer.chat_template.rerank"
_QUERY, _DOCUMENT = "{query}", "{document}"


class _RankWorker(Worker):
    """The thread that scores pairs."""

    @override
    def _length(self, model: Model) -> int:
        return int(lib.llama_model_n_cls_out(model.pointer))

    @override
    def _tokens(self, text: tuple[str, str], *, cut: bool) -> list[int]:
        tokens = pair_tokens(self._model, *text)
        if len(tokens) <= self._n_ctx:
            return tokens
        if not cut:
            raise self._too_long(tokens)
        before, document, after = _pair_parts(self._model, *text)
        return [
            *before,
            *cut_tokens(document, self._too_long([*before, *document, *after])),
            *after,
        ]


def pair_tokens(model: Model, query: str, document: str) -> list[int]:
    """Return the tokens of a pair, as llama.cpp's server arranges them.

    Source: `format_prompt_rerank` in llama.cpp/tools/server/server-common.cpp.
    """
    template = model.metadata.get(_TEMPLATE)
    if template and not any(map(model.reads_special_token, (query, document))):
        # as a whole, since a token may reach over the edge of a gap
        head, _, tail = template.partition(_DOCUMENT)
        return model.tokenize(f"{head.replace(_QUERY, query)}{document}{tail}", begin=False)
    before, middle, after = _pair_parts(model, query, document)
    return [*before, *middle, *after]


def _pair_parts(model: Model, query: str, document: str) -> tuple[list[int], list[int], list[int]]:
    """Return the tokens before a document, of the document and after it.

    In both texts special tokens are not read.
    """
    if template := model.metadata.get(_TEMPLATE):
        head, _, tail = template.partition(_DOCUMENT)
        start, _, rest = head.partition(_QUERY)
        before = [
            *model.tokenize(start, begin=False),
            *model.tokenize_inner(LiteralText(query)),
            *model.tokenize_inner(rest),
        ]
        return (
            before,
            model.tokenize_inner(LiteralText(document)),
            model.tokenize(tail, begin=False),
        )
    vocabulary = model.vocabulary
    sep = lib.llama_vocab_sep(vocabulary)
    eos = sep if model.eos_token is None else model.eos_token
    begin = [lib.llama_vocab_bos(vocabulary)] if lib.llama_vocab_get_add_bos(vocabulary) else []
    end = [eos] if lib.llama_vocab_get_add_eos(vocabulary) else []
    between = [*end, sep] if lib.llama_vocab_get_add_sep(vocabulary) else end
    return [*begin, *_literal(model, query), *between], _literal(model, document), end


def _literal(model: Model, text: str) -> list[int]:
    return model.tokenize(text, begin=False, special=False)


class Ranker(Embedder):
    """Score pairs of a query and a text with a loaded reranker.

    It works from any thread or event loop; the vectors hold its classes' scores.
    """

    _WORKER: ClassVar[type[Worker]] = _RankWorker

    @override
    def _pooling_type(self, path: Path) -> int:
        require_reranker(path, self.model.info)
        return RANK
