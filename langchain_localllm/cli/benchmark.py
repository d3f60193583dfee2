"""Measure how fast a model file is on a runtime."""

import hashlib
import importlib.util
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from langchain_localllm.cli.interrupt import cleaning_up
from langchain_localllm.errors import LocalLLMError
from langchain_localllm.extras import pip_install

_PROMPT: Final = (
    "Tell a long story about a lamp, a boat and a house on the shore, day {}, from the "
    "beginning:\n\n"
)
_MOST_RUNS: Final = 20
_TEMPORARY: Final = "localllm-bench"
_SECONDS: Final = 600


@dataclass(slots=True)
class Speed:
    """What was measured.

    Attributes:
        runtime: Its name.
        tokens_per_second: Of the answers.
        prompt_tokens_per_second: Of reading the first prompt, if the runtime reports it.
        tokens: How many were made.
        missing: Why nothing was measured.
    """

    runtime: str
    tokens_per_second: float = 0.0
    prompt_tokens_per_second: float | None = None
    tokens: int = 0
    missing: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "missing"}


def time_runtime(name: str, path: Path, tokens: int) -> Speed:
    """Make so many tokens with a model on a runtime."""
    speed = Speed(name)
    try:
        with RUNTIMES[name](path) as llm:
            _measure(llm, tokens, speed)
    except (_MissingError, LocalLLMError) as error:
        speed.missing = str(error)
    return speed


def _measure(llm: Any, tokens: int, speed: Speed) -> None:
    llm.invoke(_PROMPT.format(0), max_tokens=2)  # loads the model
    seconds = 0.0
    for run in range(1, _MOST_RUNS + 1):
        started = time.perf_counter()
        result = llm.generate(
            [_PROMPT.format(run)], max_tokens=tokens - speed.tokens, temperature=0.8
        )
        info = result.generations[0][0].generation_info or {}
        usage, timings = info.get("usage", {}), info.get("timings", {})
        speed.tokens += usage.get("completion_tokens", 0)
        seconds += timings.get("generation") or time.perf_counter() - started
        if run == 1 and timings.get("prompt") and usage.get("prompt_tokens"):
            read = usage["prompt_tokens"] - usage.get("cached_tokens", 0)
            speed.prompt_tokens_per_second = round(read / timings["prompt"], 1)
        if speed.tokens >= tokens:
            break
    speed.tokens_per_second = round(speed.tokens / seconds, 1) if seconds else 0.0


class _MissingError(Exception):
    """A runtime is not here."""


@contextmanager
def _llamacpp(path: Path) -> Iterator[Any]:
    if importlib.util.find_spec("llama_cpp") is None:
        _need("xllamacpp", "llamacpp")
    from langchain_localllm import LlamaCpp

    with LlamaCpp(model_path=path) as llm:
        yield llm


@contextmanager
def _gpt4all(path: Path) -> Iterator[Any]:
    _need("gpt4all", "gpt4all")
    from langchain_localllm import GPT4All

    with GPT4All(model=str(path), backend="gpt4all") as llm:
        yield llm


@contextmanager
def _server(path: Path) -> Iterator[Any]:
    from langchain_localllm import Llamafile, LocalServer

    with LocalServer(path) as server:
        yield Llamafile(base_url=server.base_url)


@contextmanager
def _ollama(path: Path) -> Iterator[Any]:
    """Ollama with a copy of the model, which is taken away again."""
    from langchain_localllm import Ollama
    from langchain_localllm.manage.inventory import ollama_server

    server = ollama_server()
    if server is None:
        raise _MissingError("It does not run here.")
    import requests

    url, digest = server.client.address.url, _digest(path)
    with path.open("rb") as file:
        requests.post(f"{url}/api/blobs/{digest}", data=file, timeout=_SECONDS).raise_for_status()
    made = {
        "model": _TEMPORARY,
        "files": {path.name: digest},
        "template": "{{ .Prompt }}",
        "stream": False,
    }
    requests.post(f"{url}/api/create", json=made, timeout=_SECONDS).raise_for_status()
    with cleaning_up():
        try:
            yield Ollama(model=_TEMPORARY)
        finally:
            server.delete(_TEMPORARY)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _need(module: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise _MissingError(f"It is not installed: {pip_install(extra)}")


RUNTIMES: Final = {
    "llama.cpp": _llamacpp,
    "llama.cpp's server": _server,
    "GPT4All": _gpt4all,
    "Ollama": _ollama,
}
"""Name to how a model is run there."""
