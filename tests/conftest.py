"""What holds for all tests."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from langchain_localllm.base.options import warn_once

# A busy machine may take seconds for an example, and a run on the same commit has the same result.
settings.register_profile(
    "suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _advice_is_fresh() -> Iterator[None]:
    """What is advised once in a process is advised in each test that asks for it."""
    warn_once.cache_clear()
    yield
    warn_once.cache_clear()
