"""`gguf/machine.py`: the memory that a control group leaves to a process."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from langchain_localllm.gguf import control_group, machine

GIB: Final = 2**30
VERSION_2: Final = {
    "memory.max": 8 * GIB,
    "memory.current": 6 * GIB,
    "memory.stat": f"anon {GIB}\ninactive_file {4 * GIB}\n",
}
VERSION_1: Final = {
    "memory/memory.limit_in_bytes": 8 * GIB,
    "memory/memory.usage_in_bytes": 6 * GIB,
    "memory/memory.stat": f"cache {5 * GIB}\ntotal_inactive_file {4 * GIB}\n",
}


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr(control_group, "_GROUP", tmp_path)
    monkeypatch.setattr(machine, "_system_memory", lambda: (256 * GIB, 200 * GIB))
    return tmp_path


@pytest.mark.parametrize("files", [VERSION_2, VERSION_1], ids=["version 2", "version 1"])
def test_machine_memory_is_limited_by_the_control_group(
    group: Path, files: dict[str, object]
) -> None:
    for name, text in files.items():
        (group / name).write_text(str(text), "ascii")
    assert machine.this_machine().total == 8 * GIB
    assert machine.free_memory() == 6 * GIB, "files that the system can give up are not taken"


@pytest.mark.parametrize(
    "files",
    [
        {},
        {**VERSION_2, "memory.max": "max"},
        {**VERSION_1, "memory/memory.limit_in_bytes": 9223372036854771712},
    ],
    ids=["none", "version 2", "version 1"],
)
def test_machine_memory_without_a_limit_is_the_systems(
    group: Path, files: dict[str, object]
) -> None:
    for name, text in files.items():
        (group / name).write_text(str(text), "ascii")
    found = machine.this_machine()
    assert (found.total, found.free) == (256 * GIB, 200 * GIB)


def test_machine_memory_of_a_group_over_its_limit_is_none(group: Path) -> None:
    for name, text in {**VERSION_2, "memory.current": 13 * GIB}.items():
        (group / name).write_text(str(text), "ascii")
    assert machine.free_memory() == 0


def test_memory_bandwidth_takes_a_part_of_the_free_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[int] = []

    def ones(size: int, kind: type[np.generic]) -> np.ndarray[Any, Any]:
        taken.append(size)
        return np.zeros(size, kind)

    monkeypatch.setattr(machine, "physical_cores", lambda: 64)
    monkeypatch.setattr(machine, "free_memory", lambda: GIB)
    monkeypatch.setattr(np, "ones", ones)
    assert machine.memory_bandwidth.__wrapped__() > 0
    assert len(taken) == 2 * 64
    assert sum(taken) <= GIB / 8
