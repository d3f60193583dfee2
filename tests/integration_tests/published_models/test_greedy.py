"""Greedy answers are those of the bare engine: alone, in a batch, streamed, and after prompts with
the same beginning."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from langchain_localllm import LlamaCpp
from tools.engines.real_models import GEMMA, SMOLLM2

SHARED: Final = (
    "Lists, dicts and sets are built into Python. Generators produce values one at a time, when "
    "they are asked for. "
)
TOPICS: Final = ["lamp", "boat", "house", "river", "moon"]
STARTS: Final = [
    "The {} is",
    "Once there was a {}",
    SHARED + "A {} is",
    "Q: What is a {}?\nA:",
    "def make_{}(",
]
PROMPTS: Final[list[Any]] = [start.format(topic) for topic in TOPICS for start in STARTS]
TOKENS: Final = 6
GREEDY: Final[dict[str, Any]] = {"temperature": 0, "max_tokens": TOKENS, "cache_prompt": False}
Ask = Callable[[str], str]


def _bare_xllamacpp(path: Path) -> Ask:
    from xllamacpp import CommonParams, Server, llama_flash_attn_type

    params = CommonParams()
    params.model.path = str(path)
    params.n_ctx = 512
    params.n_parallel = 1
    params.warmup = False
    params.swa_full = True  # as ours
    # its sums differ in the last digits
    params.flash_attn_type = llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = Server(params)

    def ask(prompt: str) -> str:
        parts: list[Any] = []
        request = {
            "prompt": prompt,
            "max_tokens": TOKENS,
            "temperature": 0,
            "top_k": 1,
            "cache_prompt": False,
        }
        server.handle_completions(json.dumps(request), parts.append)
        return str(json.loads(parts[0])["choices"][0]["text"])

    return ask


def _bare_llama_cpp_python(path: Path) -> Ask:
    from llama_cpp import Llama

    llama: Any = Llama(str(path), n_ctx=512, verbose=False)

    def ask(prompt: str) -> str:
        llama.reset()
        return str(
            llama.create_completion(prompt, max_tokens=TOKENS, temperature=0)["choices"][0]["text"]
        )

    return ask


BARE: Final = {"xllamacpp": _bare_xllamacpp, "llama-cpp-python": _bare_llama_cpp_python}


@pytest.mark.parametrize(
    ("backend", "model"),
    [("xllamacpp", SMOLLM2), ("xllamacpp", GEMMA), ("llama-cpp-python", SMOLLM2)],
    ids=["xllamacpp-smollm2", "xllamacpp-gemma", "llama-cpp-python-smollm2"],
)
def test_greedy_answers_are_those_of_the_bare_engine(backend: Any, model: Path) -> None:
    ask = BARE[backend](model)
    expected = [ask(prompt) for prompt in PROMPTS]
    with LlamaCpp(model_path=model, backend=backend, n_ctx=512, flash_attn=False, **GREEDY) as llm:
        assert [llm.invoke(prompt) for prompt in PROMPTS] == expected
        assert llm.batch(PROMPTS) == expected
        assert ["".join(llm.stream(prompt)) for prompt in PROMPTS[::10]] == expected[::10]
