"""Servers that speak OpenAI's API."""

from typing import Any

from langchain_localllm.cli.diagnosis.problem import runtime
from langchain_localllm.manage.probe import SERVERS, answers


def running_servers() -> list[dict[str, Any]]:
    """Those that answer at the usual addresses."""
    return [_server(url, name) for url, name in SERVERS.items() if answers(url)]


def _server(url: str, program: str) -> dict[str, Any]:
    from langchain_localllm import Llamafile
    from langchain_localllm.model_info.introspect import describe_model

    about = describe_model(Llamafile(base_url=url, timeout=30, max_retries=0))
    if about.problem:
        return runtime(f"A program where {program} often is", address=url, details=[about.problem])
    context = f", {about.context:,} tokens of context" if about.context else ""
    return runtime(program, address=url, details=[f"loaded: {about.name or 'a model without a name'}{context}"])
