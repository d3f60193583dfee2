"""The first look at models on servers, and servers that are not there."""

import asyncio
import threading
from typing import Any

import pytest

from langchain_localllm import ChatLlamafile, Llamafile, LocalServer, Ollama
from langchain_localllm.prompts import (
    ConditionalPromptSelector,
    amodel_family,
    context_at_least,
    for_model,
    is_family,
    model_family,
    supports_tools,
)
from langchain_localllm.prompts.library import EXPLAIN
from tests.integration_tests.scripted import Answer, Request, ScriptedServer, as_json, in_turn

NOWHERE = "http://127.0.0.1:9"


def test_describe_model_unreachable_server_gives_a_reason() -> None:
    family = model_family(Llamafile(base_url=NOWHERE))
    assert family.name is None
    assert family.reason.startswith(f"No server answers at {NOWHERE}.")


async def test_adescribe_model_unreachable_server_gives_a_reason() -> None:
    family = await amodel_family(Ollama(model="llama2", base_url=NOWHERE))
    assert family.name == "llama2"
    assert family.reason.startswith(f"No server answers at {NOWHERE}.")


def test_describe_model_reads_the_props_of_a_server(chat_server: LocalServer) -> None:
    llm = Llamafile(base_url=chat_server.base_url)
    family = model_family(llm.with_retry())
    assert (family.name, family.reason) == (
        "chatml",
        "The chat template from the server's /props holds its markers.",
    )
    assert supports_tools(llm)
    assert context_at_least(512)(llm)
    assert not context_at_least(513)(llm)


async def test_adescribe_model_returns_the_same(chat_server: LocalServer) -> None:
    llm = Llamafile(base_url=chat_server.base_url)
    assert await amodel_family(llm) == model_family(Llamafile(base_url=chat_server.base_url))


def test_describe_model_unknown_tool_support_is_taken_from_the_class() -> None:
    assert supports_tools(ChatLlamafile(base_url=NOWHERE))
    assert not supports_tools(Llamafile(base_url=NOWHERE))


TEMPLATE = "<|im_start|>{% for message in messages %}{{ message.content }}{% endfor %}"


def props(template: str = TEMPLATE, **more: Any) -> dict[str, Any]:
    return {
        "chat_template": template,
        "bos_token": "<s>",
        "default_generation_settings": {"n_ctx": 8192},
        **more,
    }


def test_describe_model_server_is_asked_once() -> None:
    with ScriptedServer(as_json(props())) as server:
        llm = Llamafile(base_url=server.base_url)
        selector = ConditionalPromptSelector(
            conditionals=[(is_family("llama2") | ~context_at_least(9000), EXPLAIN.text)]
        )
        for _ in range(3):
            assert selector.get_prompt(llm.with_retry()) is EXPLAIN.text
            assert for_model("Why?", llm).format() == "<|im_start|>Why?"
        assert [(request.method, request.path) for request in server.requests] == [
            ("GET", "/props")
        ]


def test_describe_model_server_is_asked_twice_where_the_template_writes_the_bos_token() -> None:
    for tokens, text in (([1], "<|im_start|>Why?"), ([], "<s><|im_start|>Why?")):
        with ScriptedServer(
            in_turn([as_json(props("{{ bos_token }}" + TEMPLATE)), as_json({"tokens": tokens})])
        ) as server:
            assert for_model("Why?", Llamafile(base_url=server.base_url)).format() == text
            assert [request.path for request in server.requests] == ["/props", "/tokenize"]


def test_describe_model_unknown_bos_handling_counts_as_added_by_the_server() -> None:
    for answer in (as_json({"error": {"message": "not found"}}, 404), as_json([])):
        with ScriptedServer(
            in_turn([as_json(props("{{ bos_token }}" + TEMPLATE)), answer])
        ) as server:
            assert (
                for_model("Why?", Llamafile(base_url=server.base_url)).format()
                == "<|im_start|>Why?"
            )


def test_describe_model_server_without_props_is_known_by_its_model_name() -> None:
    answers = [
        as_json({"error": {"message": "not found"}}, 404),
        as_json({"data": [{"id": "mistral-7b-instruct-v0.3"}]}),
    ]
    with ScriptedServer(in_turn(answers)) as server:
        family = model_family(Llamafile(base_url=server.base_url))
    assert family.name == "mistral-v3"
    with ScriptedServer(answers[0]) as server:
        assert model_family(Llamafile(base_url=server.base_url, model="qwen3-8b")).name == "chatml"
        assert model_family(Llamafile(base_url=server.base_url)).name is None


@pytest.mark.parametrize(
    "body", [[], "text", {"chat_template": 7}, {"default_generation_settings": 7}]
)
def test_describe_model_strange_answer_raises_nothing(body: Any) -> None:
    with ScriptedServer(as_json(body)) as server:
        assert model_family(Llamafile(base_url=server.base_url)).name is None
        assert model_family(Ollama(base_url=server.base_url, model="x")).name is None


async def test_describe_model_event_loop_does_not_wait_for_a_server() -> None:
    goes_on = threading.Event()

    def answer_when_the_loop_has_turned(_: Request) -> Answer:
        assert goes_on.wait(60)
        return as_json(props())

    selector = ConditionalPromptSelector(EXPLAIN.text, [(is_family("gemma"), EXPLAIN.text)])
    for ask in (amodel_family, EXPLAIN.aget_prompt, selector.aget_prompt):
        goes_on.clear()
        with ScriptedServer(answer_when_the_loop_has_turned) as server:
            looking = asyncio.ensure_future(ask(Llamafile(base_url=server.base_url)))
            for _ in range(10):
                await asyncio.sleep(0.01)
                assert not looking.done()
            goes_on.set()
            await looking
            assert len(server.requests) == 1


def test_describe_model_ollama_is_asked_once_for_its_template() -> None:
    shown = {
        "template": "<start_of_turn>user\n{{ .Prompt }}<end_of_turn>\n<start_of_turn>model\n",
        "model_info": {"general.architecture": "gemma2", "gemma2.context_length": 4096},
        "capabilities": ["completion", "tools"],
    }
    with ScriptedServer(as_json(shown)) as server:
        llm = Ollama(base_url=server.base_url, model="mine", raw=True)
        assert model_family(llm).name == "gemma"
        assert (
            model_family(llm).reason
            == "The chat template from Ollama's /api/show holds its markers."
        )
        assert supports_tools(llm)
        assert context_at_least(4096)(llm)
        assert not context_at_least(4097)(llm)
        assert (
            for_model("Why?", llm).format()
            == "<start_of_turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\n"
        )
        assert [(request.path, request.body) for request in server.requests] == [
            ("/api/show", {"model": "mine"})
        ]
