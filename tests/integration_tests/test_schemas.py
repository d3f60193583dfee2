"""Schemas that people use, on the three engines that make grammars of them: each is accepted, and
what is enforced holds."""

import asyncio
import datetime as dt
import itertools
import json
import uuid
from collections.abc import Iterator
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import requests
from langchain_core.tools import tool
from pydantic import BaseModel, Field, HttpUrl, RootModel, TypeAdapter

from langchain_localllm import (
    ChatGPT4All,
    ChatLlamaCpp,
    ChatLlamafile,
    ChatOllama,
    LlamaCpp,
    LocalServer,
)
from langchain_localllm.base.json_schema import broken_rules, check_schema
from langchain_localllm.base.reduce_schema import reduce_schema
from langchain_localllm.errors import AnswerCutError, InvalidOptionError, StructuredOutputError
from langchain_localllm.models import tiny_chat_model
from tools.engines import ollama

_PROMPT = "<|im_start|>user\nFill it.<|im_end|>\n<|im_start|>assistant\n"
_TEMPLATE = (
    Path("langchain_localllm/models/tiny-chat.modelfile")
    .read_text(encoding="utf-8")
    .split("TEMPLATE ")[1]
    .strip()
    .strip('"')
)


class Node(BaseModel):
    value: int = Field(ge=0, lt=10)
    next: "Node | None"


class Numbers(RootModel[Annotated[list[int], Field(max_length=3)]]):
    """Some numbers."""


def one(annotation: Any, **rules: Any) -> dict[str, Any]:
    """The schema of a class with one field."""
    made: type[BaseModel] = type(
        "Made", (BaseModel,), {"__annotations__": {"a": annotation}, "a": Field(**rules)}
    )
    return made.model_json_schema()


def of(schema: Any, **others: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}, "required": ["a"], **others}


def properties(*names: str, **others: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "boolean"} for name in names},
        "required": list(names),
        **others,
    }


