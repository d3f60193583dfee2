"""Every registered class of a kind, on its real engine. A fifth runtime is tested by being registered."""

from collections.abc import Callable
from typing import Any

import pytest

import langchain_localllm
from langchain_localllm import LocalServer
from langchain_localllm.runtimes import RUNTIMES

from .paths import PATHS, Path

Make = Callable[..., Any]


@pytest.fixture(params=sorted(RUNTIMES))
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["text", "chat"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=sorted(PATHS))
def path_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(path_name: str) -> Path:
    return PATHS[path_name]


@pytest.fixture
def engine(runtime: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The constructor arguments that reach the runtime's real engine with the tiny chat model."""
    if runtime == "llamafile":
        server: LocalServer = request.getfixturevalue("chat_server")
        return {"base_url": server.base_url}
    pytest.fail(f"say here how to reach the engine of {runtime}")


@pytest.fixture
def make(runtime: str, kind: str, engine: dict[str, Any]) -> Make:
    """Makes a model of the kind; greedy, and going on for 24 tokens, unless told otherwise."""
    text, chat, _ = RUNTIMES[runtime]
    model_class = getattr(langchain_localllm, text if kind == "text" else chat)
    settings: dict[str, Any] = {"temperature": 0, "max_tokens": 24, "ignore_eos": True}

    def build(**kwargs: Any) -> Any:
        return model_class(**{**engine, **settings, **kwargs})

    return build
