"""JSON schemas are checked by `jsonschema`, in the words of every draft, and with the patterns of
JSON Schema."""

import re
from typing import Any

import pytest

from langchain_localllm.base.json_schema import (
    broken_rules,
    check_schema,
    is_json_schema,
    modern_schema,
)
from langchain_localllm.errors import InvalidOptionError

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer", "maximum": 9},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["value"],
            "additionalProperties": False,
        }
    },
}


@pytest.mark.parametrize(
    ("value", "schema", "words"),
    [
        (
            {"value": 1, "next": {"value": 12}},
            TREE,
            "`next.value`: 12 is greater than the maximum of 9",
        ),
        ({"value": 1, "next": {"value": 2, "next": None}}, TREE, None),
        ({"next": None}, TREE, "`the answer`: 'value' is a required property"),
        (
            {"value": 1, "more": 2},
            TREE,
            "`the answer`: additional properties are not allowed: 'more'",
        ),
        (
            {"a": [{"b": "x"}]},
            {"properties": {"a": {"items": {"properties": {"b": {"enum": ["y"]}}}}}},
            "`a[0].b`: 'x' is not one of ['y']",
        ),
        ("x", {"pattern": "^y$"}, "`the answer`: 'x' does not match '^y$'"),
        (True, {"type": "integer"}, "`the answer`: True is not of type 'integer'"),
        (5, {"oneOf": [{"minimum": 1}, {"minimum": 2}]}, "is valid under each of"),
        ([1, 1], {"uniqueItems": True}, "has non-unique elements"),
        (0.3, {"multipleOf": 0.1}, None),
        (19.99, {"multipleOf": 0.01}, None),
        (0.35, {"multipleOf": 0.1}, "0.35 is not a multiple of 0.1"),
        (7, {"multipleOf": 5}, "7 is not a multiple of 5"),
        (10**40 + 1, {"multipleOf": 5}, "is not a multiple of 5"),
        (
            1,
            {
                "$id": "https://a.example",
                "$ref": "https://a.example#/$defs/A",
                "$defs": {"A": {"const": 2}},
            },
            "2 was expected",
        ),
        (1, {"const": 2, "x-note": {"$ref": "#/none"}}, "2 was expected"),
        (
            1,
            {"$ref": "#foo", "$defs": {"A": {"$anchor": "foo", "type": "string"}}},
            "1 is not of type 'string'",
        ),
    ],
)
def test_broken_rules_name_the_place_and_the_rule(
    value: Any, schema: Any, words: str | None
) -> None:
    found = "; ".join(broken_rules(value, schema))
    assert (words in found) if words else not found


