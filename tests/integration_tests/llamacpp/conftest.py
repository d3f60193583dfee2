"""The engine with a tiny model that never ends an answer by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from langchain_localllm import LlamaCpp
from langchain_localllm.models import tiny_chat_model
from tools.engines.models import never_ending


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return never_ending(tiny_chat_model(), tmp_path_factory.mktemp("model") / "endless.gguf")


@pytest.fixture(scope="package")
def llm(model_file: Path) -> Iterator[LlamaCpp]:
    with LlamaCpp(model_path=model_file, n_ctx=512, temperature=0, max_tokens=24) as llm:
        yield llm
