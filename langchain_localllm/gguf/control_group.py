"""Read the memory and the processors that a control group, such as a container's, may use."""

from pathlib import Path
from typing import Final

_GROUP: Final = Path("/sys/fs/cgroup")
_MEMORY_FILES: Final = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
"""Of a control group, version 2 and 1: its limit, the bytes in use, the details of these, and the
name in the details of files that are given up first, which Kubernetes does not count either."""
_CPU_FILES: Final = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))
"""Of version 2 and 1: the time on processors in each period, and the length of a period."""


def memory_limit_and_usage() -> tuple[int, int] | None:
    """Return the limit of this process's control group, and the bytes that are taken of it.

    `None` where there is no limit; version 1 has a huge one then.
    """
    for limit, usage, details, reclaimable in _MEMORY_FILES:
        try:
            inactive = dict(line.split() for line in _text(details).splitlines())
            return int(_text(limit)), int(_text(usage)) - int(inactive.get(reclaimable, 0))
        except (OSError, ValueError):  # not Linux, another version, or no limit
            continue
    return None


def processor_limit() -> float | None:
    """Return how many processors this process's control group may use, such as 1.5.

    `None` where there is no limit.
    """
    for names in _CPU_FILES:
        try:
            quota, period = map(int, " ".join(map(_text, names)).split())
        except (OSError, ValueError):  # not Linux, another version, or no limit
            continue
        return quota / period if quota > 0 and period > 0 else None
    return None


def _text(name: str) -> str:
    return (_GROUP / name).read_text("ascii")
