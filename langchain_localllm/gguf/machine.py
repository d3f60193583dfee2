"""Query this machine's memory, processors and GPUs, and measure its memory bandwidth."""

import functools
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Final

from langchain_localllm.errors import MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.gguf import control_group
from langchain_localllm.gguf.threads import physical_cores

__all__ = ["Gpu", "Machine", "free_memory", "memory_bandwidth", "this_machine"]

_MEASURED: Final = 64 * 2**20
"""Bytes that each thread copies in the measurement: more than a CPU cache holds."""
_LEAST_MEASURED: Final = 2**20
_MEASURED_SHARE: Final = 8
"""The measurement takes at most one in so many of the free bytes."""
_MEASURING: Final = 0.4
"""Seconds."""
_NVIDIA: Final = (
    "nvidia-smi",
    "--query-gpu=name,memory.total,memory.free",
    "--format=csv,noheader,nounits",
)


@dataclass(frozen=True, slots=True)
class Gpu:
    """Describe a GPU.

    Attributes:
        name: Its name.
        total: Bytes of its memory.
        free: Free bytes of its memory.
    """

    name: str
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Machine:
    """Describe the resources that a model can use.

    Attributes:
        total: Bytes of memory.
        free: Bytes that this process can use.
        cores: Physical cores that it can use.
        gpus: NVIDIA GPUs, as `nvidia-smi` reports them.
    """

    total: int
    free: int
    cores: int
    gpus: tuple[Gpu, ...] = ()

    @property
    def gpu_free(self) -> int:
        """Free bytes on all GPUs together."""
        return sum(gpu.free for gpu in self.gpus)


def this_machine() -> Machine:
    """Return the current resources of this machine."""
    total, _ = _system_memory()
    limit, _ = control_group.memory_limit_and_usage() or (total, 0)
    return Machine(min(total, limit), free_memory(), physical_cores(), _nvidia())


def free_memory() -> int:
    """Return the bytes that this process can use: free memory, or its control group's limit.

    The smaller one counts. Files that the system keeps in memory do not count as taken, since it
    gives them up.
    """
    _, free = _system_memory()
    limit, taken = control_group.memory_limit_and_usage() or (free, 0)
    return min(free, max(limit - taken, 0))


def _system_memory() -> tuple[int, int]:
    """Return the total and the free bytes of memory."""
    try:
        import psutil
    except ImportError:
        raise MissingDependencyError(f"This command needs psutil: {pip_install('gguf')}") from None
    memory = psutil.virtual_memory()
    return int(memory.total), int(memory.available)


def _nvidia() -> tuple[Gpu, ...]:
    if shutil.which(_NVIDIA[0]) is None:
        return ()
    try:
        output = subprocess.run(  # noqa: S603 - a fixed command
            _NVIDIA, capture_output=True, check=True, encoding="utf-8", timeout=5
        ).stdout
        rows = [line.split(", ") for line in output.splitlines()]
        return tuple(Gpu(name, int(total) * 2**20, int(free) * 2**20) for name, total, free in rows)
    except (OSError, ValueError, subprocess.SubprocessError):  # no driver, or one that hangs
        return ()


@functools.cache
def memory_bandwidth() -> float:
    """Measure the memory bandwidth of all cores together, in bytes per second.

    Takes half a second, once per process.

    Raises:
        MissingDependencyError: numpy or psutil is not installed.
    """
    try:
        import numpy as np
    except ImportError:
        raise MissingDependencyError(
            f"Measuring the memory bandwidth needs numpy: {pip_install('gguf')}"
        ) from None
    counts = [0] * physical_cores()
    most = free_memory() // (_MEASURED_SHARE * 2 * len(counts))
    size = max(min(_MEASURED, most), _LEAST_MEASURED)
    blocks = [(np.ones(size, np.uint8), np.ones(size, np.uint8)) for _ in counts]
    end = time.perf_counter() + _MEASURING

    def copy(number: int) -> None:
        source, target = blocks[number]
        while not counts[number] or time.perf_counter() < end:
            np.copyto(target, source)
            counts[number] += 2 * size

    threads = [threading.Thread(target=copy, args=(number,)) for number in range(len(counts))]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)
