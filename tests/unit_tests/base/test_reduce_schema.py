"""What is left of a schema, and of a pattern, that llama.cpp can make a grammar of;
`test_schemas.py` tries it on real engines."""

import re
from typing import Any

import pytest

from langchain_localllm.base.grammar_pattern import grammar_pattern
from langchain_localllm.base.json_schema import TYPES, check_schema
from langchain_localllm.base.reduce_schema import reduce_schema, tool_parameters

ANYTHING = {"type": list(TYPES)}
UNCONSTRAINED: list[Any] = [
    *(True, {}, {"not": {}}, {"anyOf": []}, {"enum": []}),
    *({"$ref": "#"}, {"allOf": [{"$ref": "#"}]}),
]
OBJECT: dict[str, Any] = {"required": [], "additionalProperties": False}


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"^\d{3}-[A-Z]+$", ["123-AB"], ["12-AB", "123-", "123-AB ", "x123-AB"]),
        (r"^[a-z]+@[a-z]+\.com$", ["a@b.com"], ["a@bxcom"]),
        ("^yes$|^no$", ["yes", "no"], ["yesno", "yes$"]),
        ("^(yes|no)$", ["yes", "no"], ["y"]),
        (
            r"^https?://.+$",
            ["http://a", "https://b c"],
            ["ftp://a", 'http://"', "http://\n", "http://\\"],
        ),
        (r"^\w+$", ["a_1"], ["a b", "é", ""]),
        (r"^\W$", ["-", " "], ["a", "é", '"']),
        (r"^\s$", [" "], ["\t", "a"]),
        (r"^\S+$", ["a-é"], ["a b", '"']),
        (r"^[^\s]+$", ["a-é"], ["a b", "\n", "\\"]),
        (r"^[\w.-]{2,3}$", ["a.-"], ["a", "abcd", "a b"]),
        (r"^[^ab]$", ["c", "]"], ["a", '"']),
        (r'^["a]$', ["a"], ['"']),
        (r"^[ -~]$", [" ", "!", "[", "]", "~"], ['"', "\\", "\x7f"]),
        (r"^[!-é]$", ["é", "z"], ['"', "\\"]),
        (r"^(?:a|b)*?c$", ["c", "abc"], ["ad"]),
        (r"^(?<y>\d{4})$", ["2024"], ["24"]),
        (r"^(?P<y>\d{4,})$", ["20245"], ["24"]),
        (r"^[-+]?\d+$", ["-1", "+2", "3"], ["--1"]),
        ("^é+$", ["éé"], ["e"]),
        (r"^\u00e9\x41$", ["éA"], ["e"]),
        (r"^\/\-\.\*$", ["/-.*"], ["/-a*"]),
        (r"^[\]\-]$", ["]", "-"], ["a"]),
        ("^x", ["x", "xyz"], ["ax", 'x"']),
        ("^a b", ["a bc"], ["ab"]),
    ],
)
def test_grammar_pattern_allows_what_the_pattern_allows(
    pattern: str, good: list[str], bad: list[str]
) -> None:
    written = grammar_pattern(pattern)
    assert written is not None
    # only what all converters read alike
    assert re.fullmatch(r"\^\((?:\[[^\]]+\]|\((?!\?)|[)|?*+]|\{[\d,]+\})+\)\$", written)
    assert all(re.fullmatch(written, text) for text in good)
    assert not any(re.fullmatch(written, text) for text in bad)


