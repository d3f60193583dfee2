"""Each step of an agent with tools and a `response_format` is valid calls or the object, whatever
the model writes."""

import functools
import json
import operator
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, SummarizationMiddleware
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.utils.json import parse_partial_json
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import BaseModel

from langchain_localllm import ChatGPT4All, ChatLlamaCpp, ChatLlamafile, ChatOllama, LocalServer
from langchain_localllm.base.call_or_answer import fits
from langchain_localllm.base.tools import openai_tools
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.models import tiny_chat_model
from tools.engines import ollama
from tools.engines.models import go_template
from tools.engines.scripted_model import scripted_model

Make = Callable[[str], Any]
ENGINES = ["llama-cpp-python", "xllamacpp", "llamafile", "ollama"]


class Report(BaseModel):
    """A report."""

    total: int
    unit: Literal["km", "m"]


class Weather(BaseModel):
    """What the weather is."""

    weather: Literal["sunny", "rainy"]


def add(a: int, b: int, unit: Literal["km", "m"]) -> int:
    """Add two lengths."""
    return a + b if unit == "km" else -1


def route(start: str, stops: list[str]) -> str:
    """Plan a route."""
    return f"{start}, {', '.join(stops)}"


def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"It is sunny in {city}."


TOOLS = openai_tools([add, route])
PARAMETERS = {tool["function"]["name"]: tool["function"]["parameters"] for tool in TOOLS}


def call(name: str, **arguments: Any) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


TEXTS = {
    "valid": call("add", a=1, b=2, unit="km"),
    "type": call("add", a="one", b=2, unit="km"),
    "enum": call("add", a=7, b=3, unit="miles"),
    "missing": call("add", a=4),
    "unknown": call("divide", x=1),
    "after text": "I look at it first. " + call("route", start="Rome", stops=["Bari"]),
    "unfinished": '<tool_call>\n{"name": "add", "arguments": {"a": 6, "b":',
    "two": call("add", a=8, b=5, unit="m") + call("route", start="Oslo", stops=[]),
    "prose": "The sum is five kilometers, as everyone knows.",
    "object": '{"total": 12, "unit": "km"}',
    "object of another form": '{"sum": "twelve"}',
    "fenced object": '```json\n{"total": 9, "unit": "m"}\n```',
    "object after text": 'Here you are: {"total": 15, "unit": "km"}',
}
pytestmark = pytest.mark.flaky(reruns=1, only_rerun=["CallTimeoutError"])
"""A closed stream can take Ollama's slot forever (github.com/ollama/ollama/issues/17131)."""
CALLS = ["valid", "type", "enum", "missing", "unknown", "after text", "unfinished", "two"]


@pytest.fixture(scope="module", params=ENGINES)
def make(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Make]:
    """What makes a chat whose model writes one of the texts."""
    folder = tmp_path_factory.mktemp("steps")
    with ChatLlamaCpp(model_path=tiny_chat_model()) as tiny:
        template = tiny.template().source
    options: dict[str, Any] = {"temperature": 0, "max_tokens": 120}
    with ExitStack() as stack:
        if request.param == "ollama":
            url = stack.enter_context(ollama.serve(folder))
            yield functools.cache(functools.partial(on_ollama, url, folder, options))
            return
        starts = dict(
            zip(
                TEXTS,
                scripted_model(folder / "steps.gguf", list(TEXTS.values()), template=template),
                strict=True,
            )
        )
        if request.param == "llamafile":
            server = stack.enter_context(LocalServer(folder / "steps.gguf", n_ctx=2048))
            chat: Any = ChatLlamafile(base_url=server.base_url, **options)
        else:
            chat = stack.enter_context(
                ChatLlamaCpp(
                    model_path=folder / "steps.gguf", n_ctx=2048, backend=request.param, **options
                )
            )
        yield lambda name: chat.model_copy(update={"logit_bias": {starts[name]: 20}})


