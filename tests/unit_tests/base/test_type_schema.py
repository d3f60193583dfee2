"""Python types as forms of answers and as tools: a `TypedDict` of any kind, dataclasses, lists,
unions."""

import dataclasses
import datetime as dt
import enum
import json
import re
import typing
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, Required, TypeVar

import pydantic.dataclasses
import pytest
import typing_extensions
from langchain_core.messages import AIMessage
from pydantic import AnyUrl, BaseModel, Field, FileUrl, HttpUrl, PostgresDsn

from langchain_localllm.base.reduce_schema import reduce_schema
from langchain_localllm.base.structured import form_of
from langchain_localllm.base.tools import openai_tools
from langchain_localllm.base.type_schema import type_schema
from langchain_localllm.errors import InvalidOptionError, StructuredOutputError
from tests.unit_tests.fakes import FakeChat

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


class Lamp(typing.TypedDict):
    """A lamp.

    It has a color.

    Args:
        color: Its
            color.
        watts (int): Its power: at most 40.
    """

    color: str
    watts: NotRequired[int]


class Late(typing.TypedDict, total=False):
    """Annotations as texts, as with `from __future__ import annotations`."""

    a: "Required[int]"
    b: "typing_extensions.ReadOnly[NotRequired[str]]"
    c: "Annotated[Required[int], ..., 'third']"


class Room(typing_extensions.TypedDict):
    lamps: list[Lamp]
    best: typing_extensions.ReadOnly[Lamp | None]
    doors: "typing_extensions.NotRequired[dict[str, Room]]"


class House(Room, total=False):
    owner: Required[str]
    garden: bool


class Box(typing_extensions.TypedDict, Generic[T]):
    item: T
    inner: "NotRequired[Box[T]]"


class Crate(typing.TypedDict):
    boxes: Box[int]
    lamp: Box[Lamp]


class Closed(typing_extensions.TypedDict, closed=True):
    a: int


Odd = typing.TypedDict("Odd", {"first-name": str, "$ref": int, "_hidden": bool, "copy": int})


class Point(BaseModel):
    x: int


@dataclasses.dataclass
class Line:
    color: Color
    start: Point
    parts: list[int] = dataclasses.field(default_factory=list)


@pydantic.dataclasses.dataclass
class Small:
    size: int = Field(le=3)


class Pair(NamedTuple):
    a: int
    b: bool


def annotated(annotation: Any) -> Any:
    return typing_extensions.TypedDict("annotated", {"a": annotation})  # type: ignore[operator]  # mypy expects literals


@pytest.mark.parametrize(
    ("annotation", "schema", "required"),
    [
        (int, {"type": "integer"}, True),
        (Annotated[int, ..., "a number"], {"type": "integer", "description": "a number"}, True),
        (Annotated[int, "a number"], {"type": "integer", "description": "a number"}, True),
        (Annotated[int, ...], {"type": "integer"}, True),
        (
            Annotated[int, 3, "a number"],
            {"type": "integer", "description": "a number", "default": 3},
            False,
        ),
        (
            Annotated[int | None, None, "one"],
            {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "one"},
            False,
        ),
        (
            Annotated[int, Field(ge=1, description="a number")],
            {"type": "integer", "minimum": 1, "description": "a number"},
            True,
        ),
        (NotRequired[Annotated[int, ..., "one"]], {"type": "integer", "description": "one"}, False),
        (Annotated[NotRequired[int], ..., "one"], {"type": "integer", "description": "one"}, False),
        (typing_extensions.ReadOnly[NotRequired[int]], {"type": "integer"}, False),
        (dt.date, {"type": "string", "format": "date"}, True),
        (Literal["a", 1], {"enum": ["a", 1]}, True),
    ],
)
def test_type_schema_of_a_key(annotation: Any, schema: dict[str, Any], *, required: bool) -> None:
    found = type_schema(annotated(annotation))
    assert {
        key: value for key, value in found["properties"]["a"].items() if value is not None
    } == schema
    assert found.get("required", []) == (["a"] if required else [])


