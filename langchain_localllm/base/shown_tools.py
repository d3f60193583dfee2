"""Describe tools to a chat template in the schema keywords that it reads.

Most templates write a tool's whole JSON schema into the prompt. Others describe each parameter in a
language of their own, as Hermes' in Python and Gemma 4's in a notation, and read the keywords that
`transformers.utils.get_json_schema` writes: one `type`, `nullable`, `enum`, `items`, `properties`.
Pydantic writes `anyOf` for an `Optional[str]`: such a template gives the parameter no type, or
fails.
"""

import contextlib
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from langchain_localllm.base.json_schema import TYPES, modern_schema, resolve_reference
from langchain_localllm.errors import ChatTemplateError
from langchain_localllm.templates.chat_template import ChatTemplate

Tools = Sequence[Mapping[str, Any]]
_QUESTION: Final = ({"role": "user", "content": "Hello"},)
_KEPT: Final = 64
"""Lists of tools that are kept with their descriptions."""
_NULL: Final = {"type": "null"}
_NOTES: Final = frozenset({"type", "nullable", "title", "description"})
"""Keywords of an option that is no more than a type."""
_MOST_REFERENCES: Final = 500
"""References that are followed in one tool; a few that lead to each other twice could grow without
end."""
_HINTS: Final = {"properties": "object", "items": "array", "prefixItems": "array"}
"""Keywords by which a schema without `type` is about values of one type."""
_JSON_TYPES: Final = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def shown_tools(source: str, tools: Tools) -> Tools:
    """Return tools with schemas that a chat template can describe to the model.

    They are for the prompt alone: answers are checked against the tools' own schemas.

    Args:
        source: The chat template.
        tools: The tools, in OpenAI's form.

    Example:
        >>> day = {"anyOf": [{"type": "string"}, {"type": "null"}]}
        >>> schema = {"type": "object", "properties": {"day": day}}
        >>> tool = {"type": "function", "function": {"name": "plan", "parameters": schema}}
        >>> template = "{{ tools[0].function.parameters.properties.day.type }}"
        >>> shown_tools(template, [tool])[0]["function"]["parameters"]["properties"]
        {'day': {'type': 'string', 'nullable': True}}
        >>> shown_tools("{{ tools | tojson }}", [tool]) == [tool]
        True
    """
    if not tools or (
        _writes_json(source) and all("parameters" in tool["function"] for tool in tools)
    ):
        return tools
    return _readable(source, json.dumps(tools))


@functools.lru_cache(_KEPT)
def _writes_json(source: str) -> bool:
    """Return whether a template writes the types of parameters only as JSON, in their schema."""

    def written(kind: str) -> str:
        schema = {"type": "object", "properties": {"zqa": {"type": kind, "description": "A."}}}
        return ChatTemplate(source).render(_QUESTION, tools=[_tool(schema)])

    try:
        text, other = written("string"), written("number")
    except ChatTemplateError:
        return False
    return re.sub(r'(\\?")string(\\?")', r"\1number\2", text) == re.sub(
        r'(\\?")string(\\?")', r"\1number\2", other
    )


def _tool(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": "zqtool", "description": "A tool.", "parameters": schema},
    }


@functools.lru_cache(_KEPT)
def _readable(source: str, written: str) -> Tools:
    """Return the first description of tools that a template can render."""
    tools: Tools = json.loads(written)
    for shown in _forms(tools, unchanged=_writes_json(source)):
        with contextlib.suppress(ChatTemplateError):
            ChatTemplate(source).render(_QUESTION, tools=shown)
            return shown
    return tools


def _forms(tools: Tools, *, unchanged: bool) -> Iterator[Tools]:
    """Yield descriptions of tools; those with what only few templates need come last."""
    if unchanged:
        yield tools
    for whole in (False, True):
        for name_type in (_joined, _first):
            yield [_described(tool, name_type, whole=whole) for tool in tools]


def inline_tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a tool for engines that read few keywords of a schema, such as Ollama.

    Its parameters have no `$ref`, `allOf`, `oneOf` and `const`, and list the types of a choice.

    Example:
        >>> mode = {"anyOf": [{"const": "fast"}, {"type": "null"}]}
        >>> schema = {"type": "object", "properties": {"mode": mode}}
        >>> tool = {"type": "function", "function": {"name": "plan", "parameters": schema}}
        >>> inline_tool(tool)["function"]["parameters"]["properties"]["mode"]
        {'type': ['string', 'null'], 'enum': ['fast'], 'nullable': True}
    """
    return _described(tool, _listed)


TypeName = Callable[[list[str]], str | list[str] | None]
"""How the types of a part are written. For chat templates in one text: Hermes' fails at a list in
llama.cpp's Jinja. `None` leaves them out."""


def _joined(types: list[str]) -> str:
    return " | ".join(kind for kind in types if kind != "null") or "any"


def _first(types: list[str]) -> str | None:
    return next((name for name in types if name in TYPES and name != "null"), None)


def _listed(types: list[str]) -> str | list[str] | None:
    ordered = sorted(types, key=lambda kind: kind == "null")
    if ordered in ([], ["null"]):  # anything, or null
        return None
    return ordered[0] if len(ordered) == 1 else ordered