def on_ollama(url: str, folder: Path, options: dict[str, Any], name: str) -> ChatOllama:
    """A model for each text, since Ollama takes no bias."""
    scripted_model(folder / f"{name}.gguf", [TEXTS[name]])
    model = name.replace(" ", "-")
    ollama.create(
        url,
        model,
        folder / f"{name}.gguf",
        template=go_template(),
        parameters={"num_ctx": 2048, "num_thread": 1},
    )
    return ChatOllama(base_url=url, model=model, timeout=60, **options)


@pytest.fixture(autouse=True)
def slots(request: pytest.FixtureRequest, make: Make) -> None:
    """Free the slots of Ollama before a second try."""
    is_again = getattr(request.node, "execution_count", 1) > 1
    if is_again and request.node.callspec.params["make"] == "ollama":
        for name in TEXTS:
            make(name).unload()


def is_valid(step: AIMessage, name: str) -> bool:
    """Whether a step is valid calls where the model begins a call, else the object."""
    if name not in CALLS:
        return not step.tool_calls and Report.model_validate_json(step.text) is not None
    texts = {"after text": "I look at it first."}
    return step.text.strip() == texts.get(name, "") and all(
        fits(json.dumps(made["args"]), PARAMETERS[made["name"]]) for made in step.tool_calls
    )


@pytest.mark.parametrize("name", TEXTS)
async def test_agent_step_with_tools_and_a_form_is_valid(make: Make, name: str) -> None:
    asked = make(name).bind_tools(TOOLS, response_format=Report)
    whole, chunks = asked.invoke("Hi"), [chunk async for chunk in asked.astream("Hi")]
    for step in (whole, functools.reduce(operator.add, chunks)):
        assert not step.invalid_tool_calls
        assert bool(step.tool_calls) == (name in CALLS)
        assert is_valid(step, name), step
        assert step.response_metadata["finish_reason"] == (
            "tool_calls" if name in CALLS else "stop"
        )
    texts = [chunk.tool_call_chunks[0]["args"] or "" for chunk in chunks if chunk.tool_call_chunks]
    assert all(
        isinstance(parse_partial_json("".join(texts[: end + 1]) or "{}"), dict)
        for end in range(len(texts))
    )


def test_one_call_is_kept_where_a_call_allows_no_more(make: Make) -> None:
    asked = make("two").bind_tools(TOOLS, response_format=Report)
    both, one = asked.invoke("Hi"), asked.invoke("Hi", parallel_tool_calls=False)
    assert [call["name"] for call in both.tool_calls] == ["add", "route"]
    assert len({call["id"] for call in both.tool_calls}) == 2
    assert [call["name"] for call in one.tool_calls] == ["add"]


@pytest.mark.parametrize("name", ["type", "unknown", "prose"])
def test_agent_strict_tools_without_a_form_are_called_as_they_want(make: Make, name: str) -> None:
    step = make(name).bind_tools([add, route], strict=True).invoke("Hi")
    if name == "unknown" and not step.tool_calls:  # what names no tool is text
        assert step.text == TEXTS[name]
    elif name in CALLS:
        assert is_valid(step, name), step
    else:
        assert step.text == TEXTS[name]


