"""The same for embedding classes: every constructor argument of those that ours replace is
accepted, or listed as gone."""

import importlib
import re
from typing import Any, Final

import pytest
from pydantic.fields import FieldInfo

import langchain_localllm
from langchain_localllm.base import options
from langchain_localllm.models import tiny_embedding_model
from langchain_localllm.registry import RUNTIMES
from tests.unit_tests.test_drop_in import IN_A_DICT, arguments, given, gone

REPLACED: Final = {
    "gpt4all": [("langchain_community.embeddings.gpt4all", "GPT4AllEmbeddings")],
    "llamacpp": [("langchain_community.embeddings.llamacpp", "LlamaCppEmbeddings")],
    "llamafile": [("langchain_community.embeddings.llamafile", "LlamafileEmbeddings")],
    "ollama": [
        ("langchain_community.embeddings.ollama", "OllamaEmbeddings"),
        ("langchain_ollama.embeddings", "OllamaEmbeddings"),
    ],
}
"""Runtime to the classes that its embedding class replaces, of langchain_community 0.4.2 and
langchain_ollama 1.1.0."""
MADE_WITH: Final[dict[str, dict[str, Any]]] = {
    "gpt4all": {"model_name": str(tiny_embedding_model())},
    "llamacpp": {"model_path": str(tiny_embedding_model())},
    "llamafile": {},
    "ollama": {"model": "tiny"},
}
GPT4ALL: Final = {"allow_download": "False", "n_ctx": 64}
NO_MODEL: Final = (None, "")


@pytest.mark.parametrize(("runtime", "name", "info"), list(arguments(REPLACED)))
def test_drop_in_argument_of_the_old_class_is_accepted_or_listed_as_removed(
    runtime: str, name: str, info: FieldInfo
) -> None:
    new = getattr(langchain_localllm, RUNTIMES[runtime]["embeddings"])
    for value in given(name, info, MADE_WITH[runtime]):
        if name in MADE_WITH[runtime] and value in NO_MODEL:
            continue  # that was an error there too, or a download
        if name in new.REMOVED:
            with pytest.warns(UserWarning, match=rf"`{name}` of {new.__name__} has no effect"):
                new(**{**MADE_WITH[runtime], name: value})
            options.warn_once.cache_clear()
            assert f"`{name}`" in gone(runtime)
        elif name == "gpt4all_kwargs":
            made = new(**MADE_WITH[runtime], gpt4all_kwargs=GPT4ALL)
            assert (made.allow_download, made.n_ctx) == (False, 64)
        elif name in IN_A_DICT:
            made = new(**{**MADE_WITH[runtime], name: value})
            assert {option: getattr(made, option) for option in value} == value
        else:
            made = new(**{**MADE_WITH[runtime], name: value})
            assert getattr(made, new.ALIASES.get(name, name)) == value


@pytest.mark.parametrize("runtime", sorted(RUNTIMES))
def test_drop_in_changing_the_packages_name_in_an_import_is_enough(runtime: str) -> None:
    new = getattr(langchain_localllm, RUNTIMES[runtime]["embeddings"])
    for old_place, name in REPLACED[runtime]:
        place = re.sub(r"^(langchain_community|langchain_ollama)", "langchain_localllm", old_place)
        for module in (place, place.rpartition(".")[0], "langchain_localllm"):
            assert getattr(importlib.import_module(module), name) is new
