"""LangChain's agent with two tools runs to its end on each runtime, on the real engine.

The tiny model chooses the tool for a request by itself. Two tools for one request are more than it
can, so there the turns are forced, by a middleware such as people write.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

import langchain_localllm
from langchain_localllm import LocalServer
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.registry import RUNTIMES
from tools.engines import ollama
from tools.engines.models import go_template


@tool
def paint(colour: Literal["red", "green"]) -> str:
    """Paint the house."""
    return f"The house is {colour}."


@tool
def light(on: bool) -> str:
    """Switch the light."""
    return f"The light is {'on' if on else 'off'}."


class OneAfterTheOther(AgentMiddleware):
    """Has each tool called once, then lets the model answer."""

    def wrap_model_call(
        self, request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]
    ) -> ModelResponse:
        done = [message.name for message in request.messages if isinstance(message, ToolMessage)]
        left = [name for name in ("paint", "light") if name not in done]
        return handler(request.override(tool_choice=left[0] if left else "none"))


def arguments(runtime: str, folder: Path, stack: ExitStack) -> dict[str, Any]:
    """What the runtime's class needs to reach the tiny model."""
    if runtime == "llamafile":
        return {
            "base_url": stack.enter_context(LocalServer(tiny_chat_model(), n_ctx=2048)).base_url
        }
    if runtime == "ollama":
        url = stack.enter_context(ollama.serve(folder))
        ollama.create(
            url,
            "agent",
            tiny_chat_model(),
            template=go_template(),
            parameters={"num_ctx": 2048, "num_thread": 1},
        )
        return {"base_url": url, "model": "agent"}
    return {
        "model": tiny_chat_model(),
        **({"backend": "llamacpp"} if runtime == "gpt4all_llamacpp" else {}),
    }


def cases() -> list[Any]:
    free = pytest.mark.xfail(
        reason=(
            "The gpt4all package cannot constrain what a model writes, and the tiny one writes "
            "texts for booleans."
        ),
        strict=False,
    )
    runtimes = [
        *(runtime for runtime, kinds in RUNTIMES.items() if "chat" in kinds),
        "gpt4all_llamacpp",
    ]
    return [
        pytest.param(runtime, marks=[free] if runtime == "gpt4all" else []) for runtime in runtimes
    ]


@pytest.mark.parametrize("runtime", cases())
def test_agent_calls_two_tools_and_answers(runtime: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        model_class = getattr(langchain_localllm, RUNTIMES[runtime.partition("_")[0]]["chat"])
        chat = model_class(**arguments(runtime, tmp_path, stack), temperature=0, max_tokens=80)
        agent: Any = create_agent(
            chat, [paint, light], middleware=[OneAfterTheOther()], system_prompt="Be brief."
        )
        messages = agent.invoke(
            {"messages": [("user", "Paint the house red and switch the light on.")]}
        )["messages"]
    results = [message for message in messages if isinstance(message, ToolMessage)]
    assert [result.name for result in results] == ["paint", "light"]
    assert all(result.status == "success" for result in results)
    assert isinstance(messages[-1], AIMessage)
    assert messages[-1].text
    assert not messages[-1].tool_calls


LONG_NAME = "mcp__house_" + "paint_the_house_in_a_color_" * 4


@pytest.mark.parametrize("name", [LONG_NAME, "malerei_für_häuser", "粉刷房子"])
@pytest.mark.parametrize(
    "runtime", [runtime for runtime, kinds in RUNTIMES.items() if "chat" in kinds]
)
def test_tools_with_long_names_and_in_other_languages_are_called(
    runtime: str, name: str, tmp_path: Path
) -> None:
    parameters = {
        "type": "object",
        "properties": {"color": {"enum": ["red", "green"]}},
        "required": ["color"],
    }
    tools = [
        {"name": each, "description": "Paint.", "parameters": parameters}
        for each in (name, f"{name}_2")
    ]
    with ExitStack() as stack:
        model_class = getattr(langchain_localllm, RUNTIMES[runtime]["chat"])
        chat = model_class(**arguments(runtime, tmp_path, stack), temperature=0, max_tokens=200)
        for tool_choice in (name, f"{name}_2"):
            model = chat.bind_tools(tools, tool_choice=tool_choice)
            answer = model.invoke("Paint the house red.")
            assert [call["name"] for call in answer.tool_calls] == [tool_choice]


@tool
def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"It is sunny in {city}."


@pytest.mark.parametrize(
    "runtime", [runtime for runtime, kinds in RUNTIMES.items() if "chat" in kinds]
)
def test_agent_chooses_the_tool_for_each_request(runtime: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        model_class = getattr(langchain_localllm, RUNTIMES[runtime.partition("_")[0]]["chat"])
        chat = model_class(**arguments(runtime, tmp_path, stack), temperature=0, max_tokens=80)
        agent: Any = create_agent(chat, [paint, get_weather])
        messages: list[Any] = []
        for request in ("Paint the house green.", "What is the weather in Lisbon?"):
            messages = agent.invoke({"messages": [*messages, ("user", request)]})["messages"]
    results = [message.text for message in messages if isinstance(message, ToolMessage)]
    assert results == ["The house is green.", "It is sunny in Lisbon."]
    assert messages[-1].text == results[-1]


class House(BaseModel):
    """A house."""

    colour: Literal["red", "green"]
    lit: bool


def test_agent_answers_with_an_object() -> None:
    with langchain_localllm.ChatLlamaCpp(
        model_path=str(tiny_chat_model()), temperature=0, max_tokens=80
    ) as chat:
        agent: Any = create_agent(chat, [], response_format=House)
        assert isinstance(
            agent.invoke({"messages": [("user", "A red house.")]})["structured_response"], House
        )
