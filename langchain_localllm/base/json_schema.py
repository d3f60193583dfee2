"""Check a JSON schema, and a value against it, with the package `jsonschema`.

Engines enforce a schema's shape while they decode, but not all of its rules; those are checked
here. `reduce_schema` makes what the engines accept.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from langchain_localllm.base.options import warn_once
from langchain_localllm.errors import InvalidOptionError

if TYPE_CHECKING:
    import regex

_BY_NAME: Final = frozenset(
    {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)
"""Keywords that hold schemas by name."""
_DATA: Final = frozenset({"const", "default", "enum", "example", "examples"})
"""Keywords that hold values, not schemas."""
TYPES: Final = ("object", "array", "string", "number", "integer", "boolean", "null")
_KEYWORDS: Final = frozenset(
    {
        "$ref",
        "$defs",
        "allOf",
        "anyOf",
        "const",
        "enum",
        "items",
        "oneOf",
        "prefixItems",
        "properties",
    }
)
"""One of these makes a dict a JSON schema."""
_LONGEST: Final = 200
_DEEPEST: Final = 50
"""Levels of a value that jsonschema checks within Python's limit of recursion."""


def is_json_schema(value: Any) -> bool:
    """Return whether a dict is a JSON schema, judged by its keywords.

    Another dict is, for example, an OpenAI function.
    """
    if not isinstance(value, Mapping) or "parameters" in value:
        return False
    kinds = value.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return bool(_KEYWORDS & value.keys()) or (
        kinds != [] and all(isinstance(kind, str) and kind in TYPES for kind in kinds)
    )


