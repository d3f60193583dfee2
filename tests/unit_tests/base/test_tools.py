"""Tools and the choice among them, in every form that people write, in `bind_tools` and in a
call."""

import json
from typing import Annotated, Any

import pytest
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import InjectedToolArg
from langchain_core.tools import tool as structured_tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel
from pydantic.v1 import BaseModel as OldModel

from langchain_localllm.base.json_schema import broken_rules
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent
from langchain_localllm.base.tool_arguments import CallReader, parameters_of, parse_text_arguments
from langchain_localllm.base.tools import call_schema, choice_of, openai_tools
from langchain_localllm.errors import InvalidOptionError
from tests.unit_tests.fakes import FakeChat, FakeChatOllama


def add(a: int) -> int:
    """Add."""
    return a


def tool(name: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": "Do it.",
            "parameters": {"type": "object", "properties": {}},
        },
    }


@pytest.mark.parametrize(
    "choice",
    ["sub", {"type": "function", "function": {"name": "sub"}}, {"type": "sound"}, 5, "Any"],
)
def test_choice_of_unknown_choice_raises(choice: Any) -> None:
    with pytest.raises(InvalidOptionError, match="one of: add"):
        choice_of(openai_tools([add]), choice)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        *[
            (each, "required")
            for each in (True, "any", "required", {"type": "any"}, {"type": "required"})
        ],
        *[(each, None) for each in (None, False)],
        *[(each, each) for each in ("auto", "none", "add")],
        *[({"type": each}, each) for each in ("auto", "none")],
        ({"type": "function", "function": {"name": "add"}}, "add"),
        ({"type": "function", "name": "add"}, "add"),
        ({"type": "tool", "name": "add"}, "add"),
    ],
)
def test_choice_of_documented_forms_are_one(choice: Any, expected: str | None) -> None:
    assert choice_of(openai_tools([add]), choice) == expected


def test_openai_tools_what_runs_at_a_provider_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="'web_search_preview' runs at a provider"):
        openai_tools([{"type": "web_search_preview"}])
    with pytest.raises(InvalidOptionError, match="is a list of tools, not function"):
        openai_tools(add)  # type: ignore[arg-type]  # what is tested


def test_openai_tools_values_of_a_dict_are_a_list_of_tools() -> None:
    assert openai_tools({"add": add}.values()) == openai_tools([add])


@pytest.mark.parametrize("form", ["tool", "function", "dict", "class"])
def test_tools_call_arguments_tools_and_choice_work_as_in_bind_tools(form: str) -> None:
    forms: dict[str, Any] = {
        "tool": structured_tool(add),
        "function": add,
        "dict": convert_to_openai_tool(add),
        "class": type("add", (BaseModel,), {"__doc__": "Add.", "__annotations__": {"a": int}}),
    }
    bound, called = FakeChat(), FakeChat()
    tools = [forms[form], tool("see")]
    bound.bind_tools(tools, tool_choice="add", strict=True, parallel_tool_calls=False).invoke("Hi")
    called.invoke("Hi", tools=tools, tool_choice="add", strict=True, parallel_tool_calls=False)
    assert bound.asked[0].body == called.asked[0].body
    body = called.asked[0].body or {}
    assert [each["function"]["name"] for each in body["tools"]] == ["add"]
    assert (
        body["tool_choice"],
        body["parallel_tool_calls"],
        body["tools"][0]["function"]["strict"],
    ) == ("required", False, True)


def test_tools_call_tool_choice_replaces_the_bound_one() -> None:
    chat = FakeChat()
    bound = chat.bind_tools([add, tool("see")], tool_choice="add")
    for choice in ("see", "auto"):
        bound.invoke("Hi", tool_choice=choice)
    first, second = (
        [each["function"]["name"] for each in (asked.body or {})["tools"]] for asked in chat.asked
    )
    assert (first, second) == (["see"], ["add", "see"])
    with pytest.raises(InvalidOptionError, match="does not match any tool"):
        bound.invoke("Hi", tool_choice="sub")
    with pytest.raises(InvalidOptionError, match="parallel_tool_calls='no' is not valid"):
        bound.invoke("Hi", parallel_tool_calls="no")


def test_call_options_do_not_change_the_callers_tools() -> None:
    given = convert_to_openai_tool(add)
    copy = json.loads(json.dumps(given))
    FakeChat().invoke("Hi", tools=[given], strict=True)
    assert given == copy


class Step(BaseModel):
    """A step."""

    name: str
    then: "list[Step]" = []


class OldStep(OldModel):
    """A step."""

    name: str
    then: "list[OldStep]" = []


OldStep.update_forward_refs()


def plan(first: Step, config: RunnableConfig, user: Annotated[str, InjectedToolArg]) -> None:
    """Plan."""


