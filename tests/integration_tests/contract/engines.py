"""How the contract's tests reach each runtime's real engine, and what is particular about it. A new
runtime adds an entry here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import requests

from langchain_localllm import GPT4All, LlamaCpp, LocalServer
from langchain_localllm.registry import RUNTIMES
from tools.engines import ollama

CONTEXT: Final = 512


@dataclass(frozen=True)
class Engine:
    """An engine that runs, with a model that never ends an answer by itself and a context of
    `CONTEXT` tokens."""

    arguments: dict[str, Any]
    """What the runtime's classes are constructed with."""
    refused: dict[str, Any]
    """An option that our side lets pass and the engine refuses."""
    refusal: str
    """A word of its reason."""
    reports_token_ids: bool = True
    tells_prompt_length: bool = True
    fresh: dict[str, Any] = field(default_factory=dict)
    """Options with which the engine forgets a prompt that filled its context, where it would fail
    at the next one."""
    varied: dict[str, Any] = field(default_factory=dict)
    """Options with which a long answer does not repeat one token, where the engine would break
    off."""
    logprobs: dict[str, Any] = field(default_factory=lambda: {"logprobs": 1})
    """Options that ask for the log probabilities of tokens."""
    json_schema_option: str = "json_schema"
    """The option that takes a JSON schema."""
    lacks: dict[str, str] = field(default_factory=dict)
    """Standard tests that cannot pass, by name, and what the engine lacks."""
    busy: Callable[[], bool] | None = None
    """Asks whether the engine works on an answer, where it can be asked."""


@contextmanager
def gpt4all(model: Path, _: Path) -> Iterator[Engine]:
    """The gpt4all package, in this process."""
    arguments: dict[str, Any] = {"model": str(model), "n_ctx": CONTEXT, "backend": "gpt4all"}
    with GPT4All(**arguments) as llm:
        yield Engine(
            arguments,
            {"device": "no such device"},
            "device",
            lacks={
                "test_json_schema": (
                    'The gpt4all package cannot bind an answer to a form; `backend="llamacpp"` can'
                ),
                "test_logprobs": (
                    'The gpt4all package has no log probabilities; `backend="llamacpp"` has'
                ),
            },
            busy=lambda: llm.engine.busy,
        )


@contextmanager
def gpt4all_on_llamacpp(model: Path, _: Path) -> Iterator[Engine]:
    """GPT4All's classes on llama.cpp."""
    arguments: dict[str, Any] = {"model": str(model), "n_ctx": CONTEXT, "backend": "llamacpp"}
    with GPT4All(**arguments) as llm:
        yield Engine(
            arguments, {"device": "no such device"}, "device", busy=lambda: llm.engine.busy
        )


@contextmanager
def llamacpp(model: Path, _: Path) -> Iterator[Engine]:
    """llama.cpp, in this process."""
    # With flash attention, the place in the cache does not change the last digits, so that seeds
    # repeat in company too.
    arguments: dict[str, Any] = {
        "model_path": str(model),
        "n_ctx": CONTEXT,
        "flash_attn": True,
        "backend": "llama-cpp-python",
    }
    with LlamaCpp(**arguments) as llm:
        yield Engine(
            arguments, {"grammar": "root ::= nothing-such"}, "grammar", busy=lambda: llm.engine.busy
        )


@contextmanager
def xllamacpp(model: Path, _: Path) -> Iterator[Engine]:
    """llama.cpp's server, in this process."""
    arguments: dict[str, Any] = {
        "model_path": str(model),
        "n_ctx": CONTEXT,
        "flash_attn": True,
        "backend": "xllamacpp",
    }
    with LlamaCpp(**arguments) as llm:
        yield Engine(
            arguments, {"grammar": "root ::= nothing-such"}, "grammar", busy=lambda: llm.engine.busy
        )


@contextmanager
def llamafile(model: Path, _: Path) -> Iterator[Engine]:
    """llama.cpp's server."""
    with LocalServer(model, n_ctx=CONTEXT, n_parallel=4) as server:

        def busy() -> bool:
            slots = requests.get(f"{server.base_url}/slots", timeout=60).json()
            return any(slot["is_processing"] for slot in slots)

        refused = {"grammar": "root ::= nothing-such"}
        yield Engine(
            {"base_url": server.base_url}, refused, "grammar", logprobs={"n_probs": 1}, busy=busy
        )


@contextmanager
def ollama_server(model: Path, folder: Path) -> Iterator[Engine]:
    """The real Ollama."""
    with ollama.serve(folder) as url:
        ollama.create(
            url,
            "endless",
            model,
            template="{{ .Prompt }}",
            parameters={"num_ctx": CONTEXT, "num_thread": 1},
        )
        yield Engine(
            {"base_url": url, "model": "endless", "timeout": 60},
            {"think": True},
            "thinking",
            reports_token_ids=False,
            tells_prompt_length=False,
            json_schema_option="format",
            lacks={
                "test_logprobs": "Ollama 0.9.3 reports no log probabilities",
                "test_token_count": (
                    "Ollama counts tokens by reading the text, and does not report their ids"
                ),
            },
            # the runner of 0.9.3 dies of "could not find a kv cache slot" now and then
            fresh={"keep_alive": 0},
            varied={"temperature": 5, "top_k": 0, "top_p": 1, "seed": 1},
        )
        requests.delete(f"{url}/api/delete", json={"model": "endless"}, timeout=60)


ENGINES: Final = {
    "gpt4all": gpt4all,
    "gpt4all_llamacpp": gpt4all_on_llamacpp,
    "llamacpp": llamacpp,
    "llamacpp_xllamacpp": xllamacpp,
    "llamafile": llamafile,
    "ollama": ollama_server,
}
"""By runtime, and where it has several backends by backend after a `_`."""

assert {engine.partition("_")[0] for engine in ENGINES} == set(RUNTIMES)


def class_name(engine: str, kind: str) -> str:
    """The name of an engine's `text` or `chat` class."""
    return RUNTIMES[engine.partition("_")[0]][kind]
