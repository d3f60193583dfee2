"""LlamafileEmbeddings on the real server with the tiny embedding model."""

import asyncio
import math
from typing import Any

import pytest
from langchain_tests.integration_tests import EmbeddingsIntegrationTests

from langchain_localllm import LlamafileEmbeddings, LocalServer
from langchain_localllm.errors import ContextLengthError, InvalidRequestError


class TestStandard(EmbeddingsIntegrationTests):
    """LangChain's standard suite."""

    @pytest.fixture(autouse=True)
    def _server(self, embedding_server: LocalServer) -> None:
        self.url = embedding_server.base_url

    @property
    def embeddings_class(self) -> type[LlamafileEmbeddings]:
        return LlamafileEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"base_url": self.url}


@pytest.fixture
def embeddings(embedding_server: LocalServer) -> LlamafileEmbeddings:
    return LlamafileEmbeddings(base_url=embedding_server.base_url)


def _cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


TEXTS = ["The ferry leaves at noon.", "Зимой рано темнеет.", "灯塔很高。", "A 🍞 costs two coins.", "x"] * 40


def test_order_is_kept_over_batches(embeddings: LlamafileEmbeddings) -> None:
    whole = embeddings.embed_documents(TEXTS)
    small = embeddings.model_copy(update={"batch_size": 3}).embed_documents(TEXTS)
    assert len(whole) == len(small) == len(TEXTS)
    assert all(_cosine(one, other) > 0.9999 for one, other in zip(whole, small, strict=True))
    assert _cosine(whole[0], whole[5]) > 0.9999
    assert _cosine(whole[0], whole[1]) < 0.9


def test_sync_and_async_agree(embeddings: LlamafileEmbeddings) -> None:
    texts = TEXTS[:5]
    assert asyncio.run(embeddings.aembed_documents(texts)) == embeddings.embed_documents(texts)
    assert asyncio.run(embeddings.aembed_query("ferry")) == embeddings.embed_query("ferry")


def test_vectors_have_length_one_unless_raw(embeddings: LlamafileEmbeddings) -> None:
    assert math.isclose(math.hypot(*embeddings.embed_query("ferry")), 1, rel_tol=1e-6)
    raw = embeddings.model_copy(update={"normalize": False}).embed_query("ferry")
    assert _cosine(raw, embeddings.embed_query("ferry")) == pytest.approx(math.hypot(*raw))


def test_prefixes_are_put_before_the_text(embeddings: LlamafileEmbeddings) -> None:
    prefixed = embeddings.model_copy(update={"query_prefix": "query: ", "document_prefix": "passage: "})
    assert prefixed.embed_query("ferry") == embeddings.embed_query("query: ferry")
    assert prefixed.embed_documents(["ferry"]) == embeddings.embed_documents(["passage: ferry"])


def test_no_texts_give_no_vectors(embeddings: LlamafileEmbeddings) -> None:
    assert embeddings.embed_documents([]) == []


def test_an_empty_text_is_named(embeddings: LlamafileEmbeddings) -> None:
    with pytest.raises(InvalidRequestError, match="Text 1 is empty"):
        embeddings.embed_documents(["a", " \n", "b"])
    with pytest.raises(InvalidRequestError, match="The query is empty"):
        embeddings.embed_query("")


def test_a_text_longer_than_the_context_raises_with_both_lengths(embeddings: LlamafileEmbeddings) -> None:
    with pytest.raises(ContextLengthError) as caught:
        embeddings.embed_documents(["short", "lamp " * 3000])
    assert caught.value.context_tokens == 512
    assert (caught.value.prompt_tokens or 0) > 512
    assert embeddings.embed_query("it still works")


def test_a_server_without_embeddings_says_so(chat_server: LocalServer) -> None:
    with pytest.raises(InvalidRequestError, match="embeddings"):
        LlamafileEmbeddings(base_url=chat_server.base_url).embed_query("ferry")


def test_a_question_is_near_the_passage_that_answers_it(embeddings: LlamafileEmbeddings) -> None:
    passages = ["The ferry leaves at noon.", "Bread is baked on Mondays.", "The museum has two floors."]
    vectors = embeddings.embed_documents(passages)
    question = embeddings.embed_query("When does the ferry leave?")
    scores = [_cosine(question, vector) for vector in vectors]
    assert scores.index(max(scores)) == 0
