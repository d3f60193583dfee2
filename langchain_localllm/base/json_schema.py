"""Checks a value against a JSON schema, and tells the rule that it breaks.

Engines enforce a schema's shape while they decode, but not all of its rules: limits of numbers, patterns and the like are checked
here. What is not listed here (`format`, `if`, `unevaluatedProperties`, ...) is a note for the reader.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from langchain_localllm.errors import InvalidOptionError


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_TYPES: Final[dict[str, Callable[[Any], bool]]] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and float(value).is_integer(),
    "null": lambda value: value is None,
    "number": _is_number,
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}
_SCHEMAS: Final = ("additionalProperties", "contains", "items", "not", "propertyNames")
"""Keywords that hold a schema; `_LISTS` hold several, and `_MAPS` hold them by name."""
_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS: Final = ("$defs", "definitions", "patternProperties", "properties")
DEFINITIONS: Final = ("$defs", "definitions")
_DEEPEST: Final = 100


def check_schema(schema: Any) -> None:
    """Raise `InvalidOptionError` for what is no JSON schema, naming the place and the fault."""
    _check(schema, schema, "")


def _check(schema: Any, root: Any, place: str) -> None:
    if isinstance(schema, bool):
        return
    where = place or "the top"
    if not isinstance(schema, Mapping):
        raise _no_schema(where, f"there is {schema!r} where a schema should be")
    _check_values(schema, root, where)
    for step, inner in _inner_schemas(schema, where):
        _check(inner, root, f"{place}/{step}")


def _inner_schemas(schema: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    for name in _SCHEMAS:
        if name in schema:
            yield name, schema[name]
    for name in _LISTS:
        for index, inner in enumerate(_list_of(schema, name, where)):
            yield f"{name}/{index}", inner
    for name in _MAPS:
        if not isinstance(schema.get(name, {}), Mapping):
            raise _no_schema(where, f"`{name}` is no object")
        for key, inner in schema.get(name, {}).items():
            yield f"{name}/{key}", inner


def _check_values(schema: Mapping[str, Any], root: Any, where: str) -> None:
    kinds = schema.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind not in _TYPES:
            raise _no_schema(where, f"{kind!r} is no type. Use one of: {', '.join(_TYPES)}")
    _list_of(schema, "required", where)
    _list_of(schema, "enum", where)
    if "$ref" in schema:
        _resolve(schema["$ref"], root)
    try:
        re.compile(schema.get("pattern", ""))
    except (re.error, TypeError) as error:
        raise _no_schema(where, f"`pattern` cannot be read ({error})") from None


def _list_of(schema: Mapping[str, Any], name: str, where: str) -> list[Any]:
    value = schema.get(name, [])
    if not isinstance(value, list):
        raise _no_schema(where, f"`{name}` is no list")
    return value


def _no_schema(where: str, what: str) -> InvalidOptionError:
    return InvalidOptionError(f"This is no JSON schema: at {where}, {what}.")


def _resolve(reference: Any, root: Any) -> Any:
    target = root
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise _no_schema(str(reference), "a `$ref` leads out of the schema. Put what it names under `$defs`")
    for part in reference[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            target = target[int(key)] if isinstance(target, list) else target[key]
        except (KeyError, IndexError, ValueError, TypeError):
            raise _no_schema(reference, "a `$ref` names what is not there") from None
    return target


def broken_rules(value: Any, schema: Any) -> list[str]:
    """The rules that a value breaks, each as a sentence with its place; empty for a value that fits.

    Example:
        >>> broken_rules({"age": 200}, {"properties": {"age": {"maximum": 120}}})
        ['`age` is 200, but `maximum` is 120']
    """
    return list(_broken(value, schema, schema, "", 0))


def _broken(value: Any, schema: Any, root: Any, place: str, depth: int) -> Iterator[str]:
    name = f"`{place}`" if place else "the answer"
    if depth > _DEEPEST:
        yield f"{name} is nested too deeply"
        return
    if schema is False:
        yield f"{name} is not allowed"
    if not isinstance(schema, Mapping):
        return

    def inner(item: Any, rule: Any, step: str = "") -> list[str]:
        dot = "." if place and step and not step.startswith("[") else ""
        return list(_broken(item, rule, root, f"{place}{dot}{step}", depth + 1))

    if "$ref" in schema:
        yield from inner(value, _resolve(schema["$ref"], root))
    for rule, ask in _RULES.items():
        if rule in schema and not ask(value, schema[rule]):
            yield f"{name} is {_short(value)}, but `{rule}` is {_short(schema[rule])}"
    yield from _combinations(value, schema, name, inner)
    if isinstance(value, dict):
        yield from _members(value, schema, name, inner)
    elif isinstance(value, list):
        yield from _items(value, schema, name, inner)


_Inner = Callable[..., list[str]]


def _combinations(value: Any, schema: Mapping[str, Any], name: str, inner: _Inner) -> Iterator[str]:
    for part in schema.get("allOf", ()):
        yield from inner(value, part)
    if "not" in schema and not inner(value, schema["not"]):
        yield f"{name} fits what `not` forbids"
    for rule in ("anyOf", "oneOf"):
        if rule not in schema:
            continue
        tries = [inner(value, part) for part in schema[rule]]
        fitting = tries.count([])
        if not fitting:
            nearest = min(tries, key=len, default=[])
            yield f"{name} fits none of `{rule}`" + (f" ({nearest[0]})" if nearest else "")
        elif rule == "oneOf" and fitting > 1:
            yield f"{name} fits {fitting} of `oneOf`, not one"


def _members(value: dict[str, Any], schema: Mapping[str, Any], name: str, inner: _Inner) -> Iterator[str]:
    for key in schema.get("required", ()):
        if key not in value:
            yield f"{name} lacks `{key}`, which is `required`"
    properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key, item in value.items():
        rules = [properties[key]] if key in properties else []
        rules += [rule for pattern, rule in patterns.items() if re.search(pattern, key)]
        if not rules and schema.get("additionalProperties", True) is False:
            yield f"{name} has `{key}`, and `additionalProperties` is false"
            continue
        for rule in rules or [schema.get("additionalProperties", True)]:
            yield from inner(item, rule, key)
        if "propertyNames" in schema:
            yield from inner(key, schema["propertyNames"], key)


def _items(value: list[Any], schema: Mapping[str, Any], name: str, inner: _Inner) -> Iterator[str]:
    first = schema.get("prefixItems", [])
    for index, item in enumerate(value):
        yield from inner(item, first[index] if index < len(first) else schema.get("items", True), f"[{index}]")
    if "contains" in schema and not any(not inner(item, schema["contains"]) for item in value):
        yield f"{name} has no item that `contains` asks for"


def _same(left: Any, right: Any) -> bool:
    """Equality as in JSON, where 1 is 1.0 but not true."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _unique(items: list[Any]) -> bool:
    return not any(_same(item, other) for index, item in enumerate(items) for other in items[:index])


