"""A bias does the same in every spelling, on the text and the chat class of every engine that has
one."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from langchain_localllm import (
    ChatGPT4All,
    ChatLlamaCpp,
    ChatLlamafile,
    GPT4All,
    LlamaCpp,
    Llamafile,
    LocalServer,
)
from langchain_localllm.models import tiny_chat_model

PROMPT: Final = "The lamp on the table is"
TINY: Final = {"model": str(tiny_chat_model()), "n_ctx": 256}
GREEDY: Final = {"temperature": 0, "max_tokens": 4}


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(tiny_chat_model(), n_ctx=256) as server:
        yield server


@pytest.fixture(
    params=[
        (LlamaCpp, "llama-cpp-python"),
        (LlamaCpp, "xllamacpp"),
        (ChatLlamaCpp, "llama-cpp-python"),
        (ChatLlamaCpp, "xllamacpp"),
        (GPT4All, "llama-cpp-python"),
        (ChatGPT4All, "xllamacpp"),
        (Llamafile, "server"),
        (ChatLlamafile, "server"),
    ],
    ids=lambda param: f"{param[0].__name__}-{param[1]}",
)
def model(request: pytest.FixtureRequest, server: LocalServer) -> Any:
    cls, engine = request.param
    return (
        cls(base_url=server.base_url, **GREEDY)
        if engine == "server"
        else cls(**TINY, **GREEDY, backend=engine)
    )


def first_token(model: Any, **options: Any) -> dict[str, Any]:
    """What is reported about the first token of an answer."""
    answer = model.generate_prompt(
        [model._convert_input(PROMPT)], n_probs=1, **options
    ).generations[0][0]
    logprobs = answer.generation_info["logprobs"]
    token: dict[str, Any] = (logprobs["content"] if isinstance(logprobs, dict) else logprobs)[0]
    return token


@pytest.mark.parametrize("bias", [-100, -100.0, False, float("-inf")])
@pytest.mark.parametrize("shape", ["dict", "pairs", "tuples"])
@pytest.mark.parametrize("spelling", ["id", "digits", "text"])
def test_logit_bias_token_is_banned_in_every_spelling(
    model: Any, spelling: str, shape: str, bias: Any
) -> None:
    likely = first_token(model)
    token = {"id": likely["id"], "digits": str(likely["id"]), "text": likely["token"]}[spelling]
    given = {"dict": {token: bias}, "pairs": [[token, bias]], "tuples": [(token, bias)]}[shape]
    assert first_token(model, logit_bias=given)["id"] != likely["id"]


def test_logit_bias_makes_a_token_come(model: Any) -> None:
    wanted = model.get_token_ids(" boat")[-1]
    assert first_token(model, logit_bias={wanted: 100})["id"] == wanted


def test_logit_bias_of_a_text_holds_for_each_of_its_tokens(model: Any) -> None:
    text = "table boat"
    tokens = model.get_token_ids(text)
    assert len(tokens) > 1
    assert first_token(model, logit_bias={text: 100})["id"] in tokens
