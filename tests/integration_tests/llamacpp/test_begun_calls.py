"""A call that a model begins by itself, without `tool_choice`, is valid JSON for its schema,
whatever the model writes next."""

import functools
import operator
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import validate_call

from langchain_localllm import ChatLlamaCpp
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.runtimes.llamacpp.backend import Backend
from tools.engines import llama_cpp_source
from tools.engines.scripted_model import scripted_model

TEXTS: Final = {
    "wrong type": '<tool_call>\n{"name": "add", "arguments": {"a": "one", "b": 2}}\n</tool_call>',
    "wrong name": (
        'Wait. <tool_call>\n{"name": "plus", "arguments": {"a": 1, "b": 2}}\n</tool_call>'
    ),
    "no JSON": "<tool_call>\nadd(1, 2)\n</tool_call>",
}
FREE: Final = 'A list: {"name": "plus"}, and <tool> is text.'
TWO: Final = (
    '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>\n'
    '<tool_call>\n{"name": "add", "arguments": {"a": 3, "b": 4}}\n</tool_call>'
)
CASES: Final[list[tuple[Backend, str]]] = [
    *(("llama-cpp-python", name) for name in TEXTS),
    ("xllamacpp", "wrong type"),
    ("xllamacpp", "wrong name"),  # what is not JSON at all is text there
]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(
    scope="module", params=[(), ("<tool_call>", "</tool_call>")], ids=["text", "tokens"]
)
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, int]]:
    path = tmp_path_factory.mktemp("begun") / "calls.gguf"
    texts = [*TEXTS.values(), FREE, TWO]
    with ChatLlamaCpp(model_path=tiny_chat_model()) as tiny:
        template = tiny.template().source
    starts = scripted_model(path, texts, request.param, template)
    return path, dict(zip([*TEXTS, "free", "two calls"], starts, strict=True))


def loaded(path: Path, backend: Backend) -> ChatLlamaCpp:
    return ChatLlamaCpp(model_path=path, backend=backend, n_ctx=2048, temperature=0, max_tokens=200)


@pytest.mark.parametrize(("backend", "name"), CASES)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_call_that_goes_wrong_is_valid(
    model: tuple[Path, dict[str, int]], backend: Backend, name: str, streamed: bool
) -> None:
    path, starts = model
    with loaded(path, backend) as chat:
        asked = chat.bind_tools([add]).bind(logit_bias={str(starts[name]): 20})
        answer = (
            functools.reduce(operator.add, asked.stream("Hi")) if streamed else asked.invoke("Hi")
        )
    assert isinstance(answer, AIMessage)
    assert not answer.invalid_tool_calls
    assert answer.tool_calls
    for call in answer.tool_calls:
        assert call["name"] == "add"
        assert {key: type(value) for key, value in call["args"].items()} == {"a": int, "b": int}


@pytest.mark.parametrize("backend", ["llama-cpp-python", "xllamacpp"])
def test_call_text_without_a_call_is_free(
    model: tuple[Path, dict[str, int]], backend: Backend
) -> None:
    path, starts = model
    with loaded(path, backend) as chat:
        assert (
            chat.bind_tools([add]).invoke("Hi", logit_bias={str(starts["free"]): 20}).text == FREE
        )


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_call_answer_that_the_server_cannot_read_is_text(streamed: bool, tmp_path: Path) -> None:
    text, path = TEXTS["no JSON"], tmp_path / "calls.gguf"
    with ChatLlamaCpp(model_path=tiny_chat_model()) as tiny:
        (start,) = scripted_model(
            path, [text], ("<tool_call>", "</tool_call>"), tiny.template().source
        )
    with loaded(path, "xllamacpp") as chat:
        asked = chat.bind_tools([add]).bind(logit_bias={str(start): 20})
        answer = (
            functools.reduce(operator.add, asked.stream("Hi")) if streamed else asked.invoke("Hi")
        )
        prompt = chat.get_num_tokens_from_messages([HumanMessage("Hi")], tools=[add])
    assert isinstance(answer, AIMessage)
    assert (answer.text, answer.tool_calls, answer.invalid_tool_calls) == (text, [], [])
    assert answer.usage_metadata
    assert answer.usage_metadata["input_tokens"] == pytest.approx(prompt, abs=2)


