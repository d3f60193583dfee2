"""What all four embedding classes keep, on the real engines."""

import asyncio
import gc
import math
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_classic.storage import LocalFileStore

from langchain_localllm.base.embeddings import LocalEmbeddings
from langchain_localllm.errors import ContextLengthError, InvalidOptionError, InvalidRequestError

from .conftest import Make
from .engines import ENGINES, RAW, TELLS_LENGTHS, Arguments, class_of
from .texts import cosine, least_agreement, many

TEXTS = many(12)
LONG = "harbour lamp " * 700
SAME = 0.9999


def test_embeddings_vectors_have_length_one_unless_raw(
    embeddings: LocalEmbeddings, make: Make, runtime: str
) -> None:
    vectors = embeddings.embed_documents(TEXTS)
    assert all(math.isclose(math.hypot(*vector), 1, rel_tol=1e-6) for vector in vectors)
    assert all(type(number) is float for number in vectors[0])
    if runtime not in RAW:
        with pytest.raises(InvalidOptionError, match="length 1 only"):
            make(normalize=False)
        return
    raw = make(normalize=False).embed_documents(TEXTS)
    assert not all(math.isclose(math.hypot(*vector), 1, rel_tol=0.01) for vector in raw)
    assert least_agreement(vectors, raw) > SAME


def test_embeddings_raw_vectors_are_the_same_everywhere(
    arguments: Callable[[str], Arguments],
) -> None:
    one, *others = (
        class_of(runtime)(**arguments(runtime), normalize=False).embed_query("ferry")
        for runtime in sorted(RAW)
    )
    for other in others:
        assert one == pytest.approx(other, rel=0.02, abs=0.002)


def test_embeddings_order_is_kept_over_batches(embeddings: LocalEmbeddings) -> None:
    whole = embeddings.embed_documents(TEXTS)
    for size in (1, 5):
        assert (
            least_agreement(
                whole, embeddings.model_copy(update={"batch_size": size}).embed_documents(TEXTS)
            )
            > SAME
        )
    assert cosine(whole[0], whole[1]) < 0.95


def test_embeddings_sync_and_async_agree(embeddings: LocalEmbeddings) -> None:
    async def all_at_once() -> tuple[list[list[float]], list[list[float]], list[float]]:
        return await asyncio.gather(
            embeddings.aembed_documents(TEXTS),
            embeddings.aembed_documents(TEXTS[::-1]),
            embeddings.aembed_query(TEXTS[0]),
        )

    expected = embeddings.embed_documents(TEXTS)
    for _ in range(2):  # in a second event loop too
        forward, backward, single = asyncio.run(all_at_once())
        assert least_agreement(expected, forward) > SAME
        assert least_agreement(expected, backward[::-1]) > SAME
        assert cosine(expected[0], single) > SAME


def test_embeddings_threads_do_not_mix_vectors(embeddings: LocalEmbeddings) -> None:
    expected = embeddings.embed_documents(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(embeddings.embed_query, TEXTS))
    assert least_agreement(expected, found) > SAME


def test_embeddings_event_loop_is_free_meanwhile(embeddings: LocalEmbeddings) -> None:
    async def beside() -> int:
        work = asyncio.ensure_future(embeddings.aembed_documents(TEXTS))
        turns = 0
        while not work.done():
            await asyncio.sleep(0)
            turns += 1
        await work
        return turns

    assert asyncio.run(beside()) > 10


def test_embeddings_prefixes_are_put_before_the_text(
    make: Make, embeddings: LocalEmbeddings
) -> None:
    prefixed = make(query_prefix="query: ", document_prefix="passage: ")
    assert cosine(prefixed.embed_query("ferry"), embeddings.embed_query("query: ferry")) > SAME
    assert (
        cosine(prefixed.embed_documents(["ferry"])[0], embeddings.embed_query("passage: ferry"))
        > SAME
    )
    assert embeddings.prefixes() == ("", "")


def test_embeddings_dimensions_cut_and_scale_again(make: Make, embeddings: LocalEmbeddings) -> None:
    cut = make(dimensions=64).embed_query("ferry")
    assert len(cut) == 64
    assert math.isclose(math.hypot(*cut), 1, rel_tol=1e-6)
    assert cosine(cut, embeddings.embed_query("ferry")[:64]) > SAME
    with pytest.raises(
        InvalidOptionError, match=r"`dimensions` is 257, but the model's vectors have 256"
    ):
        make(dimensions=257).embed_query("ferry")


# --- too long, empty, and what is not text ---


def both(embeddings: LocalEmbeddings) -> list[Callable[[list[str]], Any]]:
    return [
        embeddings.embed_documents,
        lambda texts: asyncio.run(embeddings.aembed_documents(texts)),
    ]


def test_embeddings_text_longer_than_the_context_raises_with_both_lengths(
    embeddings: LocalEmbeddings, runtime: str
) -> None:
    texts = [*TEXTS[:5], LONG, "after it"]
    for embed in both(embeddings):
        with pytest.raises(
            ContextLengthError, match=r"^Text 5 of 7 has .* Done: 5 of 7 texts"
        ) as caught:
            embed(texts)
        error = caught.value
        assert error.context_tokens == 512
        assert (error.prompt_tokens or 0) > 512 or runtime not in TELLS_LENGTHS
        assert error.failed_text == 5
        assert (
            least_agreement(
                [error.done[number] for number in range(5)], embeddings.embed_documents(TEXTS[:5])
            )
            > SAME
        )
    with pytest.raises(ContextLengthError, match=r"^The query has"):
        embeddings.embed_query(LONG)


