"""`ChatLlamafile` on servers that speak llama.cpp's own API, and on those that speak OpenAI's only."""

import json
from typing import Any, Literal

import pytest
from langchain_core.messages import HumanMessage

from langchain_localllm import ChatLlamafile, LocalServer
from langchain_localllm.errors import InvalidRequestError

from .scripted import Answer, Request, ScriptedServer, as_json

PICTURE = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}


def paint(colour: Literal["red", "green"]) -> str:
    """Paint the house."""
    return colour


def light(on: bool) -> bool:
    """Switch the light."""
    return on


def test_a_forced_call_is_enforced_by_llama_cpp(chat_server: LocalServer) -> None:
    chat = ChatLlamafile(base_url=chat_server.base_url, temperature=0, max_tokens=120)
    forced = chat.bind_tools([paint, light], tool_choice="any")
    full: Any = None
    for chunk in forced.stream("Hello!"):
        full = chunk if full is None else full + chunk
    for answer in (forced.invoke("Hello!"), full):
        (call,) = answer.tool_calls
        assert call["args"] in (
            [{"colour": "red"}, {"colour": "green"}] if call["name"] == "paint" else [{"on": True}, {"on": False}]
        )
        assert answer.text == ""
        assert answer.response_metadata["finish_reason"] == "tool_calls"


def test_an_image_for_a_model_without_eyes_is_refused(chat_server: LocalServer) -> None:
    with pytest.raises(InvalidRequestError, match="does not see images"):
        ChatLlamafile(base_url=chat_server.base_url).invoke([HumanMessage([{"type": "text", "text": "See"}, PICTURE])])


def events(*deltas: dict[str, Any], reason: str) -> Answer:
    choices = [*({"delta": delta, "index": 0} for delta in deltas), {"delta": {}, "index": 0, "finish_reason": reason}]
    parts = [b"data: " + json.dumps({"choices": [choice], "model": "m"}).encode() + b"\n\n" for choice in choices]
    return Answer((*parts, b"data: [DONE]\n\n"), headers={"Content-Type": "text/event-stream"})


CALL = {"index": 0, "id": "a1", "function": {"name": "paint", "arguments": '{"colour": "red"}'}}
NO_PATH = {"error": "Unexpected endpoint or method. (GET /props)"}


@pytest.mark.parametrize("status", [200, 404, 405, 400])
@pytest.mark.parametrize(
    "deltas", [[{"tool_calls": [CALL]}], [{"content": '{"name": "paint", "arguments": {"co'}, {"content": 'lour": "red"}}'}]]
)
def test_a_server_that_speaks_only_openais_api_is_asked_in_its_way(status: int, deltas: list[dict[str, Any]]) -> None:
    def script(request: Request) -> Answer:
        return as_json(NO_PATH, status) if request.path == "/props?model=m" else events(*deltas, reason="stop")

    with ScriptedServer(script) as server:
        chat = ChatLlamafile(base_url=server.base_url, model="m").bind_tools([paint, light], tool_choice="any")
        for _ in range(2):
            assert chat.invoke("Hello!").tool_calls[0]["args"] == {"colour": "red"}
        chat.invoke("Hello!", max_tokens=7)  # through a copy
        assert [request.path for request in server.requests].count("/props?model=m") == 1
        assert server.requests[-1].body["tool_choice"] == "required"
        assert "response_format" not in server.requests[-1].body


def test_calls_and_thoughts_that_a_server_leaves_in_the_text_are_read() -> None:
    text = '<think>So.</think>I look.\n<tool_call>\n{"name": "paint", "arguments": {"colour": "red"}}\n</tool_call>'
    with ScriptedServer(lambda _: events(*({"content": char} for char in text), reason="stop")) as server:
        answer = ChatLlamafile(base_url=server.base_url, model="m").bind_tools([paint]).invoke("Hello!")
    assert (answer.text, answer.tool_calls[0]["args"]) == ("I look.", {"colour": "red"})
    assert answer.additional_kwargs["reasoning_content"] == "So."
    assert [request.path for request in server.requests] == ["/v1/chat/completions"]


def test_thoughts_under_either_name_are_read() -> None:
    deltas = [{"reasoning_content": "So "}, {"reasoning": "it is."}, {"content": "Yes."}]
    with ScriptedServer(lambda _: events(*deltas, reason="stop")) as server:
        answer = ChatLlamafile(base_url=server.base_url, model="m").invoke("Hello!")
    assert (answer.text, answer.additional_kwargs["reasoning_content"]) == ("Yes.", "So it is.")