@pytest.mark.parametrize(
    "pattern",
    [
        *[
            "",
            "^",
            "$",
            "^$",
            "x",
            r"\d+$",
            "^a|b$",
            "^a$|b",
            "(^a$)",
            "^(a$)",
            "^a$b",
            "^a||^b",
            "^(a|)$",
            "^()$",
        ],
        *[
            "^(?=a$",
            "^(?=a)+b$",
            r"^a\b*$",
            "^(?=a)$",
            "(?=a)^a$",
            r"^(a)\1$",
            r"^\p{Lu}+$",
            r"^\cA$",
            r"^(?i)abc$",
            r"^(?i:a)$",
        ],
        *[r'^"a"$', r"^\\$", r"^a\nb$", r'^["]$', "^[\n]$", "^\t$"],
        *[
            "^a{2}{3}$",
            "^a**$",
            "^a*+$",
            "^*a$",
            "^a{0}$",
            "^a{3,2}$",
            "^a{,3}$",
            "^[a-z]{1,800}$",
            "^([a-z]{1,40}){1,40}$",
        ],
        *[
            "^[]a]$",
            "^[^]]$",
            "^[z-a]$",
            r"^[\D]$",
            "^[a-z",
            "^(a",
            "^a)",
            "^[[:alpha:]]$",
            r"^\u{41}$",
            "^a\\",
        ],
    ],
)
def test_grammar_pattern_unsupported_pattern_returns_none(pattern: str) -> None:
    assert grammar_pattern(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("^(?=a)ab$", "^([a][b])$"),
        (r"^(?!^[-+.]*$)\d+$", "^([0-9]+)$"),
        (r"^(?=.*\d)(?=.*[)(])a(?<=(a|b\)))b$", "^([a][b])$"),
        (r"^\bfoo\b$", "^([f][o][o])$"),
        (r"^a(b(?!c)|\Bd)$", "^([a]([b]|[d]))$"),
    ],
)
def test_grammar_pattern_leaves_assertions_out(pattern: str, written: str) -> None:
    assert grammar_pattern(pattern) == written


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("^[a-z]+b*$", "^([a-z]{1,9}[b]{0,9})$"),
        ("^a?(b+)+$", "^([a]?([b]+){1,9})$"),
        ("^(ab)+$", "^(([a][b])+)$"),
        ("^a{2,}$", "^([a]{2,})$"),
    ],
)
def test_grammar_pattern_repeats_a_character_no_more_often_than_the_string_is_long(
    pattern: str, written: str
) -> None:
    assert grammar_pattern(pattern, 9) == written
    assert grammar_pattern(pattern, 101) == grammar_pattern(pattern)


