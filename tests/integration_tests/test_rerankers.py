"""Rerankers on the real engines: two bindings of llama.cpp in this process, and its server over
HTTP, with the same file."""

import asyncio
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from typing_extensions import override

import langchain_localllm
from langchain_localllm import LlamaCppEmbeddings, LlamaCppReranker, LlamafileReranker, LocalServer
from langchain_localllm.base.reranker import LocalReranker
from langchain_localllm.errors import ContextLengthError, InvalidRequestError, ModelFileError
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.runtimes.llamacpp.backend import Backend
from tools.engines.models import reranker

Make = Callable[..., LocalReranker]
QUERY = "Where does the ferry leave?"
TEXTS = [
    "The ferry leaves at the north pier.",
    "Bread needs flour.",
    "[SEP] a lamp",
    "",
    "ferry " * 40,
]
CONTEXT = 512
BACKENDS: Final[tuple[Backend, ...]] = ("llama-cpp-python", "xllamacpp")
ENGINES: Final = (*BACKENDS, "server")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reranker(tiny_embedding_model(), tmp_path_factory.mktemp("models") / "tiny-rank.gguf")


@pytest.fixture(scope="module")
def url(model: Path) -> Iterator[str]:
    """The address of llama.cpp's server with the reranker."""
    with LocalServer(model, rerank=True, n_parallel=2) as server:
        yield server.base_url


@pytest.fixture(params=ENGINES)
def make(request: pytest.FixtureRequest, model: Path) -> Make:
    if request.param == "server":
        url = request.getfixturevalue("url")
        return lambda **options: LlamafileReranker(base_url=url, **options)
    return lambda **options: LlamaCppReranker(model_path=model, backend=request.param, **options)


def test_reranker_scores_are_the_same_on_every_engine(model: Path, url: str) -> None:
    by_server = LlamafileReranker(base_url=url, normalize=False).rerank(QUERY, TEXTS)
    assert len({round(score, 3) for score in by_server}) == len(TEXTS)
    for backend in BACKENDS:
        scores = LlamaCppReranker(model_path=model, backend=backend, normalize=False).rerank(
            QUERY, TEXTS
        )
        assert scores == pytest.approx(by_server, abs=0.005)


def test_reranker_template_of_the_file_is_used_alike(tmp_path: Path, model: Path) -> None:
    template = "[CLS] find: {query} in: {document} [SEP] answer yes or no [SEP]"
    path = reranker(tiny_embedding_model(), tmp_path / "template.gguf", template)
    # the server reads special tokens of a text there
    texts = [*(text for text in TEXTS if "[SEP]" not in text), "lamp " * 600]

    def scores(model: Path, backend: Backend) -> list[float]:
        return LlamaCppReranker(
            model_path=model, backend=backend, normalize=False, truncate=True
        ).rerank(QUERY, texts)

    first, second = (scores(path, backend) for backend in BACKENDS)
    assert first == pytest.approx(second, abs=0.005)
    assert first != pytest.approx(scores(model, BACKENDS[0]), abs=0.05)


def test_reranker_scores_are_the_sigmoid_of_logits_on_every_path(make: Make) -> None:
    logits = make(normalize=False).rerank(QUERY, TEXTS)
    assert min(logits) < 0
    expected = [1 / (1 + math.exp(-logit)) for logit in logits]
    scorer = make(batch_size=2)
    assert scorer.rerank(QUERY, TEXTS) == pytest.approx(expected, abs=0.002)
    assert asyncio.run(scorer.arerank(QUERY, TEXTS)) == pytest.approx(expected, abs=0.002)
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda text: scorer.rerank(QUERY, [text])[0], TEXTS))
    assert alone == pytest.approx(expected, abs=0.002)


def test_reranker_documents_are_sorted_cut_and_not_changed(make: Make) -> None:
    documents = [
        Document(text, id=str(number), metadata={"source": "a.md"})
        for number, text in enumerate(TEXTS)
    ]
    scorer = make(top_n=3)
    scores = scorer.rerank(QUERY, TEXTS)
    for found in (
        scorer.compress_documents(documents, QUERY),
        asyncio.run(scorer.acompress_documents(documents, QUERY)),
    ):
        assert [document.metadata["relevance_score"] for document in found] == sorted(
            scores, reverse=True
        )[:3]
        assert all(document.page_content == TEXTS[int(document.id or "")] for document in found)
        assert all(document.metadata["source"] == "a.md" for document in found)
    assert all(document.metadata == {"source": "a.md"} for document in documents)
    assert scorer.compress_documents([], QUERY) == []
    assert scorer.rerank(QUERY, []) == []


def test_reranker_text_that_is_too_long_is_named_or_cut(make: Make) -> None:
    texts = ["short", "lamp " * 1000, "b"]
    with pytest.raises(
        ContextLengthError, match=rf"^Text 1 of 3 with the query has 1,0\d\d tokens, .* {CONTEXT}\b"
    ) as caught:
        make().rerank(QUERY, texts)
    assert caught.value.failed_text == 1
    assert caught.value.context_tokens == CONTEXT
    cut = make(truncate=True).rerank(QUERY, texts)
    assert cut[::2] == pytest.approx(make().rerank(QUERY, texts[::2]), abs=0.002)
    room = CONTEXT - (caught.value.prompt_tokens or 0) + 1000
    assert cut[1] == pytest.approx(make().rerank(QUERY, ["lamp " * room])[0], abs=0.002)


def test_reranker_query_that_fills_the_context_is_an_error(make: Make) -> None:
    with pytest.raises(InvalidRequestError, match="query leaves no room"):
        make(truncate=True).rerank("lamp " * 1000, ["a"])


@pytest.mark.parametrize("backend", BACKENDS)
def test_reranker_model_that_does_not_rank_is_refused(backend: Backend, model: Path) -> None:
    with pytest.raises(ModelFileError, match="is not a reranker: it has no classification head"):
        LlamaCppReranker(model_path=tiny_embedding_model(), backend=backend)
    with pytest.raises(ModelFileError, match=r"is a reranker.*LlamaCppReranker"):
        LlamaCppEmbeddings(model_path=model, backend=backend)


def test_reranker_server_of_another_model_says_what_to_do() -> None:
    with (
        LocalServer(tiny_chat_model()) as server,
        pytest.raises(InvalidRequestError, match="--reranking") as caught,
    ):
        LlamafileReranker(base_url=server.base_url).rerank("a", ["b", "c"])
    assert caught.value.failed_text is None


def test_reranker_works_in_langchains_compression_retriever(model: Path) -> None:
    from langchain_classic.retrievers import ContextualCompressionRetriever

    class Fixed(BaseRetriever):
        @override
        def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
            return [Document(text) for text in TEXTS]

    with langchain_localllm.LlamaCppReranker(model_path=model, top_n=2) as scorer:
        retriever = ContextualCompressionRetriever(base_compressor=scorer, base_retriever=Fixed())
        found = retriever.invoke(QUERY)
        scores = dict(zip(TEXTS, scorer.rerank(QUERY, TEXTS), strict=True))
    assert [document.page_content for document in found] == sorted(
        TEXTS, key=lambda text: -scores[text]
    )[:2]
