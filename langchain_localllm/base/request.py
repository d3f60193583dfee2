"""Read a call's tools, tool choice and response format, the same on all runtimes."""

import json
from collections.abc import Mapping
from typing import Any, Final

from langchain_localllm.base.reduce_schema import reduce_schema
from langchain_localllm.base.response_format import canonical_format
from langchain_localllm.base.tools import call_schema, choice_of, openai_tools
from langchain_localllm.errors import InvalidOptionError

ANY_OBJECT: Final[dict[str, Any]] = {"type": "object"}


def canonical_request(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's arguments for tools and structured output in canonical form.

    Those that are not set are omitted.

    Args:
        given: Any of `tools`, `tool_choice`, `strict`, `parallel_tool_calls`, `response_format` and
            `show_schema`.

    Raises:
        InvalidOptionError: One is not valid, or `tool_choice` does not match the tools.
    """
    request = {"show_schema": given.get("show_schema")}
    tools = openai_tools(given.get("tools") or (), strict=given.get("strict"))
    choice = choice_of(tools, given.get("tool_choice"))
    if tools:
        request |= {
            "tools": tools,
            "tool_choice": choice,
            "parallel_tool_calls": given.get("parallel_tool_calls"),
        }
    if not isinstance(given.get("parallel_tool_calls"), bool | None):
        raise InvalidOptionError(
            f"parallel_tool_calls={given['parallel_tool_calls']!r} is not valid. Use True or False."
        )
    request["response_format"] = canonical_format(given.get("response_format"))
    return {name: value for name, value in request.items() if value is not None}


def calls_allowed(request: Mapping[str, Any]) -> bool:
    """Return whether the answer to a canonical request may call a tool."""
    return bool(request.get("tools")) and request.get("tool_choice") != "none"


def response_schema(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a request's `response_format`."""
    wanted = request["response_format"]
    return dict(wanted["json_schema"]["schema"]) if wanted["type"] == "json_schema" else ANY_OBJECT


def enforced_schema(
    request: Mapping[str, Any],
    arguments: str = "arguments",
    *,
    several: bool = False,
    escapes: bool = False,
) -> dict[str, Any] | None:
    """Return the schema to constrain the answer with, as engines accept it.

    It is that of a required call, or of the requested output.

    Args:
        request: `tools`, `tool_choice` and `response_format`, in canonical form, where the call has
            them.
        arguments: The key of a call's arguments.
        several: Whether several calls may be made at once, in a list.
        escapes: As of `reduce_schema`.
    """
    if request.get("tool_choice") == "required":
        return call_schema(request["tools"], arguments, several=several, escapes=escapes)
    return (
        reduce_schema(response_schema(request), escapes=escapes)
        if "response_format" in request
        else None
    )


def instruction(schema: Mapping[str, Any]) -> str:
    """Return what shows the model the schema.

    Engines constrain the answer, and the model does not see why.
    """
    kind = "a JSON object" if schema.get("type", "object") == "object" else "JSON"
    return f"Answer with {kind} that fits this schema:\n{json.dumps(schema, ensure_ascii=False)}"
