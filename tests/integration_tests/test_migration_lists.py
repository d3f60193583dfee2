"""docs/migration.md lists every default and every result key of the replaced classes that is not
the same here."""

import contextlib
import importlib
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import add
from typing import Any, Final

import pytest
from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.messages import HumanMessage

import langchain_localllm
from langchain_localllm import LocalServer
from langchain_localllm.models import tiny_chat_model
from tools.engines import pages

from .scripted import Answer, Request, ScriptedServer, as_json

PAGE: Final = (pages.ROOT / "docs/migration.md").read_text(encoding="utf-8")
TINY: Final = str(tiny_chat_model())
COMMUNITY, OLLAMA = "langchain_community", "langchain_ollama"
TEXT: Final = [
    (COMMUNITY, "llms", "GPT4All", "GPT4All"),
    (COMMUNITY, "llms", "LlamaCpp", "LlamaCpp"),
    (COMMUNITY, "llms", "Llamafile", "Llamafile"),
    (COMMUNITY, "llms", "Ollama", "Ollama"),
    (OLLAMA, "llms", "OllamaLLM", "Ollama"),
]
CHAT: Final = [
    (COMMUNITY, "chat_models", "ChatLlamaCpp", "ChatLlamaCpp"),
    (OLLAMA, "chat_models", "ChatOllama", "ChatOllama"),
]
EMBEDDINGS: Final = [
    (COMMUNITY, "embeddings", "GPT4AllEmbeddings", "GPT4AllEmbeddings"),
    (COMMUNITY, "embeddings", "LlamaCppEmbeddings", "LlamaCppEmbeddings"),
    (COMMUNITY, "embeddings", "LlamafileEmbeddings", "LlamafileEmbeddings"),
    (COMMUNITY, "embeddings", "OllamaEmbeddings", "OllamaEmbeddings"),
    (OLLAMA, "embeddings", "OllamaEmbeddings", "OllamaEmbeddings"),
]
"""Package, module and name of the old class, and the name of ours; of langchain_community 0.4.2 and
langchain_ollama 1.1.0."""
OF_LANGCHAIN: Final = {*BaseLLM.model_fields, *BaseChatModel.model_fields}
EMPTY: Final[dict[str, Any]] = {
    "client_kwargs": {},
    "async_client_kwargs": {},
    "sync_client_kwargs": {},
    "model_kwargs": {},
    "gpt4all_kwargs": {},
}
"""Arguments that hold others in a dict, and are read but not kept."""
Row = tuple[str, ...]


