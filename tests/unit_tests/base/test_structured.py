"""Structured output: what is asked of the engine, what becomes of the answer, and what an error
says."""

import datetime as dt
import enum
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import chain
from typing import Annotated, Any, Literal

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field, RootModel, field_validator
from pydantic.v1 import BaseModel as OldModel
from typing_extensions import TypedDict

from langchain_localllm.base.json_schema import check_schema
from langchain_localllm.base.reduce_schema import reduce_schema
from langchain_localllm.base.structured import StructuredOutput, form_of
from langchain_localllm.errors import AnswerCutError, InvalidOptionError, StructuredOutputError
from tests.unit_tests.fakes import FakeChat


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


def test_structured_output_pydantic_class_gives_its_instances() -> None:
    assert form_of(Lamp).parse_text(answer('{"colour": "red"}')) == Lamp(colour="red")
    assert form_of(OldLamp).parse_text(answer('{"colour": "red"}')) == OldLamp(colour="red")
    tree = {"name": "a", "children": [{"name": "b", "children": []}]}
    assert form_of(Tree).parse_text(answer(json.dumps(tree))) == Tree.model_validate(tree)


@pytest.mark.parametrize(
    "schema",
    [
        LampDict,
        OldLamp.schema(),
        {"type": "object", "properties": {"colour": {"type": "string"}}},
        convert_to_openai_tool(LampDict),
        {"name": "lamp", "strict": True, "schema": OldLamp.schema()},
        {"name": "lamp", "inputSchema": OldLamp.schema()},
        {"name": "lamp", "input_schema": OldLamp.schema()},
        {"toolSpec": {"name": "lamp", "inputSchema": {"json": OldLamp.schema()}}},
    ],
)
def test_structured_output_other_schemas_give_dicts(schema: Any) -> None:
    form = form_of(schema)
    assert form.parse_text(answer('{"colour": "red"}')) == {"colour": "red"}
    with pytest.raises(StructuredOutputError, match=r"`colour`: 5 is not of type 'string'"):
        form.parse_text(answer('{"colour": 5}'))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"colour": "blue"}', "does not match Lamp: `colour`: Input should be 'red' or 'green'"),
        ('{"colour": "red", "watts": 200}', "`watts`: Input should be less than or equal to 100"),
        ('{"colour": "red", "watts": 41}', "`watts`: Value error, watts are even here"),
        ("{}", "`colour`: Field required"),
        ("[]", "`the answer`: Input should be an object"),
        ("It is red.", "is not valid JSON"),
        ("", "is not valid JSON"),
        ('See [1]: {"colour": "blue"} and [2].', "`colour`: Input should be"),
    ],
)
def test_structured_output_error_says_which_rule_failed(text: str, words: str) -> None:
    with pytest.raises(StructuredOutputError) as caught:
        form_of(Lamp).parse_text(answer(text))
    assert words in str(caught.value)
    assert caught.value.llm_output == text


class Count(RootModel[int]):
    """A number."""


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (Lamp, '{"colour": "r'),
        (Lamp, '{"'),
        (Lamp, ""),
        (Lamp, "Here it is: "),
        (Lamp, '```json\n{"colour'),
        (Lamp, '[1] {"colour": "red'),
        (Lamp, '{"note": 1} {"colour": "red'),
        (Count, "12"),
        (Count, "-"),
        (Count, "1e"),
    ],
)
def test_structured_output_read_answer_cut_early_raises_answer_cut_error(
    schema: type, text: str
) -> None:
    with pytest.raises(AnswerCutError, match="Raise `max_tokens`") as caught:
        form_of(schema).parse_text(answer(text, "length"))
    assert caught.value.llm_output == text


def test_structured_output_read_complete_json_at_the_limit_is_not_cut() -> None:
    assert form_of(Lamp).parse_text(answer('{"colour": "red"}', "length")) == Lamp(colour="red")
    with pytest.raises(StructuredOutputError, match="`watts`") as caught:
        form_of(Lamp).parse_text(answer('{"colour": "red", "watts": 1000}', "length"))
    assert not isinstance(caught.value, AnswerCutError)


