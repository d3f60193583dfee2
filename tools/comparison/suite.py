"""The standard suites, for each subject. pytest reads this file."""

import os
from collections.abc import Mapping
from typing import Any

import pytest
import requests
from langchain_core.language_models import BaseLLM

from langchain_localllm.testing import LLMIntegrationTests, LLMUnitTests
from tools.comparison.subjects import LLAMAFILE_URL, SUBJECTS, Subject


class TestCompared(LLMUnitTests, LLMIntegrationTests):
    """Both suites, for each subject."""

    subject: Subject

    @pytest.fixture(autouse=True, params=SUBJECTS, ids=lambda subject: subject.place)
    def _choose(self, request: pytest.FixtureRequest) -> None:
        self.subject = request.param

    @property
    def llm_class(self) -> type[BaseLLM]:
        """The subject's class."""
        found: type[BaseLLM] = self.subject.load()
        return found

    @property
    def llm_params(self) -> dict[str, Any]:
        """What it is made with."""
        return {
            name: os.path.expandvars(value) if isinstance(value, str) else value
            for name, value in self.subject.params.items()
        }

    @property
    def greedy_params(self) -> dict[str, Any]:
        """Always the most probable token."""
        return {self.subject.temperature: 0, "top_k": 1}

    @property
    def random_params(self) -> dict[str, Any]:
        """So hot that even a model that is sure of its answer varies."""
        return {self.subject.temperature: 3, "top_p": 1, "top_k": 100, **self.subject.random}

    @property
    def max_tokens_option(self) -> str:
        """Its name."""
        return self.subject.max_tokens

    @property
    def json_schema_option(self) -> str | None:
        """Its name."""
        return self.subject.json_schema

    @property
    def logprobs_params(self) -> Mapping[str, Any]:
        """As the subject spells them."""
        return self.subject.logprobs

    @property
    def supports_token_count(self) -> bool:
        """Whether the engine can."""
        return self.subject.counts_tokens

    @property
    def prompt(self) -> str:
        """One that the tiny model continues."""
        return "The lamp on the table is"

    @property
    def prompts(self) -> list[str]:
        """The same."""
        return ["Rain is", "A boat is", "The red door is", "Bread is"]

    @property
    def too_long_prompt(self) -> str:
        """Longer than any context here."""
        return "lamp " * 2000

    @property
    def too_long_params(self) -> dict[str, Any]:
        """What keeps the engine alive after it."""
        return dict(self.subject.fresh)

    def engine_is_busy(self) -> bool | None:
        """llama.cpp's server reports it, and it answers several calls at once.

        The others are measured.
        """
        if self.subject.name != "Llamafile":
            return None
        slots = requests.get(f"{os.environ[LLAMAFILE_URL]}/slots", timeout=5).json()
        return any(slot["is_processing"] for slot in slots)

    def finish_reason_of(self, info: Mapping[str, Any]) -> str | None:
        """Ollama's own name for it counts too, as below."""
        return info.get("finish_reason") or info.get("done_reason")

    def usage_of(self, info: Mapping[str, Any]) -> tuple[int, int] | None:
        """Ollama calls them `..._eval_count`."""
        own = (info["prompt_eval_count"], info["eval_count"]) if "eval_count" in info else None
        return own or super().usage_of(info)

    def model_name_of(self, info: Mapping[str, Any]) -> str | None:
        """Ollama calls it `model`."""
        return info.get("model_name") or info.get("model")

    def seconds_of(self, info: Mapping[str, Any]) -> float | None:
        """Ollama calls it `eval_duration`."""
        return info.get("eval_duration") or super().seconds_of(info)
