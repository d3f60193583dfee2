"""Servers of llama.cpp's kind, old and new: each answers in its own way, and all are read."""

import base64
import struct
import warnings
from typing import Any

import pytest

from langchain_localllm.errors import InvalidRequestError, WrongServerError
from langchain_localllm.transport.plan import Send

from .embedding_fakes import Answer, FakeLlamafile, body_of, openai_answer

NOT_THERE: Answer = (404, {"error": {"message": "File Not Found"}})


def paths(model: FakeLlamafile) -> list[str]:
    return [send.path for send in model.asked]


def base64_answer(send: Send) -> Answer:
    return openai_answer([base64.b64encode(struct.pack("<2f", 3, 4)).decode()] * len(body_of(send)["input"]))


def test_packed_numbers_are_read() -> None:
    model = FakeLlamafile().answering(base64_answer)
    assert model.embed_documents(["a", "b"]) == [[pytest.approx(0.6), pytest.approx(0.8)]] * 2


def an_old_llamafile(send: Send) -> Answer:
    """One text at a time, and an object with the vector."""
    if send.path == "/embedding" and isinstance(body_of(send).get("content"), str):
        return 200, {"embedding": [3.0, float(len(body_of(send)["content"]))]}
    return (200, {"embedding": [1.0, 1.0]}) if send.path == "/embedding" else NOT_THERE


def test_an_old_llamafile_is_asked_text_by_text() -> None:
    model = FakeLlamafile(normalize=False).answering(an_old_llamafile)
    assert model.embed_documents(["a", "bb"]) == [[3.0, 1.0], [3.0, 2.0]]
    first = len(model.asked)
    assert model.model_copy().embed_documents(["ccc"]) == [[3.0, 3.0]]
    assert len(model.asked) == first + 1, "how it answers is found out once"


def test_a_llamafile_of_2024_answers_lists_with_results() -> None:
    def answer(send: Send) -> Answer:
        return (200, {"results": [{"embedding": [3.0, 4.0]}] * 2}) if send.path == "/embedding" else NOT_THERE

    model = FakeLlamafile().answering(answer)
    assert model.embed_documents(["a", "b"]) == [[0.6, 0.8]] * 2
    assert paths(model) == ["/v1/embeddings", "/embedding"]


def a_server_without_pooling(send: Send) -> Answer:
    """A vector a token, and none in OpenAI's way."""
    if send.path == "/v1/embeddings":
        return 400, {"error": {"message": "Pooling type 'none' is not OAI compatible. Please use a different pooling type"}}
    rows = [{"index": n, "embedding": [[1.0, 2.0], [5.0, 6.0], [3.0, 4.0]]} for n in range(len(body_of(send)["content"]))]
    return 200, rows[::-1]


def test_vectors_of_tokens_are_pooled_and_the_model_warned_of() -> None:
    model = FakeLlamafile().answering(a_server_without_pooling)
    with pytest.warns(UserWarning, match="not made for embeddings: it names no pooling"):
        vectors = model.embed_documents(["two", "texts"])
    assert vectors == [[0.6, 0.8]] * 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.embed_documents(["more"])  # said once


def test_raw_vectors_are_asked_for_where_the_server_has_them() -> None:
    def answer(_: Send) -> Answer:
        return 200, [{"index": 0, "embedding": [[3.0, 4.0]]}]

    model = FakeLlamafile(normalize=False).answering(answer)
    assert model.embed_query("a") == [3.0, 4.0]
    assert [(send.path, body_of(send)["embd_normalize"]) for send in model.asked] == [("/embedding", -1)]


@pytest.mark.parametrize("body", [{}, {"data": [{}]}, {"data": None}, {"data": [{"index": 0, "embedding": 3}]}])
def test_answers_without_vectors_raise(body: Any) -> None:
    with pytest.raises(WrongServerError, match="gives no vectors"):
        FakeLlamafile().answering(lambda _: (200, body)).embed_query("a")


def test_a_server_that_does_not_embed_says_so() -> None:
    answer = (501, {"error": {"message": "This server does not support embeddings. Start it with `--embeddings`"}})
    model = FakeLlamafile().answering(lambda _: answer)
    with pytest.raises(InvalidRequestError, match="Start it with `--embeddings`"):
        model.embed_query("a")
    assert paths(model) == ["/v1/embeddings"]


def test_a_text_is_cut_when_asked() -> None:
    def answer(send: Send) -> Answer:
        body = body_of(send)
        if send.path == "/tokenize":
            return 200, {"tokens": [2, 3] if not body["content"] else [2, *[7] * 600, 3]}
        if any(isinstance(text, str) and len(text) > 512 for text in body["input"]):
            return 400, {"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 602, "n_ctx": 512, "message": "long"}}
        return openai_answer([[3.0, 4.0]] * len(body["input"]))

    model = FakeLlamafile(truncate=True).answering(answer)
    assert model.embed_documents(["short", "x" * 600, "short"]) == [[0.6, 0.8]] * 3
    assert [[2, *[7] * 510, 3]] in [body_of(send).get("input") for send in model.asked]
