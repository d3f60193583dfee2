"""Ask Ollama for an answer that is streamed."""

import re
from collections.abc import Mapping
from typing import Any, Final

from langchain_localllm.base.messages import STANDARD_ROLES
from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.runtimes.ollama.api import fetch, model_facts
from langchain_localllm.runtimes.ollama.context import prompt_bytes, server_version, with_context
from langchain_localllm.runtimes.ollama.error_reader import reader_for
from langchain_localllm.runtimes.ollama.options import OllamaOptions, OllamaServer
from langchain_localllm.transport.operations import Plan, Send
from langchain_localllm.transport.retry import open_reply

_ANY_ROLE: Final = re.compile(r"\{\{-?\s*\.Role\s*-?\}\}")
"""Where a template writes a role, whatever it is."""
_THINKS_BEFORE_A_FORM: Final = (0, 12, 4)
"""The version from which on a model thinks before an answer of a given form."""
_NO_LEVELS: Final = ".think of type bool"
"""In the error of a server that takes no level."""
_NO_SUCH_LEVEL: Final = "invalid think value"
"""In the error of a server that does not take this level."""
_LEVELS: Final[Mapping[str, tuple[str | bool, ...]]] = {
    "minimal": ("low", True),
    "low": ("low", True),
    "medium": ("medium", True),
    "high": ("high", True),
    "xhigh": ("max", "high", True),
    "max": ("max", "high", True),
}
"""What to send for a level in turn, until a server takes it: `max` is known from Ollama 0.22 on,
and no level before 0.11."""


def open_stream(
    options: OllamaOptions, path: str, payload: dict[str, Any], *, grows: bool = True
) -> Plan[Any]:
    """Ask for an answer that is streamed, with a context that holds the prompt.

    Args:
        options: The server and the model.
        path: `/api/generate` or `/api/chat`.
        payload: The request without `num_ctx`, `truncate` and `shift`.
        grows: Whether a prompt that is too long may raise the context.
    """
    facts = yield from model_facts(options)
    if (
        _holds_images(payload)
        and facts.capabilities is not None
        and "vision" not in facts.capabilities
    ):
        raise InvalidRequestError(
            f"The model '{options.model}' does not support images; Ollama would write `[img-0]` in "
            "their place."
        )
    _check_roles(payload, facts.template, options.model)
    # By default, an Ollama from 0.12.6 on refuses a prompt that is too long, and ends an answer at
    # the context's end. An older one ignores both fields and cuts, which the decoder finds.
    payload = {"shift": False, "truncate": False, **payload, "stream": True}
    if (
        payload.get("think")
        and payload.get("format")
        and (yield from _thinks_after_a_form(options))
    ):
        del payload["think"]  # it would not think, and write the first brace twice

    def send(num_ctx: int) -> Plan[Any]:
        return _open_with_level(
            options, path, {**options.request_body(payload, num_ctx), "stream": True}
        )

    load = load_model(options, {"shift": payload["shift"], "options": payload.get("options", {})})
    return (
        yield from with_context(options, prompt_bytes(options, payload), load, send, grows=grows)
    )


def load_model(options: OllamaServer, payload: dict[str, Any]) -> Plan[Any]:
    """Have Ollama load the model as a request with this payload would, and answer nothing."""
    body = options.request_body({"model": options.model, **payload, "stream": False}, 0)
    return (yield from fetch(options, "POST", "/api/generate", body))


def _open_with_level(options: OllamaServer, path: str, body: dict[str, Any]) -> Plan[Any]:
    """Send a request; retry with the nearest accepted level of thinking, if necessary.

    It is necessary where the server refuses its level.
    """
    think = body.get("think")
    *levels, last = _LEVELS.get(think, (think,)) if isinstance(think, str) else (think,)
    for level in levels:
        try:
            return (yield from _open(options, path, {**body, "think": level}))
        except InvalidRequestError as error:
            if not (_NO_LEVELS in str(error) or _NO_SUCH_LEVEL in str(error)):
                raise
    return (yield from _open(options, path, body if last is None else {**body, "think": last}))


def _open(options: OllamaServer, path: str, body: dict[str, Any]) -> Plan[Any]:
    return (
        yield from open_reply(
            Send("POST", path, body, options.timeout), options.retry_policy, reader_for(options)
        )
    )


def _thinks_after_a_form(options: OllamaServer) -> Plan[bool]:
    version = yield from server_version(options)
    return version is not None and version < _THINKS_BEFORE_A_FORM


def _holds_images(payload: dict[str, Any]) -> bool:
    return bool(payload.get("images")) or any(
        message.get("images") for message in payload.get("messages", ())
    )


def _check_roles(payload: dict[str, Any], template: str, model: str) -> None:
    """Raise for a role that the model's template leaves out.

    Ollama would do so without an error.
    """
    if not template or _ANY_ROLE.search(template):
        return
    for role in (message["role"] for message in payload.get("messages", ())):
        if role not in STANDARD_ROLES and f'"{role}"' not in template:
            raise InvalidRequestError(
                f"A message has the role {role!r}, which the template of the model '{model}' "
                f"leaves out. Use one of: {', '.join(sorted(STANDARD_ROLES))}."
            )
