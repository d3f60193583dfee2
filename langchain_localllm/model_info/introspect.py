"""Describe a model by its file's header or one request to its server.

Cached as long as the object lives.
"""

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
"""Parts of `_llm_type` of other packages' classes, and the runtime that they mean."""
_FILES: Final = ("model_path", "model")
"""Attributes that hold the path of the model file."""
_NAMES: Final = ("model", "model_name", "model_id", "repo_id", "model_path")
"""Attributes that hold the model's name."""
_CHANGES: Final = ("base_url", "model", "model_path", "num_ctx", "n_ctx", "template")
"""Options that invalidate the cached description when they change."""
_GPT4ALL_FOLDER: Final = Path("~/.cache/gpt4all")

RUNTIME_NAMES: Final = frozenset(_FOREIGN.values()) | frozenset(RUNTIMES)

_LOOKS: Final = 6
"""Attempts for a server that does not answer in time, 10 seconds each."""
_FAILURE_SECONDS: Final = 1.0
"""Seconds that a failure is cached, so that choosing a prompt asks the server once."""

_seen: dict[int, tuple["weakref.ref[Any]", tuple[Any, ...], ModelInfo, float]] = {}
"""By object id: the object, its settings, the description, and when a failure expires."""


def describe_model(llm: Any) -> ModelInfo:
    """Describe a model, also one inside `.bind()` and other wrappers.

    Never raises: an unreachable server or an unusable file is reported in `problem`.
    """
    model = unwrap(llm)
    return _known(model) or _keep(model, _learn(model))


def describe_model_or_raise(llm: Any) -> ModelInfo:
    """Work like `describe_model`, but raise errors.

    Raises:
        LocalLLMError: The file is unusable, or the server cannot be reached.
    """
    model = unwrap(llm)
    known = _known(model)
    return known if known and not known.problem else _keep(model, _ask(model))


def look_again(llm: Any) -> ModelInfo:
    """Work like `describe_model_or_raise`, and retry a server that does not answer in time.

    This happens on a busy machine.

    Raises:
        LocalLLMError: The file is unusable, the server cannot be reached, or it does not answer
            within a minute.
    """
    for _ in range(_LOOKS - 1):
        try:
            return describe_model_or_raise(llm)
        except CallTimeoutError:
            pass
    return describe_model_or_raise(llm)


async def adescribe_model(llm: Any) -> ModelInfo:
    """Work like `describe_model`, without blocking the event loop."""
    model = unwrap(llm)
    return _known(model) or _keep(model, await _alearn(model))


def runtime_of(model: object) -> str:
    """Return the runtime of a model, such as `ollama`, also for other packages' classes.

    Empty if unknown.
    """
    kind: Any = type(model)
    return _runtime_of_class(kind) or _runtime_of_type(str(getattr(model, "_llm_type", "")))


@functools.cache
def _runtime_of_class(kind: type) -> str:
    modules = (parent.__module__ for parent in kind.__mro__)
    return next(
        (
            module.removeprefix(_OURS).partition(".")[0]
            for module in modules
            if module.startswith(_OURS)
        ),
        "",
    )


@functools.cache
def _runtime_of_type(name: str) -> str:
    return next((runtime for part, runtime in _FOREIGN.items() if part in name), "")


# --- cache ---


def _known(model: Any) -> ModelInfo | None:
    seen = _seen.get(id(model))
    if seen is None or seen[0]() is not model or seen[1] != _settings(model):
        return None
    return seen[2] if not seen[3] or time.monotonic() < seen[3] else None


def _keep(model: Any, about: ModelInfo) -> ModelInfo:
    key, until = id(model), time.monotonic() + _FAILURE_SECONDS if about.problem else 0.0
    with contextlib.suppress(TypeError):  # not every object supports weak references
        _seen[key] = (
            weakref.ref(model, lambda _: _seen.pop(key, None)),
            _settings(model),
            about,
            until,
        )
    return about


def _settings(model: Any) -> tuple[Any, ...]:
    return tuple(map(_fields(model).get, _CHANGES))


def _fields(model: object) -> dict[str, Any]:
    return getattr(model, "__dict__", {})  # pydantic's getattr is slow for missing fields


# --- lookup ---


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
        return await (
            asyncio.to_thread(_from_object, model) if plan is None else model.client.arun(plan)
        )
    except Exception as error:  # noqa: BLE001 - what a file or a server does is reported, not raised
        return _failure(model, error)


def _server_plan(model: object) -> Plan[ModelInfo] | None:
    """Return the plan for asking the server, from the runtime's `model_info.py`.

    `None` for unknown servers.
    """
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
    context = (
        asked if isinstance(asked, int) and asked else min(about.context or 0, DEFAULT_CONTEXT)
    )
    return replace(about, context=context or None)


@functools.lru_cache(maxsize=32)
def _from_file(path: Path, _changed: int, _size: int) -> ModelInfo:
    return model_info_from_file(path)


def _file_of(model: Any) -> Path | None:
    fields = _fields(model)
    paths = [
        Path(fields[name]).expanduser()
        for name in _FILES
        if isinstance(fields.get(name), str | Path)
    ]
    if runtime_of(model) == "gpt4all":
        folder = _GPT4ALL_FOLDER.expanduser()
        paths += [folder / path.name for path in paths] + [
            folder / f"{path.name}.gguf" for path in paths
        ]
    return next((path for path in paths if path.is_file()), None)


def _name_of(model: Any) -> str:
    names = (_fields(model).get(name) for name in _NAMES)
    return " ".join(Path(name).name for name in names if isinstance(name, str | Path))
