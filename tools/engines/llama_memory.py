"""What memory llama.cpp says it takes, asked in a process of its own: `taken(cases)`."""

import ctypes
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

_BUFFER: Final = re.compile(r"(?:model|KV|RS|compute|output) +buffer size = +([\d.]+) MiB")


def taken(file: Path, cases: list[dict[str, Any]]) -> list[float]:
    """Bytes that llama.cpp takes for a model with each of these settings.

    The fields are those of `llama_context_params`.
    """
    command = [sys.executable, __file__, str(file), json.dumps(cases)]
    told = subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout
    return [float(size) for size in json.loads(told)]


def _main(file: str, cases: list[dict[str, Any]]) -> None:
    import llama_cpp

    lines: list[str] = []
    hear = llama_cpp.llama_log_callback(
        lambda _level, text, _data: lines.append(text.decode("utf-8", "replace"))
    )
    llama_cpp.llama_log_set(hear, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(file.encode(), params)
    loading = list(lines)
    sizes = []
    for case in cases:
        lines[:] = loading
        settings = llama_cpp.llama_context_default_params()
        for name, value in case.items():
            setattr(settings, name, value)
        context = llama_cpp.llama_init_from_model(model, settings)
        if not context:
            sys.exit("".join(lines))
        sizes.append(2**20 * sum(float(size) for size in _BUFFER.findall("".join(lines))))
        llama_cpp.llama_free(context)
    print(json.dumps(sizes))


if __name__ == "__main__":
    _main(sys.argv[1], json.loads(sys.argv[2]))
