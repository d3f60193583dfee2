"""Thinking means the same on every runtime: the same words, thoughts apart from the answer, and
their tokens counted."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from pydantic import BaseModel

from langchain_localllm import ChatGPT4All, ChatLlamaCpp, ChatLlamafile, ChatOllama, LocalServer
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.runtimes.llamacpp.backend import Backend
from tools.engines import llama_cpp_source, ollama
from tools.engines.thinking_model import ANSWER, CALL, GO_TEMPLATE, THOUGHT, thinking_model

THOUGHTS: Final = "".join(THOUGHT)
TEXT: Final = "".join(ANSWER)
BUDGET: Final = 3
RUNTIMES: Final = (
    "gpt4all",
    "gpt4all_llamacpp",
    "llamacpp",
    "llamacpp_xllamacpp",
    "llamafile",
    "ollama",
)
COUNTING: Final = {"gpt4all", "gpt4all_llamacpp", "llamacpp", "llamacpp_xllamacpp", "llamafile"}
"""Runtimes that count thoughts; Ollama does not say how many tokens are in a part of an answer."""
LIMITING: Final = ("gpt4all_llamacpp", "llamacpp", "llamacpp_xllamacpp", "llamafile")
"""Runtimes that end thoughts after a budget."""

Make = Callable[..., Any]


class Sum(BaseModel):
    """A sum."""

    value: Literal["four", "five"]
    odd: bool


def add(a: Literal[2, 3], b: Literal[2, 3]) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(scope="module")
def ollama_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ollama.serve(tmp_path_factory.mktemp("ollama")) as url:
        yield url


@pytest.fixture(scope="module")
def make(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Make]:
    """Makes a chat model of a runtime, from a file that writes a known text; the same ones are made
    once."""
    folder, made = tmp_path_factory.mktemp("models"), dict[Any, Any]()
    with ExitStack() as stack:

        def new(runtime: str, **settings: Any) -> Any:
            key = runtime, tuple(settings.items())
            if key not in made:
                name = f"model{len(made)}"
                made[key] = _chat(
                    stack,
                    runtime,
                    thinking_model(folder / f"{name}.gguf", **settings),
                    name,
                    request,
                )
            return made[key]

        yield new


def _chat(
    stack: ExitStack, runtime: str, file: Path, name: str, request: pytest.FixtureRequest
) -> Any:
    options: dict[str, Any] = {"temperature": 0, "max_tokens": 150, "timeout": 60}
    if runtime.startswith("gpt4all"):
        engine: Any = "llamacpp" if runtime == "gpt4all_llamacpp" else "gpt4all"
        return stack.enter_context(
            ChatGPT4All(model=str(file), n_ctx=2048, backend=engine, **options)
        )
    if runtime == "llamafile":
        server = stack.enter_context(LocalServer(file, n_ctx=2048))
        return stack.enter_context(ChatLlamafile(base_url=server.base_url, **options))
    if runtime == "ollama":
        url = request.getfixturevalue("ollama_url")
        ollama.create(
            url, name, file, template=GO_TEMPLATE, parameters={"num_ctx": 512, "num_thread": 1}
        )
        return stack.enter_context(ChatOllama(base_url=url, model=name, **options))
    backend: Backend = "xllamacpp" if runtime == "llamacpp_xllamacpp" else "llama-cpp-python"
    return stack.enter_context(
        ChatLlamaCpp(model_path=file, n_ctx=2048, backend=backend, **options)
    )


async def on_every_path(chat: Any, prompt: Any = "Two and two?", **options: Any) -> list[AIMessage]:
    """The same answer as a whole and from a stream, in sync and async code, and in content
    blocks."""
    blocks = (
        chat.model_copy(update={"output_version": "v1"}) if hasattr(chat, "model_copy") else chat
    )
    return [
        chat.invoke(prompt, **options),
        _joined(list(chat.stream(prompt, **options))),
        await chat.ainvoke(prompt, **options),
        _joined([chunk async for chunk in chat.astream(prompt, **options)]),
        blocks.invoke(prompt, **options),
        _joined(list(blocks.stream(prompt, **options))),
    ]


def _joined(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    assert chunks[-1].usage_metadata or chunks[-2].usage_metadata  # the last that an engine sends
    assert not any(
        block.get("reasoning") == "" for chunk in chunks for block in chunk.content_blocks
    )
    return sum(chunks[1:], chunks[0])


def thoughts_in(message: AIMessage) -> str:
    return "".join(
        block["reasoning"] for block in message.content_blocks if block["type"] == "reasoning"
    )


def counted(message: AIMessage) -> int | None:
    assert message.usage_metadata is not None
    return message.usage_metadata.get("output_token_details", {}).get("reasoning")


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("reasoning", [True, "low", "high"])
async def test_thinking_thoughts_are_apart_from_the_answer_and_counted(
    runtime: str, reasoning: Any, make: Make
) -> None:
    for message in await on_every_path(make(runtime), reasoning=reasoning):
        assert (message.text, thoughts_in(message)) == (TEXT, THOUGHTS)
        assert counted(message) == (len(THOUGHT) if runtime in COUNTING else None)


@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_thinking_switched_off_gives_no_thoughts(runtime: str, make: Make) -> None:
    for message in await on_every_path(make(runtime), reasoning=False):
        assert [block["type"] for block in message.content_blocks] == ["text"]
        assert message.text == TEXT
        assert "reasoning_content" not in message.additional_kwargs
        assert counted(message) == (0 if runtime in COUNTING else None)


@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_thinking_model_decides_where_nothing_is_asked(runtime: str, make: Make) -> None:
    for message in await on_every_path(make(runtime)):
        assert (message.text, thoughts_in(message)) == (TEXT, THOUGHTS)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_thinking_words_work_on_the_object_the_call_and_bound(runtime: str, make: Make) -> None:
    chat = make(runtime)
    quiet = chat.with_options({"reasoning": False})
    for answer in (
        quiet.invoke("Hi"),
        chat.bind(think=False).invoke("Hi"),
        chat.invoke("Hi", reasoning_effort="none"),
    ):
        assert thoughts_in(answer) == ""
    assert thoughts_in(quiet.invoke("Hi", reasoning=True)) == THOUGHTS
    with pytest.raises(InvalidOptionError, match="reasoning='hihg' is not valid"):
        chat.invoke("Hi", reasoning="hihg")


@pytest.mark.parametrize("runtime", ["gpt4all", "llamacpp", "llamacpp_xllamacpp"])
def test_thinking_profile_says_whether_a_model_thinks(runtime: str, make: Make) -> None:
    assert make(runtime).profile["reasoning_output"] is True


@pytest.mark.parametrize("runtime", LIMITING)
@pytest.mark.parametrize("opened", [True, False])
async def test_thinking_budget_ends_the_thoughts_and_the_answer_follows(
    runtime: str, opened: bool, make: Make
) -> None:
    chat = make(runtime, opened=opened)
    for message in await on_every_path(chat, reasoning=True, reasoning_budget=BUDGET):
        assert (message.text, thoughts_in(message)) == (TEXT, "".join(THOUGHT[:BUDGET]))
        assert counted(message) == BUDGET
    for message in await on_every_path(chat, reasoning_budget=0):
        assert (message.text, thoughts_in(message), counted(message)) == (TEXT, "", 0)
    for budget in (-1, len(THOUGHT) + 1, 1000):
        assert thoughts_in(chat.invoke("Hi", thinking_budget=budget)) == THOUGHTS
    told = chat.invoke("Hi", reasoning_budget=BUDGET, reasoning_budget_message="Enough.")
    assert (told.text, thoughts_in(told)) == (TEXT, "".join(THOUGHT[:BUDGET]) + "Enough.")


@pytest.mark.parametrize("runtime", sorted(COUNTING))
@pytest.mark.parametrize(
    ("tokens", "thoughts"),
    [(1, 0), (4, 3), (1 + len(THOUGHT), len(THOUGHT)), (3 + len(THOUGHT), len(THOUGHT))],
)
def test_thinking_thoughts_of_an_answer_that_was_cut_are_counted(
    runtime: str, tokens: int, thoughts: int, make: Make
) -> None:
    answer = make(runtime).invoke("Hi", reasoning=True, max_tokens=tokens)
    assert (thoughts_in(answer), counted(answer)) == ("".join(THOUGHT[:thoughts]), thoughts)
    assert answer.response_metadata["finish_reason"] == "length"


@pytest.mark.parametrize("runtime", sorted({*RUNTIMES} - {*LIMITING}))
@pytest.mark.parametrize("name", ["reasoning_budget", "thinking_budget", "thinking_budget_tokens"])
def test_thinking_budget_is_refused_where_the_engine_has_none(
    runtime: str, name: str, make: Make
) -> None:
    advice = "backend='llamacpp'" if runtime == "gpt4all" else "ChatLlamaCpp and ChatLlamafile can"
    with pytest.raises(InvalidOptionError, match=advice):
        make(runtime).invoke("Hi", **{name: 5})


@pytest.mark.parametrize("runtime", LIMITING)
@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_thinking_thoughts_precede_structured_output(
    runtime: str, opened: bool, method: Any, make: Make
) -> None:
    chat = make(runtime, opened=opened)
    for budget, thought in ((-1, THOUGHT), (BUDGET, THOUGHT[:BUDGET])):
        sums = chat.with_structured_output(
            Sum, method=method, include_raw=True, reasoning="high", reasoning_budget=budget
        )
        for answer in (sums.invoke("Two and two?"), await sums.ainvoke("Two and two?")):
            assert isinstance(answer["parsed"], Sum)
            assert thoughts_in(answer["raw"]) == "".join(thought)
            assert counted(answer["raw"]) == len(thought)
    without = chat.with_structured_output(
        Sum, method=method, include_raw=True, reasoning=False
    ).invoke("Two and two?")
    assert isinstance(without["parsed"], Sum)
    assert thoughts_in(without["raw"]) == ""


@pytest.mark.parametrize("runtime", LIMITING)
async def test_thinking_thoughts_come_before_a_forced_call(runtime: str, make: Make) -> None:
    chat = make(runtime).bind_tools([add], tool_choice="any", reasoning=True)
    for message in await on_every_path(chat):
        assert [call["name"] for call in message.tool_calls] == ["add"]
        assert set(message.tool_calls[0]["args"].values()) <= {2, 3}
        assert (message.text, thoughts_in(message)) == ("", THOUGHTS)
        assert counted(message) == len(THOUGHT)


@pytest.mark.parametrize("runtime", LIMITING)
async def test_thinking_thoughts_come_before_a_call_that_the_model_chooses(
    runtime: str, make: Make
) -> None:
    chat = make(runtime, then=CALL)
    for message in await on_every_path(chat.bind_tools([add]), reasoning=True):
        assert [(call["name"], call["args"]) for call in message.tool_calls] == [
            ("add", {"a": 2, "b": 2})
        ]
        assert (message.text, thoughts_in(message), counted(message)) == (
            "",
            THOUGHTS,
            len(THOUGHT),
        )
    for message in await on_every_path(chat.bind_tools([add]), reasoning=False):
        assert [call["name"] for call in message.tool_calls] == ["add"]
        assert thoughts_in(message) == ""


@pytest.mark.parametrize("runtime", [*LIMITING, "ollama"])
@pytest.mark.parametrize("reasoning", [True, False, "low"])
def test_thinking_agent_continues_after_its_thoughts(
    runtime: str, reasoning: Any, make: Make
) -> None:
    from langchain.agents import create_agent

    chat = make(runtime, then=CALL).with_options({"reasoning": reasoning})
    asked: Any = {"messages": [("user", "Two and two?")]}
    messages = create_agent(chat, [add]).invoke(asked)["messages"]
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    assert messages[2].content == "4"
    assert thoughts_in(messages[1]) == (THOUGHTS if reasoning else "")
    # Ollama 0.9.3 may write the first word twice
    assert messages[3].text.replace(" ", "").endswith(TEXT.replace(" ", ""))


@pytest.mark.parametrize("runtime", ["llamacpp", "llamacpp_xllamacpp"])
def test_thinking_thoughts_of_earlier_answers_are_sent_as_the_template_needs(
    runtime: str, make: Make
) -> None:
    chat = make(runtime)
    talk = [
        ("user", "Hi"),
        AIMessage("Hello.", additional_kwargs={"reasoning_content": "Kind."}),
        ("user", "Two and two?"),
    ]
    without = [("user", "Hi"), AIMessage("Hello."), ("user", "Two and two?")]
    kept = chat.get_num_tokens_from_messages(chat._convert_input(talk).to_messages())
    left = chat.get_num_tokens_from_messages(chat._convert_input(without).to_messages())
    # a byte is a token in this model, and each marker is one
    assert kept - left == len("Kind.") + 2


@pytest.mark.parametrize("markers", ["control", "user_defined", "text"])
@pytest.mark.parametrize("runtime", ["gpt4all", *LIMITING])
def test_thinking_markers_of_any_kind_are_read_and_not_counted(
    runtime: str, markers: Any, make: Make
) -> None:
    answer = make(runtime, markers=markers).invoke("Hi", reasoning=True)
    assert (answer.text, thoughts_in(answer), counted(answer)) == (TEXT, THOUGHTS, len(THOUGHT))


@pytest.mark.parametrize("runtime", LIMITING)
@pytest.mark.parametrize(
    ("markers", "template"),
    [("gpt-oss", "openai-gpt-oss-120b"), ("gemma4", "google-gemma-4-31B-it")],
    ids=["gpt-oss", "gemma4"],
)
def test_thinking_special_formats_are_limited_and_precede_the_schema(
    runtime: str, markers: Any, template: str, make: Make
) -> None:
    source = (llama_cpp_source.install() / "templates" / f"{template}.jinja").read_text(
        encoding="utf-8"
    )
    chat = make(runtime, markers=markers, template=source)
    for budget, thought in ((-1, THOUGHT), (BUDGET, THOUGHT[:BUDGET])):
        answer = chat.invoke("Hi", reasoning=True, reasoning_budget=budget)
        assert (answer.text, thoughts_in(answer), counted(answer)) == (
            TEXT,
            "".join(thought),
            len(thought),
        )
    quiet = chat.invoke("Hi", reasoning=False)
    assert (quiet.text, thoughts_in(quiet), counted(quiet)) == (TEXT, "", 0)
    for method in ("json_schema", "function_calling"):
        answer = chat.with_structured_output(
            Sum, method=method, include_raw=True, reasoning=True
        ).invoke("Hi")
        assert isinstance(answer["parsed"], Sum)
        assert (thoughts_in(answer["raw"]), counted(answer["raw"])) == (THOUGHTS, len(THOUGHT))


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_thinking_model_that_would_end_in_its_thoughts_still_answers(
    method: Any, make: Make
) -> None:
    chat = make("llamacpp", closes=False)
    assert chat.invoke("Hi", reasoning=True).text == ""
    answer = chat.with_structured_output(
        Sum, method=method, include_raw=True, reasoning=True
    ).invoke("Hi")
    assert isinstance(answer["parsed"], Sum)
    assert thoughts_in(answer["raw"]) == THOUGHTS
