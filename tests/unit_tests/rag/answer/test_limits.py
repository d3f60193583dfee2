"""`rag/answer/limits.py`: how long a model answers, and whether it thinks before that."""

from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel

from langchain_localllm import ChatOllama, Ollama
from langchain_localllm.rag.answer.limits import limited
from langchain_localllm.runtimes.ollama.api_show import ModelFacts


def chat(*capabilities: str, **options: Any) -> ChatOllama:
    model = ChatOllama(**{"model": "qwen3", "num_ctx": 8192, "max_tokens": 100, **options})
    model.state.facts = ModelFacts(8192, frozenset(capabilities))
    return model


def bound(model: Any) -> dict[str, Any]:
    return getattr(limited(model), "kwargs", {})


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (chat("completion", "thinking"), {"reasoning": False}),
        (chat("completion", "thinking", reasoning=True), {}),
        (chat("completion", "thinking", reasoning="low"), {}),
        (chat("completion"), {}),
        (chat("completion", "thinking", max_tokens=None), {"max_tokens": 512, "reasoning": False}),
        (Ollama(model="qwen3", max_tokens=100), {}),
        (FakeListChatModel(responses=[]), {}),
    ],
)
def test_limited_model_is_short_and_does_not_think(model: Any, expected: dict[str, Any]) -> None:
    assert bound(model) == expected


def test_limited_options_that_are_bound_stay() -> None:
    thinking = chat("completion", "thinking")
    assert bound(thinking.bind(reasoning=True)) == {"reasoning": True}
    assert bound(thinking.with_fallbacks([FakeListChatModel(responses=[])])) == {}
