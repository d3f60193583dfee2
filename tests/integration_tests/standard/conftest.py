"""The engines for LangChain's standard suites, each with the tiny chat model and its own template."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import requests

from langchain_localllm import LocalServer
from langchain_localllm.models import tiny_chat_model
from tests.engines import ollama
from tests.engines.models import go_template

MODEL = "localllm-standard"
OTHER = "localllm-standard-other"


@pytest.fixture(scope="package")
def llamafile_url() -> Iterator[str]:
    """The real llama.cpp server."""
    with LocalServer(tiny_chat_model(), n_ctx=2048) as server:
        yield server.base_url


@pytest.fixture(scope="package")
def ollama_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real Ollama, with the model under two names."""
    with ollama.serve(tmp_path_factory.mktemp("ollama")) as url:
        for name in (MODEL, OTHER):
            ollama.create(url, name, tiny_chat_model(), template=go_template(), parameters={"num_ctx": 2048, "num_thread": 1})
        yield url
        for name in (MODEL, OTHER):
            requests.delete(f"{url}/api/delete", json={"model": name}, timeout=60)


@pytest.fixture(scope="package")
def other_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model under another name."""
    folder = tmp_path_factory.mktemp("other")
    shutil.copy(tiny_chat_model(), folder / f"{OTHER}.gguf")
    return folder


_WEAK: Final = {
    "test_json_mode": "invents the keys, since no schema constrains it",
    "test_structured_output": "does not end the texts that it invents",
    "test_structured_output_async": "does not end the texts that it invents",
    "test_structured_output_optional_param": "does not end the texts that it invents",
    "test_structured_output_pydantic_2_v1": "does not end the texts that it invents",
    "test_tool_calling": "copies the wrong number",
    "test_tool_calling_async": "copies the wrong number",
    "test_tool_message_error_status": "repeats one token, where Ollama breaks off",
    "test_unicode_tool_call_integration": "copies the wrong text",
}
"""Tests that ask more of the model than of the class, and what the tiny chat model of 3.8 MB does wrong in them on some engines."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect failures where the model is too weak, and nowhere else."""
    for item in items:
        name = getattr(item, "originalname", item.name)
        if "standard/test_chat.py" in item.nodeid and name in _WEAK:
            item.add_marker(pytest.mark.xfail(reason=f"The tiny model {_WEAK[name]}.", strict=False))
