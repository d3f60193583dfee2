"""LangChain's standard suites, the part without a server."""

from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_tests.unit_tests import ChatModelUnitTests, EmbeddingsUnitTests

import langchain_localllm
from langchain_localllm import ChatLlamafile, ChatOllama, LlamafileEmbeddings
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.registry import RUNTIMES
from langchain_localllm.testing import LLMUnitTests

MADE_WITH: dict[str, dict[str, Any]] = {
    "gpt4all": {"model": str(tiny_chat_model())},
    "llamacpp": {"model_path": str(tiny_chat_model())},
    "llamafile": {"base_url": "http://me:hidden@host", "headers": {"X-Key": "hidden"}},
    "ollama": {"base_url": "http://me:hidden@host", "headers": {"X-Key": "hidden"}},
}


class TestText(LLMUnitTests):
    """The suite for text LLMs, for each registered runtime."""

    runtime: str

    @pytest.fixture(autouse=True, params=sorted(RUNTIMES))
    def _choose(self, request: pytest.FixtureRequest) -> None:
        self.runtime = request.param

    @property
    def llm_class(self) -> type[BaseLLM]:
        found: type[BaseLLM] = getattr(langchain_localllm, RUNTIMES[self.runtime]["text"])
        return found

    @property
    def llm_params(self) -> dict[str, Any]:
        return MADE_WITH[self.runtime]

    @property
    def secret_params(self) -> dict[str, Any]:
        return {"api_key": "hidden"}


class TestChatLlamafile(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatLlamafile

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "tiny"}


class TestChatOllama(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOllama

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "tiny"}


class TestLlamafileEmbeddings(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return LlamafileEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "tiny"}
