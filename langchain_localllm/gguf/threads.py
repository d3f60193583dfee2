"""How many threads to compute with where no number is given, and how they wait for each other."""

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SMALL_FILE: Final = 100_000_000
_TINY_FILE: Final = 25_000_000
_WAIT_POLICY: Final = "OMP_WAIT_POLICY"
_SPIN_COUNT: Final = "GOMP_SPINCOUNT"
_SHORT_SPIN: Final = "1000"
_OPENMP: Final = "/libgomp.so.1"


def default_threads(model_file: Path, *, sleeping: bool = False) -> int:
    """Return one for a small model file, for which more are slower; else one per physical core of this process.

    Args:
        model_file: The model file.
        sleeping: Whether threads sleep while they wait for each other. Then files below 25 MB are small, else those below 100 MB.
    """
    return 1 if model_file.stat().st_size < (_TINY_FILE if sleeping else _SMALL_FILE) else physical_cores()


@contextlib.contextmanager
def sleeping_openmp() -> Iterator[bool]:
    """Let the threads of an OpenMP library that is loaded in this block sleep after a short spin; yields whether they will.

    Without a limit they spin, and are many times slower than one thread where other processes use the cores. Asleep at once, they
    are woken late on a machine with nothing else to do: a spin of about ten microseconds costs little on either. The library reads
    `GOMP_SPINCOUNT` when it is loaded, once for a process. What the user has set stays.
    """
    if sys.platform != "linux" or {_WAIT_POLICY, _SPIN_COUNT} & os.environ.keys() or _openmp_is_loaded():
        yield os.environ.get(_WAIT_POLICY, "").lower() == "passive"
        return
    os.environ[_SPIN_COUNT] = _SHORT_SPIN
    try:
        yield True
    finally:
        del os.environ[_SPIN_COUNT]  # other libraries have copies of their own


def _openmp_is_loaded() -> bool:
    try:
        return _OPENMP in Path("/proc/self/maps").read_text()
    except OSError:
        return True


@functools.cache
def physical_cores() -> int:
    """Cores that this process can use; those that share one count as one."""
    usable = os.sched_getaffinity(0) if sys.platform == "linux" else range(os.cpu_count() or 1)
    return len({_siblings(cpu) for cpu in usable})


def _siblings(cpu: int) -> str:
    """Which logical CPUs share a physical core with this one; only itself if the system does not say."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(cpu)
