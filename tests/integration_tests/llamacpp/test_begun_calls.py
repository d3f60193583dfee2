"""A call that a model begins by itself, without `tool_choice`, is valid JSON for its schema, whatever the model goes on with."""

import functools
import operator
from pathlib import Path
from typing import Final

import pytest
from langchain_core.messages import AIMessage

from langchain_localllm import ChatLlamaCpp
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.runtimes.llamacpp.backend import Backend
from tests.engines.scripted_model import scripted_model

TEXTS: Final = {
    "wrong type": '<tool_call>\n{"name": "add", "arguments": {"a": "one", "b": 2}}\n</tool_call>',
    "wrong name": 'Wait. <tool_call>\n{"name": "plus", "arguments": {"a": 1, "b": 2}}\n</tool_call>',
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
    ("xllamacpp", "wrong name"),  # what is no JSON at all fails in the server, where the marker is a token
]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(scope="module", params=[(), ("<tool_call>", "</tool_call>")], ids=["text", "tokens"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
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
def test_call_that_goes_wrong_is_valid(model: tuple[Path, dict[str, int]], backend: Backend, name: str, streamed: bool) -> None:
    path, starts = model
    with loaded(path, backend) as chat:
        asked = chat.bind_tools([add]).bind(logit_bias={str(starts[name]): 20})
        answer = functools.reduce(operator.add, asked.stream("Hi")) if streamed else asked.invoke("Hi")
    assert isinstance(answer, AIMessage)
    assert not answer.invalid_tool_calls
    assert answer.tool_calls
    for call in answer.tool_calls:
        assert call["name"] == "add"
        assert {key: type(value) for key, value in call["args"].items()} == {"a": int, "b": int}


@pytest.mark.parametrize("backend", ["llama-cpp-python", "xllamacpp"])
def test_text_without_a_call_is_free(model: tuple[Path, dict[str, int]], backend: Backend) -> None:
    path, starts = model
    with loaded(path, backend) as chat:
        assert chat.bind_tools([add]).invoke("Hi", logit_bias={str(starts["free"]): 20}).text == FREE


@pytest.mark.parametrize(("parallel", "count"), [(None, 2), (False, 1)])
def test_second_call_is_made_only_where_several_may_be(
    model: tuple[Path, dict[str, int]], parallel: bool | None, count: int
) -> None:
    path, starts = model
    options = {} if parallel is None else {"parallel_tool_calls": parallel}
    with loaded(path, "llama-cpp-python") as chat:
        answer = chat.bind_tools([add], **options).invoke("Hi", logit_bias={str(starts["two calls"]): 20})
    assert len(answer.tool_calls) == count
