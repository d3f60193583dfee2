"""Every constructor argument of the classes that ours replace is accepted with its meaning, or
listed in the docs as gone."""

import importlib
import re
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.rate_limiters import InMemoryRateLimiter
from pydantic.fields import FieldInfo

import langchain_localllm
from langchain_localllm.base import options
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.registry import RUNTIMES
from tests.unit_tests.test_standard import MADE_WITH
from tools.engines.models import lora_adapter

DOCS: Final = Path(__file__).parents[2] / "docs"
REPLACED: Final = {
    "gpt4all": [("langchain_community.llms.gpt4all", "GPT4All")],
    "llamacpp": [("langchain_community.llms.llamacpp", "LlamaCpp")],
    "llamafile": [("langchain_community.llms.llamafile", "Llamafile")],
    "ollama": [
        ("langchain_community.llms.ollama", "Ollama"),
        ("langchain_ollama.llms", "OllamaLLM"),
    ],
}
"""Runtime to the classes that its text class replaces, of langchain_community 0.4.2 and
langchain_ollama 1.1.0."""
REPLACED_CHATS: Final = {
    "llamacpp": [("langchain_community.chat_models.llamacpp", "ChatLlamaCpp")],
    "ollama": [("langchain_ollama.chat_models", "ChatOllama")],
}
"""The same for chat classes; there were no others."""

BY_TYPE: Final[dict[Any, Any]] = {
    bool: True,
    int: 2,
    float: 0.5,
    str: "text",
    dict: {"a": "b"},
    list: ["END"],
}
"""A value for a type."""
BY_NAME: Final = {
    "async_client_kwargs": {"timeout": 1.5},
    "auth": ("user", "word"),
    "backend": "gpt4all",
    "base_url": "http://localhost:9",
    "cache": False,
    "callbacks": [BaseCallbackHandler()],
    "client_kwargs": {"headers": {"X-Tenant": "a"}},
    "custom_get_token_ids": list,
    "device": "cpu",
    "format": "json",
    "keep_alive": "10m",
    "model_kwargs": {"n_threads_batch": 1},
    "profile": {"max_input_tokens": 64},
    "rate_limiter": InMemoryRateLimiter(),
    "sync_client_kwargs": {"verify": False},
    "validate_model_on_init": False,  # no server is there
}
"""A value for an argument whose type says too little."""
IN_A_DICT: Final = frozenset(
    {"async_client_kwargs", "client_kwargs", "model_kwargs", "sync_client_kwargs"}
)
"""Arguments that hold options in a dict."""


def arguments(replaced: dict[str, list[tuple[str, str]]]) -> Iterator[Any]:
    """Each argument of each of these old classes, LangChain's own among them, for the registered
    runtimes."""
    for runtime in sorted(RUNTIMES):
        for module, name in replaced.get(runtime, []):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # langchain_community warns of its own end
                old = getattr(importlib.import_module(module), name)
            for field, info in old.model_fields.items():
                yield pytest.param(
                    runtime, field, info, id=f"{module.partition('.')[0]}-{name}-{field}"
                )


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lora_adapter(tiny_chat_model(), tmp_path_factory.mktemp("lora") / "adapter.gguf")


@pytest.mark.parametrize(("runtime", "name", "info"), list(arguments(REPLACED)))
def test_drop_in_argument_of_the_old_class_is_accepted_or_listed_as_removed(
    runtime: str, name: str, info: FieldInfo, adapter: Path
) -> None:
    check(getattr(langchain_localllm, RUNTIMES[runtime]["text"]), runtime, name, info, adapter)


@pytest.mark.parametrize(("runtime", "name", "info"), list(arguments(REPLACED_CHATS)))
def test_drop_in_argument_of_the_old_chat_class_is_accepted_or_listed_as_removed(
    runtime: str, name: str, info: FieldInfo, adapter: Path
) -> None:
    check(getattr(langchain_localllm, RUNTIMES[runtime]["chat"]), runtime, name, info, adapter)


def check(new: Any, runtime: str, name: str, info: FieldInfo, adapter: Path) -> None:
    """Check that an argument is accepted with its meaning, or warns and is listed as gone."""
    made_with = {
        option: value for option, value in MADE_WITH[runtime].items() if option.startswith("model")
    }
    for value in given(name, info, made_with | {"lora_path": str(adapter)}):
        if name in new.REMOVED:
            with pytest.warns(UserWarning, match=rf"`{name}` of {new.__name__} has no effect"):
                new(**{**made_with, name: value})
            options.warn_once.cache_clear()
            assert f"`{name}`" in gone(runtime)
        else:
            llm = new(**{**made_with, name: value})
            expected = value if name in IN_A_DICT else {new.ALIASES.get(name, name): value}
            made = {option: getattr(llm, option) for option in expected}
            if name == "metadata":  # LangChain adds the versions of its packages
                made["metadata"].pop("lc_versions")
            assert made == expected


def given(name: str, info: FieldInfo, made_with: dict[str, Any]) -> list[Any]:
    """A value of the old type; and the old default, if there is one."""
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    value = BY_NAME.get(
        name, made_with.get(name, BY_TYPE.get(kind_of(info.annotation), "anything"))
    )
    return [value] if default is None else [value, default]


def kind_of(annotation: Any) -> Any:
    """The type of an annotation, or the first one of a union."""
    if get_origin(annotation) in {Union, types.UnionType}:
        annotation = get_args(annotation)[0]
    return get_origin(annotation) or annotation


def gone(runtime: str) -> str:
    """What the runtime's page of the docs lists as gone."""
    page = (DOCS / f"{runtime}.md").read_text(encoding="utf-8")
    found = re.search(r"^## Removed arguments\n(.*?)(^## |\Z)", page, re.DOTALL | re.MULTILINE)
    assert found, f"docs/{runtime}.md does not list removed arguments"
    return found[1]


@pytest.mark.parametrize("runtime", sorted(RUNTIMES))
def test_drop_in_changing_the_packages_name_in_an_import_is_enough(runtime: str) -> None:
    for old_place, name in (*REPLACED[runtime], *REPLACED_CHATS.get(runtime, [])):
        new = getattr(
            langchain_localllm, RUNTIMES[runtime]["chat" if name.startswith("Chat") else "text"]
        )
        place = re.sub(r"^(langchain_community|langchain_ollama)", "langchain_localllm", old_place)
        for module in (place, place.rpartition(".")[0], "langchain_localllm"):
            assert getattr(importlib.import_module(module), name) is new


def test_drop_in_error_of_langchain_community_for_a_missing_model_can_be_imported() -> None:
    module = importlib.import_module("langchain_localllm.llms.ollama")
    assert module.OllamaEndpointNotFoundError is langchain_localllm.errors.ModelMissingError
