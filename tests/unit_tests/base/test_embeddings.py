"""What all embedding classes share: batches, order, prefixes, checks and errors, on a server that
is a function."""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest

from langchain_localllm.base.embedding_batches import split, truncate_tokens
from langchain_localllm.errors import (
    AuthenticationError,
    ContextLengthError,
    InvalidOptionError,
    InvalidRequestError,
    ModelCallError,
    ServerError,
)
from langchain_localllm.transport.operations import Send
from tests.unit_tests.embedding_fakes import (
    Answer,
    FakeLlamafile,
    FakeOllama,
    inputs,
    openai_answer,
)

TEXTS: Final = [f"text {number}" for number in range(40)]


@pytest.fixture(params=["sync", "async"])
def embed(request: pytest.FixtureRequest) -> Callable[..., list[list[float]]]:
    """`embed_documents`, sync or async."""
    if request.param == "sync":
        return lambda model, texts: model.embed_documents(texts)
    return lambda model, texts: asyncio.run(model.aembed_documents(texts))


Embed = Callable[[Any, list[str]], list[list[float]]]


def same_answer(answer: Answer, _: Send) -> Answer:
    return answer


def by_length(send: Send) -> Answer:
    """A vector that encodes its text's number."""
    return openai_answer([[1.0, float(text.rpartition(" ")[2])] for text in inputs(send)])


# --- batches ---


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_embeddings_order_is_kept_over_batches_and_concurrent_requests(
    workers: int, embed: Embed
) -> None:
    def slow_at_first(send: Send) -> Answer:
        time.sleep(0.02 if inputs(send)[0] == TEXTS[0] else 0)
        return by_length(send)

    model = FakeLlamafile(batch_size=3, max_concurrency=workers, normalize=True).answering(
        slow_at_first
    )
    assert [round(vector[1] / vector[0]) for vector in embed(model, TEXTS)] == list(range(40))
    assert sorted(len(inputs(send)) for send in model.asked) == [1] + [3] * 13


def test_embeddings_no_more_requests_than_allowed_run_at_a_time(embed: Embed) -> None:
    running, most, lock = [0], [0], threading.Lock()

    def count(send: Send) -> Answer:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.002)
        with lock:
            running[0] -= 1
        return by_length(send)

    embed(FakeLlamafile(batch_size=2, max_concurrency=3).answering(count), TEXTS)
    assert most[0] <= 3


def test_embeddings_batches_are_filled_by_tokens() -> None:
    assert list(split([], 4, 100)) == []
    assert list(split(["a"] * 9, 4, 100)) == [(0, 4), (4, 8), (8, 9)]
    assert list(split(["a", "b" * 900, "c", "d" * 30, "e"], 4, 20)) == [(0, 1), (1, 2), (2, 5)]
    assert list(split(["灯" * 10, "\ud800" * 10], 4, 12)) == [(0, 1), (1, 2)]


def test_embeddings_prefixes_and_scaling(embed: Embed) -> None:
    model = FakeLlamafile(document_prefix="p: ")
    assert embed(model, ["a", "b"]) == [[0.6, 0.8]] * 2
    assert inputs(model.asked[0]) == ["p: a", "p: b"]


def test_embeddings_no_texts_ask_nothing(embed: Embed) -> None:
    model = FakeLlamafile().answering(lambda _: (500, {"error": "down"}))
    assert embed(model, []) == []
    assert model.asked == []


def test_embeddings_model_known_by_name_gets_its_prefixes() -> None:
    model = FakeOllama(model="e5-base")
    model.embed_query("a")
    model.embed_documents(["a"])
    assert [inputs(send) for send in model.asked] == [["query: a"], ["passage: a"]]
    bare = FakeOllama(model="e5-base", query_prefix="", document_prefix="d ")
    bare.embed_query("a")
    bare.embed_documents(["a"])
    assert [inputs(send) for send in bare.asked] == [["a"], ["d a"]]


def test_embeddings_callers_list_stays_as_it_is(embed: Embed) -> None:
    texts = ["a", "b"]
    embed(FakeLlamafile(document_prefix="p: "), texts)
    assert texts == ["a", "b"]


# --- shapes ---


def test_embeddings_dimensions_cut_and_scale_again() -> None:
    def three(_: Send) -> Answer:
        return openai_answer([[3.0, 4.0, 12.0]])

    assert FakeLlamafile(dimensions=2).answering(three).embed_query("a") == [0.6, 0.8]
    with pytest.raises(
        InvalidOptionError, match=r"`dimensions` is 4, but the model's vectors have 3 numbers"
    ):
        FakeLlamafile(dimensions=4).answering(three).embed_query("a")


def test_embeddings_vector_of_length_one_is_left_as_it_is() -> None:
    one = [0.6000000238418579, 0.800000011920929]  # as 32 bits hold it
    vector = FakeLlamafile().answering(lambda _: openai_answer([one])).embed_query("a")
    assert vector == one
    assert math.isclose(math.hypot(*vector), 1, rel_tol=1e-6)


