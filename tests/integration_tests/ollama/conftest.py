"""The real Ollama with the tiny models, started once for the tests of this folder."""

from collections.abc import Iterator

import pytest
import requests

from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from tools.engines import ollama
from tools.engines.models import go_template

CHAT = "localllm-chat"
EMBED = "localllm-embed"
TEMPLATED = "localllm-templated"
"""The chat model with the template of its Modelfile."""


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Ollama's address."""
    with ollama.serve(tmp_path_factory.mktemp("ollama")) as url:
        ollama.create(
            url,
            CHAT,
            tiny_chat_model(),
            template="{{ .Prompt }}",
            parameters={"num_ctx": 512, "num_thread": 1},
        )
        ollama.create(
            url,
            TEMPLATED,
            tiny_chat_model(),
            template=go_template(),
            parameters={"num_ctx": 1024, "num_thread": 1},
        )
        ollama.create(url, EMBED, tiny_embedding_model(), parameters={"num_thread": 1})
        yield url
        for name in (CHAT, EMBED, TEMPLATED):
            requests.delete(f"{url}/api/delete", json={"model": name}, timeout=60)
