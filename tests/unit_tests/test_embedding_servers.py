"""Servers of llama.cpp's kind, old and new: each answers in its own way, and all are read."""

import base64
import struct
import warnings
from typing import Any

import pytest

from langchain_localllm.errors import (
    ContextLengthError,
    InvalidRequestError,
    ServerError,
    WrongServerError,
)
from langchain_localllm.transport.operations import Send
from tests.unit_tests.embedding_fakes import Answer, FakeLlamafile, body_of, openai_answer

NOT_THERE: Answer = (404, {"error": {"message": "File Not Found"}})


def paths(model: FakeLlamafile) -> list[str]:
    return [send.path for send in model.asked]


def base64_answer(send: Send) -> Answer:
    return openai_answer(
        [base64.b64encode(struct.pack("<2f", 3, 4)).decode()] * len(body_of(send)["input"])
    )


def test_embedding_server_packed_numbers_are_read() -> None:
    model = FakeLlamafile().answering(base64_answer)
    assert model.embed_documents(["a", "b"]) == [[pytest.approx(0.6), pytest.approx(0.8)]] * 2


TEXTS = ["x" * number for number in range(1, 13)]
"""More than ten, since texts of numbers have another order."""


def rows_of(send: Send) -> list[dict[str, Any]]:
    return [
        {"index": number, "embedding": [3.0, float(len(text))]}
        for number, text in enumerate(body_of(send)["input"])
    ]


def changed(rows: list[dict[str, Any]], **change: Any) -> list[dict[str, Any]]:
    return [
        {name: change.get(name, lambda value: value)(value) for name, value in row.items()}
        for row in rows
    ]


ROWS: dict[str, Any] = {
    "numbers as text, last first": lambda rows: {"data": changed(rows, index=str)[::-1]},
    "numbers with a point, last first": lambda rows: {"data": changed(rows, index=float)[::-1]},
    "null": lambda rows: {"data": changed(rows, index=lambda _: None)},
    "always 0": lambda rows: {"data": changed(rows, index=lambda _: 0)},
    "0 left out, last first": lambda rows: {
        "data": [{k: v for k, v in row.items() if v != 0} for row in rows][::-1]
    },
    "some left out": lambda rows: {
        "data": [{k: v for k, v in row.items() if k != "index" or v % 2} for row in rows]
    },
    "vectors in a list": lambda rows: {"data": changed(rows, embedding=lambda vector: [vector])},
    "vectors by type": lambda rows: {
        "data": changed(rows, embedding=lambda vector: {"float": vector})
    },
    "vectors as JSON": lambda rows: {"data": changed(rows, embedding=str)},
    "vectors as base64": lambda rows: {"data": changed(rows, embedding=packed)},
    "vectors as URL-safe base64": lambda rows: {
        "data": changed(rows, embedding=lambda vector: packed(vector).replace("/", "_"))
    },
    "digits as text": lambda rows: {
        "data": changed(rows, embedding=lambda vector: [str(value) for value in vector])
    },
    "vectors without rows": lambda rows: {"data": [row["embedding"] for row in rows]},
    "Ollama's": lambda rows: {"embeddings": [row["embedding"] for row in rows]},
    "Cohere's": lambda rows: {"embeddings": {"float": [row["embedding"] for row in rows]}},
    "a list": lambda rows: [row["embedding"] for row in rows],
}


def packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


@pytest.mark.parametrize("form", ROWS)
def test_embedding_server_rows_in_any_form_are_the_vectors_in_the_order_of_the_texts(
    form: str,
) -> None:
    vectors = (
        FakeLlamafile()
        .answering(lambda send: (200, ROWS[form](rows_of(send))))
        .embed_documents(TEXTS)
    )
    assert vectors == [
        [pytest.approx(3 / abs(complex(3, n))), pytest.approx(n / abs(complex(3, n)))]
        for n in range(1, 13)
    ]


@pytest.mark.parametrize("nothing", [None, [], "", {}])
def test_embedding_server_text_without_a_vector_is_named_and_the_length_is_not_kept(
    nothing: Any,
) -> None:
    def answer(send: Send) -> Answer:
        return 200, {
            "data": [
                row if row["embedding"][1] > 1 else {**row, "embedding": nothing}
                for row in rows_of(send)
            ]
        }

    model = FakeLlamafile().answering(answer)
    with pytest.raises(ServerError, match=r"Text 0 of 12: the engine returned an empty vector"):
        model.embed_documents(TEXTS)
    assert len(model.embed_documents(TEXTS[1:])) == len(TEXTS) - 1


