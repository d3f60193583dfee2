"""GPT4AllEmbeddings on the real engine with the tiny embedding model."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from langchain_core.embeddings import Embeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from langchain_localllm import GPT4All, GPT4AllEmbeddings, LlamafileEmbeddings, LocalServer
from langchain_localllm.errors import (
    CallTimeoutError,
    ContextLengthError,
    InvalidOptionError,
    InvalidRequestError,
    ModelFileError,
)
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model

TEXTS: Final = [
    "The ferry leaves at noon.",
    "Зимой рано темнеет.",
    "灯塔很高。",
    "A 🍞 costs two coins.",
    "x",
    " two  spaces ",
    "a\nb\tc",
]
AGREES: Final = 0.999


class TestUnits(EmbeddingsUnitTests):
    """LangChain's standard suite, the part that embeds nothing."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return GPT4AllEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": str(tiny_embedding_model())}


class TestIntegration(EmbeddingsIntegrationTests):
    """And the part that embeds."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return GPT4AllEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": str(tiny_embedding_model())}


@pytest.fixture
def embeddings() -> Iterator[GPT4AllEmbeddings]:
    with GPT4AllEmbeddings(model=tiny_embedding_model()) as made:
        yield made


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def least_agreement(some: list[list[float]], others: list[list[float]]) -> float:
    return min(cosine(one, other) for one, other in zip(some, others, strict=True))


def test_it_agrees_with_the_llama_cpp_server(embeddings: GPT4AllEmbeddings, embedding_server: LocalServer) -> None:
    choose = random.Random(1)  # noqa: S311 - texts for a test
    texts = [" ".join(choose.choices(TEXTS, k=1 + number % 20)) for number in range(200)]
    server = LlamafileEmbeddings(base_url=embedding_server.base_url)
    assert least_agreement(embeddings.embed_documents(texts), server.embed_documents(texts)) > AGREES


def test_a_vector_does_not_depend_on_its_neighbours(embeddings: GPT4AllEmbeddings) -> None:
    alone = [embeddings.embed_query(text) for text in TEXTS]
    for size in (1, 3, 64):
        together = embeddings.model_copy(update={"batch_size": size}).embed_documents(TEXTS)
        assert least_agreement(alone, together) > AGREES
    assert cosine(alone[0], alone[1]) < 0.9


def test_sync_and_async_agree(embeddings: GPT4AllEmbeddings) -> None:
    async def both() -> tuple[list[list[float]], list[float]]:
        return await asyncio.gather(embeddings.aembed_documents(TEXTS), embeddings.aembed_query(TEXTS[0]))

    vectors, vector = asyncio.run(both())
    assert vectors == embeddings.embed_documents(TEXTS)
    assert vector == embeddings.embed_query(TEXTS[0])


def test_nothing_is_printed(embeddings: GPT4AllEmbeddings, capfd: pytest.CaptureFixture[str]) -> None:
    embeddings.embed_documents(TEXTS)  # the package names a model that it does not know, each time
    assert capfd.readouterr() == ("", "")


def test_a_text_longer_than_the_context_raises_with_both_lengths(embeddings: GPT4AllEmbeddings) -> None:
    with pytest.raises(ContextLengthError, match="Text 1 of 2 has") as caught:
        embeddings.embed_documents(["short", "lamp " * 600])
    assert caught.value.context_tokens == 512
    assert (caught.value.prompt_tokens or 0) > 512
    assert embeddings.embed_query("it still works")


@pytest.mark.parametrize(("text", "word"), [("a\0b", "NUL"), ("a \ud800 b", "surrogate"), (" ", "empty")])
def test_what_is_no_text_is_refused(text: str, word: str, embeddings: GPT4AllEmbeddings) -> None:
    with pytest.raises(InvalidRequestError, match=word):
        embeddings.embed_query(text)
    assert embeddings.embed_query("it still works")


def test_a_call_that_takes_too_long_ends(embeddings: GPT4AllEmbeddings) -> None:
    hurried = embeddings.model_copy(update={"timeout": 1e-6, "batch_size": 200})
    with pytest.raises(CallTimeoutError, match="Raise `timeout`"):
        hurried.embed_documents(TEXTS * 20)
    with pytest.raises(CallTimeoutError):
        asyncio.run(hurried.aembed_documents(TEXTS * 20))
    assert embeddings.embed_query("it still works")


def test_a_model_that_the_package_knows_gets_its_prefix_apart(embeddings: GPT4AllEmbeddings, tmp_path: Path) -> None:
    known = tmp_path / "known.gguf"
    known.write_bytes(tiny_embedding_model().read_bytes().replace(b"tiny-embed", b"e5-base-v2", 1))
    with GPT4AllEmbeddings(model=known, query_prefix="", document_prefix="") as bare:
        with pytest.raises(InvalidRequestError, match=r"wants a prefix.*query_prefix="):
            bare.embed_query("a lamp")
        prefixed = bare.model_copy(update={"query_prefix": "query: ", "document_prefix": "passage: "})
        assert cosine(prefixed.embed_query("a lamp"), embeddings.embed_query("query: a lamp")) > AGREES
        expected = embeddings.embed_documents([f"passage: {text}" for text in TEXTS])
        assert least_agreement(prefixed.embed_documents(TEXTS), expected) > AGREES


def test_the_arguments_of_the_old_class(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tiny_embedding_model()
    kwargs = {"allow_download": "False", "model_path": str(path.parent), "n_ctx": 512, "ngl": 0}
    old: dict[str, Any] = {"model_name": path.name, "n_threads": 1, "device": "cpu", "gpt4all_kwargs": kwargs}
    with GPT4AllEmbeddings(**old) as made:
        assert made.embed_query("a lamp")
        assert (made.allow_download, made.n_ctx, made.n_threads) == (False, 512, 1)
    assert set(kwargs) == {"allow_download", "model_path", "n_ctx", "ngl"}
    monkeypatch.setenv("HOME", str(tmp_path))
    for missing in (dict[str, Any](), {"model_name": None}):
        with pytest.raises(ModelFileError, match=r"no model file all-MiniLM-L6-v2\.gguf2\.f16\.gguf.*allow_download=True"):
            GPT4AllEmbeddings(**missing)
    with pytest.raises(InvalidOptionError, match="n_ctxs"):
        GPT4AllEmbeddings(**{**old, "gpt4all_kwargs": {**kwargs, "n_ctxs": 1}})


def test_raw_vectors_cannot_be_had() -> None:
    with pytest.raises(InvalidOptionError, match="length 1 only"):
        GPT4AllEmbeddings(model=tiny_embedding_model(), normalize=False)


def test_a_model_for_text_is_refused() -> None:
    with pytest.raises(ModelFileError, match=r"is a model for text \(llama\)"):
        GPT4AllEmbeddings(model=tiny_chat_model())
    with GPT4AllEmbeddings(model=tiny_embedding_model()), pytest.raises(ModelFileError, match="makes embeddings and no text"):
        GPT4All(model=tiny_embedding_model())
