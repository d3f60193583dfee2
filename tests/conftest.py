"""What holds for all tests."""

from collections.abc import Iterator

import pytest

from langchain_localllm.base.options import warn_once


@pytest.fixture(autouse=True)
def _advice_is_fresh() -> Iterator[None]:
    """What is advised once in a process is advised in each test that asks for it."""
    warn_once.cache_clear()
    yield
    warn_once.cache_clear()
