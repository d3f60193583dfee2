"""Choose the binding of llama.cpp: the wheel `xllamacpp` or llama-cpp-python.

The former is prebuilt; the latter is compiled when it is installed.
"""

import importlib.util
from collections.abc import Collection
from typing import Final, Literal

from langchain_localllm.errors import InvalidOptionError, MissingDependencyError
from langchain_localllm.extras import pip_install

Backend = Literal["llama-cpp-python", "xllamacpp"]

MODULES: Final[dict[Backend, str]] = {"xllamacpp": "xllamacpp", "llama-cpp-python": "llama_cpp"}
EXTRAS: Final[dict[Backend, str]] = {
    "xllamacpp": "llamacpp",
    "llama-cpp-python": "llama-cpp-python",
}

_NO_SERVER: Final = "only llama.cpp's server has it"
UNSUPPORTED: Final[dict[Backend, dict[str, str]]] = {
    "xllamacpp": {
        "draft_model": (
            "llama.cpp's server drafts by itself (`spec_type`, `draft_model_path`), not by a "
            "Python object"
        ),
        "kv_overrides": "the package does not offer it",
    },
    "llama-cpp-python": {
        "draft_model_path": (
            "it drafts by `spec_type='ngram-simple'` or by a Python object (`draft_model`)"
        ),
        **dict.fromkeys(
            (
                "n_cache_reuse",
                "n_indent",
                "post_sampling_probs",
                "return_progress",
                "t_max_predict_ms",
            ),
            _NO_SERVER,
        ),
        **{
            f"spec_type={name!r}": _NO_SERVER
            for name in ("ngram-map-k", "ngram-map-k4v", "ngram-mod", "ngram-cache")
        },
    },
}
"""Options that a backend does not support, and why."""


def is_installed(backend: Backend) -> bool:
    """Return whether the backend's package is installed."""
    return importlib.util.find_spec(MODULES[backend]) is not None


def choose_backend(options: Collection[str], preferred: Backend) -> Backend:
    """Return the backend to use where none is given.

    It is the preferred one if it is installed and supports all options, else the other.

    Args:
        options: The names of the options that are set, or `name=value` where it depends on the
            value.
        preferred: The one to use where both can.

    Raises:
        InvalidOptionError: Each of them lacks an option.
        MissingDependencyError: Neither is installed, or only one that does not support an option.
    """
    able: list[Backend] = [
        backend for backend in ("xllamacpp", "llama-cpp-python") if not _refused(backend, options)
    ]
    if not able:
        names = sorted({name for backend in UNSUPPORTED for name in _refused(backend, options)})
        raise InvalidOptionError(
            "No backend of llama.cpp supports all of these together: "
            f"{', '.join(f'`{name}`' for name in names)}."
        )
    installed = [backend for backend in able if is_installed(backend)]
    if installed:
        return preferred if preferred in installed else installed[0]
    missing = able[0]
    raise missing_backend(missing)


def check_options(backend: Backend, options: Collection[str]) -> None:
    """Raise `InvalidOptionError` for an option that the backend does not support.

    The message names the one that does.
    """
    if refused := _refused(backend, options):
        name = refused[0]
        other = "llama-cpp-python" if backend == "xllamacpp" else "xllamacpp"
        raise InvalidOptionError(
            f"The backend {backend} does not support `{name}`: {UNSUPPORTED[backend][name]}. Make "
            f"the object with backend={other!r}, or leave the option out."
        )


def _refused(backend: Backend, options: Collection[str]) -> list[str]:
    return sorted(UNSUPPORTED[backend].keys() & set(options))


def missing_backend(
    backend: Backend, reason: object = "it is not installed"
) -> MissingDependencyError:
    """Return the error where the backend's package cannot be imported."""
    slow = " It is compiled during the installation, which takes minutes and needs a C++ compiler."
    return MissingDependencyError(
        f"{backend} cannot be loaded ({reason}): {pip_install(EXTRAS[backend])}."
        + (slow if backend == "llama-cpp-python" else "")
    )
