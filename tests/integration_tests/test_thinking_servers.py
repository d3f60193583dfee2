"""Thinking on servers that are not llama.cpp's, and on Ollamas of other versions."""

import json
from typing import Any, Final

import pytest

from langchain_localllm import ChatLlamafile, ChatOllama
from langchain_localllm.errors import InvalidOptionError, InvalidRequestError

from .scripted import Answer, Request, ScriptedServer, as_json

NO_LEVELS: Final = {
    "error": "json: cannot unmarshal string into Go struct field ChatRequest.think of type bool"
}
SHOWN: Final = {
    "model_info": {"llama.context_length": 512},
    "capabilities": ["completion", "thinking"],
    "template": "",
}
SCHEMA: Final = {"type": "object", "properties": {"value": {"enum": [4]}}, "required": ["value"]}


def openai_server(*deltas: dict[str, Any], usage: dict[str, Any] | None = None) -> ScriptedServer:
    """A server that speaks OpenAI's API only."""
    choices = [*({"delta": delta} for delta in deltas), {"delta": {}, "finish_reason": "stop"}]
    chunks: list[dict[str, Any]] = [{"choices": [choice]} for choice in choices]
    chunks.append(
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 9, **(usage or {})}}
    )
    parts = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    server = ScriptedServer(
        Answer((*parts, b"data: [DONE]\n\n"), headers={"Content-Type": "text/event-stream"})
    )
    server.asides["/props"] = as_json({"detail": "Not Found"}, 404)
    return server


@pytest.mark.parametrize(
    ("reasoning", "sent"),
    [
        (True, {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}}),
        (
            False,
            {
                "chat_template_kwargs": {"enable_thinking": False, "thinking": False},
                "reasoning_effort": "none",
            },
        ),
        (
            "low",
            {
                "chat_template_kwargs": {
                    "enable_thinking": True,
                    "thinking": True,
                    "reasoning_effort": "low",
                },
                "reasoning_effort": "low",
            },
        ),
        (None, {}),
    ],
)
def test_thinking_server_that_hides_its_template_gets_the_usual_variables(
    reasoning: Any, sent: dict[str, Any]
) -> None:
    with openai_server({"content": "Four."}) as server:
        ChatLlamafile(base_url=server.base_url, model="m").invoke("2 + 2?", reasoning=reasoning)
        body = server.requests[-1].body
    names = {
        "chat_template_kwargs",
        "reasoning_effort",
        "reasoning",
        "timings_per_token",
        "thinking_budget_tokens",
    }
    assert {name: value for name, value in body.items() if name in names} == sent


def test_thinking_variables_of_the_caller_come_before_ours() -> None:
    with openai_server({"content": "Four."}) as server:
        chat = ChatLlamafile(
            base_url=server.base_url,
            model="m",
            chat_template_kwargs={"thinking": False, "tone": "dry"},
        )
        chat.invoke("2 + 2?", reasoning=True)
        assert server.requests[-1].body["chat_template_kwargs"] == {
            "enable_thinking": True,
            "thinking": False,
            "tone": "dry",
        }


def test_thinking_budget_is_refused_by_name_where_the_server_is_not_llama_cpps() -> None:
    with openai_server({"content": "Four."}) as server:
        chat = ChatLlamafile(base_url=server.base_url, model="m", reasoning_budget=5)
        with pytest.raises(InvalidOptionError, match=r"`reasoning_budget`.*`extra_body`"):
            chat.invoke("2 + 2?")
        assert not server.requests


@pytest.mark.parametrize(
    "deltas",
    [
        [{"reasoning_content": "A sum."}, {"content": "Four."}],
        [{"reasoning": "A sum."}, {"content": "Four."}],
        [{"content": "<think>A "}, {"content": "sum.</think>"}, {"content": "Four."}],
    ],
    ids=["reasoning_content", "reasoning", "in the text"],
)
def test_thinking_thoughts_that_a_server_sends_although_they_are_not_wanted_are_dropped(
    deltas: list[dict[str, Any]],
) -> None:
    with openai_server(
        *deltas, usage={"completion_tokens_details": {"reasoning_tokens": 4}}
    ) as server:
        chat = ChatLlamafile(base_url=server.base_url, model="m", output_version="v1")
        for reasoning, blocks in ((False, ["text"]), (True, ["reasoning", "text"])):
            chunks = list(chat.stream("2 + 2?", reasoning=reasoning))
            for answer in (chat.invoke("2 + 2?", reasoning=reasoning), sum(chunks[1:], chunks[0])):
                assert [block["type"] for block in answer.content_blocks] == blocks
                assert answer.text == "Four."
                assert answer.usage_metadata is not None
                assert answer.usage_metadata["output_token_details"] == {"reasoning": 4}


def test_thinking_no_count_is_made_up_where_a_server_reports_none() -> None:
    with openai_server({"reasoning_content": "A sum."}, {"content": "Four."}) as server:
        answer = ChatLlamafile(base_url=server.base_url, model="m", reasoning=True).invoke("2 + 2?")
        assert answer.usage_metadata is not None
        assert "output_token_details" not in answer.usage_metadata


def ollama_server(version: str, *, levels: bool) -> ScriptedServer:
    """An Ollama of a version."""

    def answer(request: Request) -> Answer:
        if isinstance(request.body.get("think"), str) and not levels:
            return as_json(NO_LEVELS, 400)
        message = {"role": "assistant", "content": '{"value": 4}', "thinking": "A sum."}
        lines = [
            {"message": message, "done": False},
            {"message": {"content": ""}, "done": True, "done_reason": "stop"},
        ]
        return Answer([json.dumps(line).encode() + b"\n" for line in lines])

    server = ScriptedServer(answer)
    server.asides |= {"/api/show": as_json(SHOWN), "/api/version": as_json({"version": version})}
    return server


@pytest.mark.parametrize(
    ("version", "levels", "sent"), [("0.9.3", False, ["high", True]), ("0.12.6", True, ["high"])]
)
def test_thinking_level_is_sent_as_true_to_an_ollama_that_has_none(
    version: str, *, levels: bool, sent: list[Any]
) -> None:
    with ollama_server(version, levels=levels) as server:
        answer = ChatOllama(base_url=server.base_url, model="m", reasoning="high").invoke("2 + 2?")
        assert answer.additional_kwargs["reasoning_content"] == "A sum."
        assert [request.body["think"] for request in server.requests] == sent


def test_thinking_another_refusal_of_ollama_is_an_error() -> None:
    with ScriptedServer(as_json({"error": '"m" does not support thinking'}, 400)) as server:
        server.asides["/api/show"] = as_json(SHOWN)
        with pytest.raises(InvalidRequestError, match="does not support thinking"):
            ChatOllama(base_url=server.base_url, model="m", reasoning="high").invoke("2 + 2?")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("version", "thinks"),
    [
        ("0.9.3", False),
        ("0.12.3", False),
        ("0.12.4", True),
        ("0.13.0-rc1", True),
        ("1.0", True),
        ("", True),
    ],
)
def test_thinking_ollama_that_cannot_think_before_a_schema_is_not_asked_to(
    version: str, *, thinks: bool
) -> None:
    with ollama_server(version, levels=True) as server:
        if not version:
            server.asides["/api/version"] = as_json({"error": "forbidden"}, 403)
        chat = ChatOllama(base_url=server.base_url, model="m", reasoning=True)
        assert chat.with_structured_output(SCHEMA).invoke("2 + 2?") == {"value": 4}
        assert server.requests[-1].body.get("think") == (True if thinks else None)
