"""With `cache_prompt=False` or a seed, an answer depends on the prompt and the options alone."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from langchain_localllm import LlamaCpp
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.runtimes.llamacpp.server_admission import Turns
from tools.engines.real_models import SMOLLM2

SHARED = "The lamp is red. The boat is green. The house is old. " * 4
PROMPTS = [SHARED * (number % 3) + f"Repeat number {number}: the" for number in range(50)]
MODELS = [Path(tiny_chat_model()), *([SMOLLM2] if SMOLLM2.exists() else [])]
BACKENDS = pytest.mark.parametrize("backend", ["llama-cpp-python", "xllamacpp"])


@BACKENDS
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_cache_prompt_isolated_answers_are_the_same_alone_after_others_and_in_a_batch(
    path: Path, backend: str
) -> None:
    prompts = PROMPTS if path == MODELS[0] else PROMPTS[:6]
    options: dict[str, Any] = {
        "model_path": path,
        "backend": backend,
        "n_ctx": 1024,
        "max_tokens": 12,
        "temperature": 0,
    }
    alone = []
    for prompt in prompts:
        with LlamaCpp(**options) as llm:
            alone.append(llm.invoke(prompt))
    with LlamaCpp(**options, cache_prompt=False) as llm:
        llm.invoke(SHARED)
        assert [llm.invoke(prompt) for prompt in reversed(prompts)] == alone[::-1]
        assert llm.batch([*prompts]) == alone


CALLS: Final[list[dict[str, Any]]] = [
    {},
    {"seed": 7},
    {"cache_prompt": False},
    {"seed": 7, "cache_prompt": True},
]


@BACKENDS
def test_cache_prompt_request_with_a_seed_reads_its_prompt_from_scratch(backend: Any) -> None:
    cached = []
    with LlamaCpp(
        model_path=tiny_chat_model(), backend=backend, n_ctx=512, max_tokens=4, temperature=0
    ) as llm:
        for call in CALLS:
            output = llm.generate([PROMPTS[4]], **call).llm_output or {}
            cached.append(output["token_usage"].get("cached_tokens", 0))
    assert cached[1:3] == [0, 0]
    assert cached[3] > 0


def test_cache_prompt_isolated_request_is_computed_alone_and_before_others_that_wait() -> None:
    turns, order = Turns(), []

    def compute(name: str, *, isolated: bool) -> None:
        with turns.take(isolated=isolated):
            order.append((name, turns._running))

    with ThreadPoolExecutor() as pool, turns.take(isolated=False):
        compute("shared", isolated=False)
        isolated = pool.submit(compute, "isolated", isolated=True)
        while not turns._isolated_waiting:
            time.sleep(0.01)
        later = pool.submit(compute, "later", isolated=False)
        assert not isolated.done()
        assert not later.done()
    assert order == [("shared", 2), ("isolated", 1), ("later", 1)]