@pytest.mark.parametrize(
    ("text", "args", "shown"),
    [
        ("", None, "before it wrote anything"),
        ('{"na', None, """after '{"na'"""),
        ("<tool_", None, "after '<tool_'"),
        ("", "}", "before it wrote anything"),
        ("", '{"col"}]', """after '{"col"}]'"""),
        ("", '{"col"]', "after '{\"col\"'"),
        ("", '{"a": [1}', r"""after '{"a": \[1'"""),
        ("", '{"a": "\\\\"]', "after '"),
    ],
)
def test_structured_output_read_call_cut_early_raises_answer_cut_error(
    text: str, args: str | None, shown: str
) -> None:
    cut = answer(text, "length")
    if args is not None:
        cut.invalid_tool_calls = [
            {"name": "Lamp", "args": args, "id": "1", "error": None, "type": "invalid_tool_call"}
        ]
    with pytest.raises(AnswerCutError, match="Raise `max_tokens`") as caught:
        form_of(Lamp).parse_tool_call(cut)
    assert re.search(shown, str(caught.value))


def test_structured_output_call_gives_the_object_and_its_absence_is_reported() -> None:
    form = form_of(Lamp)
    called = AIMessage("", tool_calls=[{"name": "Lamp", "args": {"colour": "red"}, "id": "1"}])
    assert form.parse_tool_call(called) == Lamp(colour="red")
    with pytest.raises(StructuredOutputError, match="did not call Lamp, but answered: 'Red"):
        form.parse_tool_call(AIMessage("Red."))


def test_structured_output_raw_keeps_the_message_and_the_error() -> None:
    read = StructuredOutput(form_of(Lamp), include_raw=True).invoke
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
        {"name": "x", "params": {"type": "object"}},
        BaseModel,
        Callable[[int], int],
    ],
)
def test_structured_output_object_that_is_not_a_schema_is_refused(schema: Any) -> None:
    for method in ("json_schema", "function_calling"):
        with pytest.raises(InvalidOptionError, match="schema"):
            FakeChat().with_structured_output(schema, method=method)


def test_structured_output_methods_and_missing_schemas_are_refused() -> None:
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


def test_structured_output_each_method_asks_the_engine_in_its_way() -> None:
    schema = {"title": "Lamp", **Lamp.model_json_schema()}
    body = asked(schema=Lamp)
    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"] == {
        "name": "Lamp",
        "schema": reduce_schema(schema),
    }
    assert body["messages"][0]["role"] == "system"
    assert json.dumps(schema) in body["messages"][0]["content"]
    assert [message["role"] for message in asked(schema=Lamp, show_schema=False)["messages"]] == [
        "user"
    ]
    assert asked(schema=LampDict, strict=True)["response_format"]["json_schema"]["strict"] is True
    body = asked(schema=Lamp, method="function_calling")
    assert body["tools"] == [
        {"type": "function", "function": {"name": "Lamp", "parameters": schema}}
    ]
    assert body["tool_choice"] == "required"
    assert asked(method="json_mode")["response_format"] == {"type": "json_object"}
    assert asked(schema=Lamp, max_tokens=7)["max_tokens"] == 7


def test_structured_output_instruction_joins_a_copy_of_the_system_message() -> None:
    chat = FakeChat()
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "A lamp"}]
    chat.with_structured_output(Lamp, include_raw=True).invoke(messages)
    assert (chat.asked[0].body or {})["messages"][0]["content"].startswith(
        "Be brief.\n\nAnswer with a JSON object"
    )
    assert messages[0]["content"] == "Be brief."


# --- JSON with something around it ---