@pytest.mark.parametrize(
    ("typed", "required", "good", "bad"),
    [
        (Lamp, ["color"], {"color": "red"}, {"watts": 3}),
        (Late, ["a", "c"], {"a": 1, "c": 2}, {"a": 1, "b": "x"}),
        (
            Room,
            ["lamps", "best"],
            {"lamps": [{"color": "red"}], "best": None},
            {"lamps": [{}], "best": None},
        ),
        (
            House,
            ["lamps", "best", "owner"],
            {"lamps": [], "best": None, "owner": "Ann"},
            {"lamps": [], "best": None},
        ),
        (
            Crate,
            ["boxes", "lamp"],
            {"boxes": {"item": 1}, "lamp": {"item": {"color": "a"}}},
            {"boxes": {"item": 1}, "lamp": {"item": 1}},
        ),
        (
            Box[Lamp],
            ["item"],
            {"item": {"color": "a"}, "inner": {"item": {"color": "b"}}},
            {"item": {"color": "a"}, "inner": {}},
        ),
        (Closed, ["a"], {"a": 1}, {"a": 1, "b": 2}),
        (
            Odd,
            ["first-name", "$ref", "_hidden", "copy"],
            {"first-name": "a", "$ref": 1, "_hidden": True, "copy": 1},
            {"$ref": 1},
        ),
    ],
)
def test_form_of_a_typed_dict_gives_dicts_that_fit(
    typed: Any, required: list[str], good: Any, bad: Any
) -> None:
    form = form_of(typed)
    assert form.schema is not None
    assert form.schema["required"] == required
    assert form.parse_text(AIMessage(json.dumps(good))) == good
    with pytest.raises(StructuredOutputError):
        form.parse_text(AIMessage(json.dumps(bad)))
    (tool,) = openai_tools([typed])
    assert tool["function"]["name"] == form.name
    assert tool["function"]["parameters"]["required"] == required
    FakeChat().bind_tools([typed], tool_choice="any").invoke("Hi")
    for method in ("json_schema", "function_calling"):
        FakeChat().with_structured_output(typed, method=method, include_raw=True).invoke("Hi")


def test_type_schema_reads_the_docstring_as_langchain_does() -> None:
    schema = type_schema(Lamp)
    assert schema["description"] == "A lamp.\n\nIt has a color."
    assert schema["properties"]["color"]["description"] == "Its color."
    assert schema["properties"]["watts"]["description"] == "Its power: at most 40."


def test_form_of_a_strict_typed_dict_needs_all_keys() -> None:
    schema = form_of(Lamp, strict=True).schema or {}
    assert (schema["required"], schema["additionalProperties"]) == (["color", "watts"], False)


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (Line, '{"color": "red", "start": {"x": 1}}', Line(Color.RED, Point(x=1))),
        (Small, '{"size": 3}', Small(3)),
        (Pair, "[1, true]", Pair(1, b=True)),
        (Color, '"red"', Color.RED),
        (list[Point], '[{"x": 1}]', [Point(x=1)]),
        (list[Lamp], '[{"color": "red"}]', [{"color": "red"}]),
        (Point | Lamp, '{"color": "red"}', {"color": "red"}),
        (dict[Color, dt.date], '{"red": "2024-01-02"}', {Color.RED: dt.date(2024, 1, 2)}),
        (Annotated[set[int], Field(max_length=2)], "[1, 1]", {1}),
        (Literal["a", "b"], '"b"', "b"),
        (Point | None, "null", None),
    ],
)
def test_form_of_a_type_gives_its_instances(annotation: Any, text: str, value: Any) -> None:
    form = form_of(annotation)
    assert form.parse_text(AIMessage(text)) == value
    with pytest.raises(StructuredOutputError, match="does not match"):
        form.parse_text(AIMessage('{"size": 4, "a": []}'))
    for method in ("json_schema", "function_calling"):
        FakeChat().with_structured_output(annotation, method=method, include_raw=True).invoke("Hi")


def test_type_schema_decimal_is_a_number_for_the_engine_and_may_be_a_text_in_the_answer() -> None:
    form = form_of(list[Annotated[Decimal, Field(ge=0, decimal_places=2)]])
    assert (form.schema or {})["items"] == {"type": "number", "minimum": 0}
    assert form.parse_text(AIMessage('[1.25, "1.50"]')) == [Decimal("1.25"), Decimal("1.50")]


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (HttpUrl, "https://a.org/b?c=1", "ftp://a.org"),
        (FileUrl, "file:///tmp/a", "http://a.org"),
        (PostgresDsn, "postgresql+asyncpg://a:b@c.org:5432/d", "mysql://a.org/b"),
    ],
)
def test_type_schema_url_has_the_schemes_that_its_type_accepts(
    annotation: Any, good: str, bad: str
) -> None:
    pattern = type_schema(annotation)["pattern"]
    assert re.match(pattern, good)
    assert not re.match(pattern, bad)
    assert str(form_of(annotation).parse_text(AIMessage(json.dumps(good)))) == good
    assert reduce_schema(type_schema(annotation))["pattern"]


def test_type_schema_url_of_any_scheme_has_no_pattern() -> None:
    assert "pattern" not in type_schema(AnyUrl)


class Lost(typing.TypedDict):
    a: "Nowhere"  # type: ignore[name-defined]  # noqa: F821 - what is tested


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Lost, "Lost cannot be written as a JSON schema: name 'Nowhere' is not defined"),
        (annotated(Annotated[int, ..., 5]), "The key 'a' is described by 5"),
        (annotated(Callable[[int], int]), "cannot be written as a JSON schema"),
        (type("Plain", (), {}), "Plain cannot be written as a JSON schema"),
    ],
)
def test_form_of_a_type_without_a_schema_is_refused(annotation: Any, words: str) -> None:
    with pytest.raises(InvalidOptionError, match=words):
        form_of(annotation)