@pytest.fixture(scope="module", params=ENGINES)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The tiny chat model on an engine."""
    options: dict[str, Any] = {"temperature": 0, "max_tokens": 80}
    with ExitStack() as stack:
        if request.param == "ollama":
            url = stack.enter_context(ollama.serve(tmp_path_factory.mktemp("tiny")))
            ollama.create(
                url,
                "tiny",
                tiny_chat_model(),
                template=go_template(),
                parameters={"num_ctx": 2048, "num_thread": 1},
            )
            yield ChatOllama(base_url=url, model="tiny", **options)
        elif request.param == "llamafile":
            server = stack.enter_context(LocalServer(tiny_chat_model(), n_ctx=2048, n_parallel=1))
            yield ChatLlamafile(base_url=server.base_url, **options)
        else:
            yield stack.enter_context(
                ChatLlamaCpp(
                    model_path=tiny_chat_model(), n_ctx=2048, backend=request.param, **options
                )
            )


def test_agent_with_a_form_is_interrupted_and_resumes_with_ids_of_their_own(tiny: Any) -> None:
    review = HumanInTheLoopMiddleware(interrupt_on={"get_weather": True})
    agent: Any = create_agent(
        tiny,
        [get_weather],
        response_format=Weather.model_json_schema(),
        checkpointer=InMemorySaver(),
        middleware=[review],
    )
    config = {"configurable": {"thread_id": "1"}}
    for city in ("Lisbon", "Rome"):
        stopped = agent.invoke({"messages": [("user", f"What is the weather in {city}?")]}, config)
        (asked,) = stopped["__interrupt__"][0].value["action_requests"]
        assert asked["args"] == {"city": city}
        state = agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), config)
        Weather.model_validate(state["structured_response"])
    ids = [
        call["id"]
        for message in state["messages"]
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    ]
    assert (
        len(ids)
        == len(set(ids))
        == len([message for message in state["messages"] if isinstance(message, ToolMessage)])
        == 2
    )


def test_agent_streams_calls_and_the_object_once_and_reads_no_prompt_again(tiny: Any) -> None:
    agent: Any = create_agent(
        tiny.model_copy(update={"output_version": "v1"}), [get_weather], response_format=Weather
    )
    asked = {"messages": [("user", "What is the weather in Oslo?")]}
    streamed = list(agent.stream(asked, stream_mode=["messages", "updates"]))
    updates = [part["model"] for mode, part in streamed if mode == "updates" and "model" in part]
    (call,), (answer,) = (update["messages"] for update in updates)
    assert [block["type"] for block in call.content] == ["tool_call"]
    chunks = [
        part[0]
        for mode, part in streamed
        if mode == "messages" and isinstance(part[0], AIMessageChunk)
    ]
    assert "".join(chunk.text for chunk in chunks) == answer.text
    assert Weather.model_validate_json(answer.text) == updates[1]["structured_response"]
    if cached := answer.usage_metadata.get("input_token_details"):  # Ollama does not report it
        # the beginning that was dropped had read the rest
        assert answer.usage_metadata["input_tokens"] - cached["cache_read"] <= 1


def test_agent_tool_choice_of_a_call_replaces_what_is_bound(tiny: Any) -> None:
    asked = tiny.bind_tools([get_weather, add], tool_choice="get_weather")
    question = "What is the weather in Oslo?"
    assert [call["name"] for call in asked.invoke(question).tool_calls] == ["get_weather"]
    assert not asked.invoke(question, tool_choice="none").tool_calls
    (forced,) = asked.invoke(question, tool_choice="add", parallel_tool_calls=False).tool_calls
    assert forced["name"] == "add"
    assert fits(json.dumps(forced["args"]), PARAMETERS["add"])


def test_agent_summaries_keep_a_long_run_within_the_context(tiny: Any) -> None:
    room = tiny.profile["max_input_tokens"]
    assert room == 2048
    shorter = SummarizationMiddleware(
        tiny,
        trigger=("fraction", 0.15),
        keep=("fraction", 0.08),
        token_counter=tiny.get_num_tokens_from_messages,
        trim_tokens_to_summarize=room // 4,
    )
    agent: Any = create_agent(tiny, [], middleware=[shorter], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    counts = []
    for turn in range(4):
        state = agent.invoke(
            {"messages": [("user", f"The lamp number {turn} is red. " * 8)]}, config
        )
        counts.append(state["messages"][-1].usage_metadata["input_tokens"])
    assert max(counts) < room * 0.4
    assert any(later < earlier for earlier, later in pairwise(counts))


def test_agent_output_schema_with_tools_is_refused_by_the_package_of_gpt4all() -> None:
    with ChatGPT4All(model=tiny_chat_model(), temperature=0, max_tokens=40) as chat:
        assert (chat.profile or {})["structured_output"] is False
        with pytest.raises(InvalidOptionError, match="ToolStrategy"):
            chat.bind_tools([get_weather], response_format=Weather).invoke("Hello!")
