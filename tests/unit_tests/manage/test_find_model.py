"""The file of a model that was downloaded before."""

import shutil
from pathlib import Path

import pytest

from langchain_localllm.errors import InvalidOptionError, ModelMissingError
from langchain_localllm.manage.package_index import package_folder
from langchain_localllm.models import find_model, tiny_chat_model


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for pulled models."""
    monkeypatch.setenv("LOCALLLM_MODELS", str(tmp_path))
    return tmp_path


def test_find_model_returns_the_file_pulled_from_a_package(models: Path) -> None:
    folder = package_folder(models, "llm-small")
    folder.mkdir()
    shutil.copy(tiny_chat_model(), folder / "small.gguf")
    assert find_model("pip:llm-small") == folder / "small.gguf"


@pytest.mark.usefixtures("models")
def test_find_model_without_the_model_says_how_to_get_it() -> None:
    with pytest.raises(ModelMissingError, match="localllm pull pip:llm-small"):
        find_model("pip:llm-small")


def test_find_model_of_a_server_raises_since_it_has_no_file() -> None:
    with pytest.raises(InvalidOptionError, match="no file on this machine"):
        find_model("http://localhost:9")