def test_embedding_server_token_vectors_of_openais_api_are_pooled() -> None:
    def answer(send: Send) -> Answer:
        if send.path != "/v1/embeddings":
            return NOT_THERE
        return 200, {
            "data": changed(rows_of(send), embedding=lambda _: [[1.0, 2.0], [5.0, 6.0], [3.0, 4.0]])
        }

    with pytest.warns(UserWarning, match="it names no pooling"):
        assert (
            FakeLlamafile().answering(answer).embed_documents(["two", "texts"]) == [[0.6, 0.8]] * 2
        )


def test_embedding_server_error_in_a_row_is_shown() -> None:
    with pytest.raises(ServerError, match="no slot"):
        FakeLlamafile().answering(lambda _: (200, {"data": [{"error": "no slot"}]})).embed_query(
            "a"
        )


def an_old_llamafile(send: Send) -> Answer:
    """One text at a time, and an object with the vector."""
    if send.path == "/embedding" and isinstance(body_of(send).get("content"), str):
        return 200, {"embedding": [3.0, float(len(body_of(send)["content"]))]}
    return (200, {"embedding": [1.0, 1.0]}) if send.path == "/embedding" else NOT_THERE


def test_embedding_server_old_llamafile_is_asked_text_by_text() -> None:
    model = FakeLlamafile(normalize=False).answering(an_old_llamafile)
    assert model.embed_documents(["a", "bb"]) == [[3.0, 1.0], [3.0, 2.0]]
    first = len(model.asked)
    assert model.model_copy().embed_documents(["ccc"]) == [[3.0, 3.0]]
    assert len(model.asked) == first + 1, "how it answers is found out once"


@pytest.mark.parametrize(
    "listed",
    [lambda rows: {"results": rows}, lambda rows: ["results", rows]],
    ids=["object", "list"],
)
def test_embedding_server_rows_without_an_index_are_not_used(listed: Any) -> None:
    """Llamafiles of 2023 and 2024 with several slots answer a list in the order in which its texts
    were done."""

    def answer(send: Send) -> Answer:
        content: Any = body_of(send).get("content")
        if send.path != "/embedding":
            return NOT_THERE
        if isinstance(content, str) or len(content) == 1:
            return 200, {"embedding": [3.0, float(len("".join(content)))]}
        return 200, listed([{"embedding": [3.0, float(len(text))]} for text in reversed(content)])

    for texts in (["a", "bb"], ["a"]):
        model = FakeLlamafile(normalize=False).answering(answer)
        assert model.embed_documents(texts) == [[3.0, float(len(text))] for text in texts]
        assert model.embed_documents(["a", "bb"]) == [[3.0, 1.0], [3.0, 2.0]]


def a_server_without_pooling(send: Send) -> Answer:
    """A vector a token, and none in OpenAI's way."""
    if send.path == "/v1/embeddings":
        return 400, {
            "error": {
                "message": (
                    "Pooling type 'none' is not OAI compatible. Please use a different pooling type"
                )
            }
        }
    rows = [
        {"index": n, "embedding": [[1.0, 2.0], [5.0, 6.0], [3.0, 4.0]]}
        for n in range(len(body_of(send)["content"]))
    ]
    return 200, rows[::-1]


def test_embedding_server_vectors_of_tokens_are_pooled_and_the_model_warned_of() -> None:
    model = FakeLlamafile().answering(a_server_without_pooling)
    with pytest.warns(UserWarning, match="not made for embeddings: it names no pooling"):
        vectors = model.embed_documents(["two", "texts"])
    assert vectors == [[0.6, 0.8]] * 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.embed_documents(["more"])  # said once


def test_embedding_server_raw_vectors_are_asked_for_where_the_server_has_them() -> None:
    def answer(_: Send) -> Answer:
        return 200, [{"index": 0, "embedding": [[3.0, 4.0]]}]

    model = FakeLlamafile(normalize=False).answering(answer)
    assert model.embed_query("a") == [3.0, 4.0]
    assert [(send.path, body_of(send)["embd_normalize"]) for send in model.asked] == [
        ("/embedding", -1)
    ]


@pytest.mark.parametrize(
    "body", [{}, {"data": [{}]}, {"data": None}, {"data": [{"index": 0, "embedding": 3}]}]
)
def test_embedding_server_answers_without_vectors_raise(body: Any) -> None:
    with pytest.raises(WrongServerError, match="gives no vectors"):
        FakeLlamafile().answering(lambda _: (200, body)).embed_query("a")


def test_embedding_server_that_does_not_embed_says_so() -> None:
    answer = (
        501,
        {
            "error": {
                "message": "This server does not support embeddings. Start it with `--embeddings`"
            }
        },
    )
    model = FakeLlamafile().answering(lambda _: answer)
    with pytest.raises(
        InvalidRequestError, match=r"gives no embeddings.*does not support embeddings"
    ):
        model.embed_query("a")
    assert len(model.asked) == len({(send.path, str(send.body)) for send in model.asked}), (
        "each way is tried once"
    )