# --- bad input ---


@pytest.mark.parametrize("wrong", ["", " \n", None, 3, b"bytes"])
def test_embeddings_input_that_is_not_a_text_is_named_before_anything_is_sent(
    wrong: Any, embed: Embed
) -> None:
    for model in (FakeLlamafile(document_prefix="p: "), FakeOllama()):
        with pytest.raises(InvalidRequestError, match=r"Text 1 is (empty|not text)"):
            embed(model, ["a", wrong, "b"])
        with pytest.raises(InvalidRequestError, match=r"The query is (empty|not text)"):
            model.embed_query(wrong)
        assert model.asked == []


def test_embeddings_single_text_is_not_read_as_a_list(embed: Embed) -> None:
    wrong: Any = "abc"
    with pytest.raises(InvalidRequestError, match="expects a list"):
        embed(FakeLlamafile(), wrong)


@pytest.mark.parametrize(
    "vector", [[1.0, None], [math.nan, 1.0], [0.0, 0.0], [math.inf, 1.0], ["a", "b"]]
)
@pytest.mark.parametrize("normalize", [True, False])
def test_embeddings_vector_of_no_numbers_or_of_zeros_raises(
    vector: list[Any], normalize: bool, embed: Embed
) -> None:
    def answer(send: Send) -> Answer:
        if send.path == "/embedding":
            texts = send.body["content"] if send.body else []
            rows = [
                {"index": n, "embedding": [vector if text == "bad" else [3.0, 4.0]]}
                for n, text in enumerate(texts)
            ]
            return 200, rows
        return openai_answer([vector if text == "bad" else [3.0, 4.0] for text in inputs(send)])

    model = FakeLlamafile(normalize=normalize).answering(answer)
    with pytest.raises(
        ServerError, match=r"Text 2 of 4: the engine returned a zero or non-finite vector"
    ) as caught:
        embed(model, ["a", "b", "bad", "c"])
    assert caught.value.failed_text == 2
    assert sorted(caught.value.done) == [0, 1]


def test_embeddings_another_count_of_vectors_than_of_texts_raises(embed: Embed) -> None:
    for count in (1, 3):
        model = FakeLlamafile().answering(partial(same_answer, openai_answer([[3.0, 4.0]] * count)))
        with pytest.raises(
            ServerError, match=f"2 texts were sent to the engine, {count} vectors came back"
        ):
            embed(model, ["a", "b"])


def test_embeddings_dimension_that_changes_raises_within_a_call_and_between_calls(
    embed: Embed,
) -> None:
    lengths = iter([2, 2, 3, 3])
    model = FakeLlamafile(batch_size=1, max_concurrency=1)
    model.answering(lambda _: openai_answer([[1.0] * next(lengths)]))
    with pytest.raises(
        ServerError, match=r"Text 2 of 4: its vector has 3 numbers, and those before had 2"
    ):
        embed(model, ["a", "b", "c", "d"])
    with pytest.raises(ServerError, match="had 2"):
        model.model_copy(update={"query_prefix": "q"}).embed_query("a")


# --- a text that fails ---


def refuses(*bad: str) -> Callable[[Send], Answer]:
    """A server that refuses a whole request for one text, and does not say which, as servers do."""

    def answer(send: Send) -> Answer:
        if any(text in bad for text in inputs(send)):
            return 500, {
                "error": {
                    "message": (
                        "input (700 tokens) is too large to process. (current batch size: 512)"
                    )
                }
            }
        return by_length(send)

    return answer


@pytest.mark.parametrize("bad", [0, 5, 17, 39])
@pytest.mark.parametrize("size", [1, 16, 64])
def test_embeddings_text_that_is_too_long_is_named_and_the_others_before_it_are_kept(
    bad: int, size: int, embed: Embed
) -> None:
    model = FakeLlamafile(batch_size=size, max_concurrency=1).answering(refuses(TEXTS[bad]))
    words = (
        rf"Text {bad} of 40 has 700 tokens, and the model takes 512\. "
        rf"Split it, or set `truncate=True`.* Done: {bad} of 40 texts"
    )
    with pytest.raises(ContextLengthError, match=words) as caught:
        embed(model, TEXTS)
    error = caught.value
    assert (error.failed_text, error.prompt_tokens, error.context_tokens) == (bad, 700, 512)
    assert sorted(error.done) == list(range(bad))
    assert all(round(vector[1] / vector[0]) == number for number, vector in error.done.items())


def test_embeddings_too_long_query_is_not_reported_as_one_of_several_texts() -> None:
    with pytest.raises(
        ContextLengthError,
        match=r"^The query has 700 tokens, and the model takes 512\. Split it.*end\.$",
    ):
        FakeLlamafile().answering(refuses("long")).embed_query("long")


