"""What is particular to the chat model on Ollama: its template, tools, forced calls, structured
output, images, thoughts."""

import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from pydantic import BaseModel, Field

from langchain_localllm import ChatLlamafile, ChatOllama, LocalServer
from langchain_localllm.errors import AnswerCutError, InvalidRequestError
from langchain_localllm.models import tiny_chat_model

from ..scripted import Answer, Request, ScriptedServer, as_json  # noqa: TID252 - as the other tests here
from .conftest import CHAT, TEMPLATED

DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


def add(a: int, b: int) -> int:
    """Add two integers.

    Args:
        a: The first.
        b: The second.
    """
    return a + b


def paint(colour: Literal["red", "green"]) -> str:
    """Paint the house."""
    return colour


def light(on: bool) -> bool:
    """Switch the light."""
    return on


class House(BaseModel):
    """A house."""

    colour: Literal["red", "green"]
    rooms: Literal[2, 3] = Field(description="How many rooms.")
    street: str = Field(pattern="^[A-Z]", max_length=8)


@pytest.fixture
def chat(url: str) -> ChatOllama:
    return ChatOllama(base_url=url, model=TEMPLATED, temperature=0, max_tokens=120)


# --- the Modelfile ---


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(tiny_chat_model(), n_ctx=1024) as server:
        yield server


CALL = {"name": "add", "args": {"a": 1, "b": 2}, "id": "1", "type": "tool_call"}
ASKED = AIMessage("", tool_calls=[CALL])
RESULT = ToolMessage("3", tool_call_id="1", name="add")
CONVERSATIONS: list[list[Any]] = [
    [HumanMessage("Hello!")],
    [SystemMessage("Be brief."), HumanMessage("Hello!")],
    [HumanMessage("Hello!"), AIMessage("Hi."), HumanMessage("Say: 東京 <b> & more.")],
    [HumanMessage("Add 1 and 2."), ASKED, RESULT],
    [
        SystemMessage("Be brief."),
        HumanMessage("Add."),
        AIMessage("I look.", tool_calls=[CALL, {**CALL, "id": "2"}]),
        RESULT,
    ],
]


@pytest.mark.parametrize("tools", [[], [add], [add, paint]], ids=len)
@pytest.mark.parametrize("messages", CONVERSATIONS)
def test_chat_ollama_modelfile_renders_the_tokens_of_the_models_own_template(
    chat: ChatOllama, server: LocalServer, messages: list[Any], tools: list[Any]
) -> None:
    other = ChatLlamafile(base_url=server.base_url, temperature=0, max_tokens=4)
    here, there = (
        model.bind_tools(tools, max_tokens=4).invoke(messages) for model in (chat, other)
    )
    assert here.usage_metadata is not None
    assert there.usage_metadata is not None
    assert here.usage_metadata["input_tokens"] == there.usage_metadata["input_tokens"]
    if not tools:
        assert here.text == there.text


# --- tools ---

MODE: Any = {"type": "string", "enum": ["fast", "slow"]}


@pytest.mark.parametrize(
    ("schema", "plain"),
    [
        ({"$ref": "#/$defs/mode"}, MODE),
        ({"allOf": [{"$ref": "#/$defs/mode"}]}, MODE),
        ({"type": "string", "const": "fast"}, {"type": "string", "enum": ["fast"]}),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            {"type": ["string", "null"]},
        ),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, {"type": ["string", "integer"]}),
    ],
)
def test_chat_ollama_parameter_is_shown_whatever_its_schema_uses(
    chat: ChatOllama, schema: Any, plain: Any
) -> None:
    def prompt_tokens(properties: Any) -> int:
        parameters = {"type": "object", "properties": properties, "$defs": {"mode": MODE}}
        tool = {"type": "function", "function": {"name": "drive", "parameters": parameters}}
        return chat.get_num_tokens_from_messages([HumanMessage("Hi.")], tools=[tool])

    assert prompt_tokens({"mode": schema}) == prompt_tokens({"mode": plain})
    assert prompt_tokens({"mode": schema}) > prompt_tokens({"mode": {}})


@pytest.mark.parametrize("choice", ["any", "paint"])
def test_forced_call_is_enforced_and_streamed(chat: ChatOllama, choice: str) -> None:
    forced = chat.bind_tools([light, paint], tool_choice=choice)
    answer = forced.invoke("Paint it red.")
    full: Any = None
    for chunk in forced.stream("Paint it red."):
        full = chunk if full is None else full + chunk
    assert isinstance(full, AIMessageChunk)
    assert full.tool_call_chunks
    for message in (answer, full):
        (call,) = message.tool_calls
        assert call["name"] in ({"light", "paint"} if choice == "any" else {"paint"})
        assert call["args"] in (
            [{"on": True}, {"on": False}]
            if call["name"] == "light"
            else [{"colour": "red"}, {"colour": "green"}]
        )
        assert message.text == ""
        assert message.response_metadata["finish_reason"] == "tool_calls"


def test_forced_call_that_was_cut_is_invalid(chat: ChatOllama) -> None:
    answer = chat.bind_tools([add], tool_choice="any", max_tokens=9).invoke("Add 2 and 3.")
    assert answer.tool_calls == []
    assert answer.invalid_tool_calls
    assert answer.response_metadata["finish_reason"] == "length"


def test_chat_ollama_no_choice_sends_no_tools(chat: ChatOllama) -> None:
    with_tools = chat.bind_tools([add]).invoke("Hello!").usage_metadata
    without = chat.bind_tools([add], tool_choice="none").invoke("Hello!").usage_metadata
    assert with_tools is not None
    assert without is not None
    assert without["input_tokens"] < with_tools["input_tokens"]


