"""How many threads to compute with, where nobody says."""

import functools
import os
import sys
from pathlib import Path
from typing import Final

_SMALL_FILE: Final = 100_000_000


def default_threads(model_file: Path) -> int:
    """One for a model file below 100 MB, since more are slower there; else one per physical core of this process."""
    return 1 if model_file.stat().st_size < _SMALL_FILE else physical_cores()


@functools.cache
def physical_cores() -> int:
    """Cores that this process can use; those that share one count as one."""
    usable = os.sched_getaffinity(0) if sys.platform == "linux" else range(os.cpu_count() or 1)
    return len({_siblings(cpu) for cpu in usable})


def _siblings(cpu: int) -> str:
    """Which logical CPUs share a physical core with this one; only itself where the system does not tell."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(cpu)