@pytest.mark.parametrize(
    ("given", "name", "arguments", "good", "bad"),
    [
        (
            Step,
            "Step",
            ["name", "then"],
            {"name": "a", "then": [{"name": "b"}]},
            {"name": "a", "then": [{"name": 5}]},
        ),
        (
            OldStep,
            "OldStep",
            ["name", "then"],
            {"name": "a", "then": [{"name": "b"}]},
            {"name": "a", "then": [{"name": 5}]},
        ),
        (plan, "plan", ["first"], {"first": {"name": "a"}}, {"first": {"name": "a", "then": [{}]}}),
        (
            structured_tool("go")(plan),
            "go",
            ["first"],
            {"first": {"name": "a"}},
            {"first": {"name": "a", "then": [{}]}},
        ),
    ],
)
def test_tools_arguments_that_hold_themselves_keep_their_schema(
    given: Any, name: str, arguments: list[str], good: Any, bad: Any
) -> None:
    for strict in (None, True):
        (found,) = openai_tools([given], strict=strict)
        parameters = found["function"]["parameters"]
        assert (found["function"]["name"], list(parameters["properties"])) == (name, arguments)
    parameters = openai_tools([given])[0]["function"]["parameters"]
    assert not broken_rules(good, parameters)
    assert broken_rules(bad, parameters)
    assert found["function"]["description"] in {"A step.", "Plan."}
    FakeChat().invoke("Hi", tools=[given], tool_choice=name)


def test_tools_that_is_given_twice_is_offered_once() -> None:
    chat = FakeChat()
    chat.bind_tools([add, structured_tool(add), add]).invoke("Hi")
    assert len((chat.asked[0].body or {})["tools"]) == 1


def test_tools_types_that_json_schema_does_not_have_are_left_to_the_model() -> None:
    given = {
        "type": "function",
        "function": {
            "name": "x",
            "parameters": {"type": "object", "properties": {"a": {"type": "str"}}},
        },
    }
    FakeChat().invoke("Hi", tools=[given], tool_choice="any")
    null = {
        "type": "object",
        "properties": {"a": {"type": "string", "enum": None, "items": None}},
        "required": None,
    }
    (found,) = openai_tools([{"type": "function", "function": {"name": "x", "parameters": null}}])
    assert found["function"]["parameters"] == {
        "type": "object",
        "properties": {"a": {"type": "string"}},
    }


def test_tools_without_a_description_may_say_so_by_null() -> None:
    parameters = {"type": "object", "properties": {"a": {"type": "string"}}}
    for key in ("parameters", "input_schema", "inputSchema"):
        (tool,) = openai_tools([{"name": "f", "description": None, key: parameters}])
        assert {**tool["function"], "description": ""} == {
            "name": "f",
            "description": "",
            "parameters": parameters,
        }


def test_tools_of_ollama_has_objects_where_ollama_reads_no_others() -> None:
    properties = {
        "a": True,
        "b": False,
        "c": {"type": "object", "properties": {"d": True}},
        "e": {"anyOf": [True, {"type": "null"}]},
    }
    given = tool("see")
    given["function"]["parameters"] = {"type": ["object", "null"], "properties": properties}
    chat = FakeChatOllama(model="m")
    chat.invoke("Hi", tools=[given])
    sent = (chat.asked[0].body or {})["tools"][0]["function"]["parameters"]
    assert sent == {
        "type": "object",
        "nullable": True,  # not read by Ollama, as in the parameter
        "properties": {
            "a": {},
            "c": {"type": "object", "properties": {"d": {}}},
            "e": {"nullable": True},
        },
    }


def test_tools_definitions_of_two_tools_are_kept_apart() -> None:
    tools = [
        {
            "type": "function",
            "function": {
                "name": name,
                "parameters": {"$ref": "#/$defs/node", "$defs": {"node": {"const": name}}},
            },
        }
        for name in ("one", "two")
    ]
    definitions = call_schema(tools)["$defs"]
    assert definitions == {"def-node": {"const": "one"}, "def1-node": {"const": "two"}}


