"""The runtimes with SmolLM2, started once. `tools/engines/real_models.py` says what each model can
and cannot show.

The packaged Ollama 0.9.3 aborts on both chat models, so here it runs the embedding model alone.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from langchain_localllm import (
    ChatGPT4All,
    ChatLlamaCpp,
    ChatLlamafile,
    GPT4All,
    LlamaCpp,
    Llamafile,
    LocalServer,
)
from tools.engines import real_models

CONTEXT: Final = 1024
Pair = tuple[Any, Any]
"""A text LLM and a chat model on the same engine, both greedy."""
_GREEDY: Final[dict[str, Any]] = {"temperature": 0, "max_tokens": 16}
_ISOLATED: Final[dict[str, Any]] = {**_GREEDY, "cache_prompt": False}
"""A prompt whose beginning is read from the cache has other last digits, and greedy answers of a
small model are close calls."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(Path(__file__).parent)
    missing = not all(
        path.exists() for path in (real_models.SMOLLM2, real_models.GEMMA, real_models.MINILM)
    )
    for item in items:
        if missing and str(item.path).startswith(here):
            item.add_marker(
                pytest.mark.skip(
                    reason=(
                        "The package index was not reachable: python -m tools.engines.real_models"
                    )
                )
            )


@contextmanager
def _llamacpp(backend: Any) -> Iterator[Pair]:
    arguments: dict[str, Any] = {
        "model_path": real_models.SMOLLM2,
        "n_ctx": CONTEXT,
        "backend": backend,
        **_ISOLATED,
    }
    with LlamaCpp(**arguments) as llm, ChatLlamaCpp(**arguments) as chat:
        yield llm, chat


@contextmanager
def _gpt4all() -> Iterator[Pair]:
    arguments: dict[str, Any] = {
        "model": str(real_models.SMOLLM2),
        "n_ctx": CONTEXT,
        "backend": "llamacpp",
        **_GREEDY,
    }
    with GPT4All(**arguments) as llm, ChatGPT4All(**arguments) as chat:
        yield llm, chat


@contextmanager
def _llamafile() -> Iterator[Pair]:
    with LocalServer(real_models.SMOLLM2, n_ctx=CONTEXT, n_parallel=1) as server:
        yield (
            Llamafile(base_url=server.base_url, **_ISOLATED),
            ChatLlamafile(base_url=server.base_url, **_ISOLATED),
        )


@pytest.fixture(scope="session")
def pairs() -> Iterator[Callable[[str], Pair]]:
    """Starts a runtime when it is first asked for, and ends all after the last test."""
    starts: dict[str, Callable[[], Any]] = {
        "gpt4all": _gpt4all,
        "llama-cpp-python": lambda: _llamacpp("llama-cpp-python"),
        "xllamacpp": lambda: _llamacpp("xllamacpp"),
        "llamafile": _llamafile,
    }
    with ExitStack() as stack:
        yield cache(lambda runtime: stack.enter_context(starts[runtime]()))


@pytest.fixture(params=["gpt4all", "llama-cpp-python", "xllamacpp", "llamafile"])
def pair(request: pytest.FixtureRequest, pairs: Callable[[str], Pair]) -> Pair:
    """The text LLM and the chat model of a runtime."""
    return pairs(request.param)


@pytest.fixture
def llm(pair: Pair) -> Any:
    return pair[0]


@pytest.fixture
def chat(pair: Pair) -> Any:
    return pair[1]
