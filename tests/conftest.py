"""What holds for all tests."""

from collections.abc import Iterator

import pytest

from langchain_localllm.base.options import advise_once


@pytest.fixture(autouse=True)
def _advice_is_fresh() -> Iterator[None]:
    """What is advised once in a process is advised in each test that asks for it."""
    advise_once.cache_clear()
    yield
    advise_once.cache_clear()
