"""A home of its own for the commands, and an Ollama with the tiny models."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from tools.engines import ollama
from tools.engines.models import go_template


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home without models."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model of the person's own, and no server of theirs."""
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    for name in ("HF_HOME", "HF_HUB_CACHE", "LOCALLLM_MODELS", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="package")
def ollama_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Ollama with a chat model and an embedding model."""
    with ollama.serve(tmp_path_factory.mktemp("ollama")) as url:
        ollama.create(
            url,
            "cli-chat",
            tiny_chat_model(),
            template=go_template(),
            parameters={"num_ctx": 1024, "num_thread": 1},
        )
        ollama.create(url, "cli-embed", tiny_embedding_model(), parameters={"num_thread": 1})
        yield url
        for name in ("cli-chat", "cli-embed"):
            requests.delete(f"{url}/api/delete", json={"model": name}, timeout=60)
