"""Convert tools and `tool_choice` to the format that engines accept."""

import inspect
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from langchain_core.tools import BaseTool, create_schema_from_function
from langchain_core.utils.function_calling import convert_to_openai_function, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic.errors import PydanticUserError

from langchain_localllm.base.json_schema import (
    best_fault,
    is_json_schema,
    is_recursive,
    modern_schema,
    without_null,
)
from langchain_localllm.base.reduce_schema import GrammarSchemas, one_of
from langchain_localllm.base.type_schema import class_schema, is_typed_dict, type_schema
from langchain_localllm.errors import InvalidOptionError

Tool = dict[str, Any] | type | Callable[..., Any] | BaseTool
NO_PARAMETERS: Final = {"type": "object", "properties": {}}
"""The schema of a tool that takes no arguments."""
_LONGEST_NAME: Final = 128
"""Characters in the name of a tool, as in the Model Context Protocol."""
_NAME: Final = re.compile(rf"[\w.-]{{1,{_LONGEST_NAME}}}")
_CHOICES: Final = {None: None, False: None, True: "required", "any": "required"} | {
    name: name for name in ("auto", "none", "required")
}


class CheckedTool(dict[str, Any]):
    """A tool in OpenAI's form, which was checked."""


def openai_tools(tools: Collection[Tool], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Functions, pydantic classes, LangChain tools and dicts in OpenAI's form, each once.

    Raises:
        InvalidOptionError: One is not a tool, or has a name that models cannot write.
    """
    if isinstance(tools, str | Mapping) or not isinstance(tools, Collection):
        raise InvalidOptionError(f"`tools` is a list of tools, not {type(tools).__name__}.")
    converted: list[dict[str, Any]] = []
    for tool in tools:
        if (checked := _checked(tool, strict=strict)) not in converted:
            converted.append(checked)
    return converted


def _checked(tool: Any, *, strict: bool | None) -> dict[str, Any]:
    if isinstance(tool, CheckedTool) and strict is None:
        return tool
    converted = _converted(tool, strict=strict)
    _check_function(converted["function"])
    return CheckedTool(converted)


def _check_function(function: Mapping[str, Any]) -> None:
    name, parameters = function["name"], function.get("parameters", {})
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidOptionError(
            f"A tool has the name {name!r}. Use up to {_LONGEST_NAME} letters, digits, `_`, `-` "
            f"and `.`, such as {_like(str(name))!r}."
        )
    if not isinstance(parameters, Mapping):
        raise InvalidOptionError(
            f"The parameters of the tool {name!r} must be a JSON schema, a dict, not "
            f"{parameters!r}."
        )
    kinds = parameters.get("type", "object")
    if "object" not in (kinds if isinstance(kinds, list) else [kinds]):
        raise InvalidOptionError(
            f"The parameters of the tool {name!r} have the type {kinds!r}. They are always an "
            "object."
        )
    if not isinstance(function.get("description", ""), str):
        raise InvalidOptionError(
            f"The description of the tool {name!r} must be a text, not {function['description']!r}."
        )
    if fault := best_fault(modern_schema(parameters), any_type=True):
        raise InvalidOptionError(
            f"The parameters of the tool {name!r} are not a valid JSON schema: at {fault[0]}, "
            f"{fault[1]}."
        )
    try:
        json.dumps(function)
    except (TypeError, ValueError) as error:
        raise InvalidOptionError(
            f"The tool {name!r} cannot be written as JSON: {error}."
        ) from error


def _converted(tool: Any, *, strict: bool | None) -> dict[str, Any]:
    try:
        if isinstance(tool, Mapping) and ("function" in tool or tool.get("type") == "function"):
            # LangChain leaves these as they are, whatever they hold
            return {
                "type": "function",
                "function": _function(tool.get("function", tool), strict=strict),
            }
        given = provider_function(_readable(tool))
        if (
            strict is not None
            and isinstance(given, Mapping)
            and given.keys() <= {"name", "description"}
        ):
            # LangChain expects some where `strict` is given
            given = {**given, "parameters": NO_PARAMETERS}
        converted = (
            tool if _runs_at_provider(tool) else convert_to_openai_tool(given, strict=strict)
        )
    except (ValueError, TypeError, AttributeError, KeyError, NameError, PydanticUserError) as error:
        reason = " ".join(str(error).split())
        raise InvalidOptionError(f"This is not a tool: {reason}") from error
    if "function" not in converted:
        kind = converted.get("type")
        raise InvalidOptionError(
            f"A tool of the type {kind!r} runs at a provider, and a local model has none. "
            "Give a function."
        )
    function = converted["function"]
    return {
        **converted,
        "function": {key: value for key, value in function.items() if value is not None},
    }


def _readable(tool: Any) -> Any:
    """Return a tool as LangChain converts it without losses.

    LangChain replaces a part of a schema that refers to itself by anything, and shows the model a
    function's `RunnableConfig`.
    """
    if is_typed_dict(tool):
        return type_schema(tool)
    if isinstance(tool, type) and issubclass(tool, BaseTool):
        raise TypeError(f"{tool.__name__} is a class of tools. Give an instance of it.")
    readable = _arguments_of(tool) if inspect.isroutine(tool) else tool
    arguments = tool.tool_call_schema if isinstance(tool, BaseTool) else readable
    if not (isinstance(arguments, type) and is_basemodel_subclass(arguments)):
        return readable
    schema = class_schema(arguments)
    if not is_recursive(schema):
        return readable
    return {
        **schema,
        **(
            {"title": tool.name, "description": tool.description}
            if isinstance(tool, BaseTool)
            else {}
        ),
    }


def _arguments_of(function: Callable[..., Any]) -> type:
    """Return the pydantic class of a function's arguments, without those that LangChain puts in."""
    parameters = inspect.signature(function).parameters.values()
    injected = [
        parameter.name for parameter in parameters if "RunnableConfig" in str(parameter.annotation)
    ]
    return create_schema_from_function(
        function.__name__,
        function,
        filter_args=["run_manager", "callbacks", *injected] if injected else None,
        parse_docstring=True,
        error_on_invalid_docstring=False,
        include_injected=False,
    )


def _function(given: Any, *, strict: bool | None) -> dict[str, Any]:
    """Return a function of OpenAI's Chat Completions or Responses API, without nulls.

    llama.cpp refuses nulls.
    """
    if not isinstance(given, Mapping) or "name" not in given:
        raise ValueError(f"`function` must be a dict with a `name`, not {given!r}.")
    function = {
        key: without_null(value)
        for key, value in given.items()
        if value is not None and key != "type"
    }
    return (
        function
        if strict is None
        else convert_to_openai_function({"parameters": NO_PARAMETERS, **function}, strict=strict)
    )


def provider_function(given: Any) -> Any:
    """Return the tool with the keys that LangChain reads.

    The Model Context Protocol's `inputSchema` is renamed.

    Raises:
        ValueError: A schema is under a key that LangChain would silently leave out.
    """
    if not isinstance(given, Mapping) or not given.keys().isdisjoint(
        {"parameters", "input_schema"}
    ):
        return given
    if "name" not in given and {"title", "properties"} <= given.keys():  # a JSON schema
        parameters = {
            key: value for key, value in given.items() if key not in {"title", "description"}
        }
        return {
            "name": given["title"],
            "description": given.get("description") or "",
            "parameters": parameters,
        }
    if "name" not in given:
        return given
    if "inputSchema" in given:
        return {
            "name": given["name"],
            "description": given.get("description") or "",
            "parameters": given["inputSchema"],
        }
    if unread := [key for key, value in given.items() if is_json_schema(value)]:
        raise ValueError(
            f"the schema of {given['name']!r} is under {unread[0]!r}. Use 'parameters'."
        )
    return given


def _runs_at_provider(tool: Any) -> bool:
    """Return whether a dict names a provider's own tool, such as Anthropic's web search.

    LangChain converts such a dict to a function.
    """
    if (
        not isinstance(tool, Mapping)
        or tool.get("type", "object") == "object"
        or not isinstance(tool["type"], str)
    ):
        return False
    return {"parameters", "input_schema", "inputSchema"}.isdisjoint(tool)


def _like(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).strip("_")[:_LONGEST_NAME] or "tool"


def choice_of(
    tools: Sequence[dict[str, Any]], choice: str | bool | Mapping[str, Any] | None
) -> str | None:
    """Return the tool choice in canonical form.

    It is `auto`, `none`, `required`, the name of one of the tools, or `None` for no choice.

    Args:
        tools: The tools on offer, in OpenAI's form.
        choice: Any form that LangChain, OpenAI or Anthropic document.

    Raises:
        InvalidOptionError: It is not the name of one of the tools.
    """
    if isinstance(choice, Mapping):
        named = choice.get("function", choice)
        choice = (
            (named.get("name") if isinstance(named, Mapping) else None)
            or choice.get("type")
            or dict(choice)
        )
    names = [tool["function"]["name"] for tool in tools]
    if choice in names:
        return str(choice)
    if not isinstance(choice, str | bool | None) or choice not in _CHOICES:
        offered = f"one of: {', '.join(names)}" if names else "give `tools`"
        raise InvalidOptionError(
            f"tool_choice={choice!r} does not match any tool. Use auto, none, any, or {offered}."
        )
    return _CHOICES[choice] if names else None


def chosen_tools(
    tools: list[dict[str, Any]], choice: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the tools to offer, and `auto`, `none`, `required` or nothing.

    The choice is one that `choice_of` returns. Engines force some call, not a certain one; so a
    tool that is chosen by name is offered alone.
    """
    named = [tool for tool in tools if tool["function"]["name"] == choice]
    return (named, "required") if named else (tools, choice)


def call_schema(
    tools: Sequence[dict[str, Any]],
    arguments: str = "arguments",
    *,
    several: bool = False,
    escapes: bool = False,
) -> dict[str, Any]:
    """Return the JSON schema of a call of one of the tools.

    It is for engines that force a call by constraining the answer.

    Args:
        tools: The tools, in OpenAI's form.
        arguments: The key of the arguments.
        several: Whether a list of calls is wanted.
        escapes: As of `reduce_schema`.
    """
    schemas = GrammarSchemas(escapes=escapes)
    call = one_of([_one_call(tool["function"], arguments, schemas) for tool in tools])
    return schemas.whole({"type": "array", "items": call, "minItems": 1} if several else call)


def _one_call(
    function: Mapping[str, Any], arguments: str, schemas: GrammarSchemas
) -> dict[str, Any]:
    parameters = schemas.add(function.get("parameters") or NO_PARAMETERS)
    return {
        "type": "object",
        "properties": {"name": {"const": function["name"]}, arguments: parameters},
        "required": ["name", arguments],
        "additionalProperties": False,
    }
