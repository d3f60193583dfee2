"""The API reference has every public name."""

import importlib
import re

import pytest

import langchain_localllm
from langchain_localllm import rag, scale
from tests.unit_tests.test_docs_pages import page
from tools import api_reference


def section(module: str) -> str:
    return re.split(
        r"^## ", api_reference.page().partition(f"\n## {module}\n")[2], flags=re.MULTILINE
    )[0]


@pytest.mark.parametrize("module", api_reference.PUBLIC_MODULES)
def test_page_shows_every_public_name_of_a_module(module: str) -> None:
    names = api_reference.public_names(importlib.import_module(module))
    assert names
    shown = section(module)
    missing = [
        name
        for name in names
        if f":: {module}.{name}\n" not in shown and f"- `{name}` is `" not in shown
    ]
    assert not missing


def test_page_shows_every_module_once() -> None:
    assert re.findall(r"^## (\S+)$", api_reference.page(), re.MULTILINE) == list(
        api_reference.PUBLIC_MODULES
    )


def test_all_of_a_package_is_what_the_reference_reads() -> None:
    assert api_reference.public_names(langchain_localllm) == langchain_localllm.__all__
    assert api_reference.public_names(rag) == rag.__all__
    assert api_reference.public_names(scale) == scale.__all__


def members(name: str) -> list[str]:
    line = (
        section("langchain_localllm")
        .partition(f":: langchain_localllm.{name}\n   :members: ")[2]
        .partition("\n")[0]
    )
    return line.split(", ")


def test_page_shows_options_of_a_chat_class_and_methods_of_its_runtime() -> None:
    assert {"num_ctx", "keep_alive", "reasoning", "bind_tools", "pull", "apull"} <= set(
        members("ChatOllama")
    )
    assert {"n_ctx", "mmproj_path", "draft_model_path", "with_structured_output"} <= set(
        members("ChatLlamaCpp")
    )
    assert "pull" not in members("ChatLlamaCpp")
    assert {"top_n", "normalize", "rerank", "acompress_documents"} <= set(
        members("LlamafileReranker")
    )


def test_stability_page_lists_the_public_modules() -> None:
    listed = re.findall(r"^\| `(langchain_localllm[\w.]*)` \|", page("stability.md"), re.MULTILINE)
    assert listed == list(api_reference.PUBLIC_MODULES)
