"""Ask Ollama's API: one JSON object, or what calls must know of a model.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from typing import Any

from langchain_localllm.base.answer_decoder import UNREADABLE
from langchain_localllm.base.options import warn_once
from langchain_localllm.errors import (
    PermissionDeniedError,
    WrongServerError,
)
from langchain_localllm.runtimes.ollama.api_show import UNKNOWN_CONTEXT, ModelFacts
from langchain_localllm.runtimes.ollama.error_reader import not_ollama, reader_for
from langchain_localllm.runtimes.ollama.options import OllamaServer
from langchain_localllm.transport.operations import Plan, Send
from langchain_localllm.transport.retry import fetch_json


def fetch(
    options: OllamaServer,
    method: str,
    path: str,
    payload: dict[str, Any] | None = None,
    *,
    model: str | None = None,
) -> Plan[Any]:
    """Ask for one JSON object."""
    read_error = reader_for(options, model)
    answer = yield from fetch_json(
        Send(method, path, payload, options.timeout), options.retry_policy, read_error
    )
    if isinstance(answer, dict) and answer.get("error"):
        raise read_error.in_stream(answer)
    return answer


def model_facts(options: OllamaServer) -> Plan[ModelFacts]:
    """Return what must be known of the model before it is used; asked for once.

    A model on another machine is refused.

    A server that does not offer this question is used all the same: a warning says what stays
    unknown.
    """
    options.refuse_remote()
    if (facts := options.facts) is not None:
        return facts
    try:
        shown = yield from fetch(options, "POST", "/api/show", {"model": options.model})
    except (
        PermissionDeniedError,
        WrongServerError,
    ) as error:  # a gateway that lets only some paths through
        warn_once(
            f"The server at {options.client.address.url} does not say what '{options.model}' is "
            f"({error}). Its context is the server's default, unless `num_ctx` is given, and it "
            "is not known whether the model runs on another machine."
        )
        facts = options.state.facts = ModelFacts(UNKNOWN_CONTEXT)
        return facts
    try:
        options.refuse_remote(host=shown.get("remote_host") or "")
        facts = options.state.facts = ModelFacts.read(shown)
    except UNREADABLE:
        raise not_ollama(
            options.client.address.url, "its answer at /api/show cannot be read"
        ) from None
    return facts
