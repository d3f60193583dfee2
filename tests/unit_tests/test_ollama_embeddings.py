"""OllamaEmbeddings without a server: what each option moves, and prefixes by a model's name."""

from typing import Any, Final

import pytest
from langchain_core.embeddings import Embeddings
from langchain_tests.unit_tests import EmbeddingsUnitTests

from langchain_localllm import OllamaEmbeddings
from langchain_localllm.base.prefixes import prefixes_of
from langchain_localllm.runtimes.ollama.embeddings import embed
from langchain_localllm.runtimes.ollama.options import ModelFacts
from langchain_localllm.transport.plan import Send

from .option_cases import OLLAMA

EMPTY: Final = {"model": "llama2", "options": {"num_ctx": 512}, "truncate": False, "input": ["Hi"]}
LOADING: Final = ("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap")
MOVED: Final[dict[str, tuple[Any, dict[str, Any]]]] = {
    "model": ("tiny", {"model": "tiny"}),
    "keep_alive": ("10m", {"keep_alive": "10m"}),
    "truncate": (True, {"truncate": True}),
    "dimensions": (64, {"dimensions": 64}),
    **{name: (OLLAMA[name].value, {"options": {"num_ctx": 512, name: OLLAMA[name].value}}) for name in LOADING},
    **{name: (OLLAMA[name].value, {}) for name in ("auth", "allow_remote", "validate_model_on_init")},
    **{name: (OLLAMA[name].value, {}) for name in ("base_url", "api_key", "headers", "timeout", "max_retries", "wait_until_ready")},
    **{name: (value, {}) for name, value in (("normalize", False), ("batch_size", 1), ("document_prefix", "p: "))},
    "query_prefix": ("q: ", {"input": ["q: Hi"]}),
}


class TestStandard(EmbeddingsUnitTests):
    """LangChain's standard suite."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return OllamaEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "tiny"}


class FakeEmbeddings(OllamaEmbeddings):
    """Its server has told of the model already; it notes what it would send."""

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts(512, frozenset({"embedding"}))

    def _embed(self, texts: list[str]) -> list[list[float]]:
        send = next(embed(self, texts))
        assert isinstance(send, Send)
        self.__dict__["_sent"] = send.body
        return [[3.0, 4.0]] * len(texts)


def test_every_field_has_a_case() -> None:
    assert set(MOVED) == set(OllamaEmbeddings.model_fields)


@pytest.mark.parametrize("name", MOVED)
def test_an_option_moves_the_request(name: str) -> None:
    value, moved = MOVED[name]
    model = FakeEmbeddings(**{name: value})
    model.embed_query("Hi")
    assert model.__dict__["_sent"] == EMPTY | moved


@pytest.mark.parametrize("name", OllamaEmbeddings.RETIRED)
def test_arguments_that_nothing_reads_are_taken(name: str) -> None:
    with pytest.warns(UserWarning, match=f"`{name}`"):
        OllamaEmbeddings.model_validate({name: 1})


@pytest.mark.parametrize(
    ("name", "query", "document"),
    [
        ("nomic-embed-text:latest", "search_query: ", "search_document: "),
        ("jeffh/intfloat-multilingual-e5-large:f16", "query: ", "passage: "),
        ("jeffh/intfloat-multilingual-e5-large-instruct", "Instruct: ", ""),
        ("qwen3-embedding:0.6b", "Instruct: ", ""),
        ("mxbai-embed-large", "Represent this sentence for searching", ""),
        ("snowflake-arctic-embed:335m", "Represent this sentence for searching", ""),
        ("bge-large-zh", "", ""),
        ("bge-large", "Represent this sentence for searching", ""),
        ("bge-m3", "", ""),
        ("snowflake-arctic-embed2", "", ""),
        ("all-minilm", "", ""),
        ("llama2", "", ""),
    ],
)
def test_prefixes_follow_the_models_name(name: str, query: str, document: str) -> None:
    found = prefixes_of(name)
    assert found[0].startswith(query)
    assert bool(found[0]) == bool(query)
    assert found[1] == document
    assert OllamaEmbeddings(model=name).prefixes() == found
    assert OllamaEmbeddings(model=name, query_prefix="", document_prefix="").prefixes() == ("", "")
    assert OllamaEmbeddings(model=name, query_prefix="q ", document_prefix="d ").prefixes() == ("q ", "d ")
