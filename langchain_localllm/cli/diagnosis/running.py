"""Check the servers that speak OpenAI's API and run here."""

from typing import Any

from langchain_localllm.cli.diagnosis.problem import runtime
from langchain_localllm.manage.inventory import servers_beside_ollama
from langchain_localllm.manage.probe import RunningServer

_NAMED: int = 5
"""Models that are named."""


def running_servers() -> list[dict[str, Any]]:
    """Return those that answer at the usual addresses."""
    return [_server(found) for found in servers_beside_ollama()]


def _server(found: RunningServer) -> dict[str, Any]:
    name = (
        found.program[:1].upper() + found.program[1:]
        if found.program.startswith("a ")
        else found.program
    )
    return runtime(
        name, found.version, found.url, details=[found.location, found.problem or _models(found)]
    )


def _models(found: RunningServer) -> str:
    if len(found.models) != 1:
        more = f" and {len(found.models) - _NAMED} more" if len(found.models) > _NAMED else ""
        return f"{len(found.models)} models: {', '.join(found.models[:_NAMED]) or 'none'}{more}"
    from langchain_localllm import Llamafile
    from langchain_localllm.model_info.introspect import describe_model

    about = describe_model(Llamafile(base_url=found.url, timeout=30, max_retries=0))
    context = f", {about.context:,} tokens of context" if about.context else ""
    return about.problem or f"loaded: {about.name or found.models[0]}{context}"
