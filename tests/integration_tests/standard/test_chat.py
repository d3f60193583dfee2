"""LangChain's standard suite for chat models, on the real engines with the tiny chat model."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests

from langchain_localllm import ChatGPT4All, ChatLlamaCpp, ChatLlamafile, ChatOllama
from langchain_localllm.models import tiny_chat_model

from .conftest import MODEL, OTHER

SETTINGS = {"temperature": 0, "max_tokens": 200}


class _Chat(ChatModelIntegrationTests):
    """What all runtimes have in common."""

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return OTHER


class TestChatLlamafile(_Chat):
    @property
    def supports_model_override(self) -> bool:
        return False  # the server runs one model, and names that one whatever it is asked for

    @pytest.fixture(autouse=True)
    def _server(self, llamafile_url: str) -> None:
        self.url = llamafile_url

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatLlamafile

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**SETTINGS, "base_url": self.url}


class TestChatOllama(_Chat):
    @pytest.fixture(autouse=True)
    def _server(self, ollama_url: str) -> None:
        self.url = ollama_url

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOllama

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**SETTINGS, "base_url": self.url, "model": MODEL}


class _InProcess(_Chat):
    """Another model is another file; its name is that in the folder where the tests
    run."""

    @pytest.fixture(autouse=True)
    def _folder(self, other_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(other_folder)

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**SETTINGS, "model": tiny_chat_model()}

    @property
    def model_override_value(self) -> str:
        return f"{OTHER}.gguf"


class TestChatLlamaCpp(_InProcess):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatLlamaCpp


class TestChatGPT4All(_InProcess):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatGPT4All


class TestChatGPT4AllOnLlamaCpp(TestChatGPT4All):
    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "backend": "llamacpp"}
