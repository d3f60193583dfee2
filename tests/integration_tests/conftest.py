"""Real engines with the shipped tiny models, started once for all tests."""

import signal
from collections.abc import Iterator

import pytest

from langchain_localllm import LocalServer
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model

# A run in the background is started with interrupts ignored, and what it starts would not end by
# one either.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def chat_server() -> Iterator[LocalServer]:
    """The real llama.cpp server with the tiny chat model."""
    with LocalServer(tiny_chat_model(), n_ctx=512, n_parallel=4) as server:
        yield server


@pytest.fixture(scope="session")
def embedding_server() -> Iterator[LocalServer]:
    """The real llama.cpp server with the tiny embedding model."""
    with LocalServer(tiny_embedding_model(), embedding=True) as server:
        yield server