def modern_schema(schema: Any) -> Any:
    """Return the same schema in the words of draft 2020-12.

    Understands boolean `exclusiveMinimum` and `exclusiveMaximum` (draft 4), `nullable` (OpenAPI
    3.0), a list in `items` and `dependencies` (before 2019-09).

    Example:
        >>> old = {"type": "number", "minimum": 0, "exclusiveMinimum": True, "nullable": True}
        >>> modern_schema(old)
        {'type': ['number', 'null'], 'exclusiveMinimum': 0}
    """
    if isinstance(schema, list):
        return [modern_schema(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    modern = {
        key: _member(key, value, modern_schema) for key, value in schema.items() if key != "$schema"
    }
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(modern.get(exclusive), bool) and modern.pop(exclusive) and limit in modern:
            modern[exclusive] = modern.pop(limit)
    if isinstance(modern.get("items"), list):
        modern["prefixItems"] = modern.pop("items")
        if "additionalItems" in modern:
            modern["items"] = modern.pop("additionalItems")
    if isinstance(modern.get("dependencies"), Mapping):
        for key, value in modern.pop("dependencies").items():
            modern.setdefault(
                "dependentRequired" if isinstance(value, list) else "dependentSchemas", {}
            )[key] = value
    return _or_null(modern) if isinstance(modern.get("nullable"), bool) else modern


def _member(key: str, value: Any, convert: Callable[[Any], Any]) -> Any:
    """Return what is under a keyword, with the schemas in it converted."""
    if key in _DATA:
        return value
    if key in _BY_NAME and isinstance(value, Mapping):
        return {name: convert(inner) for name, inner in value.items()}
    return convert(value)


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if not schema.pop("nullable"):
        return schema
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    kinds = schema.get("type")
    if kinds is None:
        definitions: dict[str, Any] = {
            name: schema.pop(name) for name in ("$defs", "definitions") if name in schema
        }
        return {"anyOf": [schema, {"type": "null"}], **definitions}
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return {**schema, "type": kinds if "null" in kinds else [*kinds, "null"]}


def check_schema(schema: Any) -> None:
    """Check that this is a valid JSON schema.

    It may be of draft 2020-12 or in the older words that `modern_schema` reads. A pattern that
    cannot be compiled is not an error: a warning says that answers are not checked against it.

    Raises:
        InvalidOptionError: It is not valid, or refers to what it does not hold. The message has the
            place and the fault.
    """
    schema = modern_schema(schema)
    if not isinstance(schema, bool | Mapping):
        raise _invalid("the top", f"{schema!r} is not an object")
    if fault := best_fault(schema):
        raise _invalid(*fault)
    for part in _subschemas(schema):
        if isinstance(reference := part.get("$ref"), str):
            _check_reference(reference, schema)
    _check_loops(schema)


def best_fault(schema: Any, *, any_type: bool = False) -> tuple[str, str] | None:
    """Return the place and the words of what is wrong with a schema.

    `None` for one that is written right.

    Args:
        schema: A schema in the words of draft 2020-12.
        any_type: Whether types that JSON Schema does not have, such as `str`, are no fault.
    """
    from jsonschema.exceptions import best_match

    rules = _validator_class()
    errors = [
        error
        for error in rules(rules.META_SCHEMA).iter_errors(schema)
        if not (any_type and _is_about_type(error))
    ]
    if (error := best_match(errors)) is None:
        return None
    types = f". The types are {', '.join(TYPES)}" if _is_about_type(error) else ""
    return "".join(f"/{step}" for step in error.absolute_path) or "the top", _shortened(
        error.message
    ) + types


def _is_about_type(error: Any) -> bool:
    path = error.absolute_path
    return bool(path) and path[-1] == "type"


def without_null(schema: Any) -> Any:
    """Return the same without keywords that are null, which some libraries write."""
    if isinstance(schema, list):
        return [without_null(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept = {
        key: value
        for key, value in schema.items()
        if value is not None or key in {"const", "default"}
    }
    return {key: _member(key, value, without_null) for key, value in kept.items()}


def is_recursive(schema: Mapping[str, Any]) -> bool:
    """Return whether a schema refers to a part that refers to itself."""
    return any(
        _leads_back(part["$ref"], schema)
        for part in _subschemas(schema)
        if isinstance(part.get("$ref"), str)
    )


def _leads_back(reference: str, schema: Any) -> bool:
    seen: set[str] = set()
    waiting = [reference]
    while waiting:
        try:
            target = resolve_reference(waiting.pop(), schema)
        except LookupError:
            continue
        found = {part["$ref"] for part in _subschemas(target) if isinstance(part.get("$ref"), str)}
        if reference in found:
            return True
        waiting += found - seen
        seen |= found
    return False


def _invalid(place: str, what: str) -> InvalidOptionError:
    return InvalidOptionError(f"This is not a valid JSON schema: at {place}, {what}.")


def _subschemas(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, list):
        for item in schema:
            yield from _subschemas(item)
    elif isinstance(schema, Mapping):
        yield schema
        for key, value in schema.items():
            if key not in _DATA and not key.startswith("x-"):  # OpenAPI's extensions
                yield from _subschemas(list(value.values()) if key in _BY_NAME else value)


def _check_loops(schema: Any) -> None:
    """Raise for a schema that refers to itself for the same value, which cannot be checked."""
    done: set[int] = set()

    def follow(part: Any, begun: frozenset[int]) -> None:
        if not isinstance(part, Mapping) or id(part) in done:
            return
        if id(part) in begun:
            raise _invalid(
                str(part.get("$ref", "a part of it")), "a schema refers to itself without end"
            )
        for inner in _for_the_same_value(part, schema):
            follow(inner, begun | {id(part)})
        done.add(id(part))

    for part in _subschemas(schema):
        follow(part, frozenset())


def _for_the_same_value(part: Mapping[str, Any], root: Any) -> Iterator[Any]:
    for name in ("allOf", "anyOf", "oneOf"):
        yield from part.get(name, ())
    yield from (part[name] for name in ("not", "if", "then", "else") if name in part)
    yield from part.get("dependentSchemas", {}).values()
    reference = part.get("$ref", "")
    if _within(reference, root).startswith("#"):
        yield resolve_reference(reference, root)


def _check_reference(reference: str, schema: Any) -> None:
    if not _within(reference, schema).startswith("#"):
        raise _invalid(
            reference,
            "a `$ref` leads out of the schema. Put its target under `$defs`: nothing is downloaded",
        )
    try:
        resolve_reference(reference, schema)
    except LookupError:
        raise _invalid(reference, "a `$ref` has no target") from None


def resolve_reference(reference: str, schema: Any) -> Any:
    """Return what a `$ref` such as `#/$defs/node` or `#anchor` points to.

    Raise `LookupError` if the schema has no such part.
    """
    from urllib.parse import unquote

    reference = _within(reference, schema)
    if reference not in {"", "#"} and not reference.startswith("#/"):
        return _anchored(reference.removeprefix("#"), schema)
    target = schema
    for part in reference[1:].split("/")[1:]:
        key = unquote(part).replace("~1", "/").replace("~0", "~")
        try:
            target = target[int(key)] if isinstance(target, list) else target[key]
        except (TypeError, ValueError):
            raise LookupError(reference) from None
    return target


def _within(reference: str, schema: Any) -> str:
    """Return the reference without the schema's own address, its `$id`."""
    own = schema.get("$id") if isinstance(schema, Mapping) else None
    base, mark, part = reference.partition("#")
    return f"#{part}" if mark and own and base == own.removesuffix("#") else reference


def _anchored(name: str, schema: Any) -> Any:
    """Return the part of a schema with this `$anchor`."""
    for part in _subschemas(schema):
        if name in (part.get("$anchor"), part.get("$dynamicAnchor")):
            return part
    raise LookupError(name)


def broken_rules(value: Any, schema: Any) -> list[str]:
    """Return the rules of a schema that a value breaks, each as a sentence with its place.

    Empty for a value that fits.

    Example:
        >>> broken_rules({"age": 200}, {"properties": {"age": {"maximum": 120}}})
        ['`age`: 200 is greater than the maximum of 120']
    """
    import re

    from jsonschema.exceptions import best_match
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    if _is_deeper(value, _DEEPEST):
        return [f"`the answer`: is nested more than {_DEEPEST} levels deep"]
    try:
        errors = list(
            _validator_class()(modern_schema(schema), registry=Registry()).iter_errors(value)
        )
    except Unresolvable as error:
        raise _invalid(str(error), "a `$ref` has no target") from None
    except re.error:  # jsonschema's own rules read some patterns with Python's `re`
        return []
    return [_sentence(best_match([error])) for error in errors]


def _is_deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(_is_deeper(item, levels - 1) for item in inner)


def _sentence(error: Any) -> str:
    place = ""
    for step in error.absolute_path:
        place += f"[{step}]" if isinstance(step, int) else f".{step}" if place else step
    return f"`{place or 'the answer'}`: {_shortened(error.message)}"


def _shortened(text: str) -> str:
    return (
        text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"
    )


@functools.cache
def _validator_class() -> Any:
    """Return a validator that reads patterns as JSON Schema does.

    Jsonschema itself uses Python's `re`, which lacks some.
    """
    from jsonschema import Draft202012Validator, validators

    rules = {
        "additionalProperties": _additional,
        "multipleOf": _multiple,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
    }
    return validators.extend(Draft202012Validator, rules)


def _multiple(validator: Any, factor: float, value: Any, _: Any) -> Iterator[Any]:
    """Check in decimals: jsonschema divides floats, for which 0.3 is not a multiple of 0.1."""
    from decimal import Decimal, InvalidOperation

    from jsonschema import ValidationError

    if not validator.is_type(value, "number"):
        return
    with contextlib.suppress(InvalidOperation):  # more digits than decimals hold
        if (
            value % factor
            if isinstance(value, int) and isinstance(factor, int)
            else Decimal(str(value)) % Decimal(str(factor))
        ):
            yield ValidationError(f"{value!r} is not a multiple of {factor!r}")


def _pattern(validator: Any, pattern: str, value: Any, _: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if validator.is_type(value, "string") and not _matches(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], value: Any, _: Any
) -> Iterator[Any]:
    if validator.is_type(value, "object"):
        for pattern, rule in patterns.items():
            for key, item in value.items():
                if _matches(pattern, key):
                    yield from validator.descend(item, rule, path=key, schema_path=pattern)


def _additional(validator: Any, rule: Any, value: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if not validator.is_type(value, "object"):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    extras = [
        key
        for key in value
        if key not in known and not any(_matches(pattern, key) for pattern in patterns)
    ]
    if extras and rule is False:
        yield ValidationError(
            f"additional properties are not allowed: {', '.join(map(repr, extras))}"
        )
    elif isinstance(rule, Mapping):
        for key in extras:
            yield from validator.descend(value[key], rule, path=key)


def _matches(pattern: str, text: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(text) is not None


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> "regex.Pattern[str] | None":
    import regex

    try:
        return regex.compile(_as_regex(pattern))
    except regex.error as error:
        warn_once(
            f"The pattern {pattern!r} cannot be read ({error}), so answers are not checked "
            "against it."
        )
        return None


def _as_regex(pattern: str) -> str:
    r"""Return a pattern of JSON Schema (ECMA 262) for `regex`.

    `$` is the very end, and `\u{1F600}` is a character.
    """
    import re

    def written(found: "re.Match[str]") -> str:
        if found["code"]:
            return f"\\U{int(found['code'], 16):08x}"
        return r"\Z" if found[0] == "$" else found[0]

    return re.sub(
        r"\\u\{(?P<code>[0-9a-fA-F]+)\}|\\.|\[(?:\\.|[^\]\\])*\]|\$",
        written,
        pattern,
        flags=re.DOTALL,
    )
