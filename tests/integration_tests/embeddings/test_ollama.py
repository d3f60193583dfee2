"""OllamaEmbeddings, what is particular about it."""

import warnings

import pytest
from langchain_core.embeddings import Embeddings

from langchain_localllm import OllamaEmbeddings
from langchain_localllm.base.embeddings import LocalEmbeddings
from langchain_localllm.errors import InvalidOptionError, ModelMissingError
from langchain_localllm.models import tiny_chat_model
from tools.engines import ollama

from .conftest import Make

NAME = "tiny-embed"


@pytest.fixture
def runtime() -> str:
    return "ollama"


def test_embeddings_missing_or_remote_model_is_refused(make: Make) -> None:
    with pytest.raises(ModelMissingError, match="no model 'nowhere:1b'"):
        make(model="nowhere:1b").embed_query("a")
    with pytest.raises(InvalidOptionError, match="allow_remote"):
        make(model="big:cloud")


def test_embeddings_model_of_another_kind_warns(make: Make) -> None:
    url = make().base_url  # type: ignore[attr-defined]  # it is of this class
    ollama.create(url, "chat", tiny_chat_model(), parameters={"num_thread": 1})
    other = make(model="chat")
    with pytest.warns(UserWarning, match="The model 'chat' was not made for embeddings"):
        other.embed_query("a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other.embed_query("b")  # said once


def test_embeddings_right_model_does_not_warn(embeddings: Embeddings) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embeddings.embed_query("a")


def test_embeddings_servers_models_are_managed_from_here_too(embeddings: LocalEmbeddings) -> None:
    assert isinstance(embeddings, OllamaEmbeddings)
    assert NAME in {model.name.partition(":")[0] for model in embeddings.list()}
    assert embeddings.show().capabilities == ("embedding",)