def test_chat_ollama_model_without_tools_refuses_them(url: str) -> None:
    with pytest.raises(InvalidRequestError, match="does not support tools"):
        ChatOllama(base_url=url, model=CHAT).bind_tools([add]).invoke("Hello!")


# --- structured output ---


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_chat_ollama_answer_follows_the_schema(chat: ChatOllama, method: Any) -> None:
    kept = chat.with_structured_output(House, method=method, include_raw=True).invoke(
        "A red house with 3 rooms."
    )
    text = kept["raw"].text or json.dumps(kept["raw"].tool_calls[0]["args"])
    assert set(json.loads(text)) == {"colour", "rooms", "street"}
    # a pattern is checked afterwards
    assert isinstance(kept["parsed"], House) or "`street` is" in str(kept["parsing_error"])


def test_chat_ollama_json_mode_gives_json(chat: ChatOllama) -> None:
    model = chat.with_structured_output(method="json_mode", include_raw=True, repeat_penalty=1.5)
    assert model.invoke("A house as JSON.")["raw"].text.lstrip().startswith("{")


def test_chat_ollama_cut_answer_is_reported(chat: ChatOllama) -> None:
    with pytest.raises(AnswerCutError, match="Raise `max_tokens`"):
        chat.with_structured_output(House, max_tokens=3).invoke("A red house with 3 rooms.")


# --- images, and what the model can do ---


def test_chat_ollama_image_for_a_text_only_model_is_refused(chat: ChatOllama) -> None:
    picture = {"type": "image", "base64": DOT, "mime_type": "image/png"}
    with pytest.raises(InvalidRequestError, match="does not support images"):
        chat.invoke([HumanMessage([{"type": "text", "text": "What is this?"}, picture])])


def test_chat_ollama_profile_comes_from_the_model(url: str) -> None:
    chat = ChatOllama(base_url=url, model=TEMPLATED)
    assert (
        chat.profile
        == ChatOllama(base_url=url, model=TEMPLATED, validate_model_on_init=True).profile
    )
    assert ChatOllama(base_url=url, model="unknown", num_ctx=8192).profile == {
        "structured_output": True,
        "max_input_tokens": 8192,
    }
    assert chat.profile == {
        "max_input_tokens": 1024,
        "tool_calling": True,
        "structured_output": True,
        "image_inputs": False,
        "audio_inputs": False,
        "reasoning_output": False,
    }


# --- what no tiny model says, from a script ---


def lines(*events: dict[str, Any]) -> Answer:
    whole = [{"model": "m", "done": False, **event} for event in events[:-1]] + [
        {"model": "m", "done": True, **events[-1]}
    ]
    return Answer(
        tuple(json.dumps(event).encode() + b"\n" for event in whole),
        headers={"Content-Type": "application/x-ndjson"},
    )


def scripted(*messages: dict[str, Any]) -> Any:
    last = {
        "message": {"role": "assistant", "content": ""},
        "done_reason": "stop",
        "prompt_eval_count": 3,
        "eval_count": 4,
    }
    answer = lines(
        *({"message": {"role": "assistant", "content": "", **message}} for message in messages),
        last,
    )
    shown = as_json(
        {
            "model_info": {"llama.context_length": 512},
            "capabilities": ["completion", "tools", "vision", "thinking"],
        }
    )

    def script(request: Request) -> Answer:
        return shown if request.path == "/api/show" else answer

    return script


@pytest.mark.parametrize(
    "messages",
    [
        [{"thinking": "Two "}, {"thinking": "and two."}, {"content": "Four"}, {"content": "."}],
        [{"content": "<think>\nTwo "}, {"content": "and two.</th"}, {"content": "ink>\n\nFour."}],
    ],
    ids=["reported by Ollama", "in the text"],
)
def test_chat_ollama_thoughts_are_reasoning_blocks(messages: list[dict[str, Any]]) -> None:
    with ScriptedServer(scripted(*messages)) as server:
        chat = ChatOllama(base_url=server.base_url, model="m", reasoning=True)
        answer = chat.invoke("2 + 2?")
        full: Any = None
        for chunk in chat.stream("2 + 2?"):
            full = chunk if full is None else full + chunk
        for message in (answer, full):
            assert message.text == "Four."
            assert message.content_blocks[0] == {"type": "reasoning", "reasoning": "Two and two."}
        assert server.requests[-1].body["think"] is True


def test_calls_of_ollama_are_numbered_and_an_image_is_sent_apart() -> None:
    call = {"function": {"name": "add", "arguments": {"a": 1, "b": 2}}}
    with ScriptedServer(
        scripted({"content": "I look."}, {"tool_calls": [call]}, {"tool_calls": [call]})
    ) as server:
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DOT}"}}
        messages = [ASKED, RESULT, HumanMessage(["See", picture])]
        answer = ChatOllama(base_url=server.base_url, model="m").bind_tools([add]).invoke(messages)
        assert [call["args"] for call in answer.tool_calls] == [{"a": 1, "b": 2}] * 2
        assert answer.text == "I look."
        assert answer.response_metadata["finish_reason"] == "tool_calls"
        assert server.requests[-1].body["messages"] == [
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "1", "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}
                ],
            },
            {"role": "tool", "content": "3", "tool_name": "add", "tool_call_id": "1"},
            {"role": "user", "content": "See", "images": [DOT]},
        ]
