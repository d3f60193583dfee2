"""Messages and tools as engines take them; what cannot be sent is refused before anything is."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_localllm.base.messages import to_openai, with_parsed_arguments, without_images
from langchain_localllm.base.tools import call_schema, chosen_tools, openai_tools
from langchain_localllm.errors import InvalidOptionError, InvalidRequestError

from .fakes import FakeChat

CALL = {"name": "add", "args": {"a": 1}, "id": "1", "type": "tool_call"}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def test_texts_of_content_blocks_become_one_text() -> None:
    parts: list[Any] = ["a", {"type": "text", "text": "b"}]
    assert to_openai([HumanMessage(parts)]) == [{"role": "user", "content": "a\nb"}]


def test_images_keep_their_place() -> None:
    picture = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}
    (message,) = to_openai([HumanMessage([{"type": "text", "text": "See"}, picture])])
    assert message["content"] == [{"type": "text", "text": "See"}, PICTURE]


def test_calls_thoughts_and_results_of_a_history_are_sent() -> None:
    blocks: list[Any] = [{"type": "reasoning", "reasoning": "Hm."}, {"type": "text", "text": "x"}, {**CALL}]
    history: list[BaseMessage] = [
        SystemMessage("Be brief."),
        AIMessage(blocks, tool_calls=[CALL]),
        ToolMessage([{"type": "text", "text": "2"}], tool_call_id="1", name="add"),
        AIMessage("y", additional_kwargs={"reasoning_content": "So."}),
    ]
    _, asked, result, last = to_openai(history)
    assert (asked["content"], asked["reasoning_content"]) == ("x", "Hm.")
    assert asked["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a": 1}'}
    assert with_parsed_arguments([asked])[0]["tool_calls"][0]["function"]["arguments"] == {"a": 1}
    assert (result["content"], result["tool_call_id"]) == ("2", "1")
    assert last["reasoning_content"] == "So."


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "no messages"),
        ([ChatMessage(role="wizard", content="x")], "'wizard'"),
        ([ToolMessage("2", tool_call_id="9")], "no earlier message made it"),
        ([HumanMessage([{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}])], "nothing is downloaded"),
        ([HumanMessage([{"type": "video", "url": "x"}])], "part of the type 'video'|cannot be read"),
    ],
)
def test_what_no_model_takes_is_refused(messages: list[BaseMessage], words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        to_openai(messages)


@pytest.mark.parametrize("given", [[("wizard", "x")], [{"role": "wizard", "content": "x"}], [{"content": "x"}], 5, [5]])
def test_input_that_is_no_message_is_refused_on_every_path(given: Any) -> None:
    chat = FakeChat()
    for call in (chat.invoke, lambda given: list(chat.stream(given)), lambda given: chat.batch([given])):
        with pytest.raises(InvalidRequestError, match="cannot be read as messages"):
            call(given)


def test_a_model_without_eyes_refuses_images() -> None:
    with pytest.raises(InvalidRequestError, match="the tiny model takes only text"):
        without_images([{"role": "user", "content": [PICTURE]}], "the tiny model")


# --- tools ---


def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        ([tool("my tool")], "such as 'my_tool'"),
        ([tool("")], "such as 'tool'"),
        ([tool("a" * 65)], "up to 64"),
        ([5], "This is no tool"),
        ([{"colour": "red"}], "This is no tool"),
    ],
)
def test_what_is_no_tool_is_refused(tools: list[Any], words: str) -> None:
    with pytest.raises(InvalidOptionError, match=words):
        FakeChat().bind_tools(tools)


@pytest.mark.parametrize(
    ("choice", "offered", "sent"),
    [
        (None, ["add", "see"], None),
        ("auto", ["add", "see"], "auto"),
        ("none", ["add", "see"], "none"),
        ("any", ["add", "see"], "required"),
        ("required", ["add", "see"], "required"),
        (True, ["add", "see"], "required"),
        (False, ["add", "see"], None),
        ("see", ["see"], "required"),
        ({"type": "function", "function": {"name": "see"}}, ["see"], "required"),
        ({"type": "tool", "name": "add"}, ["add"], "required"),
    ],
)
def test_the_choice_of_tools_reaches_the_engine(choice: Any, offered: list[str], sent: str | None) -> None:
    chat = FakeChat()
    chat.bind_tools([add, tool("see")], tool_choice=choice).invoke("Hi")
    body = chat.asked[0].body or {}
    assert [each["function"]["name"] for each in body["tools"]] == offered
    assert body.get("tool_choice") == sent


def test_a_choice_that_names_no_tool_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="one of: add"):
        chosen_tools(openai_tools([add]), "sub")


def test_a_choice_without_tools_is_not_sent() -> None:
    chat = FakeChat()
    chat.bind_tools([], tool_choice="any").invoke("Hi")
    assert {"tools", "tool_choice"}.isdisjoint(chat.asked[0].body or {})


def test_the_schema_of_a_call_holds_name_and_arguments() -> None:
    (one,) = openai_tools([add])
    schema = call_schema([one])
    assert schema["properties"]["name"] == {"const": "add"}
    assert schema["properties"]["arguments"]["required"] == ["a"]
    assert call_schema([one, tool("see")])["anyOf"] == [call_schema([one]), call_schema([tool("see")])]
    assert "parameters" in call_schema([one], "parameters")["properties"]


def test_the_definitions_of_parameters_stand_at_the_top_of_the_schema() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "$defs": {"node": {"type": "null"}}}
    schema = call_schema([{"type": "function", "function": {"name": "go_on", "parameters": node}}])
    assert schema["$defs"] == {"go-on-node": {"type": "null"}}
    assert schema["properties"]["arguments"]["properties"]["next"] == {"$ref": "#/$defs/go-on-node"}
