"""What this package uses of the two bindings, as recorded with the versions it was tested with: a
newer one that differs is named.

After a new version was tried: `python -m tests.integration_tests.llamacpp.test_binding_versions`
records it.
"""

import ctypes
import enum
import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any, Final

import llama_cpp.llama_cpp
import llama_cpp.mtmd_cpp
import pytest
import xllamacpp

from langchain_localllm.models import tiny_chat_model

RECORD: Final = Path(__file__).with_name("binding_versions.json")
RUNTIMES: Final = Path(__file__).parents[3] / "langchain_localllm/runtimes"


def _source() -> str:
    """The code that uses the bindings."""
    files = sorted(RUNTIMES.glob("llama*/*.py"))
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def _plain(value: Any) -> Any:
    """A default value, the attributes of an object of xllamacpp, or the name of another type."""
    if isinstance(value, bool | int | float | str | None):
        return value
    if type(value).__module__.startswith("xllamacpp"):
        return _attributes(value)
    return type(value).__name__


def _attributes(thing: Any) -> dict[str, Any]:
    """The attributes of an object with their values; methods by the name of their type."""
    return {name: _plain(getattr(thing, name)) for name in dir(thing) if not name.startswith("_")}


def _xllamacpp() -> dict[str, Any]:
    params = xllamacpp.CommonParams()
    params.model.path = str(tiny_chat_model())
    params.warmup, params.fit_params, params.n_ctx, params.port, params.verbosity = (
        False,
        False,
        256,
        0,
        0,
    )
    server = xllamacpp.Server(params)
    asked = {"max_tokens": 1, "prompt": "a", "messages": [{"role": "user", "content": "a"}]}
    used = sorted(set(re.findall(r"\bxllamacpp\.([A-Za-z]\w+)", _source())))
    fresh = xllamacpp.CommonParams()
    fresh.hf_token = ""  # read from the environment
    return {
        "methods of Server": sorted(name for name in dir(server) if not name.startswith("_")),
        "defaults of CommonParams": _attributes(fresh),
        "used": {name: _members(name) for name in used},
        "keys of an answer": sorted(server.handle_completions(asked)),
        "keys of a chat answer": sorted(server.handle_chat_completions(asked)),
    }


def _members(name: str) -> Any:
    """The members of an enumeration of xllamacpp, or the name of the type of something else."""
    thing = getattr(xllamacpp, name, "missing")
    if isinstance(thing, type) and issubclass(thing, enum.Enum):
        return {member.name: member.value for member in thing}
    return "missing" if thing == "missing" else type(thing).__name__


def _signature(thing: Any) -> Any:
    if hasattr(thing, "_argtypes_"):  # the type of a callback
        kinds = [thing._restype_, *thing._argtypes_]
        return [kind.__name__ if kind else "None" for kind in kinds]
    if isinstance(thing, type) and issubclass(thing, ctypes.Structure):
        return [f"{name}: {kind.__name__}" for name, kind, *_ in thing._fields_]
    if callable(thing) and hasattr(thing, "__annotations__"):
        return {name: str(kind) for name, kind in thing.__annotations__.items()}
    return _plain(thing)


def _llama_cpp_python() -> dict[str, Any]:
    names = r"\b(?:lib|_mtmd)\.((?:llama|ggml|mtmd|LLAMA|GGML|MTMD)_\w+)"
    used = sorted(set(re.findall(names, _source())))
    structures = ["llama_model_params", "llama_context_params", "llama_batch"]
    return {
        name: _signature(
            getattr(llama_cpp.llama_cpp, name, getattr(llama_cpp.mtmd_cpp, name, "missing"))
        )
        for name in [*used, *structures]
    }


READERS: Final = {"xllamacpp": _xllamacpp, "llama-cpp-python": _llama_cpp_python}


def _differences(before: Any, now: Any, path: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        names = [*before, *(name for name in now if name not in before)]
        return [
            line
            for name in names
            for line in _differences(
                before.get(name, "nothing"),
                now.get(name, "nothing"),
                f"{path} / {name}" if path else name,
            )
        ]
    if isinstance(before, list) and isinstance(now, list):
        gone, new = (
            [each for each in before if each not in now],
            [each for each in now if each not in before],
        )
        return [f"{path}: gone {gone}, new {new}"] if gone or new else []
    return [f"{path}: {before!r} is now {now!r}"] if before != now else []


@pytest.mark.parametrize("binding", READERS)
def test_binding_has_what_was_recorded_with_the_tested_version(binding: str) -> None:
    recorded = json.loads(RECORD.read_text(encoding="utf-8"))[binding]
    now = json.loads(json.dumps(READERS[binding]()))
    changed = _differences(recorded["found"], now)
    version = importlib.metadata.version(binding)
    listed = "\n".join(changed)
    assert not changed, (
        f"{binding} {version} differs from {recorded['version']}, the tested version:\n{listed}\n"
        f"{__doc__}"
    )


def test_difference_is_named() -> None:
    before = {"methods": ["embed", "rank"], "defaults": {"n": 1, "old": True}}
    now = {"methods": ["embed", "decide"], "defaults": {"n": 2, "new": None}}
    assert _differences(before, now) == [
        "methods: gone ['rank'], new ['decide']",
        "defaults / n: 1 is now 2",
        "defaults / old: True is now 'nothing'",
        "defaults / new: 'nothing' is now None",
    ]


if __name__ == "__main__":
    found = {
        name: {"version": importlib.metadata.version(name), "found": read()}
        for name, read in READERS.items()
    }
    RECORD.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
