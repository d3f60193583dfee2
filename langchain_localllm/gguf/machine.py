"""This machine: its memory, its processors, and how fast it reads memory."""

import functools
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from langchain_localllm.errors import MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.gguf.threads import physical_cores

__all__ = ["Gpu", "Machine", "free_memory", "memory_bandwidth", "this_machine"]

_MEASURED: Final = 64 * 2**20
"""Bytes that each thread copies, more than fits into its cache."""
_MEASURING: Final = 0.4
"""Seconds."""
_NVIDIA: Final = ("nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics card.

    Attributes:
        name: Its name.
        total: Bytes of its memory.
        free: Bytes of it that are free.
    """

    name: str
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What a model can use.

    Attributes:
        total: Bytes of memory.
        free: Bytes that this process can take.
        cores: Physical cores that it can use.
        gpus: NVIDIA's cards, as `nvidia-smi` reports them.
    """

    total: int
    free: int
    cores: int
    gpus: tuple[Gpu, ...] = ()

    @property
    def gpu_free(self) -> int:
        """Bytes that are free on all cards together."""
        return sum(gpu.free for gpu in self.gpus)


def this_machine() -> Machine:
    """What this machine has now."""
    total, _ = _system_memory()
    return Machine(min(total, _group_number("memory.max") or total), free_memory(), physical_cores(), _nvidia())


def free_memory() -> int:
    """Bytes that this process can take, by the system's count and its control group's limit."""
    _, free = _system_memory()
    limit, taken = _group_number("memory.max"), _group_number("memory.current")
    return free if limit is None or taken is None else min(free, limit - taken)


def _system_memory() -> tuple[int, int]:
    """All bytes, and those that are free."""
    try:
        import psutil
    except ImportError:
        raise MissingDependencyError(f"This command needs psutil: {pip_install('gguf')}") from None
    memory = psutil.virtual_memory()
    return int(memory.total), int(memory.available)


def _group_number(name: str) -> int | None:
    try:
        return int((Path("/sys/fs/cgroup") / name).read_text())
    except (OSError, ValueError):  # not Linux, or no limit
        return None


def _nvidia() -> tuple[Gpu, ...]:
    if shutil.which(_NVIDIA[0]) is None:
        return ()
    try:
        told = subprocess.run(_NVIDIA, capture_output=True, check=True, encoding="utf-8", timeout=5).stdout  # noqa: S603 - a fixed command
        rows = [line.split(", ") for line in told.splitlines()]
        return tuple(Gpu(name, int(total) * 2**20, int(free) * 2**20) for name, total, free in rows)
    except (OSError, ValueError, subprocess.SubprocessError):  # a driver that does not answer
        return ()


@functools.cache
def memory_bandwidth() -> float:
    """Bytes a second that all cores together read and write, measured for half a second; kept for this process.

    Raises:
        MissingDependencyError: numpy is not installed.
    """
    try:
        import numpy as np
    except ImportError:
        raise MissingDependencyError(f"Memory is measured with numpy: {pip_install('gguf')}") from None
    counts = [0] * physical_cores()
    blocks = [(np.ones(_MEASURED, np.uint8), np.ones(_MEASURED, np.uint8)) for _ in counts]
    end = time.perf_counter() + _MEASURING

    def copy(number: int) -> None:
        source, target = blocks[number]
        while not counts[number] or time.perf_counter() < end:
            np.copyto(target, source)
            counts[number] += 2 * _MEASURED

    threads = [threading.Thread(target=copy, args=(number,)) for number in range(len(counts))]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)
