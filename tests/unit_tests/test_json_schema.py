"""Our check of JSON schemas agrees with the reference, and tells the rule that is broken."""

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_localllm.base.json_schema import broken_rules, check_schema, enforceable
from langchain_localllm.errors import InvalidOptionError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 5) | st.sampled_from([0.5, 2.0, "", "ab", "b", "red"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=6,
)
RULES: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(["integer", "string", "object", "array", ["null", "number"], "boolean"]),
    "enum": st.lists(VALUES, min_size=1, max_size=3),
    "const": VALUES,
    "minimum": st.integers(-2, 3),
    "exclusiveMaximum": st.integers(-2, 3),
    "multipleOf": st.sampled_from([2, 0.5]),
    "minLength": st.integers(0, 2),
    "maxLength": st.integers(0, 2),
    "pattern": st.sampled_from(["^a", "b"]),
    "minItems": st.integers(0, 2),
    "maxItems": st.integers(0, 2),
    "uniqueItems": st.booleans(),
    "required": st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True),
    "maxProperties": st.integers(0, 2),
}


def with_inner(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
    several = st.lists(inner, min_size=1, max_size=2)
    holding = {
        **dict.fromkeys(("items", "additionalProperties", "not", "contains", "propertyNames"), inner),
        **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), several),
        "properties": named,
        "patternProperties": named,
    }
    return st.fixed_dictionaries({}, optional={**RULES, **holding}).map(lambda schema: dict(list(schema.items())[:4]))


SCHEMAS = st.recursive(st.booleans() | st.fixed_dictionaries({}, optional=RULES), with_inner, max_leaves=4)


@given(VALUES, SCHEMAS)
def test_we_agree_with_the_reference(value: Any, schema: Any) -> None:
    check_schema(schema)
    assert (broken_rules(value, schema) == []) == jsonschema.Draft202012Validator(schema).is_valid(value)


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
        ({"value": 1, "next": {"value": 12}}, TREE, "`next` fits none of `anyOf` (`next.value` is 12, but `maximum` is 9)"),
        ({"value": 1, "next": {"value": 2, "next": None}}, TREE, None),
        ({"next": None}, TREE, "the answer lacks `value`, which is `required`"),
        ({"value": 1, "more": 2}, TREE, "the answer has `more`, and `additionalProperties` is false"),
        (
            {"a": [{"b": "x"}]},
            {"properties": {"a": {"items": {"properties": {"b": {"enum": ["y"]}}}}}},
            "`a[0].b` is 'x', but `enum` is",
        ),
        ("x", {"pattern": "^y$"}, "the answer is 'x', but `pattern` is '^y$'"),
        (True, {"type": "integer"}, "the answer is True, but `type` is 'integer'"),
        (5, {"oneOf": [{"minimum": 1}, {"minimum": 2}]}, "fits 2 of `oneOf`, not one"),
        ([1, 1], {"uniqueItems": True}, "`uniqueItems`"),
    ],
)
def test_the_broken_rule_is_told(value: Any, schema: Any, words: str | None) -> None:
    told = "; ".join(broken_rules(value, schema))
    assert (words in told) if words else not told


def test_a_schema_that_names_itself_without_end_is_ended() -> None:
    assert "nested too deeply" in broken_rules(1, {"$ref": "#"})[0]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("object", "where a schema should be"),
        ({"type": "text"}, "'text' is no type"),
        ({"properties": ["a"]}, "`properties` is no object"),
        ({"properties": {"a": 5}}, "at /properties/a"),
        ({"required": "a"}, "`required` is no list"),
        ({"items": {"pattern": "("}}, "`pattern` cannot be read"),
        ({"$ref": "#/$defs/none"}, "names what is not there"),
        ({"$ref": "https://example.org/a.json"}, "leads out of the schema"),
        ({"anyOf": {}}, "`anyOf` is no list"),
    ],
)
def test_what_is_no_schema_is_refused(schema: Any, words: str) -> None:
    with pytest.raises(InvalidOptionError, match=re.escape(words)):
        check_schema(schema)


def test_definitions_get_names_that_rules_can_have() -> None:
    schema = {"items": {"$ref": "#/$defs/Pair_int_.A"}, "$defs": {"Pair_int_.A": {"type": "integer"}}}
    assert enforceable(schema) == {"items": {"$ref": "#/$defs/Pair-int-A"}, "$defs": {"Pair-int-A": {"type": "integer"}}}
