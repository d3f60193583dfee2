"""The part of LangChain's standard suite that needs no answer, for classes that load their model
when they are made."""

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_localllm import ChatGPT4All, ChatLlamaCpp
from langchain_localllm.models import tiny_chat_model


class _Chat(ChatModelUnitTests):
    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": tiny_chat_model()}


class TestChatLlamaCpp(_Chat):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatLlamaCpp


class TestChatGPT4All(_Chat):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatGPT4All