@pytest.mark.parametrize("backend", ["llama-cpp-python", "xllamacpp"])
@pytest.mark.parametrize(
    "text",
    [
        '{"name": "add", "arguments": {"a": 1, "b": 2}}',
        '```json\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n```',
        '<tools>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tools>',
        "[add(a=1, b=2)]",
    ],
)
def test_call_without_its_marker_is_read(text: str, backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "calls.gguf"
    with ChatLlamaCpp(model_path=tiny_chat_model()) as tiny:
        (start,) = scripted_model(path, [text], template=tiny.template().source)
    with loaded(path, backend) as chat:
        answer = chat.bind_tools([add]).invoke("Hi", logit_bias={str(start): 20})
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
        ("add", {"a": 1, "b": 2})
    ]
    assert answer.text == ""


@pytest.mark.parametrize(("parallel", "count"), [(None, 2), (False, 1)])
def test_call_second_call_is_made_only_where_several_may_be(
    model: tuple[Path, dict[str, int]], parallel: bool | None, count: int
) -> None:
    path, starts = model
    options = {} if parallel is None else {"parallel_tool_calls": parallel}
    with loaded(path, "llama-cpp-python") as chat:
        answer = chat.bind_tools([add], **options).invoke(
            "Hi", logit_bias={str(starts["two calls"]): 20}
        )
    assert len(answer.tool_calls) == count


# --- calls in other frames than JSON between markers ---

NOTE: Final = 'Two lines:\n"a" < b </para> </parameter '
QWEN_CALL: Final = (
    "<tool_call>\n<function=write>\n<parameter=note>\n{}\n</parameter>\n<parameter=kind>\n{}\n"
    "</parameter>\n"
    "<parameter=tags>\n{}\n</parameter>\n</function>\n</tool_call>"
)
LLAMA_CALL: Final = '{"name": "write", "parameters": {"note": "a", "kind": "long", "tags": []}}'
BOB: Final = '{"name": "Bob", "age": 3}'


def write(
    note: str, kind: Literal["short", "long"], tags: list[int], *, urgent: bool = False
) -> str:
    """Write a note."""
    return f"{note} {kind} {tags} {urgent}"


FRAMED: Final[dict[str, tuple[str, str, str, dict[str, Any] | None]]] = {
    "any text in a tag": (
        "Qwen3-Coder",
        QWEN_CALL.format(NOTE, "long", "[1, 2]"),
        "",
        {"note": NOTE, "kind": "long", "tags": [1, 2]},
    ),
    "a value that is not one of those in the schema": (
        "Qwen3-Coder",
        QWEN_CALL.format("a", "lonely", "[1]"),
        "",
        {},
    ),
    "a truth value that is not one": (
        "Qwen3-Coder",
        QWEN_CALL.format("a", "long", "[1]").replace(
            "</function>", "<parameter=urgent>\nmaybe\n</parameter>\n</function>"
        ),
        "",
        {},
    ),
    "JSON with the name of a tool": (
        "meta-llama-Llama-3.2-3B-Instruct",
        LLAMA_CALL.replace("[]", '["x"]'),
        "",
        {},
    ),
    "JSON about something else": (
        "meta-llama-Llama-3.2-3B-Instruct",
        '{"name": "Bob", "age": 3}',
        '{"name": "Bob", "age": 3}',
        None,
    ),
    "a mention of what begins calls": (
        "fireworks-ai-llama-3-firefunction-v2",
        "Import functools [in Python].",
        "Import functools [in Python].",
        None,
    ),
}
"""Template, what the model writes, the text that is expected, and the arguments: `{}` for any that
are valid."""


@pytest.mark.parametrize("name", FRAMED)
def test_call_in_the_frame_of_a_family(name: str, tmp_path: Path) -> None:
    family, written, text, expected = FRAMED[name]
    (start,) = scripted_model(tmp_path / "model.gguf", [written])
    template = llama_cpp_source.install() / "templates" / f"{family}.jinja"
    options: dict[str, Any] = {
        "backend": "llama-cpp-python",
        "n_ctx": 4096,
        "temperature": 0,
        "max_tokens": 300,
    }
    with ChatLlamaCpp(
        model_path=tmp_path / "model.gguf", chat_template=template, **options
    ) as chat:
        answer = chat.bind_tools([write], parallel_tool_calls=False).invoke(
            "Hi", logit_bias={start: 20}
        )
    assert answer.text == text
    assert not answer.invalid_tool_calls
    assert len(answer.tool_calls) == (expected is not None)
    for call in answer.tool_calls:
        assert expected in ({}, call["args"])
        validate_call(config={"strict": True})(write)(**call["args"])