def test_grammar_pattern_open_at_its_end_is_bounded_by_the_length() -> None:
    written = grammar_pattern("^[A-Z]", 3)
    assert written is not None
    assert [bool(re.fullmatch(written, text)) for text in ("A", "Abc", "Abcd")] == [
        True,
        True,
        False,
    ]
    assert grammar_pattern("^abc", 3) == "^([a][b][c])$"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        # anything
        *[(each, ANYTHING) for each in UNCONSTRAINED],
        ({"title": "A"}, {"title": "A", **ANYTHING}),
        # strings
        ({"type": "string", "maxLength": 2083, "format": "hostname"}, {"type": "string"}),
        (
            {"type": "string", "minLength": 2, "maxLength": 9},
            {"type": "string", "minLength": 2, "maxLength": 9},
        ),
        ({"type": "string", "minLength": 5000, "maxLength": 9000}, {"type": "string"}),
        ({"type": "string", "minLength": 3, "maxLength": 2}, {"type": "string"}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "string", "pattern": "x", "maxLength": 3}, {"type": "string", "maxLength": 3}),
        (
            {"type": "string", "pattern": "^[0-9]$", "maxLength": 3},
            {"type": "string", "pattern": "^([0-9])$"},
        ),
        # numbers
        (
            {"type": "integer", "minimum": 0.5, "exclusiveMaximum": 9},
            {"type": "integer", "minimum": 1, "maximum": 8},
        ),
        (
            {"type": "integer", "exclusiveMinimum": 0, "minimum": -5},
            {"type": "integer", "minimum": 1},
        ),
        (
            {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
            {"type": "integer", "minimum": 1},
        ),
        ({"type": "integer", "maximum": -0.5}, {"type": "integer", "maximum": -1}),
        ({"type": "integer", "maximum": 10**20, "minimum": -(10**20)}, {"type": "integer"}),
        ({"type": "integer", "minimum": 3, "maximum": 2}, {"type": "integer"}),
        ({"type": "integer", "multipleOf": 5}, {"type": "integer"}),
        ({"type": "number", "minimum": 0, "multipleOf": 0.1}, {"type": "number", "minimum": 0}),
        # constants
        ({"const": None}, {"const": None}),
        ({"type": "string", "enum": ["a", "é"]}, {"type": "string", "enum": ["a", "é"]}),
        ({"type": "string", "enum": ["a"], "nullable": True}, {"enum": ["a", None]}),
        ({"enum": ['say "hi"', "b"]}, {"type": "string"}),
        ({"type": "string", "enum": ["a", 1, None]}, {"type": "string", "enum": ["a"]}),
        ({"type": ["number", "null"], "enum": ["a", 1, None]}, {"enum": [1, None]}),
        ({"type": "string", "enum": [1]}, {"enum": [1]}),
        ({"enum": ["\n", 1]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        # lists
        ({"type": "array"}, {"type": "array"}),
        ({"type": "array", "maxItems": 5000, "uniqueItems": True}, {"type": "array"}),
        (
            {"type": "array", "minItems": 1, "contains": {}},
            {"type": "array", "items": ANYTHING, "minItems": 1},
        ),
        (
            {"items": [{"type": "null"}, True], "minItems": 1},
            {
                "type": "array",
                "prefixItems": [{"type": "null"}, ANYTHING],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        ({"type": "array", "items": False}, {"enum": [[]]}),
        (
            {
                "prefixItems": [{"type": "null"}],
                "items": {"const": 1},
                "minItems": 3,
                "maxItems": 4,
            },
            {
                "type": "array",
                "prefixItems": [{"type": "null"}, {"const": 1}, {"const": 1}],
                "minItems": 3,
                "maxItems": 3,
            },
        ),
        # objects
        ({"type": "object"}, {"type": "object"}),
        ({"type": "object", "additionalProperties": True}, {"type": "object"}),
        ({"type": "object", "properties": {}}, {"type": "object", "properties": {}, **OBJECT}),
        (
            {"additionalProperties": {"type": "null"}},
            {"type": "object", "additionalProperties": {"type": "null"}},
        ),
        (
            {"patternProperties": {r"^\p{L}$": {"type": "null"}}},
            {"type": "object", "additionalProperties": {"type": "null"}},
        ),
        (
            {"properties": {"a": True, "b": False}},
            {"type": "object", "properties": {"a": ANYTHING}, **OBJECT},
        ),
        (
            {"required": ["a", "a"]},
            {
                "type": "object",
                "properties": {"a": ANYTHING},
                "required": ["a"],
                "additionalProperties": True,
            },
        ),
        (
            {"propertyNames": {"enum": ["a", "b"]}, "additionalProperties": {"type": "null"}},
            {
                "type": "object",
                "properties": {"a": {"type": "null"}, "b": {"type": "null"}},
                **OBJECT,
            },
        ),
        (
            {
                "propertyNames": {"$ref": "#/$defs/k"},
                "properties": {"a": {"const": 1}},
                "$defs": {"k": {"const": "b"}},
            },
            {"type": "object", "properties": {"b": ANYTHING, "a": {"const": 1}}, **OBJECT},
        ),
        ({"propertyNames": {"pattern": "^a$"}}, {"type": "object"}),
        ({"properties": {'a"': True}}, {"type": "object"}),
        ({"properties": {"": True}}, {"type": "object"}),
        (
            {"properties": {"é": {"type": "null"}}, "additionalProperties": True},
            {"type": "object", "properties": {"é": {"type": "null"}}, **OBJECT},
        ),
        # combinations
        (
            {"type": ["string", "null"], "maxLength": 3},
            {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]},
        ),
        ({"type": "string", "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"allOf": [{"type": "null"}], "description": "x"}, {"description": "x", "type": "null"}),
        (
            {"anyOf": [{"maxLength": 2}, False], "type": "string"},
            {"type": "string", "maxLength": 2},
        ),
        (
            {"allOf": [{"properties": {"a": {"type": "null"}}}, {"required": ["a"]}]},
            {
                "type": "object",
                "properties": {"a": {"type": "null"}},
                "required": ["a"],
                "additionalProperties": False,
            },
        ),
        # references
        ({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}, ANYTHING),
        (
            {
                "items": {"$ref": "#/$defs/Pair[int, .A]"},
                "$defs": {"Pair[int, .A]": {"type": "null"}},
            },
            {
                "type": "array",
                "items": {"$ref": "#/$defs/def-Pair-int-A"},
                "$defs": {"def-Pair-int-A": {"type": "null"}},
            },
        ),
        ({"items": {"$ref": "#/none"}}, {"type": "array", "items": ANYTHING}),
        (
            {
                "$id": "https://a.example/b",
                "items": {"$ref": "https://a.example/b#/$defs/c"},
                "$defs": {"c": {"type": "null"}},
            },
            {
                "type": "array",
                "items": {"$ref": "#/$defs/def-c"},
                "$defs": {"def-c": {"type": "null"}},
            },
        ),
    ],
)
def test_reduce_schema_keeps_what_grammars_hold(schema: Any, expected: Any) -> None:
    found = reduce_schema(schema)
    definitions = found.pop("$defs", {})
    expected = dict(expected)
    if "$defs" in expected:
        assert definitions == expected.pop("$defs")
    assert found == expected
    check_schema(found | {"$defs": definitions})


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("duration", ["P3D", "PT20M", "P1DT2H"], ["P", "3 days", "PT"]),
        ("email", ["a@b.org", "a.b+c@d-e.f.com"], ["a@b", "a..b@c.com", ".a@b.com", "a b@c.com"]),
        ("ipv4", ["1.2.3.4", "255.0.10.199"], ["256.1.1.1", "1.2.3", "01.2.3.4"]),
        ("ipvanyaddress", ["1.2.3.4"], ["localhost"]),
        ("ipv6", ["2001:db8:0:0:0:0:0:1", "::1", "2001:DB8::ff00:42"], ["1::", "g::1", "1:2", ""]),
        (
            "uuid4",
            ["1b4e28ba-2fa1-41d2-883f-0016d3cca427"],
            ["1b4e28ba-2fa1-11d2-883f-0016d3cca427", "1b4e28ba"],
        ),
    ],
)
def test_reduce_schema_of_a_format_is_a_pattern_of_it(
    name: str, good: list[str], bad: list[str]
) -> None:
    written = reduce_schema({"type": "string", "format": name})["pattern"]
    assert all(re.fullmatch(written, text) for text in good)
    assert not any(re.fullmatch(written, text) for text in bad)


def test_reduce_schema_a_recursive_schema_refers_to_itself() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    found = reduce_schema({"$ref": "#/$defs/node", "$defs": {"node": node}})
    written = {"type": "object", "properties": {"next": {"$ref": "#/$defs/def-node"}}, **OBJECT}
    assert found == {**written, "$defs": {"def-node": written}}


def test_reduce_schema_of_a_converter_that_writes_escapes_keeps_them() -> None:
    schema = {"type": "object", "properties": {'a"': {"enum": ["\n"]}}}
    assert reduce_schema(schema, escapes=True)["properties"] == {'a"': {"enum": ["\n"]}}


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string", "enum": ["x"], "description": "An x."}},
                "required": ["a"],
            },
            True,
        ),
        ({"type": "object", "properties": {}}, True),
        ({"type": "object", "properties": {"a": {"type": "string", "pattern": "^a$"}}}, False),
        ({"type": "object", "properties": {"a": {"title": "A"}}}, False),
    ],
)
def test_tool_parameters_stay_where_a_grammar_can_hold_them(schema: Any, kept: bool) -> None:
    assert (tool_parameters(schema) is schema) == kept


@pytest.mark.parametrize(
    "child",
    [
        {"allOf": [{"$ref": "#"}, {"required": ["name"]}]},
        {"$ref": "#", "required": ["name"]},
        {"type": "object", "anyOf": [{"$ref": "#"}, {"required": ["other"]}]},
        {"$ref": "#", "nullable": True},
    ],
)
def test_reduce_schema_a_recursive_schema_with_further_rules_ends(child: Any) -> None:
    tree = {"type": "object", "properties": {"name": {"type": "string"}, "child": child}}
    check_schema(tree)
    found = reduce_schema(tree)
    check_schema(found)
    assert found["properties"]["name"] == {"type": "string"}
