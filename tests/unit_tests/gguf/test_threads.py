"""How many threads compute, and how OpenMP's wait."""

import os
import sys
from typing import Any

import pytest

from langchain_localllm.gguf import threads
from langchain_localllm.gguf.threads import default_threads, physical_cores
from langchain_localllm.models import tiny_chat_model


def test_threads_tiny_model_gets_one_thread_and_a_large_one_those_of_the_machine(
    tmp_path: Any,
) -> None:
    assert default_threads(tiny_chat_model()) == 1
    large = tmp_path / "large.gguf"
    with large.open("wb") as file:
        file.truncate(100_000_000)  # takes no room on the disk
    assert default_threads(large) == default_threads(large, sleeping=True) == physical_cores()


def test_threads_sleeping_threads_are_worth_it_for_smaller_files(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "physical_cores", lambda: 4)
    small = tmp_path / "small.gguf"
    with small.open("wb") as file:
        file.truncate(50_000_000)
    assert (default_threads(small), default_threads(small, sleeping=True)) == (1, 4)
    assert default_threads(tiny_chat_model(), sleeping=True) == 1


@pytest.mark.skipif(
    sys.platform != "linux", reason="other systems have other libraries for threads"
)
@pytest.mark.parametrize(
    ("environment", "loaded", "sleeps"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"OMP_WAIT_POLICY": "active"}, False, False),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, True, True),
        ({"GOMP_SPINCOUNT": "1000"}, False, False),
    ],
)
def test_threads_openmp_threads_sleep_unless_the_user_or_a_library_decided(
    environment: dict[str, str], loaded: bool, sleeps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(threads, "_openmp_is_loaded", lambda: loaded)
    with threads.sleeping_openmp() as found:
        assert found is sleeps
        assert ("GOMP_SPINCOUNT" in os.environ) == (
            "GOMP_SPINCOUNT" in environment or (sleeps and not environment)
        )
    assert {name: os.environ.get(name) for name in environment} == environment
    assert "GOMP_SPINCOUNT" in environment or "GOMP_SPINCOUNT" not in os.environ
