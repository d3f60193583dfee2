"""Structured output: what is asked of the engine, what becomes of the answer, and what an error tells."""

import json
from typing import Annotated, Any, Literal

import pytest
from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field, field_validator
from pydantic.v1 import BaseModel as OldModel
from typing_extensions import TypedDict

from langchain_localllm.base.structured import form_of, with_raw
from langchain_localllm.errors import AnswerCutError, InvalidOptionError, StructuredOutputError

from .fakes import FakeChat


class Lamp(BaseModel):
    """A lamp."""

    colour: Literal["red", "green"]
    watts: int = Field(default=40, le=100)

    @field_validator("watts")
    @classmethod
    def _even(cls, watts: int) -> int:
        if watts % 2:
            raise ValueError("watts are even here")
        return watts


class OldLamp(OldModel):
    colour: str


class LampDict(TypedDict):
    """A lamp."""

    colour: Annotated[str, ..., "its colour"]


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


def answer(text: str, reason: str = "stop") -> AIMessage:
    return AIMessage(text, response_metadata={"finish_reason": reason})


def test_a_pydantic_class_gives_its_instances() -> None:
    assert form_of(Lamp).of_text(answer('{"colour": "red"}')) == Lamp(colour="red")
    assert form_of(OldLamp).of_text(answer('{"colour": "red"}')) == OldLamp(colour="red")
    tree = {"name": "a", "children": [{"name": "b", "children": []}]}
    assert form_of(Tree).of_text(answer(json.dumps(tree))) == Tree.model_validate(tree)


@pytest.mark.parametrize(
    "schema",
    [
        LampDict,
        OldLamp.schema(),
        {"type": "object", "properties": {"colour": {"type": "string"}}},
        convert_to_openai_tool(LampDict),
    ],
)
def test_other_schemas_give_dicts(schema: Any) -> None:
    form = form_of(schema)
    assert form.of_text(answer('{"colour": "red"}')) == {"colour": "red"}
    with pytest.raises(StructuredOutputError, match=r"`colour` is 5, but `type` is 'string'"):
        form.of_text(answer('{"colour": 5}'))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"colour": "blue"}', "`colour` is 'blue', but `enum` is"),
        ('{"colour": "red", "watts": 200}', "`watts` is 200, but `maximum` is 100"),
        ('{"colour": "red", "watts": 41}', "a rule of Lamp: `watts`: Value error, watts are even here"),
        ("{}", "lacks `colour`, which is `required`"),
        ("[]", "is no JSON object"),
        ("It is red.", "is no JSON"),
    ],
)
def test_the_error_says_which_rule_failed(text: str, words: str) -> None:
    with pytest.raises(StructuredOutputError) as caught:
        form_of(Lamp).of_text(answer(text))
    assert words in str(caught.value)
    assert caught.value.llm_output == text


def test_an_answer_that_was_cut_says_so() -> None:
    with pytest.raises(AnswerCutError, match="Raise `max_tokens`"):
        form_of(Lamp).of_text(answer('{"colour": "r', "length"))
    cut = AIMessage(
        "", invalid_tool_calls=[{"name": "Lamp", "args": '{"col', "id": "1", "error": None, "type": "invalid_tool_call"}]
    )
    cut.response_metadata = {"finish_reason": "length"}
    with pytest.raises(AnswerCutError):
        form_of(Lamp).of_call(cut)


def test_a_call_gives_the_object_and_an_answer_without_one_is_told() -> None:
    form = form_of(Lamp)
    called = AIMessage("", tool_calls=[{"name": "Lamp", "args": {"colour": "red"}, "id": "1"}])
    assert form.of_call(called) == Lamp(colour="red")
    with pytest.raises(StructuredOutputError, match="did not call Lamp, but answered: 'Red"):
        form.of_call(AIMessage("Red."))


def test_raw_keeps_the_message_and_the_error() -> None:
    read = with_raw(form_of(Lamp).of_text)
    good = answer('{"colour": "red"}')
    assert read(good) == {"raw": good, "parsed": Lamp(colour="red"), "parsing_error": None}
    kept = read(answer("no"))
    assert kept["parsed"] is None
    assert isinstance(kept["parsing_error"], StructuredOutputError)


@pytest.mark.parametrize(
    "schema",
    [
        5,
        "red",
        {"colour": "red"},
        {"properties": {"a": {"type": "lamp"}}},
        {"title": "a", "properties": 3},
        {"type": "object", "$ref": "#/x"},
        {"type": "object"},
    ],
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    for method in ("json_schema", "function_calling"):
        with pytest.raises(InvalidOptionError, match="schema"):
            FakeChat().with_structured_output(schema, method=method)


def test_methods_and_missing_schemas_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="Use one of: json_schema"):
        FakeChat().with_structured_output(Lamp, method="json")  # type: ignore[arg-type]  # what is tested
    with pytest.raises(InvalidOptionError, match="needs a schema"):
        FakeChat().with_structured_output()


def asked(**kwargs: Any) -> dict[str, Any]:
    chat = FakeChat()
    chat.with_structured_output(include_raw=True, **kwargs).invoke("A red lamp")
    body = chat.asked[0].body
    assert body is not None
    return body


def test_each_method_asks_the_engine_in_its_way() -> None:
    schema = {"title": "Lamp", **Lamp.model_json_schema()}
    body = asked(schema=Lamp)
    assert body["response_format"] == {"type": "json_schema", "json_schema": {"name": "Lamp", "schema": schema}}
    assert body["messages"][0]["role"] == "system"
    assert json.dumps(schema) in body["messages"][0]["content"]
    assert [message["role"] for message in asked(schema=Lamp, show_schema=False)["messages"]] == ["user"]
    body = asked(schema=Lamp, method="function_calling")
    assert body["tools"] == [{"type": "function", "function": {"name": "Lamp", "parameters": schema}}]
    assert body["tool_choice"] == "required"
    assert asked(method="json_mode")["response_format"] == {"type": "json_object"}
    assert asked(schema=Lamp, max_tokens=7)["max_tokens"] == 7


def test_an_instruction_joins_the_system_message_and_leaves_the_callers_as_it_is() -> None:
    chat = FakeChat()
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "A lamp"}]
    chat.with_structured_output(Lamp, include_raw=True).invoke(messages)
    assert (chat.asked[0].body or {})["messages"][0]["content"].startswith("Be brief.\n\nAnswer with a JSON object")
    assert messages[0]["content"] == "Be brief."
