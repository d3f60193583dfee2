"""Servers that rerank: each is asked in its own way and answers in its own form."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import PrivateAttr

from langchain_localllm import LlamafileReranker
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidOptionError,
    InvalidRequestError,
    ModelMissingError,
    ServerError,
    WrongServerError,
)
from langchain_localllm.runtimes.llamafile.default_server import DEFAULT_URL
from langchain_localllm.transport.operations import Send
from tests.unit_tests.embedding_fakes import Answer, Answered, body_of

NOT_THERE: Answer = (404, {"error": {"message": "File Not Found"}})
LOGITS = {"a lamp": 2.0, "bread": -3.0, "the moon": 0.5}
PROBABILITIES = {"a lamp": 0.9, "bread": 0.1, "the moon": 0.5}


class FakeReranker(Answered, LlamafileReranker):
    """A reranker whose server is a function; `asked` are its requests."""

    _asked: list[Send] = PrivateAttr(default_factory=list)
    _server: Any = PrivateAttr(default=None)
    _default_server: dict[str, str] = PrivateAttr(
        default_factory=lambda: {DEFAULT_URL: DEFAULT_URL}
    )

    def _known(self, _send: Send) -> None:
        """Every request goes to the server."""


def sorted_rows(
    body: dict[str, Any], known: dict[str, float], name: str = "relevance_score"
) -> list[dict[str, Any]]:
    """The best first, as servers answer; texts that are not known fit nothing."""
    texts = body.get("documents") or body["texts"]
    rows = [
        {"index": number, name: known.get(text, min(known.values()))}
        for number, text in enumerate(texts)
    ]
    return sorted(rows, key=lambda row: -row[name])


def llama_cpp(send: Send) -> Answer:
    rows = sorted_rows(body_of(send), LOGITS)
    return (
        (200, {"object": "list", "results": rows}) if send.path.endswith("/rerank") else NOT_THERE
    )


def vllm(send: Send) -> Answer:
    body = body_of(send)
    rows = [
        {**row, "document": {"text": body["documents"][row["index"]]}}
        for row in sorted_rows(body, PROBABILITIES)
    ]
    return 200, {"id": "rerank-1", "model": "m", "usage": {"total_tokens": 9}, "results": rows}


def sglang(send: Send) -> Answer:
    return 200, [{**row, "meta_info": {}} for row in sorted_rows(body_of(send), LOGITS, "score")]


def infinity(send: Send) -> Answer:
    return (
        (200, {"object": "rerank", "results": sorted_rows(body_of(send), PROBABILITIES)})
        if send.path == "/rerank"
        else NOT_THERE
    )


def tei(send: Send) -> Answer:
    if send.path != "/rerank":
        return NOT_THERE
    if "texts" not in body_of(send):
        return 422, (
            "Failed to deserialize the JSON body into the target type: missing field `texts` at "
            "line 1 column 60"
        )
    return 200, sorted_rows(body_of(send), PROBABILITIES, "score")


def lemonade(send: Send) -> Answer:
    return (
        (200, {"results": sorted_rows(body_of(send), LOGITS)})
        if send.path == "/v1/reranking"
        else NOT_THERE
    )


def voyage(send: Send) -> Answer:
    return 200, {"object": "list", "data": sorted_rows(body_of(send), PROBABILITIES)}


@pytest.mark.parametrize("server", [llama_cpp, vllm, sglang, infinity, tei, lemonade, voyage])
def test_reranker_every_servers_form_is_read_in_the_order_of_the_texts(
    server: Callable[[Send], Answer],
) -> None:
    reranker = FakeReranker().answering(server)
    is_logit = server in {llama_cpp, sglang, lemonade}
    expected = (
        [1 / (1 + math.exp(-logit)) for logit in LOGITS.values()]
        if is_logit
        else list(PROBABILITIES.values())
    )
    assert reranker.rerank("light", list(LOGITS)) == pytest.approx(expected)
    asked = len(reranker.asked)
    assert asyncio.run(reranker.model_copy().arerank("light", list(LOGITS))) == pytest.approx(
        expected
    )
    assert len(reranker.asked) == asked + 1, (
        "how it answers, and what its scores are, is found out once"
    )


def test_reranker_logits_inside_of_0_to_1_are_found_by_a_probe() -> None:
    reranker = FakeReranker().answering(llama_cpp)
    assert reranker.rerank("light", ["the moon"]) == [pytest.approx(1 / (1 + math.exp(-0.5)))]
    assert len(reranker.asked) == 2
    assert reranker.rerank("light", ["the moon"]) == [pytest.approx(1 / (1 + math.exp(-0.5)))]
    assert len(reranker.asked) == 3


def test_reranker_server_that_refuses_the_probe_still_gives_its_scores() -> None:
    reranker = FakeReranker().answering(
        lambda send: vllm(send) if len(body_of(send)["documents"]) == 1 else (400, {"error": "no"})
    )
    assert reranker.rerank("light", ["a lamp"]) == [0.9]


def test_reranker_request_has_the_documented_fields() -> None:
    reranker = FakeReranker(model="bge", extra_body={"truncate_prompt_tokens": -1}).answering(
        llama_cpp
    )
    reranker.rerank("light", list(LOGITS))
    (send,) = reranker.asked
    documented = {
        "model": "bge",
        "query": "light",
        "documents": list(LOGITS),
        "top_n": 3,
        "truncate_prompt_tokens": -1,
    }
    assert body_of(send) == documented
    raw = FakeReranker(normalize=False, truncate=True).answering(tei)
    raw.rerank("light", ["a lamp"])
    expected = {"query": "light", "texts": ["a lamp"], "raw_scores": True, "truncate": True}
    assert body_of(raw.asked[-1]) == expected


def test_reranker_batches_are_sent_by_size_and_scores_stay_in_order() -> None:
    reranker = FakeReranker(batch_size=2, max_concurrency=1, normalize=False).answering(llama_cpp)
    texts = [*LOGITS] * 3
    assert reranker.rerank("light", texts) == [*LOGITS.values()] * 3
    assert [len(body_of(send)["documents"]) for send in reranker.asked] == [2, 2, 2, 2, 1]


def test_reranker_server_with_a_smaller_limit_gets_texts_in_parts() -> None:
    def small(send: Send) -> Answer:
        if len(body_of(send)["documents"]) > 2:
            return 413, {
                "error": "batch size 6 > maximum allowed batch size 2",
                "error_type": "Validation",
            }
        return llama_cpp(send)

    reranker = FakeReranker(normalize=False).answering(small)
    assert reranker.rerank("light", [*LOGITS] * 2) == [*LOGITS.values()] * 2


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (NOT_THERE, WrongServerError, r"no reranking at /v1/rerank.*--reranking"),
        ((200, {"results": [{"index": 0}]}), WrongServerError, "no scores"),
        ((200, {"ok": True}), WrongServerError, "no scores"),
        (
            (200, {"results": []}),
            ServerError,
            "Text 0 of 2: 1 texts were sent .* 0 scores came back",
        ),
        (
            (200, {"results": [{"index": 1, "score": 1}, {"index": 2, "score": 1}]}),
            ServerError,
            "texts were sent",
        ),
        (
            (200, {"results": [{"index": 0, "score": None}, {"index": 1, "score": 1}]}),
            ServerError,
            "Text 0 of 2.*None as its",
        ),
        (
            (501, {"error": {"message": "Start it with `--reranking`"}}),
            InvalidRequestError,
            "cannot do this",
        ),
        (
            (400, {"message": "The model does not support Rerank (Score) API"}),
            InvalidRequestError,
            "Score",
        ),
        (
            (404, {"error": {"message": "The model `x` does not exist."}}),
            ModelMissingError,
            "`x` does not exist",
        ),
        (
            (424, {"error": "model is not a re-ranker model", "error_type": "Backend"}),
            ServerError,
            "not a re-ranker",
        ),
        (
            (
                413,
                {
                    "error": "`inputs` must have less than 512 tokens. Given: 600",
                    "error_type": "Validation",
                },
            ),
            ContextLengthError,
            "Text 0 of 2 with the query has 600 tokens, and the model takes 512",
        ),
    ],
)
def test_reranker_answers_without_scores_are_errors(
    answer: Answer, error: type[Exception], words: str
) -> None:
    reranker = FakeReranker().answering(
        lambda send: NOT_THERE if send.path == "/v1/models" else answer
    )
    with pytest.raises(error, match=words):
        reranker.rerank("light", ["a", "b"])


@pytest.mark.parametrize(
    ("query", "texts", "words"),
    [
        ("", ["a"], "query is empty"),
        (" \n", ["a"], "query is empty"),
        (None, ["a"], "query is not text"),
        ("a", "text", "expects a list of texts"),
        ("a", ["b", None], "Text 1 is not text"),
    ],
)
def test_reranker_invalid_input_is_refused_before_it_is_sent(
    query: Any, texts: Any, words: str
) -> None:
    reranker = FakeReranker().answering(llama_cpp)
    with pytest.raises(InvalidRequestError, match=words):
        reranker.rerank(query, texts)
    with pytest.raises(InvalidRequestError, match=words):
        asyncio.run(reranker.arerank(query, texts))
    assert not reranker.asked


def test_reranker_texts_in_place_of_documents_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="Document 0 is not a Document"):
        FakeReranker().compress_documents(["text"], "query")  # type: ignore[list-item]  # on purpose


@pytest.mark.parametrize("option", [{"top_n": 0}, {"top_k": 3}, {"batch_size": 0}])
def test_reranker_wrong_options_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError):
        FakeReranker(**option)
