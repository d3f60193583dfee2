"""Check the runtimes that come as Python packages."""

import importlib.metadata
import shutil
from typing import Any, Final

from langchain_localllm.cli.diagnosis.problem import Problem, runtime
from langchain_localllm.extras import pip_install

_PACKAGES: Final = {
    "llama.cpp in this process (LlamaCpp), compiled": ("llama-cpp-python", "llama-cpp-python"),
    "GPT4All in this process (GPT4All)": ("gpt4all", "gpt4all"),
    "llama.cpp's server, also in this process (LocalServer, LlamaCpp)": ("xllamacpp", "llamacpp"),
}
_CONTEXT: Final = (
    "context: the smallest of the model's own, 8,192 and what fits into memory, unless n_ctx says "
    "otherwise"
)
_MODEL_CONTEXT: Final = "context: the model's own, at most 8,192, unless n_ctx says otherwise"
_CONTEXTS: Final = {
    "llama-cpp-python": _CONTEXT,
    "gpt4all": _MODEL_CONTEXT,
    "xllamacpp": _MODEL_CONTEXT,
}


def packages() -> list[dict[str, Any]]:
    """Return those of this package's runtimes that need no server."""
    found = []
    for name, (package, extra) in _PACKAGES.items():
        version = _version(package)
        details = [_CONTEXTS[package]] if version else []
        found.append(
            runtime(name, version, missing=f"not installed: {pip_install(extra)}", details=details)
        )
    if path := shutil.which("llama-server"):
        found.append(runtime("llama-server", "", details=[path]) | {"installed": True})
    return found


def package_problems(*, gpu: bool, any_runtime: bool) -> list[Problem]:
    """Return what is wrong with them."""
    problems = []
    if not any_runtime:
        problems.append(Problem("There is no runtime for models here.", pip_install("server")))
    if gpu and _version("llama-cpp-python") and not _uses_gpu():
        problems.append(
            Problem(
                "There is a GPU, and llama-cpp-python was built without it: all layers run on the "
                "processor.",
                'CMAKE_ARGS="-DGGML_CUDA=on" pip install --force-reinstall --no-cache-dir '
                "llama-cpp-python",
            )
        )
    return problems


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _uses_gpu() -> bool:
    from langchain_localllm.runtimes.llamacpp.ffi import lib

    return bool(lib.llama_supports_gpu_offload())