def _for(kind: str, ask: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """A rule that concerns values of one type only."""
    return lambda value, limit: not _TYPES[kind](value) or ask(value, limit)


def _is_multiple(value: float, step: float) -> bool:
    parts = value / step
    return abs(parts - round(parts)) < 1e-9  # noqa: PLR2004 - room for 0.1 and its like


_RULES: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "type": lambda value, kinds: any(_TYPES[kind](value) for kind in ([kinds] if isinstance(kinds, str) else kinds)),
    "enum": lambda value, choices: any(_same(value, choice) for choice in choices),
    "const": _same,
    "minimum": _for("number", lambda value, limit: value >= limit),
    "maximum": _for("number", lambda value, limit: value <= limit),
    "exclusiveMinimum": _for("number", lambda value, limit: value > limit),
    "exclusiveMaximum": _for("number", lambda value, limit: value < limit),
    "multipleOf": _for("number", _is_multiple),
    "minLength": _for("string", lambda value, limit: len(value) >= limit),
    "maxLength": _for("string", lambda value, limit: len(value) <= limit),
    "pattern": _for("string", lambda value, pattern: re.search(pattern, value) is not None),
    "minItems": _for("array", lambda value, limit: len(value) >= limit),
    "maxItems": _for("array", lambda value, limit: len(value) <= limit),
    "uniqueItems": _for("array", lambda value, wanted: not wanted or _unique(value)),
    "minProperties": _for("object", lambda value, limit: len(value) >= limit),
    "maxProperties": _for("object", lambda value, limit: len(value) <= limit),
}


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."  # noqa: PLR2004 - fits a line


def enforceable(schema: Any) -> Any:
    """The schema as llama.cpp can make a grammar of it; a whole request would fail because of what it cannot read.

    Patterns that are not anchored are left out, and definitions get names that a grammar's rules can have.

    Example:
        >>> enforceable({"properties": {"a": {"pattern": "^x"}, "b": {"pattern": "^x+$"}}})
        {'properties': {'a': {}, 'b': {'pattern': '^x+$'}}}
    """
    schema = _without_loose_patterns(schema)
    for key in DEFINITIONS:
        if isinstance(schema, dict) and isinstance(schema.get(key), dict):
            schema = _with_plain_names(schema, key)
    return schema


def plain_name(name: str) -> str:
    """A name as a grammar's rules can have it."""
    return re.sub(r"[^a-zA-Z0-9-]+", "-", name)


def _with_plain_names(schema: dict[str, Any], key: str) -> dict[str, Any]:
    text = json.dumps(schema)
    for name in schema[key]:
        text = text.replace(json.dumps(f"#/{key}/{name}"), json.dumps(f"#/{key}/{plain_name(name)}"))
    renamed: dict[str, Any] = json.loads(text)
    return {**renamed, key: {plain_name(name): value for name, value in renamed[key].items()}}


def _without_loose_patterns(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_loose_patterns(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {key: _without_loose_patterns(value) for key, value in schema.items() if key != "pattern" or not _is_loose(value)}


def _is_loose(pattern: Any) -> bool:
    return isinstance(pattern, str) and not (pattern.startswith("^") and pattern.endswith("$") and "(?" not in pattern)
