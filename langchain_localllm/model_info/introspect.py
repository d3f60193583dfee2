"""The first look at a model: its file's header or one request to its server, kept for as long as the object lives."""

import asyncio
import contextlib
import functools
import importlib
import time
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from langchain_localllm.errors import CallTimeoutError, LocalLLMError
from langchain_localllm.gguf.capacity import DEFAULT_CONTEXT
from langchain_localllm.model_info.info import ModelInfo, model_info_from_file
from langchain_localllm.model_info.unwrap import unwrap
from langchain_localllm.registry import RUNTIMES
from langchain_localllm.transport.operations import Plan

_OURS: Final = "langchain_localllm.runtimes."
_FOREIGN: Final = {
    "gpt4all": "gpt4all",
    "llama-cpp": "llamacpp",
    "llamacpp": "llamacpp",
    "llamafile": "llamafile",
    "ollama": "ollama",
}
"""A part of the `_llm_type` of other packages' classes to the runtime."""
_FILES: Final = ("model_path", "model")
"""Where classes keep the path of their file."""
_NAMES: Final = ("model", "model_name", "model_id", "repo_id", "model_path")
"""Where classes keep their model's name."""
_CHANGES: Final = ("base_url", "model", "model_path", "num_ctx", "n_ctx", "template")
"""Options whose change calls for another look."""
_GPT4ALL_FOLDER: Final = Path("~/.cache/gpt4all")

RUNTIME_NAMES: Final = frozenset(_FOREIGN.values()) | frozenset(RUNTIMES)

_LOOKS: Final = 6
"""How often a server that does not answer in time is asked, 10 seconds each time."""
_FAILURE_SECONDS: Final = 1.0
"""How long a failed look counts, so that one choice among prompts tries once."""

_seen: dict[int, tuple["weakref.ref[Any]", tuple[Any, ...], ModelInfo, float]] = {}
"""By the object's id: the object, its settings then, what was learnt, and when a failure is forgotten."""


def describe_model(llm: Any) -> ModelInfo:
    """What can be known of a model, also of one inside `.bind()` and the like.

    It raises nothing: that a server is not there, or a file no model, is reported as `problem`.
    """
    model = unwrap(llm)
    return _known(model) or _keep(model, _learn(model))


def describe_model_or_raise(llm: Any) -> ModelInfo:
    """As `describe_model`, but raise where the file or the server cannot be asked.

    Raises:
        LocalLLMError: It cannot.
    """
    model = unwrap(llm)
    known = _known(model)
    return known if known and not known.problem else _keep(model, _ask(model))


def look_again(llm: Any) -> ModelInfo:
    """As `describe_model_or_raise`, but ask a server that does not answer in time again: a busy machine may take a while.

    Raises:
        LocalLLMError: The file or the server cannot be asked, or does not answer within a minute.
    """
    for _ in range(_LOOKS - 1):
        try:
            return describe_model_or_raise(llm)
        except CallTimeoutError:
            pass
    return describe_model_or_raise(llm)


async def adescribe_model(llm: Any) -> ModelInfo:
    """As `describe_model`, without blocking the event loop."""
    model = unwrap(llm)
    return _known(model) or _keep(model, await _alearn(model))


def runtime_of(model: object) -> str:
    """The runtime's name, such as `ollama`, also of other packages' classes for it; empty for other models."""
    kind: Any = type(model)
    return _runtime_of_class(kind) or _runtime_of_type(str(getattr(model, "_llm_type", "")))


@functools.cache
def _runtime_of_class(kind: type) -> str:
    modules = (parent.__module__ for parent in kind.__mro__)
    return next((module.removeprefix(_OURS).partition(".")[0] for module in modules if module.startswith(_OURS)), "")


@functools.cache
def _runtime_of_type(name: str) -> str:
    return next((runtime for part, runtime in _FOREIGN.items() if part in name), "")


# --- what was seen ---


def _known(model: Any) -> ModelInfo | None:
    seen = _seen.get(id(model))
    if seen is None or seen[0]() is not model or seen[1] != _settings(model):
        return None
    return seen[2] if not seen[3] or time.monotonic() < seen[3] else None


def _keep(model: Any, about: ModelInfo) -> ModelInfo:
    key, until = id(model), time.monotonic() + _FAILURE_SECONDS if about.problem else 0.0
    with contextlib.suppress(TypeError):  # not every object can be referred to weakly
        _seen[key] = (weakref.ref(model, lambda _: _seen.pop(key, None)), _settings(model), about, until)
    return about


def _settings(model: Any) -> tuple[Any, ...]:
    return tuple(map(_fields(model).get, _CHANGES))


def _fields(model: object) -> dict[str, Any]:
    return getattr(model, "__dict__", {})  # pydantic's getattr is slow where there is no such field


# --- what is not known yet ---


def _learn(model: Any) -> ModelInfo:
    try:
        return _ask(model)
    except Exception as error:  # noqa: BLE001 - what a file or a server does is reported, not raised
        return _failure(model, error)


def _ask(model: Any) -> ModelInfo:
    plan = _server_plan(model)
    about: ModelInfo = _from_object(model) if plan is None else model.client.run(plan)
    return about


async def _alearn(model: Any) -> ModelInfo:
    try:
        plan = _server_plan(model)
        return await (asyncio.to_thread(_from_object, model) if plan is None else model.client.arun(plan))
    except Exception as error:  # noqa: BLE001 - what a file or a server does is reported, not raised
        return _failure(model, error)


def _server_plan(model: object) -> Plan[ModelInfo] | None:
    """How to ask the server, where this package knows how: a runtime says so in its `model_info.py`."""
    kind: Any = type(model)
    runtime = _runtime_of_class(kind)
    if not runtime or "base_url" not in _fields(model):
        return None
    return importlib.import_module(f"{_OURS}{runtime}.model_info").model_info(model)  # type: ignore[no-any-return]  # found by name


def _failure(model: Any, error: Exception) -> ModelInfo:
    what = str(error) if isinstance(error, LocalLLMError) else f"{type(error).__name__}: {error}."
    return ModelInfo("its name", _name_of(model), problem=what)


def _from_object(model: Any) -> ModelInfo:
    if (path := _file_of(model)) is None:
        return ModelInfo("its name", _name_of(model))
    status = path.stat()
    about = _from_file(path, status.st_mtime_ns, status.st_size)
    asked = _fields(model).get("n_ctx")
    context = asked if isinstance(asked, int) and asked else min(about.context or 0, DEFAULT_CONTEXT)
    return replace(about, context=context or None)


@functools.lru_cache(maxsize=32)
def _from_file(path: Path, _changed: int, _size: int) -> ModelInfo:
    return model_info_from_file(path)


def _file_of(model: Any) -> Path | None:
    fields = _fields(model)
    paths = [Path(fields[name]).expanduser() for name in _FILES if isinstance(fields.get(name), str | Path)]
    if runtime_of(model) == "gpt4all":
        folder = _GPT4ALL_FOLDER.expanduser()
        paths += [folder / path.name for path in paths] + [folder / f"{path.name}.gguf" for path in paths]
    return next((path for path in paths if path.is_file()), None)


def _name_of(model: Any) -> str:
    names = (_fields(model).get(name) for name in _NAMES)
    return " ".join(Path(name).name for name in names if isinstance(name, str | Path))
