"""`response_format` in every form that OpenAI, llama-cpp-python, llama.cpp's server, Ollama and
LangChain document."""

from collections.abc import Callable
from typing import Any, Literal

import pytest
from pydantic import BaseModel, RootModel
from typing_extensions import TypedDict

from langchain_localllm.base.response_format import canonical_format
from langchain_localllm.errors import InvalidOptionError
from tests.unit_tests.fakes import FakeChat, FakeChatOllama


class Lamp(BaseModel):
    """A lamp."""

    colour: Literal["red", "green"]


class LampDict(TypedDict):
    """A lamp."""

    colour: str


class Colours(RootModel[list[str]]):
    """Colours."""


SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "green"]}},
    "required": ["colour"],
}
LIST = {"type": "array", "items": {"type": "integer"}}


@pytest.mark.parametrize("wanted", [None, {}, "", "text", {"type": "text"}])
def test_canonical_format_of_text_is_not_set(wanted: Any) -> None:
    assert canonical_format(wanted) is None
    FakeChat().invoke("Hi", response_format=wanted)


@pytest.mark.parametrize(
    "wanted",
    ["json", "json_object", {"type": "json_object"}, {"type": "json_object", "schema": None}],
)
def test_canonical_format_of_any_object(wanted: Any) -> None:
    assert canonical_format(wanted) == {"type": "json_object"}


@pytest.mark.parametrize(
    ("wanted", "schema", "name"),
    [
        ({"type": "json_object", "schema": SCHEMA}, SCHEMA, "answer"),
        ({"type": "json_schema", "schema": SCHEMA}, SCHEMA, "answer"),
        ({"type": "json_schema", "name": "lamp", "schema": SCHEMA, "strict": True}, SCHEMA, "lamp"),
        (
            {"type": "json_schema", "json_schema": {"name": "lamp", "schema": SCHEMA}},
            SCHEMA,
            "lamp",
        ),
        ({"type": "json_schema", "json_schema": {"schema": SCHEMA}}, SCHEMA, "answer"),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "lamp", "strict": True, "schema": SCHEMA},
            },
            SCHEMA,
            "lamp",
        ),
        ({"type": "json_schema", "json_schema": SCHEMA}, SCHEMA, "answer"),
        ({"type": "json_schema", "json_schema": {"name": "lamp", "schema": LIST}}, LIST, "lamp"),
        (SCHEMA, SCHEMA, "answer"),
        (LIST, LIST, "answer"),
        ({"enum": ["a"]}, {"enum": ["a"]}, "answer"),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}, "answer"),
        (Lamp, {**Lamp.model_json_schema()}, "Lamp"),
        (
            {"type": "json_schema", "json_schema": {"name": "lamp", "schema": Lamp}},
            Lamp.model_json_schema(),
            "Lamp",
        ),
        (Colours, Colours.model_json_schema(), "Colours"),
        (LampDict, None, "LampDict"),
        (list[LampDict], None, "list"),
        (int, {"title": "int", "type": "integer"}, "int"),
    ],
)
def test_canonical_format_of_a_schema(wanted: Any, schema: Any, name: str) -> None:
    found = canonical_format(wanted)
    assert found is not None
    assert found["json_schema"]["name"] == name
    assert schema is None or found["json_schema"]["schema"] == schema
    assert canonical_format(found) is found
    chat = FakeChat()
    chat.invoke("Hi", response_format=wanted)
    assert (chat.asked[0].body or {})["response_format"]["json_schema"]["name"] == name


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"type": "sound"}, "is not a form of answers. Use {'type': 'text'}"),
        ({"type": "json_schema"}, "has no schema"),
        ({"type": "json_schema", "json_schema": {"name": "a"}}, "has no schema"),
        ({"type": "json_schema", "json_schema": "a"}, "is not a form of answers"),
        (
            {"type": "json_schema", "json_schema": {"schema": {"type": "lamp"}}},
            "not a valid JSON schema: at /type",
        ),
        ({"type": "json_object", "schema": "a"}, "not a valid JSON schema"),
        ({"type": "object", "properties": {"a": 1}}, "at /properties/a"),
        ({"colour": "red"}, "is not a form of answers"),
        (["x"], "is not a form of answers"),
        ("xml", "is not a form of answers"),
        (5, "is not a form of answers"),
        (True, "is not a form of answers"),
        (Callable[[int], int], "cannot be written as a JSON schema"),
    ],
)
def test_response_format_of_another_type_is_refused(wanted: Any, words: str) -> None:
    for chat in (FakeChat(), FakeChatOllama(model="tiny")):
        with pytest.raises(InvalidOptionError) as caught:
            chat.invoke("Hi", response_format=wanted)
        assert words in str(caught.value)


def test_response_format_ollama_gets_the_schema_or_json() -> None:
    for wanted, sent in (({"type": "json_object"}, "json"), (LIST, LIST), ({"type": "text"}, None)):
        chat = FakeChatOllama(model="tiny")
        chat.invoke("Hi", response_format=wanted)
        assert (chat.asked[0].body or {}).get("format") == sent


def test_response_format_options_with_a_schema_are_sent_as_grammars_hold_them() -> None:
    loose = {"type": "string", "pattern": "x"}
    ollama, server = FakeChatOllama(model="tiny", format=loose), FakeChat(json_schema=loose)
    ollama.invoke("Hi")
    server.invoke("Hi")
    assert (ollama.asked[0].body or {})["format"] == {"type": "string"}
    assert (server.asked[0].body or {})["json_schema"] == {"type": "string"}


@pytest.mark.parametrize(("given", "key"), [(Lamp, "colour"), (LampDict, "colour")])
def test_response_format_options_with_a_class_are_its_schema(given: Any, key: str) -> None:
    ollama, server = FakeChatOllama(model="tiny", format=given), FakeChat(json_schema=given)
    ollama.invoke("Hi")
    server.invoke("Hi")
    assert list((ollama.asked[0].body or {})["format"]["properties"]) == [key]
    assert list((server.asked[0].body or {})["json_schema"]["properties"]) == [key]


@pytest.mark.parametrize("given", [5, "xml", object()])
def test_response_format_options_with_another_format_are_refused(given: Any) -> None:
    with pytest.raises(InvalidOptionError, match="is not a format of answers"):
        FakeChatOllama(model="tiny", format=given)
