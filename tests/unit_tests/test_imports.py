"""What importing loads, and that every public name is there."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import langchain_localllm
from langchain_localllm.registry import ALIASES, RUNTIMES

LAZY_PACKAGES = [
    "langchain_localllm",
    "langchain_localllm.llms",
    "langchain_localllm.chat_models",
    "langchain_localllm.embeddings",
    "langchain_localllm.runtimes.llamafile",
    "langchain_localllm.runtimes.ollama",
]
BINDINGS = {"gguf", "gpt4all", "llama_cpp", "xllamacpp"}
HTTP = {"aiohttp", "requests"}


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds after the statement."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_imports_package_loads_no_runtime_and_no_library() -> None:
    loaded = loaded_by("import langchain_localllm")
    assert not loaded & (BINDINGS | HTTP | {"langchain_core", "pydantic"})
    assert not [name for name in loaded if name.startswith("langchain_localllm.runtimes.")]


def test_imports_standard_suite_needs_no_runtime_and_no_langchain_tests() -> None:
    loaded = loaded_by("import langchain_localllm.testing")
    assert not loaded & (BINDINGS | {"aiohttp", "langchain_tests"})
    assert not [name for name in loaded if name.startswith("langchain_localllm.runtimes.")]


@pytest.mark.parametrize("runtime", sorted(RUNTIMES))
def test_imports_runtime_loads_no_other_and_no_foreign_binding(runtime: str) -> None:
    names = ", ".join(RUNTIMES[runtime].values())
    loaded = loaded_by(f"from langchain_localllm import {names}")
    others = tuple(f"langchain_localllm.runtimes.{other}" for other in RUNTIMES if other != runtime)
    assert not [name for name in loaded if others and name.startswith(others)]
    assert not loaded & (BINDINGS | {"aiohttp"}), "only async code needs aiohttp"


def test_imports_llamacpp_in_this_process_loads_no_http_library_and_no_numpy() -> None:
    loaded = loaded_by("from langchain_localllm.runtimes.llamacpp import server_engine")
    assert "xllamacpp" in loaded
    assert not loaded & {"aiohttp", "llama_cpp", "numpy"}, "each takes a tenth of a second"


@pytest.mark.parametrize("package", LAZY_PACKAGES)
def test_imports_every_public_name_is_there(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name).__name__ == ALIASES.get(name, name)
    assert set(module.__all__) <= set(dir(module))


def test_imports_every_name_in_every_all_is_there() -> None:
    for found in pkgutil.walk_packages(langchain_localllm.__path__, "langchain_localllm."):
        if found.name.rpartition(".")[2].startswith("_"):
            continue  # private, and may be a script
        module = importlib.import_module(found.name)
        missing = [name for name in getattr(module, "__all__", []) if not hasattr(module, name)]
        assert not missing, f"{found.name}: {missing}"


@pytest.mark.parametrize("package", LAZY_PACKAGES)
def test_imports_unknown_name_is_an_attribute_error(package: str) -> None:
    module = importlib.import_module(package)
    with pytest.raises(AttributeError, match=rf"module '{package}' has no attribute 'Lamafile'"):
        _ = module.Lamafile


def test_imports_every_registered_class_is_a_public_name() -> None:
    for classes in RUNTIMES.values():
        assert set(classes.values()) <= set(langchain_localllm.__all__)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("llms.llamafile", "Llamafile"),
        ("llms.ollama", "Ollama"),
        ("chat_models.llamafile", "ChatLlamafile"),
        ("chat_models.ollama", "ChatOllama"),
        ("embeddings.llamafile", "LlamafileEmbeddings"),
        ("embeddings.ollama", "OllamaEmbeddings"),
    ],
)
def test_imports_old_places_hold_the_same_classes(place: str, name: str) -> None:
    new = getattr(langchain_localllm, name)
    assert (
        getattr(importlib.import_module(f"langchain_localllm.{place.partition('.')[0]}"), name)
        is new
    )
    assert getattr(importlib.import_module(f"langchain_localllm.{place}"), name) is new
