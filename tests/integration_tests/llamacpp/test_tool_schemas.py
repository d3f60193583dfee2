"""Tools with schemas of every kind in each published chat template, on both backends."""

from collections.abc import Iterator
from typing import Any, Final, Literal, get_args

import pytest
from langchain_core.messages import HumanMessage
from pydantic import BaseModel, Field

from langchain_localllm import ChatLlamaCpp
from langchain_localllm.base.messages import to_openai
from langchain_localllm.base.tools import openai_tools
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.runtimes.llamacpp.backend import Backend
from langchain_localllm.templates.server_parser import is_misparsed_by_server
from tools.engines import llama_cpp_source
from tools.engines.chat_formats import TEMPLATES

from .test_chat_templates import WITHOUT_LIST

QUESTION: Final = to_openai([HumanMessage("What is the weather?")])
WITH_TOOLS: Final = [
    name for name, (calls, _) in TEMPLATES.items() if calls and name not in WITHOUT_LIST
]


class Place(BaseModel):
    """A place."""

    city: str
    inside: "Place | None" = None


class Wanted(BaseModel):
    """Look up the weather."""

    zqcity: str | None = Field(None, description="A city.")
    zqdays: int | str
    zqplace: Place
    zqplaces: list[list[Place]] = []
    zqunit: Literal["C", "F"] = "C"
    zqany: Any = None
    zqmore: dict[str, float] = {}
    zqpair: tuple[int, str] | None = None


def one(schema: Any, **more: Any) -> dict[str, Any]:
    """A tool with one parameter of this schema."""
    return {
        "type": "function",
        "function": {
            "name": "zqtool",
            "description": "Look it up.",
            "parameters": {"type": "object", "properties": {"zqone": schema}, **more},
        },
    }


SHOWN: Final = ("zqcity", "zqdays", "zqplace", "zqunit")
NODE: Final = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
SCHEMAS: Final[dict[str, Any]] = {
    "pydantic": Wanted,
    "nullable by a list of types": one({"type": ["string", "null"]}),
    "nullable by a keyword": one({"type": "string", "nullable": True}),
    "several types": one({"type": ["string", "integer"]}, required=["zqone"]),
    "a choice of types": one(
        {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}
    ),
    "a choice of objects": one(
        {"oneOf": [NODE, {"type": "object", "properties": {"a": {"const": 1}}}]},
        **{"$defs": {"node": NODE}},
    ),
    "null": one({"type": "null"}),
    "nothing": one({}),
    "true": one(True),  # noqa: FBT003 - a JSON schema
    "no type": one({"description": "Anything."}, required=["zqone"]),
    "an enumeration": one({"enum": ["a", 1, None]}),
    "a constant": one({"const": "a"}),
    "no such type": one({"type": "str"}),
    "parts together": one({"allOf": [{"$ref": "#/$defs/text"}], "description": "A text."})
    | {"$defs": {"text": {"type": "string"}}},
    "a reference": one({"$ref": "#/$defs/text"}, **{"$defs": {"text": {"type": "string"}}}),
    "a reference without a target": one({"$ref": "#/$defs/text"}),
    "a recursive reference": one({"$ref": "#/$defs/node"}, **{"$defs": {"node": NODE}}),
    "arrays in arrays": one({"type": "array", "items": {"type": "array", "items": {}}}),
    "an array of anything": one({"type": "array"}),
    "a pair": one({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]}),
    "any object": one({"type": "object"}),
    "an object with any values": one({"type": "object", "additionalProperties": True}),
    "an object with values": one(
        {
            "type": "object",
            "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        }
    ),
    "deep": one(
        {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {}}}}}
    ),
    "strict": one({"type": ["string", "null"]}, required=["zqone"], additionalProperties=False),
    "no parameters": {"name": "zqtool", "description": "Look it up."},
    "an empty schema": {"name": "zqtool", "description": "Look it up.", "parameters": {}},
}


@pytest.fixture(scope="module", params=WITH_TOOLS)
def models(request: pytest.FixtureRequest) -> Iterator[list[ChatLlamaCpp]]:
    """A model with a published template, on each backend."""
    source = llama_cpp_source.install() / "templates" / f"{request.param}.jinja"
    made = [
        ChatLlamaCpp(model_path=tiny_chat_model(), chat_template=source, backend=backend, n_ctx=64)
        for backend in ("llama-cpp-python", "xllamacpp")
    ]
    yield made
    for model in made:
        model.close()


NO_ARRAYS_ON_SERVER: Final = "CohereForAI-c4ai-command-r-plus-tool_use"
"""llama.cpp's Jinja takes `.items` of an array's schema for the method of that name, and fails."""
WITH_ARRAYS: Final = {"pydantic", "arrays in arrays", "an array of anything", "a pair"}


def test_tool_with_any_schema_is_shown_on_both_backends(
    models: list[ChatLlamaCpp], request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["models"]
    here, server = models
    rendered_here = is_misparsed_by_server(here.template().source)
    for schema, given in SCHEMAS.items():
        tools = openai_tools([given])
        prompts = [here.prepare(QUESTION, [], {"tools": tools}).text]
        fails = name == NO_ARRAYS_ON_SERVER and schema in WITH_ARRAYS
        if not (rendered_here or fails):
            payload = server._chat_payload({}, QUESTION, [], {"tools": tools})
            prompts.append(server.engine.render(payload))
        for prompt in prompts:
            assert tools[0]["function"]["name"] in prompt, schema
            assert all(place in prompt for place in SHOWN if given is Wanted), schema
            assert "['string" not in prompt.lower(), schema


@pytest.mark.parametrize("name", [name for name in WITH_TOOLS if "Hermes" in name])
def test_optional_argument_has_its_type_on_both_backends(name: str) -> None:
    """Hermes' templates wrote `Union[]`, or `Any` on llama.cpp's server."""

    def weather(city: str | None = None) -> str:
        """Look up the weather."""
        return str(city)

    source = llama_cpp_source.install() / "templates" / f"{name}.jinja"
    for backend in get_args(Backend):
        with ChatLlamaCpp(
            model_path=tiny_chat_model(), chat_template=source, backend=backend, n_ctx=1024
        ) as model:
            tools = openai_tools([weather])
            prompt = model.prepare(QUESTION, [], {"tools": tools}).text
            assert "weather(city: str)" in prompt
            count = model.get_num_tokens_from_messages([HumanMessage("Hi")], tools=tools)
            assert abs(count - len(model.get_token_ids(prompt))) < 20
            bound = model.bind_tools([weather], max_tokens=4)
            assert bound.invoke("Hi").usage_metadata
