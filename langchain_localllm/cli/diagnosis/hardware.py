"""Report this machine's processors, memory, GPUs and disk."""

import platform
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from langchain_localllm.gguf.machine import this_machine
from langchain_localllm.manage.folders import models_folder

_USEFUL: Final = (
    *(
        "avx",
        "avx2",
        "avx512f",
        "avx512_vnni",
        "avx_vnni",
        "avx512_bf16",
        "amx_int8",
        "amx_bf16",
        "f16c",
        "fma",
        "bmi2",
    ),
    *("asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme"),
)
"""Features of processors that llama.cpp computes faster with, as Linux names them."""


def hardware() -> dict[str, Any]:
    """Processor, memory, disk and graphics cards."""
    machine = this_machine()
    folder = models_folder()
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    facts = _processor_facts()
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": facts.get("model name") or platform.processor(),
        "features": [name for name in _USEFUL if name in flags],
        "cores": machine.cores,
        "memory": machine.total,
        "free_memory": machine.free,
        "models_folder": str(folder),
        "free_disk": shutil.disk_usage(there).free,
        "gpus": [asdict(gpu) for gpu in machine.gpus],
    }


def _processor_facts() -> dict[str, str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}