def test_embeddings_error_reports_what_concurrent_requests_have_done(embed: Embed) -> None:
    model = FakeLlamafile(batch_size=4, max_concurrency=3).answering(refuses(TEXTS[9]))
    with pytest.raises(ContextLengthError, match="Text 9 of 40") as caught:
        embed(model, TEXTS)
    assert 9 not in caught.value.done
    assert {4, 5, 6, 7} & set(caught.value.done) or len(caught.value.done) >= 1


def test_embeddings_server_that_fails_for_many_texts_only_is_asked_for_fewer(embed: Embed) -> None:
    def small(send: Send) -> Answer:
        return (
            by_length(send)
            if len(inputs(send)) < 9
            else (500, {"error": {"message": "out of memory"}})
        )

    vectors = embed(FakeLlamafile(batch_size=40).answering(small), TEXTS)
    assert [round(vector[1] / vector[0]) for vector in vectors] == list(range(40))


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationError), (500, ServerError), (400, InvalidRequestError)]
)
def test_embeddings_other_faults_keep_their_type_and_what_is_done(
    status: int, kind: type[ModelCallError], embed: Embed
) -> None:
    def breaks(send: Send) -> Answer:
        return (
            by_length(send)
            if TEXTS[8] not in inputs(send)
            else (status, {"error": {"message": "no"}})
        )

    with pytest.raises(kind, match=r"no.* Done: 8 of 40 texts") as caught:
        embed(FakeLlamafile(batch_size=8, max_concurrency=1).answering(breaks), TEXTS)
    assert len(caught.value.done) == 8


def test_embeddings_after_an_error_sends_no_more_requests(embed: Embed) -> None:
    model = FakeLlamafile(batch_size=1, max_concurrency=2).answering(
        lambda _: (401, {"error": {"message": "key"}})
    )
    with pytest.raises(AuthenticationError):
        embed(model, TEXTS)
    assert len(model.asked) <= 2


# --- cutting ---


@pytest.mark.parametrize(
    ("tokens", "nothing", "expected"),
    [
        ([2, 5, 6, 7, 8, 3], [2, 3], [2, 5, 6, 3]),  # bert
        ([1, 5, 6, 7, 8], [1], [1, 5, 6, 7]),  # a llama's beginning
        ([5, 6, 7, 8, 9], [], [5, 6, 7, 8]),
        ([5, 6, 7, 8, 3], [3], [5, 6, 7, 3]),  # only an end
    ],
)
def test_embeddings_cut_keeps_what_the_model_needs_at_the_end(
    tokens: list[int], nothing: list[int], expected: list[int]
) -> None:
    assert truncate_tokens(tokens, nothing, 4) == expected


# --- a cache ---


def test_embeddings_name_for_a_cache_holds_the_model_and_all_that_changes_a_vector() -> None:
    plain = FakeOllama(model="nomic-embed-text:v1.5")
    name = plain.cache_namespace()
    assert name.startswith("nomic-embed-text-v1.5-")
    assert (
        name
        == FakeOllama(
            model="nomic-embed-text:v1.5", batch_size=3, base_url="http://other", timeout=4
        ).cache_namespace()
    )
    others = [
        FakeOllama(model="nomic-embed-text:v1"),
        FakeOllama(model="nomic-embed-text:v1.5", document_prefix=""),
        FakeOllama(model="nomic-embed-text:v1.5", query_prefix=""),
        FakeOllama(model="nomic-embed-text:v1.5", dimensions=64),
        FakeOllama(model="nomic-embed-text:v1.5", truncate=True),
        FakeOllama(model="nomic-embed-text:v1.5", num_ctx=64),
    ]
    assert len({name, *(other.cache_namespace() for other in others)}) == 1 + len(others)
    assert FakeLlamafile().cache_namespace().startswith("tiny.gguf-")


def test_embeddings_prefixes_that_are_given_are_those_of_the_table_in_a_cache() -> None:
    known = FakeOllama(model="e5-base")
    given = FakeOllama(model="e5-base", query_prefix="query: ", document_prefix="passage: ")
    assert known.cache_namespace() == given.cache_namespace()


# --- progress ---


def test_embeddings_progress_is_shown_on_request(
    capsys: pytest.CaptureFixture[str], embed: Embed
) -> None:
    embed(FakeLlamafile(batch_size=4, max_concurrency=2).answering(by_length), TEXTS)
    assert capsys.readouterr() == ("", "")
    embed(
        FakeLlamafile(batch_size=4, max_concurrency=2, show_progress=True).answering(by_length),
        TEXTS,
    )
    out, shown = capsys.readouterr()
    assert out == ""
    assert len(shown.splitlines()) == 10
    assert "40 of 40 texts" in shown.splitlines()[-1]
    FakeLlamafile(show_progress=True).embed_query("a")
    assert capsys.readouterr().err == ""
