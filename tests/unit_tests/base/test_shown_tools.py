"""Tools in the schema keywords that chat templates read."""

import json
from typing import Any, Final

import pytest
from pydantic import BaseModel

from langchain_localllm.base.shown_tools import inline_tool, shown_tools
from langchain_localllm.base.tools import openai_tools
from langchain_localllm.templates.chat_template import ChatTemplate

READS: Final = (
    "{% for t in tools %}{% for name, p in t.function.parameters.properties | items %}"
    "{{ name }}: {{ p.type }}{{ p | tojson }}{% endfor %}{% endfor %}"
)
ADDS: Final = READS.replace("{{ p.type }}", "{{ 'a ' + p.description + p.type }}")
"""A template that needs a description and a type."""
KNOWS: Final = READS.replace(
    "{{ p.type }}",
    "{{ raise_exception('no') if p.type and p.type not in ['string', 'integer', 'object'] }}",
)
"""A template that fails at a type that it does not know."""


def tool(schema: Any, **more: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"one": schema}, **more}
    return {"type": "function", "function": {"name": "look", "parameters": parameters}}


def shown(schema: Any, template: str = READS, **more: Any) -> Any:
    [found] = shown_tools(template, [tool(schema, **more)])
    return found["function"]["parameters"]["properties"]["one"]


NODE: Final = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
TEXT: Final = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["string", "null"], "default": None}, {**TEXT, "nullable": True}),
        ({"type": ["string"]}, TEXT),
        ({"type": ["string", "integer"]}, {"type": "string | integer"}),
        (
            {"anyOf": [{**TEXT, "maxLength": 5}, {"type": "null"}], "description": "A."},
            {**TEXT, "maxLength": 5, "description": "A.", "nullable": True},
        ),
        (
            {"anyOf": [TEXT, {"type": "integer", "title": "Two"}], "title": "One"},
            {"type": "string | integer", "title": "One"},
        ),
        (
            {"oneOf": [{**TEXT, "pattern": "a"}, {"type": "integer"}]},
            {"type": "string | integer", "anyOf": [{**TEXT, "pattern": "a"}, {"type": "integer"}]},
        ),
        ({"type": "string", "nullable": True}, {**TEXT, "nullable": True}),
        ({"enum": ["a", "b"]}, {**TEXT, "enum": ["a", "b"]}),
        ({"const": 1}, {"type": "integer", "enum": [1]}),
        ({"anyOf": [False, TEXT]}, TEXT),
        ({"properties": {"a": False}}, {"type": "object", "properties": {}}),
        (
            {"properties": {"a": {"enum": [1.5]}}},
            {"type": "object", "properties": {"a": {"type": "number", "enum": [1.5]}}},
        ),
        (
            {"items": {"type": ["string", "null"]}},
            {"type": "array", "items": {**TEXT, "nullable": True}},
        ),
        ({"type": "object", "additionalProperties": False}, {"type": "object"}),
        (
            {"type": "object", "additionalProperties": {"type": ["null", "string"]}},
            {"type": "object", "additionalProperties": {**TEXT, "nullable": True}},
        ),
        ({"type": "array"}, {"type": "array", "items": {"type": "any"}}),
        (
            {"prefixItems": [TEXT, {"type": "integer"}]},
            {
                "type": "array",
                "prefixItems": [TEXT, {"type": "integer"}],
                "items": {"type": "string | integer"},
            },
        ),
        ({"$ref": "#/$defs/text", "description": "A."}, {**TEXT, "description": "A."}),
        ({"$ref": "#/$defs/none"}, {"type": "any"}),
        ({"allOf": [{"$ref": "#/$defs/text"}, {"minLength": 1}]}, {**TEXT, "minLength": 1}),
        ({"$ref": "#/$defs/node"}, {"type": "object", "properties": {"next": {"type": "object"}}}),
        ({"$ref": "#/$defs/loop"}, {"type": "object"}),
        ({"type": "null"}, {"type": "any", "nullable": True}),
        ({"type": "str"}, {"type": "str"}),
        (True, {"type": "any"}),
    ],
)
def test_shown_tools_schema_has_one_type_where_it_can(schema: Any, expected: Any) -> None:
    definitions: Any = {"text": TEXT, "node": NODE, "loop": {"$ref": "#/$defs/loop"}}
    assert shown(schema, READS, **{"$defs": definitions}) == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, {}),
        ({}, {}),
        ({"anyOf": [{}, {"type": "null"}]}, {"nullable": True}),
        ({"type": "string", "const": "a"}, {**TEXT, "enum": ["a"]}),
        ({"type": ["null", "string"]}, {"type": ["string", "null"], "nullable": True}),
        ({"anyOf": [{"type": "null"}, TEXT]}, {"type": ["string", "null"], "nullable": True}),
        ({"oneOf": [TEXT, {"type": "integer"}]}, {"type": ["string", "integer"]}),
        (
            {"oneOf": [{"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/text"}]},
            {
                "type": ["object", "string"],
                "anyOf": [
                    {"type": "object", "properties": {"kind": {**TEXT, "enum": ["cat"]}}},
                    TEXT,
                ],
            },
        ),
        (
            {"items": {"allOf": [{"$ref": "#/$defs/text"}, {"minLength": 1}]}},
            {"type": "array", "items": {**TEXT, "minLength": 1}},
        ),
    ],
)
def test_inline_tool_schema_has_no_references_and_lists_types(schema: Any, expected: Any) -> None:
    cat: Any = {"type": "object", "properties": {"kind": {"const": "cat"}}}
    found = inline_tool(tool(schema, **{"$defs": {"text": TEXT, "cat": cat}}))
    assert found["function"]["parameters"] == {"type": "object", "properties": {"one": expected}}


