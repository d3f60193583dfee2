"""Change a request that a server refuses, by the words of its refusal."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from langchain_localllm.templates.conversation_forms import with_common_turns
from langchain_localllm.templates.thinking_switch import usual_variables

Body = dict[str, Any]

_BARE_SCHEMA: Final = "bad json schema"
"""What llamafiler says to the `json_schema` of OpenAI's API, since it reads the schema itself
there."""
_TOKEN_LIMIT: Final = re.compile(r"max_(new_)?tokens")
"""What vLLM and SGLang call the limit of which they refuse -1."""
_TURNS: Final = re.compile(r"must be at the beginning|roles must alternate", re.IGNORECASE)
"""What chat templates say that want one instruction, or no two messages of one role in a row."""
_NO_VARIABLES: Final = "chat_template is not supported"
"""What vLLM says to variables for the template of a model with a tokenizer of Mistral's."""
_NO_STREAM: Final = re.compile(r"\bstream", re.IGNORECASE)


def without_what_is_refused(body: Body, refusal: str) -> Body | None:
    """Return a body without what a server refused; `None` where its words are not known.

    Args:
        body: The body of the request.
        refusal: What the server says.

    Example:
        >>> without_what_is_refused({"max_tokens": -1, "stream": True}, "max_tokens is too small")
        {'max_tokens': None, 'stream': True}
    """
    changes = (change(body, refusal) for change in _CHANGES)
    return next((changed for changed in changes if changed is not None), None)


def _without_stream_options(body: Body, refusal: str) -> Body | None:
    return _without(body, "stream_options") if "stream_options" in refusal else None


def _without_own_schema(body: Body, refusal: str) -> Body | None:
    """Leave out llama.cpp's own `json_schema`: SGLang wants a text there."""
    is_sent_twice = body.keys() >= {"json_schema", "response_format"}
    return _without(body, "json_schema") if is_sent_twice and "json_schema" in refusal else None


def _with_bare_schema(body: Body, refusal: str) -> Body | None:
    form = body.get("response_format")
    found = form.get("json_schema") if isinstance(form, dict) else None
    if _BARE_SCHEMA not in refusal or not isinstance(found, dict) or "schema" not in found:
        return None
    return {**body, "response_format": {"type": "json_schema", "json_schema": found["schema"]}}


def _with_any_object(body: Body, refusal: str) -> Body | None:
    """Ask for an object by a schema: LM Studio wants one, also for any JSON."""
    if "response_format" not in refusal or body.get("response_format") != {"type": "json_object"}:
        return None
    schema = {"name": "answer", "schema": {"type": "object"}}
    return {**body, "response_format": {"type": "json_schema", "json_schema": schema}}


def _with_named_choice(body: Body, refusal: str) -> Body | None:
    """Name the only tool: vLLM before 0.8.3 takes that in place of `required`."""
    tools: list[Any] = body.get("tools") or []
    if "tool_choice" not in refusal or body.get("tool_choice") != "required" or len(tools) != 1:
        return None
    choice = {"type": "function", "function": {"name": tools[0]["function"]["name"]}}
    return {**body, "tool_choice": choice}


def _without_limit(body: Body, refusal: str) -> Body | None:
    """Send `None`, which is no limit: without the field, vLLM completes a text with 16 tokens."""
    is_refused = body.get("max_tokens") == -1 and _TOKEN_LIMIT.search(refusal)
    return {**body, "max_tokens": None} if is_refused else None


def _with_common_turns(body: Body, refusal: str) -> Body | None:
    if not _TURNS.search(refusal) or "messages" not in body:
        return None
    turns = [*with_common_turns(body["messages"])]
    return {**body, "messages": turns} if turns != body["messages"] else None


def _without_effort(body: Body, refusal: str) -> Body | None:
    """Leave out the effort `none`: older vLLM knows the levels only."""
    is_refused = body.get("reasoning_effort") == "none" and "reasoning" in refusal
    return _without(body, "reasoning_effort") if is_refused else None


def _without_variables(body: Body, refusal: str) -> Body | None:
    """Leave out the variables that are sent to unknown templates; those of the caller stay."""
    variables: Mapping[str, Any] = body.get("chat_template_kwargs") or {}
    are_usual = variables and variables.keys() <= usual_variables("low").keys()
    return (
        _without(body, "chat_template_kwargs") if are_usual and _NO_VARIABLES in refusal else None
    )


def _without_stream(body: Body, refusal: str) -> Body | None:
    """Ask for the whole answer: llama.cpp before May 2025 does not stream where there are tools."""
    if not body["stream"] or not _NO_STREAM.search(refusal):
        return None
    return {**(_without(body, "stream_options") or body), "stream": False}


def _without(body: Body, field: str) -> Body | None:
    """Return the body without a field; `None` where it has none."""
    if field not in body:
        return None
    return {name: value for name, value in body.items() if name != field}


_CHANGES: Final[tuple[Callable[[Body, str], Body | None], ...]] = (
    _without_stream_options,
    _without_own_schema,
    _with_bare_schema,
    _with_any_object,
    _with_named_choice,
    _without_limit,
    _with_common_turns,
    _without_effort,
    _without_variables,
    _without_stream,
)
"""The first that changes a request is made; another refusal may lead to another."""