PATTERNS = {
    "classes": r"^\d{3}-\w{2}\.\s$",
    "alternatives": "^yes$|^no$",
    "groups": r"^(?:a|b){1,3}$",
    "named": r"^(?<y>\d{4})$",
    "not": r"^[^\s]{2}$",
    "any": "^.{2}$",
    "letters": "^é{2}$",
    "printable": "^[ -~]{2}$",
    "phone": r"^\+[1-9]\d{2}$",
}
LOOSE = [
    r"^\p{Lu}$",
    "x",
    r"\d$",
    r"^(?=a)a$",
    r"^\bfoo$",
    '^"a"$',
    r"^\\$",
    r"^a\nb$",
    "^[a-z]{1,800}$",
    "^(a|)$",
    "^",
    "",
    "(",
    r"^[[:alpha:]]$",
]
ENFORCED: dict[str, Any] = {
    **{
        f"pattern {name}": of({"type": "string", "pattern": pattern})
        for name, pattern in PATTERNS.items()
    },
    "length": one(str, min_length=3, max_length=5),
    "integer": one(int, ge=1, le=5),
    "negative": one(int, ge=-20, lt=0),
    "above": one(int, gt=10, le=10**20),
    "exclusive": of({"type": "integer", "minimum": 0, "exclusiveMinimum": True, "maximum": 3}),
    "between": of({"type": "integer", "minimum": 0.5, "maximum": 9.5}),
    "date-time": one(dt.datetime),
    "uuid": one(uuid.UUID),
    "literal": one(Literal["x", 1, True] | None),
    "unicode": one(Literal["größe", "日本", "😀"]),
    "object constant": of({"const": {"a": [1, "é"]}}),
    "optional": one(Annotated[str, Field(max_length=3)] | None),
    "types": of({"type": ["integer", "null"], "minimum": 3}),
    "nullable": of({"type": "string", "maxLength": 3, "nullable": True}),
    "recursive": Node.model_json_schema(),
    "one part": {
        **of({"allOf": [{"$ref": "#/$defs/X"}]}),
        "$defs": {"X": {"enum": ["a", "b"], "type": "string"}},
    },
    "two parts": {
        "allOf": [
            {"$ref": "#/$defs/X"},
            {"properties": {"z": {"type": "boolean"}}, "required": ["z"]},
        ],
        "$defs": {"X": {"type": "object", "properties": {"y": {"const": 1}}, "required": ["y"]}},
    },
    "either key": {
        "type": "object",
        "properties": {"a": {"type": "null"}, "b": {"type": "null"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "reference": {
        **properties(),
        "properties": {
            "a": {"$ref": "#/$defs/P[int, .A]"},
            "b": {"$ref": "#/$defs/a~1b"},
            "c": {"$ref": "#/properties/a"},
        },
        "required": ["a", "b", "c"],
        "$defs": {"P[int, .A]": {"type": "null"}, "a/b": {"type": "boolean"}},
    },
    "tuple": of(
        {"type": "array", "items": [{"type": "null"}, {"const": 1}], "additionalItems": False}
    ),
    "long tuple": of(
        {"type": "array", "prefixItems": [{"type": "null"}], "items": {"const": 1}, "minItems": 3}
    ),
    "names": one(dict[Literal["x", "y"], bool]),
    "list": one(list[bool], min_length=1, max_length=3),
    "anchor": {**of({"$ref": "#foo"}), "$defs": {"A": {"$anchor": "foo", "type": "boolean"}}},
    "empty list": of({"type": "array", "items": False}),
    "no arguments": {"type": "object", "properties": {}},
    "rule names": properties(
        "string",
        "object",
        "root",
        "space",
        "value",
        "char",
        "def-X",
        "number-",
        "a b",
        "$id",
        "[x]",
    ),
    "umlaut": properties("größe", additionalProperties=True),
    "many": {
        "type": "object",
        "properties": {f"p{number}": {"type": "boolean"} for number in range(30)},
    },
    "list at the top": {
        "type": "array",
        "items": {"type": "integer", "maximum": 9},
        "minItems": 1,
        "maxItems": 3,
    },
    "word at the top": {"enum": ["a", "b"]},
}
ACCEPTED: dict[str, Any] = {
    **{f"pattern {pattern}": of({"type": "string", "pattern": pattern}) for pattern in LOOSE},
    "any": one(Any),
    "url": one(HttpUrl),
    "long": one(str, max_length=5000),
    "almost long": one(str, min_length=900, max_length=1000),
    "many items": one(list[int], min_length=500),
    "hundred items": one(list[bool], max_length=100),
    "boolean schemas": of(schema=True),
    "not": of({"not": {"type": "string"}}),
    "condition": {
        **of({"type": "integer"}),
        "if": {"properties": {"a": {"const": 1}}},
        "then": {"required": ["b"]},
    },
    "quotes": one(Literal['say "hi"', "C:\\temp", "two\nlines"]),
    "a name that looks like a reference": properties("$ref"),
    "quoted names": properties('a"b', "c\\d", ""),
    "dict": one(dict[str, int]),
    "decimal": one(Decimal),
    "dict by pattern": of(
        {"type": "object", "patternProperties": {r"^\p{L}+$": {"type": "integer"}}}
    ),
    "format": of({"type": "string", "format": "nonsense"}),
    "draft 7": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://x.example/z",
        **of({"type": "string"}),
    },
}


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(tiny_chat_model(), n_ctx=1024) as server:
        yield server


@pytest.fixture(scope="module")
def ollama_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ollama.serve(tmp_path_factory.mktemp("ollama")) as url:
        ollama.create(url, "tiny", Path(tiny_chat_model()), template=_TEMPLATE)
        yield url


@pytest.fixture(params=["llama-cpp-python", "xllamacpp", "llama.cpp's server", "Ollama"])
def answer(request: pytest.FixtureRequest) -> Any:
    """Asks an engine for an answer that follows a schema."""
    if request.param in {"llama-cpp-python", "xllamacpp"}:
        llm = LlamaCpp(
            model_path=str(tiny_chat_model()), backend=request.param, temperature=0, max_tokens=120
        )
        return lambda schema: llm.invoke(_PROMPT, json_schema=schema)
    if request.param == "Ollama":
        url = request.getfixturevalue("ollama_url")
        options = {"num_predict": 120, "temperature": 0, "num_thread": 1, "num_ctx": 512}
        form = {
            "model": "tiny",
            "prompt": _PROMPT,
            "raw": True,
            "stream": False,
            "options": options,
        }
        return lambda schema: _posted(
            f"{url}/api/generate", {**form, "format": reduce_schema(schema)}
        )["response"]
    url = request.getfixturevalue("server").base_url
    form = {"prompt": _PROMPT, "n_predict": 120, "temperature": 0}
    return lambda schema: _posted(
        f"{url}/completion", {**form, "json_schema": reduce_schema(schema)}
    )["content"]


def _posted(url: str, body: dict[str, Any]) -> Any:
    reply = requests.post(url, json=body, timeout=60)
    assert reply.ok, reply.text
    return reply.json()


def test_schema_rule_that_a_grammar_supports_is_enforced(answer: Any) -> None:
    broken: dict[str, Any] = {}
    whole = 0
    for name, schema in ENFORCED.items():
        check_schema(schema)
        text = answer(schema)
        try:
            value = json.loads(text)
        except ValueError:
            # cut: the tiny model does not find the end of some, and llama.cpp's server allows white
            # space without end
            continue
        whole += 1
        if rules := broken_rules(value, schema):
            broken[name] = text, rules
    assert not broken
    assert whole > len(ENFORCED) / 3


def test_schema_formats_without_a_rule_are_enforced(answer: Any) -> None:
    texts = {kind: json.loads(answer(one(kind)))["a"] for kind in (dt.timedelta, IPv4Address)}
    for kind, text in texts.items():
        TypeAdapter(kind).validate_python(text)


def test_schema_rule_that_no_grammar_supports_does_not_fail_the_request(answer: Any) -> None:
    for schema in ACCEPTED.values():
        check_schema(schema)
        assert answer(schema).lstrip().startswith("{")


@pytest.mark.parametrize("values", [['say "hi"', "C:\\temp", "two\nlines"], ["\\"]])
def test_schema_constants_with_escapes_are_enforced_in_this_process(values: list[str]) -> None:
    llm = LlamaCpp(
        model_path=str(tiny_chat_model()), backend="llama-cpp-python", temperature=0, max_tokens=60
    )
    schema = {
        "type": "object",
        "properties": {'the "key"\\': {"enum": values}},
        "required": ['the "key"\\'],
    }
    assert json.loads(llm.invoke("JSON:", json_schema=schema))['the "key"\\'] in values


# --- through the chat classes ---


@tool
def paint(colour: Literal["red", "green"]) -> str:
    """Paint the house."""
    return colour


@tool
def light(on: bool) -> bool:
    """Switch the light."""
    return on


class House(BaseModel):
    """A house."""

    colour: Literal["red", "green"]
    big: bool


@pytest.fixture(params=["llama-cpp-python", "xllamacpp", "llamafile", "ollama", "gpt4all"])
def chat(request: pytest.FixtureRequest) -> Any:
    common: dict[str, Any] = {"temperature": 0, "max_tokens": 80}
    if request.param in {"llama-cpp-python", "xllamacpp"}:
        return ChatLlamaCpp(model_path=str(tiny_chat_model()), backend=request.param, **common)
    if request.param == "gpt4all":
        return ChatGPT4All(model=str(tiny_chat_model()), **common)
    if request.param == "ollama":
        return ChatOllama(
            base_url=request.getfixturevalue("ollama_url"), model="tiny", num_thread=1, **common
        )
    return ChatLlamafile(base_url=request.getfixturevalue("server").base_url, **common)


def test_schema_tools_and_choice_of_a_call_work_as_in_bind_tools(chat: Any) -> None:
    bound = (
        chat.bind_tools([light, paint], tool_choice="paint").invoke("Paint it red.").tool_calls[0]
    )
    assert bound["name"] == "paint"
    calls = [
        chat.invoke("Paint it red.", tools=[light, paint], tool_choice="paint"),
        chat.bind_tools([light, paint]).invoke("Paint it red.", tool_choice="paint"),
        chat.bind_tools([light, paint], tool_choice="light").invoke(
            "Paint it red.", tool_choice="paint", parallel_tool_calls=False
        ),
        chat.invoke(
            "Paint it red.",
            tools=[paint],
            tool_choice={"type": "function", "function": {"name": "paint"}},
            strict=True,
        ),
    ]
    for answer in calls:
        (call,) = answer.tool_calls
        assert (call["name"], call["args"]) == (bound["name"], bound["args"])
    assert not chat.invoke("Paint it red.", tools=[paint], tool_choice="none").tool_calls


def test_schema_several_forced_calls_come_when_they_are_asked_for(chat: Any) -> None:
    answer = chat.bind_tools([paint], tool_choice="any", parallel_tool_calls=True).invoke(
        "Paint it red."
    )
    assert {call["name"] for call in answer.tool_calls} == {"paint"}


def test_schema_tools_together_with_a_format_stay_reachable(chat: Any) -> None:
    both = chat.bind_tools([paint], response_format=House)
    if isinstance(chat, ChatGPT4All):
        with pytest.raises(InvalidOptionError, match="backend='llamacpp'"):
            both.invoke("Paint the house red.")
        return
    (call,) = both.invoke("Paint the house red.").tool_calls
    assert call["name"] == "paint"
    House.model_validate_json(both.invoke("Hello!").text)
    chunks = list(both.stream("Paint the house red."))
    assert any(chunk.tool_call_chunks for chunk in chunks)
    assert chunks[-1].response_metadata["finish_reason"] == "tool_calls"


async def test_schema_tools_together_with_a_format_work_without_blocking(
    server: LocalServer,
) -> None:
    both = (
        ChatLlamafile(base_url=server.base_url, temperature=0, max_tokens=80)
        .bind_tools([paint])
        .bind(response_format=House)
    )
    assert [call["name"] for call in (await both.ainvoke("Paint the house red.")).tool_calls] == [
        "paint"
    ]
    House.model_validate_json((await both.ainvoke("Hello!")).text)


class Price(BaseModel):
    amount: Decimal


@pytest.mark.parametrize("form", [Numbers, Price])
def test_schema_list_at_the_top_and_a_decimal_are_given(chat: Any, form: type[BaseModel]) -> None:
    for method in ("json_schema", "function_calling"):
        kept = chat.with_structured_output(form, method=method, include_raw=True).invoke(
            "Give a number."
        )
        fault = kept["parsing_error"]
        assert isinstance(kept["parsed"], form) or (
            isinstance(chat, ChatGPT4All) and isinstance(fault, StructuredOutputError)
        ), fault


def test_schema_growing_object_is_streamed(chat: Any) -> None:
    grown = []
    try:
        for part in chat.with_structured_output(House.model_json_schema()).stream(
            "A big red house."
        ):
            grown.append(part)  # noqa: PERF402 - it may raise at the end
    except (StructuredOutputError, AnswerCutError):
        assert isinstance(chat, ChatGPT4All)
    assert len(grown) > 1
    for before, after in itertools.pairwise(grown):
        assert before.keys() <= after.keys()


@pytest.mark.parametrize("path", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_structured_output_cut_early_raises_answer_cut_error(
    chat: Any, method: Any, path: str
) -> None:
    begun = isinstance(chat, ChatGPT4All)  # the prompt holds the beginning of its answer
    for max_tokens in (
        (1, 2) if begun else (1, 2, 3, 5) if method == "json_mode" else (1, 2, 3, 4, 5, 6, 8, 10)
    ):
        short = chat.with_structured_output(House, method=method, max_tokens=max_tokens)
        with pytest.raises(AnswerCutError, match="Raise `max_tokens`"):
            _run(short, path)


def _run(chain: Any, path: str) -> Any:
    async def streamed() -> list[Any]:
        return [part async for part in chain.astream("A big red house.")]

    if path in {"ainvoke", "astream"}:
        return asyncio.run(chain.ainvoke("A big red house.") if path == "ainvoke" else streamed())
    return (
        chain.invoke("A big red house.")
        if path == "invoke"
        else list(chain.stream("A big red house."))
    )
