"""Choose the default number of threads, and how OpenMP threads wait for each other."""

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from langchain_localllm.gguf import control_group

_SMALL_FILE: Final = 100_000_000
_TINY_FILE: Final = 25_000_000
_WAIT_POLICY: Final = "OMP_WAIT_POLICY"
_SPIN_COUNT: Final = "GOMP_SPINCOUNT"
_SHORT_SPIN: Final = "1000"
_OPENMP: Final = "/libgomp.so.1"


def default_threads(model_file: Path, *, sleeping: bool = False) -> int:
    """Return 1 for a small model file, for which more threads are slower.

    Else the number of physical cores.

    Args:
        model_file: The model file.
        sleeping: Whether threads sleep while they wait. Then files below 25 MB count as small, else
            files below 100 MB.
    """
    return (
        1
        if model_file.stat().st_size < (_TINY_FILE if sleeping else _SMALL_FILE)
        else physical_cores()
    )


def sleeping_environment() -> dict[str, str]:
    """Return environment variables that make a new process's threads sleep.

    They work as `sleeping_openmp` does; those that are set already are omitted.
    """
    if sys.platform != "linux" or {_WAIT_POLICY, _SPIN_COUNT} & os.environ.keys():
        return {}
    return {_SPIN_COUNT: _SHORT_SPIN}


@contextlib.contextmanager
def sleeping_openmp() -> Iterator[bool]:
    """Let the threads of an OpenMP library that is loaded in this block sleep after a short spin.

    Yield whether they will.

    Threads that always spin are many times slower than one thread on a busy machine; threads that
    sleep at once wake up late on an idle one. A spin of about ten microseconds costs little on
    both. The library reads `GOMP_SPINCOUNT` once per process, when it is loaded. A value that the
    user has set is kept.
    """
    if (
        sys.platform != "linux"
        or {_WAIT_POLICY, _SPIN_COUNT} & os.environ.keys()
        or _openmp_is_loaded()
    ):
        yield os.environ.get(_WAIT_POLICY, "").lower() == "passive"
        return
    os.environ[_SPIN_COUNT] = _SHORT_SPIN
    try:
        yield True
    finally:
        del os.environ[_SPIN_COUNT]  # other OpenMP libraries must not read it


def _openmp_is_loaded() -> bool:
    try:
        return _OPENMP in Path("/proc/self/maps").read_text()
    except OSError:
        return True


@functools.cache
def physical_cores() -> int:
    """Return the number of physical cores that this process can use.

    A container may be limited to the time of fewer processors than it sees. On macOS, cores that
    save energy do not count: the others would wait for them.
    """
    if sys.platform == "linux":
        cores = len({_siblings(cpu) for cpu in os.sched_getaffinity(0)})
        limit = control_group.processor_limit()
        return cores if limit is None else max(1, min(cores, int(limit)))
    return _macos_cores() or os.cpu_count() or 1


def _macos_cores() -> int | None:
    """Return the number of fast cores of a Mac, or `None` on other systems."""
    if sys.platform != "darwin":
        return None
    import subprocess

    for name in ("hw.perflevel0.physicalcpu", "hw.physicalcpu"):  # Apple's processors, and Intel's
        try:
            return int(subprocess.check_output(["/usr/sbin/sysctl", "-n", name], timeout=5))  # noqa: S603 - a fixed command
        except (OSError, ValueError, subprocess.SubprocessError):
            continue
    return None


def _siblings(cpu: int) -> str:
    """Return which logical CPUs share a physical core with this one.

    Only itself if the system does not say.
    """
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(cpu)