GOOD = '{"colour": "red"}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}```",
        f"```JSON\n{GOOD}\n```\n",
        f'An example:\n```json\n{{"color": 1}}\n```\nAnd the answer:\n```json\n{GOOD}\n```',
        f"```python\nimport json\n```\n```json\n{GOOD}\n```",
        f"Sure!\n```json\n{GOOD}\n```\nDone.",
        f"Sure: {GOOD}",
        f"{GOOD}\n\nDone.",
        f"{GOOD} {GOOD}",
        f"As in [1] and {{curly}} braces: {GOOD} See [2].",
        f'{{"colour": "blue"}} or {GOOD}',
    ],
)
def test_structured_output_json_is_found_in_an_answer(text: str) -> None:
    for form in (form_of(Lamp), form_of(LampDict)):
        if "blue" not in text or form.make:
            assert dict(form.parse_text(answer(text)))["colour"] == "red"


def test_structured_output_line_ends_in_strings_are_read() -> None:
    assert form_of(LampDict).parse_text(answer('{"colour": "r\ned\t"}')) == {"colour": "r\ned\t"}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"colour": "red"}, "b',
        '{"name": "x", "list": [{"colour": "red"}',
        '```json\n{"colour": "re',
    ],
)
def test_structured_output_values_inside_a_cut_object_are_not_the_answer(text: str) -> None:
    with pytest.raises(AnswerCutError):
        form_of(Lamp).parse_text(answer(text, "length"))


class Numbers(RootModel[list[int]]):
    """Some numbers."""


class Word(RootModel[Literal["red", "green"]]):
    """A word."""


class Either(RootModel[Lamp | Tree]):
    """One of two."""


class Strict(BaseModel, strict=True):
    day: dt.date
    kind: enum.Enum("Kind", ["a", "b"])  # type: ignore[valid-type]  # made on the spot
    pair: tuple[int, int]


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (Numbers, "[1, 2]", Numbers([1, 2])),
        (Numbers, "```json\n[1]\n```", Numbers([1])),
        (Numbers, "Here: [1] for {you}", Numbers([1])),
        (Word, '"red"', Word("red")),
        (Word, '```\n"red"\n```', Word("red")),
        (Either, '{"name": "x"}', Either(Tree(name="x"))),
        ({"type": "array", "items": {"type": "integer"}}, "[1]", [1]),
        ({"enum": ["a", 1]}, "1", 1),
        ({"type": "object"}, '{"a": 1}', {"a": 1}),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "integer"}}},
            "1",
            1,
        ),
    ],
)
def test_structured_output_accepts_other_values_than_objects(
    schema: Any, text: str, value: Any
) -> None:
    form = form_of(schema)
    assert form.parse_text(answer(text)) == value
    args = json.loads(text.strip("`\njson ").removeprefix("Here: ").partition(" for")[0])
    called = AIMessage(
        "",
        tool_calls=[
            {
                "name": form.name,
                "args": args if form.parameters is form.schema else {"value": args},
                "id": "1",
            }
        ],
    )
    assert form.parse_tool_call(called) == value


def test_structured_output_call_without_the_wrapped_argument_is_an_error() -> None:
    called = AIMessage("", tool_calls=[{"name": "Numbers", "args": {"a": 1}, "id": "1"}])
    with pytest.raises(StructuredOutputError, match="lacks the argument `value`"):
        form_of(Numbers).parse_tool_call(called)


def test_structured_output_definitions_of_a_wrapped_schema_are_at_the_top() -> None:
    parameters = form_of(Either).parameters
    assert set(parameters["$defs"]) == {"Lamp", "Tree"}
    check_schema(parameters)


def test_structured_output_strict_class_reads_json_as_json() -> None:
    text = '{"day": "2024-02-29", "kind": 1, "pair": [1, 2]}'
    assert form_of(Strict).parse_text(answer(text)).pair == (1, 2)


def test_structured_output_class_without_a_schema_is_refused() -> None:
    class Odd(BaseModel):
        call: Callable[[], int]

    with pytest.raises(InvalidOptionError, match="Odd cannot be written as a JSON schema"):
        FakeChat().with_structured_output(Odd)


def test_structured_output_pydantic_alone_checks_a_class() -> None:
    class Part(BaseModel):
        number: str = Field(pattern=r"^\p{Lu}+$")
        count: int

    assert form_of(Part).parse_text(answer('{"number": "É", "count": "5"}')) == Part(
        number="É", count=5
    )


# --- streams ---


