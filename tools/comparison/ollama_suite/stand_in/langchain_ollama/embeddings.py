"""The class; `Client` and `AsyncClient` are here for the suite to mock."""

from typing import Any
from unittest.mock import NonCallableMock

from ollama import AsyncClient, Client

import langchain_localllm
from langchain_ollama._utils import validate_model

__all__ = ["AsyncClient", "Client", "OllamaEmbeddings", "validate_model"]


class OllamaEmbeddings(langchain_localllm.OllamaEmbeddings):
    """Our class, which makes clients where these are mocked, with its address and headers."""

    def model_post_init(self, context: Any, /) -> None:
        """Make them."""
        super().model_post_init(context)
        for client in (Client, AsyncClient):
            if isinstance(client, NonCallableMock) and (
                headers := dict(self.client.address.headers)
            ):
                client(host=self.client.address.url, headers=headers)
