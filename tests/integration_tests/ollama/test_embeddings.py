"""OllamaEmbeddings on the real Ollama with the tiny embedding model."""

import asyncio
import math
import warnings
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests

from langchain_localllm import LlamafileEmbeddings, LocalServer, OllamaEmbeddings
from langchain_localllm.errors import ContextLengthError, InvalidOptionError, InvalidRequestError, ModelMissingError

from .conftest import CHAT, EMBED

WORDS = [
    "The ferry leaves at noon.",
    "Зимой рано темнеет.",
    "灯塔很高。",
    "A 🍞 costs two coins.",
    "x",
    "الماء بارد",
    "Où est la gare ?",
]
TEXTS = [" ".join(WORDS[number % 7 :][: 1 + number % 3]) + f" {number}" for number in range(200)]


class TestStandard(EmbeddingsIntegrationTests):
    """LangChain's standard suite."""

    @pytest.fixture(autouse=True)
    def _server(self, url: str) -> None:
        self.url = url

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return OllamaEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"base_url": self.url, "model": EMBED}


@pytest.fixture
def embeddings(url: str) -> OllamaEmbeddings:
    return OllamaEmbeddings(base_url=url, model=EMBED)


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_llamafile_and_ollama_agree(embeddings: OllamaEmbeddings, embedding_server: LocalServer) -> None:
    ours = embeddings.embed_documents(TEXTS)
    theirs = LlamafileEmbeddings(base_url=embedding_server.base_url).embed_documents(TEXTS)
    assert len(ours) == 200
    assert min(map(cosine, ours, theirs)) >= 0.999


def test_sync_and_async_agree_and_keep_the_order(embeddings: OllamaEmbeddings) -> None:
    whole = embeddings.embed_documents(TEXTS[:20])
    assert asyncio.run(embeddings.aembed_documents(TEXTS[:20])) == whole
    small = embeddings.model_copy(update={"batch_size": 3}).embed_documents(TEXTS[:20])
    assert min(map(cosine, whole, small)) > 0.9999
    assert cosine(whole[3], embeddings.embed_query(TEXTS[3])) > 0.9999


def test_vectors_can_be_shorter(url: str) -> None:
    vector = OllamaEmbeddings(base_url=url, model=EMBED, dimensions=32).embed_query("ferry")
    assert len(vector) == 32
    assert math.isclose(math.hypot(*vector), 1)


def test_a_text_that_is_too_long_is_named_or_cut_when_asked(embeddings: OllamaEmbeddings) -> None:
    texts = ["short", "harbour " * 900, "also short"]
    for call in (embeddings.embed_documents, lambda texts: asyncio.run(embeddings.aembed_documents(texts))):
        with pytest.raises(ContextLengthError, match="Text 1 of 3 has more tokens than the 512") as caught:
            call(texts)
        assert caught.value.context_tokens == 512
    assert len(embeddings.model_copy(update={"truncate": True}).embed_documents(texts)) == 3


def test_what_cannot_be_embedded(embeddings: OllamaEmbeddings, url: str) -> None:
    assert embeddings.embed_documents([]) == []
    with pytest.raises(InvalidRequestError, match="Text 1 is empty"):
        embeddings.embed_documents(["a", " "])
    with pytest.raises(ModelMissingError, match="no model 'nowhere:1b'"):
        OllamaEmbeddings(base_url=url, model="nowhere:1b").embed_query("a")
    with pytest.raises(InvalidOptionError, match="allow_remote"):
        OllamaEmbeddings(base_url=url, model="big:cloud")


def test_a_model_of_another_kind_warns(url: str) -> None:
    with pytest.warns(UserWarning, match="not made for embeddings"):
        OllamaEmbeddings(base_url=url, model=CHAT).embed_query("a")


def test_a_right_model_does_not_warn(embeddings: OllamaEmbeddings) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embeddings.embed_query("a")


def test_prefixes_reach_the_model(embeddings: OllamaEmbeddings, url: str) -> None:
    prefixed = OllamaEmbeddings(base_url=url, model=EMBED, query_prefix="query: ", document_prefix="passage: ")
    assert cosine(prefixed.embed_query("ferry"), embeddings.embed_query("query: ferry")) > 0.9999
    assert cosine(prefixed.embed_documents(["ferry"])[0], embeddings.embed_query("passage: ferry")) > 0.9999


def test_the_servers_models_are_managed_from_here_too(embeddings: OllamaEmbeddings) -> None:
    assert EMBED in {model.name.partition(":")[0] for model in embeddings.list()}
    assert embeddings.show().capabilities == ("embedding",)
