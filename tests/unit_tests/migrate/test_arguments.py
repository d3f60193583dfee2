"""Arguments are changed by the classes' own tables, for every class and every entry."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import langchain_localllm
from langchain_localllm.base import options
from langchain_localllm.migrate import migrate_code
from langchain_localllm.registry import class_modules
from tests.unit_tests.test_standard import MADE_WITH

CLASSES = sorted(class_modules("text", "chat", "embeddings"))


def removed() -> Iterator[tuple[str, str]]:
    for name in CLASSES:
        yield from ((name, argument) for argument in getattr(langchain_localllm, name).REMOVED)


def unsupported() -> Iterator[tuple[str, str]]:
    for name in CLASSES:
        yield from ((name, argument) for argument in getattr(langchain_localllm, name).UNSUPPORTED)


def migrated(
    arguments: str, name: str = "LlamaCpp", place: str = "langchain_localllm"
) -> tuple[str, list[str]]:
    """The call after the migration, and its notes."""
    head = f"from {place} import {name}\n"
    done = migrate_code(f"{head}{name}({arguments})\n")
    return done.code.partition("\n")[2].removeprefix(f"{name}(").removesuffix(")\n"), [
        note.text for note in done.notes
    ]


@pytest.mark.parametrize(("name", "argument"), list(removed()))
def test_migrate_argument_without_effect_is_removed_with_the_reason_of_its_class(
    name: str, argument: str
) -> None:
    code, notes = migrated(f"timeout=1, {argument}=1, max_retries=0", name)
    assert code == "timeout=1, max_retries=0"
    cls = getattr(langchain_localllm, name)
    assert notes == [f"`{argument}` of {cls.__name__} is removed: {cls.REMOVED[argument]}"]


@pytest.mark.parametrize(("name", "argument"), list(unsupported()))
def test_migrate_argument_that_raises_stays_and_is_noted(name: str, argument: str) -> None:
    code, notes = migrated(f"{argument}=1", name)
    assert code == f"{argument}=1"
    cls = getattr(langchain_localllm, name)
    assert notes == [f"{cls.__name__} does not support `{argument}`: {cls.UNSUPPORTED[argument]}"]


@pytest.mark.parametrize("name", CLASSES)
def test_migrate_known_argument_stays_without_a_note(name: str) -> None:
    cls = getattr(langchain_localllm, name)
    for argument in {*cls.model_fields, *cls.ALIASES} - {"callback_manager"}:
        assert migrated(f"{argument}=1", name) == (f"{argument}=1", []), argument


@pytest.mark.parametrize("runtime", sorted(MADE_WITH))
def test_migrate_migrated_arguments_make_an_object_without_a_warning(runtime: str) -> None:
    name = langchain_localllm.registry.RUNTIMES[runtime]["text"]
    cls: Any = getattr(langchain_localllm, name)
    given = {**MADE_WITH[runtime], **dict.fromkeys(cls.REMOVED, 1), "callback_manager": None}
    code, _ = migrated(", ".join(f"{key}={value!r}" for key, value in given.items()), name)
    options.warn_once.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cls(**eval(f"dict({code})"))  # noqa: S307 - code that this test wrote


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f16_kv=True", ""),
        ("f16_kv=True,", ""),
        ("\n    f16_kv=True,  # why\n", "\n"),
        ("n_ctx=1, f16_kv=True", "n_ctx=1"),
        ("n_ctx=1, f16_kv=True,", "n_ctx=1,"),
        ("f16_kv=True, n_ctx=1", "n_ctx=1"),
        ("n_gqa=8, f16_kv=True, n_ctx=1, n_parts=1, seed=2, rms_norm_eps=1", "n_ctx=1, seed=2"),
        ("n_ctx=1,\n    f16_kv=True", "n_ctx=1,"),
        (
            "\n    n_ctx=1,\n    f16_kv=True,  # why\n    seed=1,  # stays\n",
            "\n    n_ctx=1,\n    seed=1,  # stays\n",
        ),
        ("\n    n_ctx=1,  # stays\n    f16_kv=True\n", "\n    n_ctx=1,  # stays\n"),
        (
            "\n    n_ctx=1, f16_kv=True,  # both\n    seed=1\n",
            "\n    n_ctx=1,  # both\n    seed=1\n",
        ),
        ("\n    f16_kv=[\n        1,\n    ],\n    seed=1\n", "\n    seed=1\n"),
        ("**{'n_ctx': 1}, f16_kv=True", "**{'n_ctx': 1}"),
        ("n_ctx=1, ü=2, f16_kv='ü,#', seed=3", "n_ctx=1, ü=2, seed=3"),
    ],
)
def test_migrate_removed_arguments_take_their_commas_and_comments_along(
    before: str, after: str
) -> None:
    code = migrated(before)[0]
    assert code.rstrip(" ") == after or code.strip() == after, code


def test_migrate_old_name_inside_of_a_removed_argument_goes_with_it() -> None:
    code = (
        "import langchain\nfrom langchain.llms import LlamaCpp\n"
        "LlamaCpp(f16_kv=langchain.llms.Ollama, n_ctx=1)\n"
    )
    assert migrate_code(code).code.endswith("\nLlamaCpp(n_ctx=1)\n")


def test_migrate_argument_that_calls_something_stays() -> None:
    code, notes = migrated("f16_kv=count()")
    assert code == "f16_kv=count()"
    assert notes == [
        (
            "`f16_kv` of LlamaCpp has no effect: the cache is f16 by default. Use `type_k` and "
            "`type_v` for other types. Remove it."
        )
    ]


def test_migrate_max_tokens_of_the_old_gpt4all_is_removed_where_n_predict_overruled_it() -> None:
    old = "langchain_community.llms"
    code, notes = migrated("max_tokens=2048, n_predict=9", "GPT4All", old)
    assert code == "n_predict=9"
    assert "`n_predict` limited the answer, and `max_tokens` had no effect" in notes[0]


def test_migrate_max_tokens_of_the_old_gpt4all_alone_stays_with_a_note() -> None:
    code, notes = migrated("max_tokens=2048", "GPT4All", "langchain_community.llms")
    assert code == "max_tokens=2048"
    assert "limits the answer here" in notes[0]
    assert migrated("max_tokens=2048", "GPT4All", "langchain_localllm.llms") == (
        "max_tokens=2048",
        [],
    )


def test_migrate_callback_manager_is_not_renamed_where_callbacks_is_given() -> None:
    assert migrated("callback_manager=a")[0] == "callbacks=a"
    assert migrated("callback_manager=a, callbacks=b")[0] == "callback_manager=a, callbacks=b"


@pytest.mark.parametrize("backend", ["gptj", "llama", "falcon"])
def test_migrate_former_backend_of_gpt4all_is_removed(backend: str) -> None:
    assert migrated(f"model='a.gguf', backend='{backend}'", "GPT4All")[0] == "model='a.gguf'"
    assert migrated("model='a.gguf', backend='llamacpp'", "GPT4All") == (
        "model='a.gguf', backend='llamacpp'",
        [],
    )


def test_migrate_keys_of_dicts_are_noted() -> None:
    assert migrated("model_kwargs={'f16_kv': True, 'n_ctx': 1, 'n_ctxt': 1, key: 2}")[1] == [
        "LlamaCpp has no option `n_ctxt`. Did you mean `n_ctx`?",
        (
            "`f16_kv` of LlamaCpp has no effect: the cache is f16 by default. Use `type_k` and "
            "`type_v` for other types. Remove it."
        ),
    ]
    assert migrated("options={'new_option': 1}", "Ollama")[1] == []


def test_migrate_class_of_another_package_with_the_same_name_is_left_alone() -> None:
    code = "from gpt4all import GPT4All\nimport langchain\nmodel = GPT4All('a.gguf', f16_kv=True)\n"
    assert migrate_code(code).code == code


def test_migrate_name_that_is_imported_from_several_packages_is_left_alone() -> None:
    code = """\
try:
    from langchain_localllm import GPT4All
except ImportError:
    from gpt4all import GPT4All
model = GPT4All(f16_kv=True)
"""
    assert migrate_code(code).code == code