def test_broken_rules_of_a_deep_value_name_the_depth() -> None:
    schema = {"items": {"$ref": "#"}}
    value: list[Any] = []
    for _ in range(40):
        value = [value]
    assert broken_rules(value, schema) == []
    for _ in range(2000):
        value = [value]
    assert "50 levels" in broken_rules(value, schema)[0]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("object", "'object' is not an object"),
        ({"type": "text"}, "The types are object, array"),
        ({"properties": ["a"]}, "['a'] is not of type 'object'"),
        ({"properties": {"a": 5}}, "at /properties/a, 5 is not"),
        ({"required": "a"}, "'a' is not of type 'array'"),
        ({"$ref": "#/$defs/none"}, "a `$ref` has no target"),
        ({"properties": {"a": {"$ref": "#/properties/b"}}}, "at #/properties/b"),
        ({"$ref": "https://example.org/a.json"}, "nothing is downloaded"),
        ({"anyOf": {}}, "{} is not of type 'array'"),
        ({"$ref": "#"}, "refers to itself without end"),
        (
            {"properties": {"a": {"allOf": [{"not": {"$ref": "#/properties/a"}}]}}},
            "refers to itself without end",
        ),
        (
            {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
            "refers to itself without end",
        ),
    ],
)
def test_check_schema_names_the_place_and_the_fault(schema: Any, words: str) -> None:
    with pytest.raises(InvalidOptionError, match=re.escape(words)):
        check_schema(schema)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        # draft 4 and OpenAPI 3.0
        ({"minimum": 0, "exclusiveMinimum": True}, [0.5, 1], [0]),
        ({"minimum": 0, "exclusiveMinimum": False}, [0], [-1]),
        ({"maximum": 5, "exclusiveMaximum": True}, [4], [5]),
        ({"exclusiveMaximum": True}, [5], []),
        ({"type": "string", "nullable": True}, ["a", None], [1]),
        ({"type": "string", "nullable": False}, ["a"], [None]),
        ({"type": "string", "enum": ["a"], "nullable": True}, ["a", None], ["b"]),
        (
            {
                "$ref": "#/definitions/a",
                "nullable": True,
                "definitions": {"a": {"type": "integer"}},
            },
            [1, None],
            ["b"],
        ),
        (
            {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "id": "x",
                "minimum": 1,
                "exclusiveMinimum": True,
            },
            [2],
            [1],
        ),
        # draft 7
        ({"items": [{"type": "integer"}], "additionalItems": False}, [[1]], [["a"], [1, 2]]),
        (
            {"dependencies": {"a": ["b"], "c": {"required": ["d"]}}},
            [{"a": 1, "b": 1}],
            [{"a": 1}, {"c": 1}],
        ),
        # names and values that look like keywords
        (
            {
                "properties": {
                    "nullable": True,
                    "exclusiveMinimum": True,
                    "items": {"type": "integer"},
                }
            },
            [{"nullable": 1}],
            [{"items": "a"}],
        ),
        ({"const": {"nullable": True}}, [{"nullable": True}], [{}]),
        ({"enum": [{"items": [1]}]}, [{"items": [1]}], [{"prefixItems": [1]}]),
        # patterns of ECMA 262, Rust and Python
        ({"pattern": r"^\p{Lu}\p{L}+$"}, ["Ada", "Élan"], ["ada", "A1"]),
        ({"pattern": r"^(?<year>\d{4})$"}, ["2024"], ["24"]),
        ({"pattern": r"^(?P<year>\d{4})$"}, ["2024"], ["24"]),
        ({"pattern": r"^a$"}, ["a"], ["a\n", "ba"]),
        ({"pattern": r"[$]\$"}, ["$$"], ["$"]),
        ({"pattern": r"^\u{1F600}\u0041$"}, ["😀A"], ["A"]),
        ({"pattern": r"^\/a\-b$"}, ["/a-b"], ["a-b"]),
        ({"pattern": r"(?=.*\d)(?!.*x)"}, ["a1"], ["a", "1x"]),
        (
            {
                "patternProperties": {r"^\p{L}+$": {"type": "integer"}},
                "additionalProperties": False,
            },
            [{"é": 1}],
            [{"é": "a"}, {"1": 1}],
        ),
        (
            {"patternProperties": {"^a": True}, "additionalProperties": {"type": "integer"}},
            [{"ab": "x", "b": 1}],
            [{"b": "x"}],
        ),
    ],
)
def test_broken_rules_of_every_draft(schema: Any, good: list[Any], bad: list[Any]) -> None:
    check_schema(schema)
    assert [broken_rules(value, schema) for value in good] == [[]] * len(good)
    assert all(broken_rules(value, schema) for value in bad)
    assert modern_schema(modern_schema(schema)) == modern_schema(schema)


def test_json_schema_pattern_that_cannot_be_read_warns_and_is_not_checked() -> None:
    schema = {"properties": {"a": {"pattern": "(unread"}, "b": {"type": "integer"}}}
    check_schema(schema)
    with pytest.warns(UserWarning, match=re.escape("The pattern '(unread' cannot be read")):
        assert broken_rules({"a": "x"}, schema) == []
    assert broken_rules({"a": "x", "b": "y"}, schema) == ["`b`: 'y' is not of type 'integer'"]


SCHEMAS: list[Any] = [
    {"type": "object"},
    {"type": ["string", "null"]},
    {"enum": [1]},
    {"$ref": "#/a"},
    {"properties": {}},
]
OTHERS: list[Any] = [
    {},
    {"type": "function"},
    {"type": []},
    {"name": "a", "parameters": {"type": "object"}},
    {"a": 1},
    5,
]


@pytest.mark.parametrize(
    ("value", "expected"),
    [*[(each, True) for each in SCHEMAS], *[(each, False) for each in OTHERS]],
)
def test_is_json_schema(value: Any, *, expected: bool) -> None:
    assert is_json_schema(value) is expected
