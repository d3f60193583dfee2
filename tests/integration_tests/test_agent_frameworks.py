"""Frameworks that build on chat models run on ours: deepagents, langgraph-supervisor,
langgraph-swarm and trustcall.

A scripted model decides for the next step of each, so that they are tested and not the model's
cleverness.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage
from langgraph_supervisor import create_supervisor
from langgraph_swarm import create_handoff_tool, create_swarm
from pydantic import BaseModel
from trustcall import create_extractor

from langchain_localllm import ChatLlamaCpp, ChatLlamafile, ChatOllama, LocalServer
from langchain_localllm.models import tiny_chat_model
from tests.integration_tests.ollama.replay import ReplayedOllama
from tests.integration_tests.scripted import Answer, Request, ScriptedServer
from tools.engines import ollama
from tools.engines.models import go_template
from tools.engines.scripted_model import scripted_model
from tools.engines.separate_packages import DEEPAGENTS


class User(BaseModel):
    """A user."""

    name: str
    age: int


def call(tool: str, **arguments: Any) -> str:
    return f"<tool_call>\n{json.dumps({'name': tool, 'arguments': arguments})}\n</tool_call>"


TODO = {"todos": [{"content": "Look", "status": "pending"}]}
TEXTS = {
    "done": "The work is done.",
    "to_bob": call("transfer_to_bob"),
    "todo": call("write_todos", **TODO),
    "user": call("User", name="Ada", age=36),
}
Scripted = Callable[..., Any]


def following(
    kind: type[Any], choices: dict[str, dict[str, Any]], **options: Any
) -> tuple[Any, list[str]]:
    """Return a model of a class that writes one text after the other, and the list of their
    names."""
    names: list[str] = []

    def open_answer(self: Any, messages: Any, stop: Any, request: Any) -> Any:
        return kind.open_answer(self.with_options(choices[names.pop(0)]), messages, stop, request)

    scripted = type(kind.__name__, (kind,), {"open_answer": open_answer, "__module__": __name__})
    return scripted(temperature=0, max_tokens=120, **options), names


@pytest.fixture(scope="module", params=["llamacpp", "llamafile", "ollama"])
def scripted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scripted]:
    """What returns a model that writes the texts that are named."""
    folder = tmp_path_factory.mktemp("frameworks")
    with ExitStack() as stack:
        if request.param == "ollama":
            for_ollama = {name: text for name, text in TEXTS.items() if name != "todo"}
            url = stack.enter_context(ollama.serve(folder))
            for name, text in for_ollama.items():
                scripted_model(folder / f"{name}.gguf", [text])
                settings = {"num_ctx": 2048, "num_thread": 1}
                ollama.create(
                    url, name, folder / f"{name}.gguf", template=go_template(), parameters=settings
                )
            model, names = following(
                ChatOllama,
                {name: {"model": name} for name in for_ollama},
                base_url=url,
                model="done",
            )
        else:
            with ChatLlamaCpp(model_path=tiny_chat_model()) as tiny:
                template = tiny.template().source
            file = folder / "scripted.gguf"
            starts = scripted_model(file, list(TEXTS.values()), template=template)
            choices: dict[str, dict[str, Any]] = {
                name: {"logit_bias": {start: 20}} for name, start in zip(TEXTS, starts, strict=True)
            }
            if request.param == "llamafile":
                server = stack.enter_context(LocalServer(file, n_ctx=16_384))
                model, names = following(ChatLlamafile, choices, base_url=server.base_url)
            else:
                model, names = following(
                    ChatLlamaCpp, choices, model_path=file, n_ctx=16_384, backend="xllamacpp"
                )
                stack.enter_context(model)

        def writes(*texts: str) -> Any:
            names[:] = texts
            return model

        yield writes
        assert not names


def run(agent: Any) -> dict[str, Any]:
    state: dict[str, Any] = agent.invoke({"messages": [("user", "Do the work.")]})
    calls = [
        call["id"]
        for message in state["messages"]
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    ]
    assert calls == [
        message.tool_call_id for message in state["messages"] if isinstance(message, ToolMessage)
    ]
    assert len(set(calls)) == len(calls)
    assert state["messages"][-1].text == TEXTS["done"]
    return state


@pytest.fixture
def deep(scripted: Scripted) -> Iterator[Any]:
    """A model that writes a list of things to do, then answers; on Ollama a stand-in, since the
    prompt has 6,000 tokens."""
    if not isinstance(scripted(), ChatOllama):
        yield scripted("todo", "done")
        return
    steps: list[dict[str, Any]] = [
        {"content": "", "tool_calls": [{"function": {"name": "write_todos", "arguments": TODO}}]},
        {"content": TEXTS["done"]},
    ]
    server = ReplayedOllama(default=32_768)

    def script(asked: Request) -> Answer:
        if asked.path == "/api/chat" and asked.body.get("messages"):
            server.message = (steps.pop(0),)
        return server(asked)

    with ScriptedServer(script) as started:
        yield ChatOllama(base_url=started.base_url, model="m")
    assert not steps


def test_agent_deep_agent_writes_its_todos_and_answers(
    deep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(DEEPAGENTS)
    from deepagents import create_deep_agent

    state = run(create_deep_agent(deep))
    assert [todo["content"] for todo in state["todos"]] == ["Look"]


def test_agent_supervisor_delegates_and_gets_control_back(scripted: Scripted) -> None:
    model = scripted("to_bob", "done", "done")
    state = run(create_supervisor([create_agent(model, [], name="bob")], model=model).compile())
    assert [message.name for message in state["messages"] if message.text == TEXTS["done"]] == [
        "bob",
        "supervisor",
    ]


def test_agent_swarm_transfers_control(scripted: Scripted) -> None:
    model = scripted("to_bob", "done")
    alice = create_agent(model, [create_handoff_tool(agent_name="bob")], name="alice")
    state = run(
        create_swarm(
            [alice, create_agent(model, [], name="bob")], default_active_agent="alice"
        ).compile()
    )
    assert state["active_agent"] == "bob"


def test_agent_trustcall_extracts_an_object(scripted: Scripted) -> None:
    extractor = create_extractor(scripted("user"), tools=[User], tool_choice="User")
    assert extractor.invoke({"messages": [("user", "Ada is 36.")]})["responses"] == [
        User(name="Ada", age=36)
    ]