def chunks(*texts: str, reason: str = "stop") -> Iterator[AIMessageChunk]:
    yield from (AIMessageChunk(content=text) for text in texts)
    yield AIMessageChunk(
        content="", response_metadata={"finish_reason": reason}, chunk_position="last"
    )


async def achunks(*texts: str) -> AsyncIterator[AIMessageChunk]:
    for chunk in chunks(*texts):
        yield chunk


TEXTS = ("```json\n", '{"col', 'our": "r', "ed", '"', "}", "\n```", " Done.")


async def test_structured_output_dict_is_streamed_as_it_grows() -> None:
    output = StructuredOutput(form_of(LampDict))
    grown: list[Any] = [{}, {"colour": "r"}, {"colour": "red"}]
    assert list(output.transform(chunks(*TEXTS))) == grown
    assert [each async for each in output.atransform(achunks(*TEXTS))] == grown


async def test_structured_output_instance_is_streamed_when_it_is_whole() -> None:
    output = StructuredOutput(form_of(Lamp))
    assert list(output.transform(chunks(*TEXTS))) == [Lamp(colour="red")]
    assert [each async for each in output.atransform(achunks(*TEXTS))] == [Lamp(colour="red")]


def test_structured_output_list_is_streamed_as_it_grows() -> None:
    output = StructuredOutput(form_of({"type": "array", "items": {"type": "integer"}}))
    assert list(output.transform(chunks("[1", ", 2", "]"))) == [[1], [1, 2]]


def test_structured_output_stream_raises_what_is_wrong_at_its_end() -> None:
    stream = StructuredOutput(form_of(LampDict)).transform(chunks('{"colour": ', "5}"))
    assert next(stream) == {}
    assert next(stream) == {"colour": 5}
    with pytest.raises(StructuredOutputError, match="`colour`"):
        next(stream)
    with pytest.raises(AnswerCutError):
        list(StructuredOutput(form_of(Lamp)).transform(chunks('{"colour": ', reason="length")))


def called(name: str, *args: str, index: int = 0) -> Iterator[AIMessageChunk]:
    """A call whose arguments come in pieces."""
    for number, part in enumerate(("", *args)):
        call = tool_call_chunk(
            name=None if number else name, args=part, id=None if number else name, index=index
        )
        yield AIMessageChunk(content="", tool_call_chunks=[call])


def test_structured_output_stream_of_a_call_gives_the_object() -> None:
    output = StructuredOutput(form_of(Lamp), calls=True)
    assert list(output.transform(called("Lamp", '{"colour"', ': "red"}'))) == [Lamp(colour="red")]


def test_structured_output_stream_of_a_call_gives_a_dict_as_it_grows() -> None:
    output = StructuredOutput(form_of(LampDict), calls=True)
    other = called("other", '{"colour": "blue"}')
    call = called(output.form.name, '{"colour"', ': "r', 'ed"', "}", index=1)
    assert list(output.transform(chain(other, call))) == [{}, {"colour": "r"}, {"colour": "red"}]
    numbers = StructuredOutput(
        form_of({"title": "numbers", "type": "array", "items": {"type": "integer"}}), calls=True
    )
    assert list(numbers.transform(called("numbers", '{"value": [1', ", 2", "]}"))) == [[1], [1, 2]]


def test_structured_output_stream_with_raw_gives_message_object_and_error() -> None:
    output = StructuredOutput(form_of(LampDict), include_raw=True)
    parts = list(output.transform(chunks('{"colour": "r', 'ed"}')))
    assert [part["parsed"] for part in parts if "parsed" in part] == [
        {"colour": "r"},
        {"colour": "red"},
        {"colour": "red"},
    ]
    total = parts[0]
    for part in parts[1:]:
        total += part
    assert (total["raw"].text, total["parsed"], total["parsing_error"]) == (
        '{"colour": "red"}',
        {"colour": "red"},
        None,
    )
    *_, last = output.transform(chunks('{"colour": 5}'))
    assert last["parsed"] is None
    assert isinstance(last["parsing_error"], StructuredOutputError)
