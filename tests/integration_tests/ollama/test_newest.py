"""What only an Ollama newer than the real one of the tests does, on one that is replayed."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from langchain_core.messages import AIMessageChunk

from langchain_localllm import ChatOllama, Ollama, OllamaClient, OllamaEmbeddings
from tests.integration_tests.scripted import ScriptedServer

from .replay import ReplayedOllama

Serve = Callable[..., ReplayedOllama]
TOKEN: Final = {
    "token": "Yes",
    "logprob": -0.1,
    "bytes": [89],
    "top_logprobs": [{"token": "No", "logprob": -2.5}],
}


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server of a version, with settings."""
    with ScriptedServer(ReplayedOllama()) as server:

        def start(**settings: Any) -> ReplayedOllama:
            server.script = replayed = ReplayedOllama(**settings, url=server.base_url)
            return replayed

        yield start


def weather(city: str) -> str:
    """Return the weather in a city."""
    return city


@pytest.mark.parametrize(
    ("version", "level", "taken"),
    [
        ("0.33.0", "max", "max"),
        ("0.33.0", "xhigh", "max"),
        ("0.33.0", "high", "high"),
        ("0.33.0", "minimal", "low"),
        ("0.33.0", True, True),
        ("0.33.0", False, False),
        ("0.13.0", "max", "high"),
        ("0.13.0", "medium", "medium"),
        ("0.10.0", "max", True),
        ("0.10.0", "low", True),
    ],
)
def test_new_ollama_level_of_thinking_is_the_nearest_that_the_server_takes(
    version: str, level: Any, taken: Any, serve: Serve
) -> None:
    replayed = serve(version=version)
    for kind in (Ollama, ChatOllama):
        assert kind(base_url=replayed.url, model="m").invoke("Hi", reasoning=level)
    assert [body["think"] for body in replayed.bodies] == [taken] * 2


def test_new_ollama_tool_calls_are_streamed_as_they_come(serve: Serve) -> None:
    calls = [
        {
            "id": f"call_{city}",
            "function": {"index": at, "name": "weather", "arguments": {"city": city}},
        }
        for at, city in enumerate("AB")
    ]
    replayed = serve(
        message=(
            {"thinking": "Two."},
            {"tool_calls": calls[:1]},
            {"content": "And"},
            {"tool_calls": calls[1:]},
        )
    )
    chat = ChatOllama(base_url=replayed.url, model="m").bind_tools([weather])
    chunks = [chunk for chunk in chat.stream("Hi") if isinstance(chunk, AIMessageChunk)]
    assert [
        [call["id"] for call in chunk.tool_call_chunks]
        for chunk in chunks
        if chunk.tool_call_chunks
    ] == [
        ["call_A"],
        ["call_B"],
    ]
    for answer in (chat.invoke("Hi"), sum(chunks[1:], chunks[0])):
        assert [(call["id"], call["args"]) for call in answer.tool_calls] == [
            ("call_A", {"city": "A"}),
            ("call_B", {"city": "B"}),
        ]
        assert answer.text == "And"


def test_new_ollama_log_probabilities_are_asked_for_and_reported(serve: Serve) -> None:
    replayed = serve(logprobs=[TOKEN])
    answer = ChatOllama(base_url=replayed.url, model="m", logprobs=True, top_logprobs=1).invoke(
        "Hi"
    )
    assert answer.response_metadata["logprobs"] == [TOKEN]
    info = (
        Ollama(base_url=replayed.url, model="m")
        .generate(["Hi"], logprobs=True)
        .generations[0][0]
        .generation_info
    )
    assert info
    assert info["logprobs"] == [TOKEN]
    assert [(body["logprobs"], body.get("top_logprobs")) for body in replayed.bodies] == [
        (True, 1),
        (True, None),
    ]


def test_new_ollama_dimensions_shorten_vectors_at_the_server(serve: Serve) -> None:
    replayed = serve()
    assert (
        OllamaEmbeddings(base_url=replayed.url, model="m", dimensions=2).embed_documents(["a", "b"])
        == [[1.0, 0.0]] * 2
    )
    assert replayed.bodies[0]["dimensions"] == 2


def test_new_ollama_fields_that_are_newer_than_this_package_are_sent_as_they_are(
    serve: Serve,
) -> None:
    replayed = serve()
    extra: dict[str, Any] = {"new_field": {"a": 1}, "options": {"new_option": 2}, "keep_alive": 7}
    for model in (Ollama, ChatOllama):
        model(base_url=replayed.url, model="m", top_k=3, keep_alive=5, extra_body=extra).invoke(
            "Hi"
        )
    OllamaEmbeddings(base_url=replayed.url, model="m", extra_body=extra).embed_query("Hi")
    for body in replayed.bodies:
        assert (body["new_field"], body["keep_alive"], body["options"]["new_option"]) == (
            {"a": 1},
            7,
            2,
        )
    assert [body["options"].get("top_k") for body in replayed.bodies] == [3, 3, None]


def test_new_ollama_newer_facts_about_models_are_reported(serve: Serve) -> None:
    client = OllamaClient(serve().url)
    (installed,) = client.list()
    assert (installed.capabilities, installed.context) == (("completion", "tools"), 131_072)
    card = client.show("m")
    assert (card.requires, card.renderer, card.parser) == ("0.30.0", "gemma4", "gemma4")
    assert client.version() == "0.33.0"