def old_class(package: str, module: str, name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # langchain_community warns of its own end
        return getattr(importlib.import_module(f"{package}.{module}"), name)


def table(heading: str, first: str) -> list[Row]:
    """The rows of a table under a heading whose header begins with these cells."""
    part = PAGE.partition(f"### {heading}\n")[2].partition("\n### ")[0]
    lines = part.partition(f"| {first} |")[2].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("| "):
            break
        rows.append(tuple(cell.strip() for cell in line.strip("|").split(" | ")))
    return rows


def about(row: Row, package: str, name: str) -> bool:
    """Whether a row is about a class; the package is named where the name is not enough."""
    packages = re.findall(r"of `(langchain_\w+)`", row[0])
    return f"`{name}`" in row[0] and (not packages or package in packages)


# --- defaults ---


def default(field: Any) -> Any:
    return "required" if field.is_required() else field.get_default(call_default_factory=True)


def differing(old: Any, new: Any) -> Iterator[tuple[str, str]]:
    """Argument and old default, where ours is another."""
    for name, field in old.model_fields.items():
        ours = new.model_fields.get(new.ALIASES.get(name, name))
        if name in OF_LANGCHAIN or name in new.REMOVED or EMPTY.get(name, ...) == default(field):
            continue
        assert ours is not None, f"{name} of {old.__name__} is not known here"
        if default(ours) != default(field):
            yield name, str(default(field)).strip() or '""'


@pytest.mark.parametrize(("package", "module", "name", "ours"), [*TEXT, *CHAT, *EMBEDDINGS])
def test_migration_page_lists_each_default_that_differs_and_no_other(
    package: str, module: str, name: str, ours: str
) -> None:
    rows = [row for row in table("Defaults", "class") if about(row, package, name)]
    listed = [
        pair for row in rows for pair in re.findall(r"`(\w+)` = ([^,`]*?)(?:, (?=`)|$)", row[1])
    ]
    old, new = old_class(package, module, name), getattr(langchain_localllm, ours)
    assert sorted((argument, value.strip()) for argument, value in listed) == sorted(
        differing(old, new)
    )


@pytest.mark.parametrize(
    ("package", "name", "ours"), [(row[0], *row[2:]) for row in (*TEXT, *CHAT, *EMBEDDINGS)]
)
def test_migration_page_default_here_is_what_the_page_says(
    package: str, name: str, ours: str
) -> None:
    new = getattr(langchain_localllm, ours)
    for row in table("Defaults", "class"):
        if not about(row, package, name):
            continue
        if row[2].startswith("not set"):
            arguments = re.findall(r"`(\w+)` =", row[1])
            assert {
                default(new.model_fields[new.ALIASES.get(argument, argument)])
                for argument in arguments
            } == {None}
        for argument, value in re.findall(r"`(\w+)` = (\S+?)(?:,|$)", row[2]):
            assert str(default(new.model_fields[argument])) == value


def test_migration_page_first_lines_say_how_long_answers_are() -> None:
    assert (
        "`max_tokens` of `LlamaCpp` and `ChatLlamaCpp` is 256 by default"
        in " ".join(PAGE.split())[:600]
    )
    assert langchain_localllm.LlamaCpp.model_fields["max_tokens"].default == 256
    assert langchain_localllm.ChatLlamaCpp.model_fields["max_tokens"].default == 256


# --- result keys ---

LAST: Final = {
    "model": "m",
    "created_at": "2025-01-01T00:00:00Z",
    "done": True,
    "done_reason": "stop",
    "total_duration": 9,
    "load_duration": 1,
    "prompt_eval_count": 5,
    "prompt_eval_duration": 2,
    "eval_count": 6,
    "eval_duration": 3,
}


def ollama(request: Request) -> Answer:
    """As Ollama answers, with log probabilities."""
    if request.path == "/api/show":
        return as_json({"model_info": {"llama.context_length": 512}})
    chat = request.path == "/api/chat"
    content: dict[str, Any] = (
        {"message": {"role": "assistant", "content": "Hi"}} if chat else {"response": "Hi"}
    )
    ended: dict[str, Any] = (
        {"message": {"role": "assistant", "content": ""}}
        if chat
        else {"response": "", "context": [1, 2]}
    )
    first = {
        "model": "m",
        "created_at": "now",
        "done": False,
        "logprobs": [{"token": "Hi", "logprob": -0.3}],
        **content,
    }
    return Answer([json.dumps(line).encode() + b"\n" for line in (first, {**LAST, **ended})])


@pytest.fixture(scope="module")
def arguments() -> Iterator[dict[str, dict[str, Any]]]:
    """What the classes of each runtime are made with, by a part of their names."""
    with ScriptedServer(ollama) as fake, LocalServer(tiny_chat_model(), n_ctx=256) as server:
        yield {
            "GPT4All": {"model": TINY, "max_tokens": 256, "n_predict": 4},
            "LlamaCpp": {"model_path": TINY, "max_tokens": 4, "logprobs": 1, "verbose": False},
            "Llamafile": {"base_url": server.base_url, "n_predict": 4},
            "Ollama": {"base_url": fake.base_url, "model": "m"},
        }


def made(cls: Any, arguments: Mapping[str, dict[str, Any]]) -> Any:
    runtime = next(runtime for runtime in arguments if runtime in cls.__name__)
    options = dict(arguments[runtime])
    if cls.__module__.startswith(COMMUNITY) and runtime == "LlamaCpp":
        options["logits_all"] = True  # llama-cpp-python's log probabilities need it
    if runtime == "GPT4All":
        options.pop("n_predict" if cls is langchain_localllm.GPT4All else "max_tokens")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cls(**options)


def keys(infos: Iterable[Mapping[str, Any] | None]) -> set[str]:
    return {key for info in infos for key in info or {}}


def text_keys(llm: Any) -> set[str]:
    """The keys of a text, whole and streamed."""
    infos = [row[0].generation_info for row in llm.generate(["Hi"]).generations]
    with contextlib.suppress(NotImplementedError):  # GPT4All did not stream
        infos.append(reduce(add, llm._stream("Hi")).generation_info)
    return keys(infos)


def chat_keys(chat: Any) -> set[str]:
    """The keys of an answer, whole and streamed."""
    generation = chat.generate([[HumanMessage("Hi")]]).generations[0][0]
    return keys(
        [
            generation.generation_info,
            generation.message.response_metadata,
            reduce(add, chat.stream("Hi")).response_metadata,
        ]
    )


def missing(name: str) -> set[str]:
    """The keys that the page lists as missing."""
    rows = [row for row in table("Result keys", "class | key | instead") if f"`{name}`" in row[0]]
    return {key for row in rows for key in re.findall(r"`(\w+)`", row[1])}


@pytest.mark.parametrize(("package", "module", "name", "ours"), TEXT)
def test_migration_page_text_has_each_key_of_the_old_one_unless_the_page_says_otherwise(
    package: str, module: str, name: str, ours: str, arguments: dict[str, dict[str, Any]]
) -> None:
    old = text_keys(made(old_class(package, module, name), arguments))
    new = text_keys(made(getattr(langchain_localllm, ours), arguments))
    assert old - new == missing(name)


@pytest.mark.parametrize(("package", "module", "name", "ours"), CHAT)
def test_migration_page_answer_has_each_key_of_the_old_one(
    package: str, module: str, name: str, ours: str, arguments: dict[str, dict[str, Any]]
) -> None:
    old = chat_keys(made(old_class(package, module, name), arguments))
    new = chat_keys(made(getattr(langchain_localllm, ours), arguments))
    assert old - new == missing(name) == set()
