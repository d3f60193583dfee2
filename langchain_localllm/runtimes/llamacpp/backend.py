"""Which binding of llama.cpp works: the prebuilt wheel `xllamacpp`, or llama-cpp-python, which is compiled on the way."""

import importlib.util
from collections.abc import Collection
from typing import Final, Literal

from langchain_localllm.errors import InvalidOptionError, MissingDependencyError

Backend = Literal["llama-cpp-python", "xllamacpp"]

MODULES: Final[dict[Backend, str]] = {"xllamacpp": "xllamacpp", "llama-cpp-python": "llama_cpp"}
EXTRAS: Final[dict[Backend, str]] = {"xllamacpp": "llamacpp", "llama-cpp-python": "llama-cpp-python"}

UNSUPPORTED: Final[dict[str, str]] = {
    "draft_model": "llama.cpp's server drafts by itself, not by a Python object",
    "kv_overrides": "the package does not offer it",
    "spm_infill": "its way to complete text does not fill gaps",
    "suffix": "its way to complete text does not fill gaps",
}
"""Options that the backend `xllamacpp` does not support, and why."""


def is_installed(backend: Backend) -> bool:
    """Whether the backend's package is installed."""
    return importlib.util.find_spec(MODULES[backend]) is not None


def choose_backend(options: Collection[str], preferred: Backend) -> Backend:
    """The backend to use where none is given: the preferred one if it is installed and supports all options, else the other.

    Args:
        options: The names of the options that are set.
        preferred: The one to use where both can.

    Raises:
        MissingDependencyError: Neither is installed, or only one that does not support an option.
    """
    able: list[Backend] = ["llama-cpp-python"] if UNSUPPORTED.keys() & set(options) else ["xllamacpp", "llama-cpp-python"]
    installed = [backend for backend in able if is_installed(backend)]
    if installed:
        return preferred if preferred in installed else installed[0]
    missing = able[0]
    raise missing_backend(missing)


def check_options(backend: Backend, options: Collection[str]) -> None:
    """Raise `InvalidOptionError` for an option that the backend does not support."""
    if backend == "xllamacpp" and (refused := sorted(UNSUPPORTED.keys() & set(options))):
        name = refused[0]
        raise InvalidOptionError(
            f"The backend xllamacpp does not support `{name}`: {UNSUPPORTED[name]}. Make the object with "
            "backend='llama-cpp-python', or leave the option out."
        )


def missing_backend(backend: Backend, reason: object = "it is not installed") -> MissingDependencyError:
    """The error where the backend's package cannot be imported."""
    slow = " It is compiled during the installation, which takes minutes and needs a C++ compiler."
    return MissingDependencyError(
        f'{backend} cannot be loaded ({reason}): pip install "langchain-localllm[{EXTRAS[backend]}]".'
        + (slow if backend == "llama-cpp-python" else "")
    )
