"""Fit tool calls to their tools.

Lists and objects that are written as text are parsed, and calls beyond the first are dropped on
request.
"""

import ast
import json
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from langchain_core.utils.json_schema import dereference_refs

from langchain_localllm._json import NOT_JSON, read_json
from langchain_localllm.base.json_schema import resolve_reference
from langchain_localllm.base.token_stream import StreamEvent, TokenStream

_CONTAINERS: Final = {"array": list, "object": dict}
_DEEPEST: Final = 32


def parameters_of(tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the JSON schemas of tools' parameters by name, for what parses calls.

    References are followed: a value that a model writes without quotes is read by its type.

    Args:
        tools: The tools, in OpenAI's form.
    """
    functions = [tool["function"] for tool in tools]
    return {
        function["name"]: _without_references(function.get("parameters")) for function in functions
    }


def _without_references(schema: Any) -> Any:
    if '"$ref"' in json.dumps(schema):
        with suppress(LookupError, TypeError, ValueError):  # one without a target
            return dereference_refs(schema)
    return schema


def parse_text_arguments(value: Any, schema: Any) -> Any:
    """Return the arguments with JSON texts parsed where the schema asks for a list or an object.

    Texts are parsed as JSON, and as Python's notation, which small models write too. A text stays
    where the schema allows a string, or where it holds something else.

    Args:
        value: The arguments of a call.
        schema: The JSON schema of the tool's parameters.

    Example:
        >>> parse_text_arguments({"a": "[1, 2]"}, {"properties": {"a": {"type": "array"}}})
        {'a': [1, 2]}
    """
    return _parsed(value, schema, schema, 0)


def _parsed(value: Any, schema: Any, root: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return value
    choices = list(_choices(schema, root))
    if isinstance(value, str):
        kinds = {kind for choice in choices for kind in _kinds(choice)}
        if "string" in kinds or not kinds & _CONTAINERS.keys():
            return value
        found = _read(value)
        if not any(
            isinstance(found, container) for kind, container in _CONTAINERS.items() if kind in kinds
        ):
            return (
                None
                if found is None and "null" in kinds and value.strip() in {"null", "None"}
                else value
            )
        value = found
    for choice in choices:
        if isinstance(value, dict) and "object" in _kinds(choice):
            known, others = choice.get("properties") or {}, choice.get("additionalProperties", True)
            return {
                key: _parsed(item, known.get(key, others), root, depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list) and "array" in _kinds(choice):
            first, rest = choice.get("prefixItems", []), choice.get("items", True)
            return [
                _parsed(item, first[at] if at < len(first) else rest, root, depth + 1)
                for at, item in enumerate(value)
            ]
    return value


def _choices(schema: Any, root: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield the schemas of which one has to fit, without references and combinations."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    if isinstance(reference := schema.get("$ref"), str):
        try:
            yield from _choices(resolve_reference(reference, root), root, depth + 1)
        except LookupError:
            return
    inner = [part for name in ("anyOf", "oneOf", "allOf") for part in schema.get(name, ())]
    for part in inner:
        yield from _choices(part, root, depth + 1)
    if not inner and "$ref" not in schema:
        yield schema


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    """Return the types that a schema allows.

    Of one that does not say, those that its keywords are about, or all.
    """
    kinds = schema.get("type")
    if kinds is None:
        if "properties" in schema:
            return {"object"}
        return (
            {"array"}
            if "items" in schema or "prefixItems" in schema
            else {"string", "object", "array"}
        )
    return set(kinds) if isinstance(kinds, list) else {kinds}


def _read(text: str) -> Any:
    """Return what a text holds as JSON or in Python's notation.

    The text itself where it is neither.
    """
    value = read_json(text)
    if value is not NOT_JSON:
        return value
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text


def _wants_containers(schema: Any) -> bool:
    """Return whether a list or an object is somewhere in the parameters."""
    if not isinstance(schema, Mapping):
        return False
    return any(
        _CONTAINERS.keys() & _kinds(choice) and "string" not in _kinds(choice)
        for rule in (schema.get("properties") or {}).values()
        for choice in _choices(rule, schema)
    )


@dataclass(slots=True)
class _Call:
    """A call whose arguments are held back until they are whole."""

    schema: Any
    args: list[str] = field(default_factory=list)


@dataclass(slots=True)
class CallReader:
    """Read the tool calls among an answer's events.

    Attributes:
        schemas: By name, the parameters of the tools that want lists or objects.
        only_one: Whether calls after the first are dropped.
    """

    schemas: Mapping[str, Any]
    only_one: bool = False
    _first: int | None = None
    _held: dict[int, _Call] = field(default_factory=dict)

    def read(self, event: StreamEvent) -> Iterator[StreamEvent]:
        """Yield the events that can be passed on now."""
        if event.tool_calls:
            event = replace(event, tool_calls=list(self._calls(event.tool_calls)) or None)
        if event.finish and self._held:
            yield StreamEvent(
                "",
                tool_calls=[
                    {"index": index, "id": None, "name": None, "args": _whole(call)}
                    for index, call in self._held.items()
                ],
            )
            self._held = {}
        if (
            event.text
            or event.finish
            or event.reasoning
            or event.tool_calls
            or event.logprobs is not None
        ):
            yield event

    def _calls(self, parts: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for part in parts:
            index = part["index"]
            self._first = index if self._first is None else self._first
            if self.only_one and index != self._first:
                continue
            if index not in self._held and part.get("name") in self.schemas:
                self._held[index] = _Call(self.schemas[part["name"]])
            if index in self._held:
                self._held[index].args.append(part.get("args") or "")
                part = {**part, "args": ""}  # noqa: PLW2901 - the rest of it
            if part.get("args") or part.get("name") or part.get("id"):
                yield part


def _whole(call: _Call) -> str:
    text = "".join(call.args)
    args = read_json(text)
    if args is NOT_JSON:
        return text
    parsed = parse_text_arguments(args, call.schema)
    return text if parsed == args else json.dumps(parsed, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class CallHandle:
    """Stream another stream's events with parsed tool calls."""

    handle: TokenStream
    reader: CallReader

    def events(self) -> Generator[StreamEvent]:
        """Yield the events of the answer."""
        with closing(self.handle.events()) as events:
            for event in events:
                if event.tool_calls or event.finish:
                    yield from self.reader.read(event)
                else:
                    yield event

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        """Yield the events of the answer, in async code."""
        async with aclosing(self.handle.aevents()) as events:
            async for event in events:
                if event.tool_calls or event.finish:
                    for part in self.reader.read(event):
                        yield part
                else:
                    yield event


def with_read_calls(
    handle: TokenStream, tools: Sequence[dict[str, Any]], *, only_one: bool
) -> TokenStream:
    """Return the handle with its calls read, where there is something to read.

    Args:
        handle: The answer.
        tools: The tools on offer, in OpenAI's form.
        only_one: Whether calls after the first are dropped.
    """
    parameters = {tool["function"]["name"]: tool["function"].get("parameters") for tool in tools}
    schemas = {name: schema for name, schema in parameters.items() if _wants_containers(schema)}
    return CallHandle(handle, CallReader(schemas, only_one)) if schemas or only_one else handle
