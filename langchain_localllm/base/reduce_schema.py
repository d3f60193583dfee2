"""Reduce a JSON schema to what llama.cpp can make a grammar of.

llama.cpp's server, Ollama and llama-cpp-python convert schemas to grammars, each in its own
version, and refuse a whole request because of one keyword that they cannot read. So they are given
only what all of them read; an answer is checked against the rest at the end.
"""

import contextlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from langchain_localllm.base.grammar_pattern import grammar_pattern
from langchain_localllm.base.json_schema import TYPES, modern_schema, resolve_reference

_NOTES: Final = ("title", "description", "default", "examples")
"""Keywords that a model may be shown, and that grammars ignore."""
_FORMATS: Final = frozenset({"date", "date-time", "time", "uuid"})
_IPV4: Final = r"^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$"
_IPV6: Final = (
    r"^([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}$|^::([0-9a-fA-F]{1,4}:){0,5}[0-9a-fA-F]{1,4}$"
    r"|^([0-9a-fA-F]{1,4}:){1,5}(:[0-9a-fA-F]{1,4}){1,2}$"
)
_UUID: Final = "^[0-9a-f]{8}-[0-9a-f]{4}-%d[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
"""A UUID of a version."""
_PATTERNS: Final = {
    "duration": r"^P(\d{1,4}D|(\d{1,4}D)?T\d{1,4}[HMS])$",
    "email": r"^[A-Za-z0-9]+([._+-][A-Za-z0-9]+)*@[A-Za-z0-9]+([.-][A-Za-z0-9]+)*\.[A-Za-z]{2,10}$",
    "uri": r"^[a-z][a-z0-9]{1,9}:\S+$",  # small models leave out the scheme
    **{f"uuid{version}": _UUID % version for version in range(1, 9)},
    **dict.fromkeys(("ipv6", "ipv6network", "ipv6interface"), _IPV6),
    **dict.fromkeys(("ipv4", "ipv4network", "ipv4interface"), _IPV4),
    **dict.fromkeys(("ipvanyaddress", "ipvanynetwork", "ipvanyinterface"), _IPV4),
}
"""Formats that grammars lack, and pydantic's names of some, as patterns of texts that have them."""
_CHOICES: Final = ("anyOf", "oneOf")
_HINTS: Final[dict[str, tuple[str, ...]]] = {
    "object": (
        "properties",
        "required",
        "additionalProperties",
        "patternProperties",
        "propertyNames",
    ),
    "array": ("items", "prefixItems", "minItems", "maxItems"),
    "string": ("pattern", "minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
"""Keywords by which a schema without `type` is about values of one type."""
_UNREADABLE_NAMES: Final = frozenset({"", "$ref"})
"""Names of properties that converters cannot read: they take a property `$ref` for a reference."""
_MOST_CHARACTERS: Final = 1000
_MOST_ITEMS: Final = 100
"""Larger counts are not enforced: llama.cpp refuses a grammar with too many repetitions, and it
becomes slow long before."""
_LARGEST: Final = 10**15
"""Limits of integers beyond this are not enforced; converters read at most 15 digits, or 64
bits."""


def reduce_schema(schema: Any, *, escapes: bool = False) -> dict[str, Any]:
    """Return the schema as llama.cpp can make a grammar of it.

    A value that the result allows may still break a rule of the schema.

    Args:
        schema: A JSON schema that `check_schema` accepts.
        escapes: Whether the converter writes names and constants that hold quotes, backslashes or
            line ends; older ones do not.

    Example:
        >>> reduce_schema({"type": "string", "maxLength": 2083, "format": "hostname"})
        {'type': 'string'}
    """
    converter = GrammarSchemas(escapes=escapes)
    return converter.whole(converter.add(schema))


def tool_parameters(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a tool's parameters as a server accepts them.

    The server shows them to the model and makes a grammar of them. They stay as they are where a
    grammar can hold them: models were trained on such schemas.
    """
    converted = reduce_schema(schema)
    return schema if _bare(converted) == _bare(schema) else converted


def _bare(schema: Any) -> Any:
    """Return the schema without what the conversion adds, to see any other change."""
    if isinstance(schema, list):
        return [_bare(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    added = {"additionalProperties": False, "required": []}
    return {
        key: _bare(value)
        for key, value in schema.items()
        if key not in added or value != added[key]
    }


class GrammarSchemas:
    """Converts one schema or several that become one, and collects their definitions."""

    def __init__(self, *, escapes: bool = False) -> None:
        self._escapes = escapes
        self._definitions: dict[str, Any] = {}
        self._names: dict[tuple[int, str], str] = {}
        self._roots: list[Any] = []

    def add(self, schema: Any) -> dict[str, Any]:
        """Return the converted schema, without the definitions that it refers to."""
        root = modern_schema(schema)
        self._roots.append(root)  # references are distinguished by the schema's identity
        return _Document(self, root).convert(root)

    def whole(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return a schema made of converted ones, with their definitions."""
        while "$ref" in schema:  # converters do not follow one at the top
            schema = self._definitions[_name_in(schema["$ref"])]
        return {**schema, "$defs": self._definitions} if self._definitions else schema

    def definition(self, document: "_Document", reference: str) -> str | None:
        """Return the name of a definition; `None` where the reference has no target."""
        key = (id(document.root), reference)
        if key in self._names:
            return self._names[key]
        try:
            target = resolve_reference(reference, document.root)
        except LookupError:
            return None
        name = _free_name(reference, self._definitions)
        self._names[key] = name
        self._definitions[name] = {}  # while it is converted it may refer to itself
        converted = document.convert(target)
        if converted.get("$ref") == f"#/$defs/{name}":
            converted = _anything()
        self._definitions[name] = converted
        return name

    def writes(self, value: Any) -> bool:
        """Return whether the converter writes this name or constant right."""
        return self._escapes or "\\" not in json.dumps(value, ensure_ascii=False)


def _name_in(reference: str) -> str:
    return reference.removeprefix("#/$defs/")


def _free_name(reference: str, taken: Iterable[str]) -> str:
    """Return a rule name that no property is likely to have.

    Some converters mix up the names of rules and of properties.
    """
    plain = re.sub(r"[^a-zA-Z0-9-]+", "-", reference.rpartition("/")[2]).strip("-") or "root"
    number = 0
    while (name := f"def{number or ''}-{plain}") in taken:
        number += 1
    return name


def _anything() -> dict[str, Any]:
    return {"type": list(TYPES)}


class _Document:
    """One schema that is converted; its references are looked up in it."""

    def __init__(self, schemas: GrammarSchemas, root: Any) -> None:
        self._schemas = schemas
        self._expanding: set[str] = set()
        self.root = root

    def convert(self, schema: Any) -> dict[str, Any]:
        if not isinstance(schema, Mapping):
            return _anything()
        notes = {name: schema[name] for name in _NOTES if name in schema}
        return {**notes, **self._shape(schema)}

    def _shape(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if "$ref" in schema or "allOf" in schema:
            return self._combined(schema)
        choices = schema.get("anyOf") or schema.get("oneOf")
        return self._union(schema, choices) if choices else self._plain(schema)

    def _combined(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a schema with a reference or `allOf`."""
        rules = {
            key: value for key, value in schema.items() if key not in {"$ref", "allOf", *_NOTES}
        }
        parts = [
            *([{"$ref": schema["$ref"]}] if "$ref" in schema else []),
            *schema.get("allOf", ()),
        ]
        if len(parts) != 1 or _is_constrained(rules):
            return self._expanded(schema, {})
        part = parts[0]
        if not isinstance(part, Mapping) or "$ref" not in part:
            return self.convert(part)
        name = self._schemas.definition(self, part["$ref"])
        return {"$ref": f"#/$defs/{name}"} if name else _anything()

    def _plain(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a schema without references and combinations."""
        kinds = schema.get("type", _implied_type(schema))
        for name, values in (("const", [schema.get("const")]), ("enum", schema.get("enum"))):
            if name in schema and values:
                return self._constants(name, schema[name], values, schema.get("type"))
        if isinstance(kinds, list):
            return one_of([self._typed(schema, kind) for kind in kinds])
        return self._typed(schema, kinds)

    def _expanded(self, schema: Any, rules: Mapping[str, Any]) -> dict[str, Any]:
        """Return a schema with its references followed, and further rules for the same value.

        Inside itself, a recursive schema is referred to without the further rules: it would be
        expanded without end.
        """
        followed: set[str] = set()
        merged = _merged(self._flat(schema, followed), [rules])
        if again := followed & self._expanding:
            name = self._schemas.definition(self, min(again))
            return {"$ref": f"#/$defs/{name}"} if name else _anything()
        self._expanding |= followed
        shape = self._shape(merged)
        self._expanding -= followed
        return shape

    def _flat(self, schema: Any, followed: set[str]) -> Mapping[str, Any]:
        """Return one schema for a reference, the parts of `allOf` and the keywords next to them.

        Add references to `followed`.
        """
        if not isinstance(schema, Mapping):
            return {}
        parts = list(schema.get("allOf", ()))
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in followed:
            followed.add(reference)
            with contextlib.suppress(LookupError):
                parts.append(resolve_reference(reference, self.root))
        rest = {key: value for key, value in schema.items() if key not in {"$ref", "allOf"}}
        return _merged(rest, [self._flat(part, followed) for part in parts])

    def _union(self, schema: Mapping[str, Any], choices: Sequence[Any]) -> dict[str, Any]:
        """Merge alternatives with the keywords next to them, which hold for each."""
        rest = {
            key: value
            for key, value in schema.items()
            if key not in {*_CHOICES, *_NOTES, "$defs", "definitions"}
        }
        possible = [choice for choice in choices if choice is not False]
        if not _is_constrained(rest):
            return one_of([self.convert(choice) for choice in possible])
        return one_of([self._expanded(choice, rest) for choice in possible])

    def _constants(self, name: str, rule: Any, values: Sequence[Any], kinds: Any) -> dict[str, Any]:
        possible = [value for value in values if _has_type(value, kinds)]
        if name == "enum" and possible:
            rule = values = possible
        found = dict.fromkeys(map(_type_of, values))
        if all(map(self._schemas.writes, values)):
            return {**({"type": kinds} if list(found) == [kinds] else {}), name: rule}
        return one_of([{"type": kind} for kind in found])

    def _typed(self, schema: Mapping[str, Any], kind: Any) -> dict[str, Any]:
        makers = {
            "array": self._array,
            "integer": _integer,
            "number": _number,
            "object": self._object,
            "string": _string,
        }
        if kind in makers:
            return makers[kind](schema)
        return {"type": kind} if kind in TYPES else _anything()

    def _object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        properties = {
            name: rule
            for name, rule in (schema.get("properties") or {}).items()
            if rule is not False
        }
        required = list(dict.fromkeys(schema.get("required") or ()))
        additional = self._additional(schema)
        if names := self._possible_names(schema):
            rule = schema.get("additionalProperties", True)
            properties = {**{name: rule for name in names if rule is not False}, **properties}
            additional = False
        for name in required:
            properties.setdefault(name, additional if isinstance(additional, dict) else True)
        if not _UNREADABLE_NAMES.isdisjoint(properties) or not all(
            map(self._schemas.writes, properties)
        ):
            return {"type": "object"}
        if not properties and additional is not False:
            return (
                {"type": "object"}
                if additional is True
                else {"type": "object", "additionalProperties": additional}
            )
        if not all(re.fullmatch(r"[\w ]+", name, re.ASCII) for name in properties):
            additional = False  # llama.cpp breaks other names if additional ones are allowed
        return {
            "type": "object",
            "properties": {name: self.convert(rule) for name, rule in properties.items()},
            "required": required,
            "additionalProperties": additional,
        }

    def _possible_names(self, schema: Mapping[str, Any]) -> list[str]:
        """Return the property names that an object may have, if `propertyNames` lists them.

        This is the form of a dict with enum keys.
        """
        rule = self._flat(schema.get("propertyNames"), set())
        names = rule.get("enum", [rule["const"]] if "const" in rule else [])
        return [name for name in names if isinstance(name, str)]

    def _additional(self, schema: Mapping[str, Any]) -> bool | dict[str, Any]:
        """Return what other keys may hold.

        An engine adds none where the schema does not name them.
        """
        rules = [*schema.get("patternProperties", {}).values()]
        if len(rules) == 1:
            return self.convert(rules[0])
        rule = schema.get("additionalProperties", True if rules else "properties" not in schema)
        return self.convert(rule) if isinstance(rule, Mapping) and rule else rule is not False

    def _array(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        least, most = _counts(schema, "minItems", "maxItems", _MOST_ITEMS)
        if first := schema.get("prefixItems"):
            first = [*first, *[schema.get("items", True)] * ((least or 0) - len(first))]
            size = min(len(first), most if most is not None else len(first))
            items = [self.convert(item) for item in first[:size]]
            if items:
                return {"type": "array", "prefixItems": items, "minItems": size, "maxItems": size}
        rule = schema.get("items", True)
        if rule is False or most == 0:
            return {"enum": [[]]}
        if rule in (True, {}) and least is None and most is None:
            return {"type": "array"}
        return {"type": "array", "items": self.convert(rule), **_set(minItems=least, maxItems=most)}


def _is_constrained(rules: Mapping[str, Any]) -> bool:
    known = {
        "type",
        "const",
        "enum",
        "allOf",
        "$ref",
        *_CHOICES,
        *(name for names in _HINTS.values() for name in names),
        "format",
    }
    return not known.isdisjoint(rules)


def _implied_type(schema: Mapping[str, Any]) -> str | None:
    return next((kind for kind, names in _HINTS.items() if not set(names).isdisjoint(schema)), None)


def _merged(schema: Mapping[str, Any], parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Schemas that all hold, as one. Where two have the same rule, that of the first is kept."""
    merged = dict(schema)
    for part in parts:
        for key, value in part.items():
            if key not in merged:
                merged[key] = value
            elif key == "properties":
                merged[key] = {**value, **merged[key]}
            elif key == "required":
                merged[key] = [*merged[key], *value]
            elif key == "enum":
                merged[key] = [choice for choice in merged[key] if choice in value] or merged[key]
    return merged


def one_of(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a schema that allows what one of these allows."""
    if not choices:
        return _anything()
    return choices[0] if len(choices) == 1 else {"anyOf": choices}


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return kinds.get(type(value), "object")


def _has_type(value: Any, kinds: Any) -> bool:
    """Return whether a value has the type of a schema, or one of its types."""
    kinds = kinds if isinstance(kinds, list) else [kinds]
    kind = _type_of(value)
    return kinds == [None] or kind in kinds or (kind == "integer" and "number" in kinds)


def _set(**rules: Any) -> dict[str, Any]:
    return {name: value for name, value in rules.items() if value is not None}


def _counts(
    schema: Mapping[str, Any], least: str, most: str, largest: int
) -> tuple[int | None, int | None]:
    """Return the two limits, or `None` for one that cannot be enforced."""
    low, high = schema.get(least), schema.get(most)
    if low is not None and high is not None and low > high:
        return None, None
    return (int(low) if low and low <= largest else None), (
        int(high) if high is not None and high <= largest else None
    )


def _string(schema: Mapping[str, Any]) -> dict[str, Any]:
    least, most = _counts(schema, "minLength", "maxLength", _MOST_CHARACTERS)
    pattern = schema.get("pattern", _PATTERNS.get(schema.get("format", "")))
    if isinstance(pattern, str) and (written := grammar_pattern(pattern, most)):
        return {"type": "string", "pattern": written}
    if schema.get("format") in _FORMATS:
        return {"type": "string", "format": schema["format"]}
    return {"type": "string", **_set(minLength=least, maxLength=most)}


def _number(schema: Mapping[str, Any]) -> dict[str, Any]:
    names = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    return {
        "type": "number",
        **{name: schema[name] for name in names if _is_limit(schema.get(name))},
    }


def _integer(schema: Mapping[str, Any]) -> dict[str, Any]:
    lows = [
        limit
        for name, step in (("minimum", 0), ("exclusiveMinimum", 1))
        if (limit := _whole(schema.get(name), step)) is not None
    ]
    highs = [
        -limit
        for name, step in (("maximum", 0), ("exclusiveMaximum", 1))
        if (limit := _whole(_negative(schema.get(name)), step)) is not None
    ]
    low, high = max(lows, default=None), min(highs, default=None)
    if low is not None and high is not None and low > high:
        return {"type": "integer"}
    return {"type": "integer", **_set(minimum=low, maximum=high)}


def _is_limit(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _negative(value: Any) -> Any:
    return -value if _is_limit(value) else None


def _whole(value: Any, step: int) -> int | None:
    """Return the smallest integer from a limit on.

    `step` is 1 where the limit itself is excluded.
    """
    if not _is_limit(value):
        return None
    up = -int(-value // 1)
    return up + step if up == value else up
