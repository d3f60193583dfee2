"""The contract of text classes: the standard suite on the real engine of each registered
runtime."""

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models import BaseLLM

import langchain_localllm
from langchain_localllm.testing import LLMIntegrationTests

from .engines import ENGINES, Engine, class_name


class TestText(LLMIntegrationTests):
    """One class for all runtimes: the fixture below says which one runs."""

    runtime: str
    engine: Engine

    @pytest.fixture(autouse=True, params=sorted(ENGINES))
    def _start(self, request: pytest.FixtureRequest, engines: Callable[[str], Engine]) -> None:
        self.runtime = request.param
        self.engine = engines(self.runtime)
        name = request.function.__name__
        if name in self.engine.lacks:
            request.applymarker(pytest.mark.xfail(reason=self.engine.lacks[name], strict=True))

    @property
    def llm_class(self) -> type[BaseLLM]:
        found: type[BaseLLM] = getattr(langchain_localllm, class_name(self.runtime, "text"))
        return found

    @property
    def llm_params(self) -> dict[str, Any]:
        return self.engine.arguments

    @property
    def prompt(self) -> str:
        return "The lamp on the table is"

    @property
    def prompts(self) -> list[str]:
        return ["Rain is", "A boat is", "The red door is", "Bread is"]

    @property
    def too_long_prompt(self) -> str:
        return "lamp " * 2000

    @property
    def too_long_params(self) -> dict[str, Any]:
        return self.engine.fresh

    @property
    def random_params(self) -> dict[str, Any]:
        # so hot that even a model that is sure of its answer varies, and so short that the rounding
        # of a batch, which differs from row to row, cannot decide between two tokens
        return {"temperature": 3, "top_p": 1, "min_p": 0, "max_tokens": 8}

    @property
    def long_answer(self) -> dict[str, Any]:
        return {**self.limit(400), **self.engine.varied}

    @property
    def logprobs_params(self) -> dict[str, Any]:
        return self.engine.logprobs

    @property
    def json_schema_option(self) -> str:
        return self.engine.json_schema_option

    def engine_is_busy(self) -> bool | None:
        return self.engine.busy() if self.engine.busy else None