def test_shown_tools_optional_parameter_of_a_class_has_its_type() -> None:
    class Look(BaseModel):
        """Look it up."""

        city: str | None = None

    tools = openai_tools([Look])
    assert "type" not in tools[0]["function"]["parameters"]["properties"]["city"]
    text = ChatTemplate(READS).render([], tools=shown_tools(READS, tools))
    assert text.startswith("city: string{")


@pytest.mark.parametrize(
    ("template", "schema", "expected"),
    [
        (ADDS, {"type": ["string", "integer"]}, {"description": "", "type": "string | integer"}),
        (
            ADDS,
            {"type": "object"},
            {"description": "", "type": "object", "additionalProperties": {}},
        ),
        (
            KNOWS,
            {"type": ["string", "integer"]},
            {"type": "string", "anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
        (KNOWS, {"description": "A."}, {"description": "A."}),
        (KNOWS, {"type": "str"}, {}),
    ],
)
def test_shown_tools_types_are_written_as_the_template_takes_them(
    template: str, schema: Any, expected: Any
) -> None:
    assert shown(schema, template) == expected


@pytest.mark.parametrize("template", ["{{ tools | tojson }}", "{{ tools | tojson | tojson }}", ""])
def test_shown_tools_are_unchanged_where_the_template_writes_json(template: str) -> None:
    tools = [tool({"type": ["string", "null"]})]
    assert shown_tools(template, tools) is tools


def test_shown_tools_are_unchanged_where_no_form_can_be_rendered() -> None:
    tools = [tool({"type": ["string", "null"]})]
    assert shown_tools("{{ raise_exception('no') }}", tools) == tools


def test_shown_tools_without_parameters_have_some() -> None:
    [found] = shown_tools(READS, [{"type": "function", "function": {"name": "look"}}])
    assert found["function"]["parameters"] == {"type": "object", "properties": {}}


def test_shown_tools_references_that_double_do_not_grow_without_end() -> None:
    definitions: dict[str, Any] = {"n40": TEXT}
    for number in range(40):
        below = {"$ref": f"#/$defs/n{number + 1}"}
        definitions[f"n{number}"] = {"type": "object", "properties": {"a": below, "b": below}}
    found = shown({"$ref": "#/$defs/n0"}, READS, **{"$defs": definitions})
    assert len(json.dumps(found)) < 100_000
