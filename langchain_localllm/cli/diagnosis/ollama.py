"""Check Ollama: whether it runs, which models it has, and how it is set up."""

import os
from typing import TYPE_CHECKING, Any, Final

from langchain_localllm.cli.diagnosis.problem import Problem, runtime
from langchain_localllm.errors import LocalLLMError
from langchain_localllm.gguf.capacity import DEFAULT_CONTEXT
from langchain_localllm.manage.inventory import ollama_server, runs_elsewhere
from langchain_localllm.manage.probe import location

if TYPE_CHECKING:
    from langchain_localllm import Ollama
    from langchain_localllm.runtimes.ollama.model_list import LoadedModel

_ASKED: Final = 20
"""Models whose context is asked for."""
_SECONDS: Final = 30
"""For an answer about a model: a machine that computes answers late."""
_EVERYBODY: Final = ("0.0.0.0", "[::]")  # noqa: S104 - what is looked for


def look_at(*, gpu: bool) -> tuple[dict[str, Any], list[Problem]]:
    """Return what Ollama reports, and what is wrong there."""
    problems = _exposed()
    try:
        server = ollama_server()
        if server is None:
            return runtime(
                "Ollama",
                missing=(
                    "does not run here: get it at https://ollama.com/download, or start it by "
                    "ollama serve"
                ),
            ), problems
        installed, loaded = server.list(), server.ps()
    except LocalLLMError as error:
        return runtime("Ollama", missing=str(error)), [
            *problems,
            Problem(str(error), "ollama serve"),
        ]
    for model in installed:
        if runs_elsewhere(server, model.name):
            what = f"{model.name} runs on Ollama's servers: prompts for it leave this machine."
            problems.append(Problem(what, f"ollama rm {model.name}"))
    problems += [problem for model in loaded for problem in loaded_problems(server, model, gpu=gpu)]
    where, _ = location(server.client.address.url)
    details = [
        where,
        f"{len(installed)} models: {', '.join(model.name for model in installed) or 'none'}",
    ]
    details += [
        _context_line(model.name)
        for model in installed[:_ASKED]
        if not runs_elsewhere(server, model.name)
    ]
    details += [_loaded_line(model) for model in loaded]
    return runtime("Ollama", _version(server), server.client.address.url, details=details), problems


def _exposed() -> list[Problem]:
    if not os.environ.get("OLLAMA_HOST", "").strip().removeprefix("http://").startswith(_EVERYBODY):
        return []
    return [
        Problem(
            "OLLAMA_HOST lets an Ollama started here answer the whole network.",
            "export OLLAMA_HOST=127.0.0.1",
        )
    ]


def _context_line(name: str) -> str:
    """Return the context of a model, as this package's classes use it."""
    from langchain_localllm import Ollama
    from langchain_localllm.runtimes.ollama.api import model_facts

    options = Ollama(model=name, timeout=_SECONDS, max_retries=0)
    try:
        facts = options.client.run(model_facts(options))
    except LocalLLMError as error:
        return f"context of {name}: {error}"
    limit = f", {facts.trained_context:,} at most" if facts.trained_context else ""
    context = f"{facts.context:,}" if facts.is_fixed else f"the server's default{limit}"
    return f"context of {name}: {context}, unless num_ctx says otherwise"


def _loaded_line(model: "LoadedModel") -> str:
    context = f", {model.context:,} tokens of context" if model.context else ""
    return (
        f"loaded: {model.name}, {model.size / 1e9:.1f} GB, {model.size_vram / 1e9:.1f} GB of it "
        f"on a GPU{context}"
    )


def loaded_problems(server: "Ollama", model: "LoadedModel", *, gpu: bool) -> list[Problem]:
    """Return what is wrong with a loaded model: a shortened context, or an unused GPU."""
    problems = []
    try:
        own = server.show(model.name).context or 0
    except LocalLLMError:  # it was removed, and stays in memory for a few minutes
        own = 0
    wanted = min(own, DEFAULT_CONTEXT)
    if model.context and model.context < wanted:
        what = (
            f"{model.name} is loaded with {model.context:,} tokens of context, and was made for "
            f"{own:,}: programs that do not ask for more have longer prompts cut."
        )
        problems.append(
            Problem(what, f"ollama stop {model.name}; OLLAMA_CONTEXT_LENGTH={wanted} ollama serve")
        )
    if gpu and not model.size_vram:
        what = f"There is a GPU, and all layers of {model.name} are on the processor."
        problems.append(
            Problem(
                what,
                f"ollama stop {model.name}; nvidia-smi  # then free the GPU's memory and load it "
                "again",
            )
        )
    return problems


def _version(server: "Ollama") -> str:
    from langchain_localllm.runtimes.ollama.api import fetch

    try:
        return str(server.client.run(fetch(server, "GET", "/api/version")).get("version", ""))
    except (LocalLLMError, AttributeError):
        return ""