def test_embedding_server_text_is_cut_on_request() -> None:
    def answer(send: Send) -> Answer:
        body = body_of(send)
        if send.path == "/tokenize":
            return 200, {"tokens": [2, 3] if not body["content"] else [2, *[7] * 600, 3]}
        if any(isinstance(text, str) and len(text) > 512 for text in body["input"]):
            return 400, {
                "error": {
                    "type": "exceed_context_size_error",
                    "n_prompt_tokens": 602,
                    "n_ctx": 512,
                    "message": "long",
                }
            }
        return openai_answer([[3.0, 4.0]] * len(body["input"]))

    model = FakeLlamafile(truncate=True).answering(answer)
    assert model.embed_documents(["short", "x" * 600, "short"]) == [[0.6, 0.8]] * 3
    assert [[2, *[7] * 510, 3]] in [body_of(send).get("input") for send in model.asked]


@pytest.mark.parametrize(
    "refusal",
    [
        (400, "only float vectors"),
        (422, "encoding_format: unexpected value"),
        (500, "base64 is unknown"),
        (500, "Internal error"),
    ],
)
def test_embedding_server_without_base64_is_asked_for_lists_of_numbers(
    refusal: tuple[int, str],
) -> None:
    status, words = refusal

    def answer(send: Send) -> Answer:
        if "encoding_format" in body_of(send):
            return status, {"error": {"message": words}}
        return openai_answer([[3.0, 4.0]] * len(body_of(send)["input"]))

    model = FakeLlamafile().answering(answer)
    assert model.embed_documents(["a", "b"]) == [[0.6, 0.8]] * 2
    assert len(model.asked) == 2


@pytest.mark.parametrize("normalize", [True, False])
def test_embedding_server_gets_fields_of_its_own_on_each_way(normalize: bool) -> None:
    def answer(send: Send) -> Answer:
        if send.path == "/embedding" and isinstance(body_of(send)["content"], str):
            return 200, {"embedding": [3.0, 4.0]}
        return 400, {"error": {"message": "no"}}

    model = FakeLlamafile(normalize=normalize, extra_body={"user": "me"}).answering(answer)
    model.embed_query("a")
    assert len(model.asked) > 3
    assert all(body_of(send)["user"] == "me" for send in model.asked)


def test_embedding_server_that_accepts_single_texts_only_gets_them_one_by_one() -> None:
    def answer(send: Send) -> Answer:
        if send.path == "/v1/embeddings" and isinstance(body_of(send)["input"], str):
            return openai_answer([[3.0, 4.0]])
        return 400, {"error": {"message": "input must be a string"}}

    model = FakeLlamafile().answering(answer)
    assert model.embed_documents(["a", "b"]) == [[0.6, 0.8]] * 2


@pytest.mark.parametrize("truncate", [False, True])
def test_embedding_server_that_cuts_a_text_is_noticed_by_its_counts(truncate: bool) -> None:
    def answer(send: Send) -> Answer:
        if send.path != "/embedding" or not isinstance(body_of(send)["content"], str):
            return 400, "400 JSON missing content/prompt/input key"
        return 200, {
            "add_special": True,
            "tokens_provided": 700,
            "tokens_used": 512,
            "embedding": [3.0, 4.0],
        }

    model = FakeLlamafile(truncate=truncate).answering(answer)
    if truncate:
        assert model.embed_query("long") == [0.6, 0.8]
    else:
        with pytest.raises(ContextLengthError, match="700 tokens, and the model takes 512"):
            model.embed_query("long")


def test_embedding_server_that_refuses_every_text_is_named_as_the_cause() -> None:
    model = FakeLlamafile().answering(lambda _: (400, {"error": {"message": "no"}}))
    with pytest.raises(InvalidRequestError, match=r"gives no embeddings.*: no.*--v2") as caught:
        model.embed_documents(["a", "b", "c"])
    assert caught.value.failed_text is None


def test_embedding_server_text_that_a_server_refuses_is_named() -> None:
    def answer(send: Send) -> Answer:
        if send.path != "/v1/embeddings" or "bad" in str(send.body):
            return 400, {"error": {"message": "not this one"}}
        return openai_answer([[3.0, 4.0]] * len(body_of(send)["input"]))

    with pytest.raises(InvalidRequestError, match=r"Text 1 of 3.*not this one"):
        FakeLlamafile().answering(answer).embed_documents(["good", "bad", "fine"])
