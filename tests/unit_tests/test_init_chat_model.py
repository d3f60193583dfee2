"""A chat model in one line."""

import pytest

from langchain_localllm import (
    ChatLlamafile,
    ChatOllama,
    LlamafileEmbeddings,
    LlamafileReranker,
    OllamaEmbeddings,
    init_chat_model,
    init_embeddings,
    init_reranker,
)
from langchain_localllm.errors import InvalidOptionError


def test_init_chat_model_runtime_precedes_the_model() -> None:
    chat = init_chat_model("ollama:qwen3:8b", temperature=0.5)
    assert isinstance(chat, ChatOllama)
    assert (chat.model, chat.temperature) == ("qwen3:8b", 0.5)
    server = init_chat_model("llamafile", base_url="http://localhost:9")
    assert isinstance(server, ChatLlamafile)
    assert server.model is None


def test_init_chat_model_runtime_may_be_given_apart_from_the_name() -> None:
    chat = init_chat_model("qwen3:8b", model_provider="ollama", temperature=0.5)
    assert isinstance(chat, ChatOllama)
    assert (chat.model, chat.temperature) == ("qwen3:8b", 0.5)
    server = init_chat_model("http://localhost:9", model_provider="llamafile")
    assert server.base_url == "http://localhost:9"
    embeddings = init_embeddings("all-minilm:22m", provider="ollama")
    assert isinstance(embeddings, OllamaEmbeddings)
    assert embeddings.model == "all-minilm:22m"
    with pytest.raises(InvalidOptionError, match="'openai' does not name a runtime"):
        init_chat_model("gpt-5", model_provider="openai")


@pytest.mark.parametrize("name", ["qwen3", "openai:gpt-5", "", ":x"])
def test_init_chat_model_unknown_runtime_is_refused(name: str) -> None:
    with pytest.raises(InvalidOptionError, match="llamafile:, ollama:"):
        init_chat_model(name)


def test_init_chat_model_embeddings_and_addresses_are_named_alike() -> None:
    embeddings = init_embeddings("llamafile:http://localhost:9/", normalize=False)
    assert isinstance(embeddings, LlamafileEmbeddings)
    assert (embeddings.base_url, embeddings.model) == ("http://localhost:9", None)
    assert init_chat_model("llamafile:http://localhost:9").base_url == "http://localhost:9"
    assert isinstance(init_reranker("llamafile:http://localhost:9"), LlamafileReranker)
    with pytest.raises(InvalidOptionError, match="does not name a runtime"):
        init_embeddings("openai:x")
    with pytest.raises(InvalidOptionError, match="has no reranker"):
        init_reranker("ollama:x")
