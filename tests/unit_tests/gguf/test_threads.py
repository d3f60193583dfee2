"""How many threads compute, and how OpenMP's wait."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from langchain_localllm.gguf import control_group, threads
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


@pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "400000 100000\n"}, 4),
        ({"cpu.max": "150000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 64),
        ({"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 64),
        ({}, 64),
    ],
)
def test_threads_container_gets_those_of_its_time_on_processors(
    files: dict[str, str], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(control_group, "_GROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(threads, "_siblings", str)
    assert physical_cores.__wrapped__() == cores


@pytest.mark.parametrize(
    ("known", "cores"),
    [
        ({"hw.perflevel0.physicalcpu": b"4\n", "hw.physicalcpu": b"8\n"}, 4),
        ({"hw.physicalcpu": b"2\n"}, 2),
        ({}, 6),
    ],
    ids=["Apple", "Intel", "unknown"],
)
def test_threads_mac_gets_those_of_its_fast_cores(
    known: dict[str, bytes], cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def output(command: list[str], **_: object) -> bytes:
        if command[-1] not in known:
            raise subprocess.CalledProcessError(1, command)
        return known[command[-1]]

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    monkeypatch.setattr(subprocess, "check_output", output)
    assert physical_cores.__wrapped__() == cores