def _described(
    tool: Mapping[str, Any], name_type: TypeName, *, whole: bool = False
) -> Mapping[str, Any]:
    function = tool["function"]
    schema = modern_schema(function.get("parameters") or {})
    found = _Description(schema, name_type, whole=whole).of(schema)
    parameters = {"properties": {}, **found, "type": "object"}
    return {**tool, "function": {**function, "parameters": parameters}}


class _Description:
    """Rewrites the parts of one schema.

    Args:
        root: The schema in which references are looked up.
        name_type: How several types, or none, are written.
        whole: Whether each part has a `description`, and each object `additionalProperties`.
    """

    def __init__(self, root: Any, name_type: TypeName, *, whole: bool) -> None:
        self._root = root
        self._name_type = name_type
        self._whole_parts = whole
        self._references_left = _MOST_REFERENCES

    def of(self, schema: Any, within: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return a schema without references, and without choices where one type is left.

        Args:
            schema: A part of the root.
            within: The references that led to it; one that leads back to itself is not followed.
        """
        if not isinstance(schema, Mapping):  # true and false
            schema = {}
        whole, within = self._whole(schema, within)
        if "const" in whole:  # few templates read it
            whole["enum"] = [whole.pop("const")]
        types = [*dict.fromkeys(self._types(whole, within))]
        if "array" in types and "items" not in whole:  # llama.cpp's Jinja finds a method instead
            each = whole.get("prefixItems")
            whole["items"] = {"anyOf": each} if each else {}
        found = {
            key: part
            for key, value in whole.items()
            if (part := self._part(key, value, within)) is not None
        }
        kinds = [kind for kind in types if kind != "null"]
        name = self._name_type(types)
        found = found if name is None else {"type": name, **found}
        if len(kinds) > 1 and name in kinds:
            found.setdefault("anyOf", [{"type": kind} for kind in kinds])
        if self._whole_parts:
            values: dict[str, Any] = {"additionalProperties": {}} if name == "object" else {}
            found = {"description": "", **values, **found}
        return {**found, "nullable": True} if "null" in types else found

    def _part(self, key: str, value: Any, within: frozenset[str]) -> Any:
        """Return what is under a keyword, or `None` where it is left out."""
        match key, value:
            case "properties", Mapping():
                return {
                    name: self.of(part, within) for name, part in value.items() if part is not False
                }
            case "anyOf", list():
                options = [self.of(part, within) for part in value if part is not False]
                return options if any(option.keys() - _NOTES for option in options) else None
            case "items", _:
                return self.of(value, within)
            case "additionalProperties", Mapping():
                return self.of(value, within)
            case (("type" | "nullable" | "additionalProperties" | "$defs" | "definitions"), _):
                return None
        return value

    def _types(self, schema: Mapping[str, Any], within: frozenset[str]) -> list[str]:
        """Return the types of values that a schema allows; none where its keywords do not say."""
        types: list[str] = ["null"] if schema.get("nullable") is True else []
        given = schema.get("type")
        values = [schema["const"]] if "const" in schema else schema.get("enum", ())
        if given is not None:
            types += given if isinstance(given, list) else [given]
        elif "anyOf" in schema:
            for option in schema["anyOf"]:
                types += self._types(*self._whole(option, within))
        else:
            types += [_JSON_TYPES.get(type(value), "null") for value in values]
        return types or [kind for key, kind in _HINTS.items() if key in schema]

    def _whole(self, schema: Any, within: frozenset[str]) -> tuple[dict[str, Any], frozenset[str]]:
        """Return a schema with what `$ref`, `allOf` and a choice of one add to it.

        Return the references that were followed as well.
        """
        whole = dict(schema) if isinstance(schema, Mapping) else {}
        while isinstance(reference := whole.pop("$ref", None), str):
            self._references_left -= 1
            if reference in within or self._references_left < 0:
                return {"type": "object", **whole}, within
            within |= {reference}
            with contextlib.suppress(LookupError):
                whole = _merged(resolve_reference(reference, self._root), whole)
        for part in whole.pop("allOf", ()):
            inner, within = self._whole(part, within)
            whole = _merged(inner, whole)
        choices = [*whole.pop("oneOf", ()), *whole.pop("anyOf", ())]
        options = [choice for choice in choices if choice != _NULL]
        if len(options) < len(choices):
            whole["nullable"] = True
            if whole.get("default", ...) is None:
                del whole["default"]
        if len(options) == 1:
            inner, within = self._whole(options[0], within)
            return _merged(inner, whole), within
        return ({**whole, "anyOf": options} if options else whole), within


def _merged(schema: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with the keywords of another one, which come first.

    It has the properties of both.
    """
    if not isinstance(schema, Mapping):
        return dict(more)
    both = {**schema, **more}
    if "properties" in schema and "properties" in more:
        both["properties"] = {**schema["properties"], **more["properties"]}
    if "required" in schema and "required" in more:
        both["required"] = [*dict.fromkeys([*schema["required"], *more["required"]])]
    return both
