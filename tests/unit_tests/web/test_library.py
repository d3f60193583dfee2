"""The documents and models behind the page."""

from pathlib import Path
from typing import Any

import pytest

from langchain_localllm.errors import ModelMissingError
from langchain_localllm.manage.inventory import ListedModel
from langchain_localllm.rag.index.store import Store
from langchain_localllm.web.library import Library, ModelOpeners
from tests.unit_tests.web.conftest import CHAT, EMBEDDINGS, idle, resolve


def test_library_models_that_cannot_be_opened_are_the_fault_that_is_shown(tmp_path: Path) -> None:
    def fail(_: ListedModel) -> Any:
        raise ModelMissingError("The file of the model is damaged.")

    library = Library(tmp_path, ModelOpeners(resolve, fail, fail), chat=CHAT, embeddings=EMBEDDINGS)
    library.start([tmp_path])
    assert idle(library)["fault"] == "The file of the model is damaged."
    library.close()


def test_library_index_that_is_removed_for_a_rebuild_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: ListedModel) -> Any:
        raise AssertionError

    library = Library(tmp_path, ModelOpeners(resolve, fail, fail), chat=CHAT, embeddings=EMBEDDINGS)
    exists = iter([True, False])
    monkeypatch.setattr(Store, "exists", property(lambda _: next(exists)))
    assert library.counts() == {"files": 0, "passages": 0, "unreadable": 0}
