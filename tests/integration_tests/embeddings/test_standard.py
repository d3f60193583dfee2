"""LangChain's standard suites for embeddings, on the real engine of each registered runtime."""

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from .engines import ENGINES, Arguments, class_of


class _OnEachRuntime:
    """One class for all runtimes: the fixture says which one runs."""

    runtime: str
    made_with: Arguments

    @pytest.fixture(autouse=True, params=sorted(ENGINES))
    def _choose(
        self, request: pytest.FixtureRequest, arguments: Callable[[str], Arguments]
    ) -> None:
        self.runtime = request.param
        self.made_with = arguments(self.runtime)

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return class_of(self.runtime)

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return self.made_with


class TestUnits(_OnEachRuntime, EmbeddingsUnitTests):
    """The part that embeds nothing."""


class TestIntegration(_OnEachRuntime, EmbeddingsIntegrationTests):
    """The part that embeds."""
