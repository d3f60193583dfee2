"""How the tests of embeddings reach each runtime's real engine with a model file. A new runtime
adds an entry here."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import requests

import langchain_localllm
from langchain_localllm import LocalServer
from langchain_localllm.base.embeddings import LocalEmbeddings
from langchain_localllm.registry import RUNTIMES
from tools.engines import ollama

Arguments = dict[str, Any]


@contextmanager
def in_this_process(model: Path, _: Path) -> Iterator[Arguments]:
    """An engine that loads the file itself."""
    yield {"model": str(model)}


@contextmanager
def on_llamacpp(model: Path, _: Path) -> Iterator[Arguments]:
    """llama.cpp, by the package that the class prefers."""
    yield {"model": str(model), "backend": "llamacpp"}


@contextmanager
def on_llama_cpp_python(model: Path, _: Path) -> Iterator[Arguments]:
    """Our own engine on llama-cpp-python."""
    yield {"model": str(model), "backend": "llama-cpp-python"}


@contextmanager
def on_xllamacpp(model: Path, _: Path) -> Iterator[Arguments]:
    """llama.cpp's server in this process."""
    yield {"model": str(model), "backend": "xllamacpp"}


@contextmanager
def llamafile(model: Path, _: Path) -> Iterator[Arguments]:
    """llama.cpp's server."""
    with LocalServer(model, embedding=True) as server:
        yield {"base_url": server.base_url}


@contextmanager
def on_ollama(model: Path, folder: Path) -> Iterator[Arguments]:
    """The real Ollama."""
    with ollama.serve(folder) as url:
        ollama.create(url, model.stem, model, parameters={"num_thread": 1})
        yield {"base_url": url, "model": model.stem}
        requests.delete(f"{url}/api/delete", json={"model": model.stem}, timeout=60)


ENGINES: Final[dict[str, Callable[[Path, Path], AbstractContextManager[Arguments]]]] = {
    "gpt4all": in_this_process,
    "gpt4all_llamacpp": on_llamacpp,
    "llamacpp": on_llama_cpp_python,
    "llamacpp_xllamacpp": on_xllamacpp,
    "llamafile": llamafile,
    "ollama": on_ollama,
}
RAW: Final = frozenset({"llamacpp", "llamacpp_xllamacpp", "llamafile"})
"""Engines that give raw vectors."""
TELLS_LENGTHS: Final = frozenset(
    {"gpt4all", "gpt4all_llamacpp", "llamacpp", "llamacpp_xllamacpp", "llamafile"}
)
"""Runtimes whose engine reports the length of a text that is too long."""


def class_of(runtime: str) -> type[LocalEmbeddings]:
    """The class of a runtime, or of one of its backends after a `_`."""
    found: type[LocalEmbeddings] = getattr(
        langchain_localllm, RUNTIMES[runtime.partition("_")[0]]["embeddings"]
    )
    return found