PARAMETERS = {
    "type": "object",
    "properties": {
        "numbers": {"type": "array", "items": {"type": "integer"}},
        "matrix": {"type": "array", "items": {"type": "array"}},
        "order": {"$ref": "#/$defs/order"},
        "maybe": {
            "anyOf": [{"type": "array", "items": {"$ref": "#/$defs/order"}}, {"type": "null"}]
        },
        "either": {"anyOf": [{"type": "array"}, {"type": "string"}]},
        "types": {"type": ["object", "null"]},
        "pair": {"type": "array", "prefixItems": [{"type": "object"}, {"type": "string"}]},
        "named": {"type": "object", "additionalProperties": {"type": "array"}},
        "note": {"type": "string"},
        "count": {"type": "integer"},
        "any": {},
        "titled": {"title": "Any"},
    },
    "$defs": {
        "order": {
            "type": "object",
            "properties": {"lines": {"type": "array"}, "note": {"type": "string"}},
        }
    },
}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("numbers", "[1, 2]", [1, 2]),
        ("numbers", "['1', \"it's\"]", ["1", "it's"]),
        ("numbers", " [1]\n", [1]),
        ("matrix", ["[1]", [2]], [[1], [2]]),
        ("matrix", '["[1]"]', [[1]]),
        ("order", '{"lines": "[1]", "note": "[2]"}', {"lines": [1], "note": "[2]"}),
        ("order", {"lines": "['a']"}, {"lines": ["a"]}),
        ("order", "{'lines': [True, None]}", {"lines": [True, None]}),
        ("maybe", '[{"lines": "[]"}]', [{"lines": []}]),
        ("maybe", "null", None),
        ("maybe", "None", None),
        ("types", '{"a": "[1]"}', {"a": "[1]"}),
        ("pair", ["{}", "{}"], [{}, "{}"]),
        ("named", {"x": "[1]"}, {"x": [1]}),
        # what stays as it is
        ("numbers", "1, 2", "1, 2"),
        ("numbers", "one", "one"),
        ("numbers", '{"a": 1}', '{"a": 1}'),
        ("numbers", "[1", "[1"),
        ("numbers", "", ""),
        ("order", "[1]", "[1]"),
        ("either", "[1]", "[1]"),
        ("note", "[1]", "[1]"),
        ("note", '{"a": 1}', '{"a": 1}'),
        ("count", "[1]", "[1]"),
        ("any", "[1]", "[1]"),
        ("titled", "{}", "{}"),
        ("unknown", "[1]", "[1]"),
    ],
)
def test_parse_text_arguments_parses_what_the_schema_asks_for(
    name: str, text: Any, value: Any
) -> None:
    assert parse_text_arguments({name: text}, PARAMETERS) == {name: value}


@pytest.mark.parametrize(
    "schema", [None, True, {}, {"$ref": "#/none"}, {"$ref": "#"}, {"anyOf": [{"$ref": "#"}]}]
)
def test_parse_text_arguments_reads_any_schema(schema: Any) -> None:
    assert parse_text_arguments({"a": "[1]"}, schema) == {"a": "[1]"}


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {"$ref": "#/none"},
        {"$ref": "https://a.org/b"},
        {"$ref": "#"},
        {"properties": {"a": {"$ref": "#"}}},
        {"anyOf": [{"$ref": "#"}]},
    ],
)
def test_parameters_of_a_tool_with_any_schema_are_returned(schema: Any) -> None:
    assert parameters_of([{"function": {"name": "add", "parameters": schema}}]).keys() == {"add"}


def test_parameters_of_a_tool_have_the_types_that_they_refer_to() -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": "string"}}}
    found = parameters_of([{"function": {"name": "add", "parameters": schema}}])["add"]
    assert found["properties"] == {"a": {"type": "string"}}


def read(
    pieces: list[StreamEvent], **kwargs: Any
) -> tuple[dict[int, dict[str, Any]], list[StreamEvent]]:
    """The calls of an answer, put together as LangChain does, and the pieces."""
    reader = CallReader({"add": PARAMETERS}, **kwargs)
    out = [part for piece in pieces for part in reader.read(piece)]
    calls: dict[int, dict[str, Any]] = {}
    for part in (part for piece in out for part in piece.tool_calls or ()):
        call = calls.setdefault(part["index"], {"name": "", "args": ""})
        call["name"] += part.get("name") or ""
        call["args"] += part.get("args") or ""
    return calls, out


def part(index: int, args: str, name: str | None = None) -> StreamEvent:
    return StreamEvent(
        "",
        tool_calls=[
            {"index": index, "id": str(index) if name else None, "name": name, "args": args}
        ],
    )


END = StreamEvent("", CompletionInfo("tool_calls"))


def test_call_reader_arguments_in_parts_are_parsed_when_they_are_whole() -> None:
    pieces = [
        part(0, '{"num', "add"),
        part(1, '{"numbers": "[1', "other"),
        part(0, 'bers": "[1, 2]"}'),
        part(1, ']"}'),
        END,
    ]
    calls, out = read(pieces)
    assert json.loads(calls[0]["args"]) == {"numbers": [1, 2]}
    assert calls[1]["args"] == '{"numbers": "[1]"}'
    assert out[-1].finish is not None


@pytest.mark.parametrize("args", ['{"numbers": "[1, ', '{"numbers": [1,  2]}', "[1]", ""])
def test_call_reader_leaves_other_arguments_as_they_are(args: str) -> None:
    assert read([part(0, args, "add"), END])[0][0]["args"] == args


def test_call_reader_only_one_call_is_kept() -> None:
    pieces = [
        StreamEvent("Hm."),
        part(0, '{"a":', "see"),
        part(1, "{}", "see"),
        part(0, "1}"),
        part(2, "{}", "see"),
        END,
    ]
    calls, out = read(pieces, only_one=True)
    assert calls == {0: {"name": "see", "args": '{"a":1}'}}
    assert (out[0].text, out[-1].finish) == ("Hm.", END.finish)
    assert set(read(pieces)[0]) == {0, 1, 2}