def test_embeddings_text_is_cut_at_its_end_on_request(
    make: Make, embeddings: LocalEmbeddings
) -> None:
    cutting = make(truncate=True)
    short, cut, other = cutting.embed_documents(
        ["short", LONG, LONG + "and an end that nobody sees"]
    )
    assert cosine(short, embeddings.embed_query("short")) > SAME
    assert cosine(cut, other) > SAME
    assert cosine(cut, embeddings.embed_query("harbour lamp " * 200)) > 0.97


def test_embeddings_cut_texts_are_the_same_everywhere(
    arguments: Callable[[str], Arguments],
) -> None:
    vectors = [
        class_of(runtime)(**arguments(runtime), truncate=True).embed_query(LONG)
        for runtime in sorted(ENGINES)
    ]
    assert least_agreement(vectors[:1] * (len(vectors) - 1), vectors[1:]) > 0.999


@pytest.mark.parametrize("length", [509, 510, 511, 512, 513])
def test_embeddings_last_text_that_fits_is_whole_and_the_next_raises(
    length: int, arguments: Callable[[str], Arguments]
) -> None:
    # with the tokens for beginning and end, `length` in all
    text = " ".join(["lamp"] * (length - 4) + ["red", "boat"])
    found = []
    for runtime in sorted(ENGINES):
        embeddings = class_of(runtime)(**arguments(runtime))
        if length > 512:
            with pytest.raises(ContextLengthError):
                embeddings.embed_query(text)
        else:
            found.append(embeddings.embed_query(text))
    assert not found or least_agreement(found[:1] * (len(found) - 1), found[1:]) > 0.999


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_embeddings_empty_text_is_named(text: str, embeddings: LocalEmbeddings) -> None:
    for embed in both(embeddings):
        with pytest.raises(InvalidRequestError, match="Text 1 is empty"):
            embed(["a", text, "b"])
    with pytest.raises(InvalidRequestError, match="The query is empty"):
        embeddings.embed_query(text)


def test_embeddings_no_texts_give_no_vectors(embeddings: LocalEmbeddings) -> None:
    assert [embed([]) for embed in both(embeddings)] == [[], []]


def test_embeddings_lone_surrogate_is_named(embeddings: LocalEmbeddings) -> None:
    with pytest.raises(InvalidRequestError, match=r"Text 1 of 3: .*surrogate"):
        embeddings.embed_documents(["a", "b \ud800", "c"])
    assert embeddings.embed_query("it still works")


# --- the object ---


def test_embeddings_copies_and_pickled_objects_embed_alike(embeddings: LocalEmbeddings) -> None:
    expected = embeddings.embed_query("ferry")
    for twin in (embeddings.model_copy(), pickle.loads(pickle.dumps(embeddings))):  # noqa: S301 - our own bytes
        assert twin.embed_query("ferry") == expected


def test_embeddings_unknown_argument_is_refused(make: Make) -> None:
    with pytest.raises(InvalidOptionError, match="Did you mean `normalize`"):
        make(normalise=True)


def test_embeddings_progress_is_shown_on_request(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    make(show_progress=True, batch_size=2).embed_documents(TEXTS)
    out, shown = capsys.readouterr()
    assert out == ""
    assert shown.splitlines()[-1].startswith("12 of 12 texts, ")


# --- a cache on disk ---


def test_embeddings_cache_on_disk_keeps_vectors_by_model_and_prefix(
    make: Make, tmp_path: Path
) -> None:
    def cached(**options: Any) -> tuple[LocalEmbeddings, CacheBackedEmbeddings]:
        embeddings = make(**options)
        store = LocalFileStore(tmp_path)
        name = embeddings.cache_namespace()
        return embeddings, CacheBackedEmbeddings.from_bytes_store(
            embeddings, store, namespace=name, key_encoder="sha256"
        )

    embeddings, cache = cached()
    vectors = cache.embed_documents(TEXTS[:4])
    assert vectors == embeddings.embed_documents(TEXTS[:4])
    files = {path.name for path in tmp_path.iterdir()}
    assert len(files) == 4
    assert all(name.startswith("tiny-embed") for name in files)
    assert cached()[1].embed_documents(TEXTS[:4]) == vectors
    assert {path.name for path in tmp_path.iterdir()} == files, "nothing was embedded again"
    prefixed = cached(document_prefix="passage: ")[1].embed_documents(TEXTS[:4])
    assert cosine(prefixed[0], vectors[0]) < SAME
    assert len(list(tmp_path.iterdir())) == 8


def test_embeddings_close_frees_the_engine(make: Make) -> None:
    with make() as embeddings:  # type: ignore[attr-defined]  # each class has it, by its kind of engine
        assert embeddings.embed_query("ferry")
    gc.collect()
    assert embeddings.embed_query("ferry"), "it is opened again when it is needed"
