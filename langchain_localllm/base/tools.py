"""Tools as engines take them, and the choice among them."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_localllm.base.json_schema import DEFINITIONS, enforceable, plain_name
from langchain_localllm.errors import InvalidOptionError

_NOTHING: Final = {"type": "object", "properties": {}}
_NAME: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)


def openai_tools(
    tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], *, strict: bool | None = None
) -> list[dict[str, Any]]:
    """Functions, pydantic classes, LangChain tools and dicts in OpenAI's form.

    Raises:
        InvalidOptionError: One is no tool, or has a name that models cannot write.
    """
    converted = [_converted(tool, strict=strict) for tool in tools]
    for name in (tool["function"]["name"] for tool in converted):
        if not _NAME.fullmatch(name):
            raise InvalidOptionError(
                f"A tool has the name {name!r}. Use up to 64 letters, digits, `_`, `-` and `.`, such as {_like(name)!r}."
            )
    return converted


def _converted(tool: Any, *, strict: bool | None) -> dict[str, Any]:
    try:
        return convert_to_openai_tool(tool, strict=strict)
    except (ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise InvalidOptionError(f"This is no tool: {reason}") from error


def _like(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("_")[:64] or "tool"


def chosen_tools(
    tools: list[dict[str, Any]], choice: str | bool | dict[str, Any] | None
) -> tuple[list[dict[str, Any]], str | None]:
    """The tools to offer, and `auto`, `none`, `required` or nothing.

    Engines force some call, not a certain one; so a tool that is chosen by name is offered alone.

    Raises:
        InvalidOptionError: The choice names no tool of these.
    """
    if isinstance(choice, dict):
        choice = str(choice.get("function", choice).get("name"))
    if choice is None or choice is False or choice in {"auto", "none", "required"}:
        return tools, choice or None
    if choice is True or choice == "any":
        return tools, "required"
    named = [tool for tool in tools if tool["function"]["name"] == choice]
    if not named:
        names = ", ".join(tool["function"]["name"] for tool in tools)
        raise InvalidOptionError(f"tool_choice={choice!r} names no tool. Use auto, none, any, or one of: {names}.")
    return named, "required"


def call_schema(tools: Sequence[dict[str, Any]], arguments: str = "arguments") -> dict[str, Any]:
    """The JSON schema of a call of one of the tools, for engines that force a call by constraining the answer."""
    definitions: dict[str, Any] = {}
    calls = []
    for tool in tools:
        name, parameters = tool["function"]["name"], enforceable(tool["function"].get("parameters") or _NOTHING)
        calls.append(
            {
                "type": "object",
                "properties": {"name": {"const": name}, arguments: _hoisted(name, parameters, definitions)},
                "required": ["name", arguments],
                "additionalProperties": False,
            }
        )
    schema = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return {**schema, "$defs": definitions} if definitions else schema


def _hoisted(name: str, parameters: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Parameters whose definitions stand at the schema's top, where references look for them."""
    for key in DEFINITIONS:
        if key in parameters:
            text = json.dumps(parameters).replace(f'"#/{key}/', f'"#/$defs/{plain_name(name)}-')
            parameters = json.loads(text)
            definitions.update({f"{plain_name(name)}-{inner}": value for inner, value in parameters.pop(key).items()})
    return parameters
