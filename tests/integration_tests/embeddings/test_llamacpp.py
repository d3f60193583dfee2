"""LlamaCppEmbeddings, what is particular about it."""

import asyncio
import itertools
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFReader, GGUFValueType, GGUFWriter
from gguf.scripts.gguf_new_metadata import MetadataDetails, copy_with_new_metadata

from langchain_localllm import LlamaCpp, LlamaCppEmbeddings
from langchain_localllm.errors import (
    CallTimeoutError,
    ContextLengthError,
    InvalidOptionError,
    ModelFileError,
    ServerError,
)
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.runtimes.llamacpp import embedder as vectors

from .texts import cosine, least_agreement, many

TEXTS = many(40)


@pytest.fixture(scope="module")
def embeddings() -> LlamaCppEmbeddings:
    return LlamaCppEmbeddings(model_path=tiny_embedding_model())


def with_metadata(target: Path, **changed: MetadataDetails) -> Path:
    """The tiny embedding model with other values in its header."""
    writer = GGUFWriter(target, "bert")
    copy_with_new_metadata(GGUFReader(tiny_embedding_model()), writer, changed, [])
    return target


def test_embeddings_model_for_text_warns_and_gives_the_mean_of_its_tokens() -> None:
    with pytest.warns(UserWarning, match=r"tiny-chat\.gguf was not made for embeddings"):
        made = LlamaCppEmbeddings(model_path=tiny_chat_model(), normalize=False)
    with made as embeddings:
        tokens = embeddings.engine.model.tokenize("The lamp is red.")
        vectors = embeddings.embed_documents(["The lamp is red.", "The lamp is blue."])
    assert len(tokens) > 2
    assert [len(vector) for vector in vectors] == [192, 192]
    assert 0.5 < cosine(*vectors) < 0.999


@pytest.mark.parametrize("n_ctx", [33, 257, 510])
def test_embeddings_contexts_of_any_length_do_not_end_the_process(n_ctx: int) -> None:
    code = (
        "from langchain_localllm import LlamaCppEmbeddings\n"
        "from langchain_localllm.models import tiny_embedding_model\n"
        f"with LlamaCppEmbeddings(model_path=tiny_embedding_model(), n_ctx={n_ctx}, "
        "backend='xllamacpp', truncate=True) as each:\n"
        f"    print(len(each.embed_documents(['a ' * {n_ctx - 2}, 'a ' * {n_ctx}])))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "2\n", done.stderr


def test_embeddings_weights_are_shared_with_the_text_class() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        embeddings = LlamaCppEmbeddings(model_path=tiny_chat_model())
    with embeddings, LlamaCpp(model_path=tiny_chat_model()) as llm:
        assert llm.engine.model is embeddings.engine.model


def test_embeddings_right_models_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LlamaCppEmbeddings(model_path=tiny_embedding_model()).close()


def test_name_in_the_file_decides_on_prefixes(tmp_path: Path) -> None:
    name = {"general.name": MetadataDetails(GGUFValueType.STRING, "E5 Base v2")}
    with LlamaCppEmbeddings(
        model_path=with_metadata(tmp_path / "model.gguf", **name)
    ) as embeddings:
        assert embeddings.prefixes() == ("query: ", "passage: ")


def test_embeddings_reranker_is_refused(tmp_path: Path) -> None:
    rank = {"bert.pooling_type": MetadataDetails(GGUFValueType.UINT32, 4)}
    with pytest.raises(ModelFileError, match="is a reranker"):
        LlamaCppEmbeddings(model_path=with_metadata(tmp_path / "rank.gguf", **rank))


def test_texts_of_any_length_get_the_vector_that_they_get_alone(
    embeddings: LlamaCppEmbeddings,
) -> None:
    alone = [embeddings.embed_query(text) for text in TEXTS]
    assert least_agreement(alone, embeddings.embed_documents(TEXTS)) > 0.9999
    small = LlamaCppEmbeddings(model_path=tiny_embedding_model(), n_batch=16)
    assert least_agreement(alone, small.embed_documents(TEXTS)) > 0.9999


def test_embeddings_smaller_context_is_the_limit_and_a_larger_one_is_the_models() -> None:
    with LlamaCppEmbeddings(model_path=tiny_embedding_model(), n_ctx=16) as embeddings:
        with pytest.raises(ContextLengthError, match=r"has 22 tokens, and the model takes 16"):
            embeddings.embed_query("lamp " * 20)
        assert len(embeddings.embed_query("lamp " * 14)) == 256
    for n_ctx in (0, 4096):
        with LlamaCppEmbeddings(model_path=tiny_embedding_model(), n_ctx=n_ctx) as embeddings:
            assert embeddings.engine.n_ctx == 512


def test_embeddings_call_that_takes_too_long_ends_and_the_engine_is_free_again(
    embeddings: LlamaCppEmbeddings,
) -> None:
    hurried = embeddings.model_copy(update={"timeout": 1e-3, "batch_size": 4000})
    with pytest.raises(CallTimeoutError, match="Raise `timeout`"):
        hurried.embed_documents(TEXTS * 20)
    with pytest.raises(CallTimeoutError):
        asyncio.run(hurried.aembed_documents(TEXTS * 20))
    assert embeddings.embed_query("it still works")


def test_embeddings_cancelled_task_ends_the_work(
    embeddings: LlamaCppEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, batches = embeddings.engine._worker._context, []
    begun, cancelled = threading.Event(), threading.Event()
    decode = context.decode

    def decode_after_the_cancel(parts: Any) -> Any:
        batches.append([part.tokens for part in parts])
        begun.set()
        assert cancelled.wait(60)
        return decode(parts)

    monkeypatch.setattr(context, "decode", decode_after_the_cancel)

    async def cancel() -> None:
        task = asyncio.ensure_future(embeddings.aembed_documents(TEXTS * 20))
        assert await asyncio.to_thread(begun.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cancelled.set()
        await embeddings.aembed_query("next")

    asyncio.run(cancel())
    # a batch that is slow on a busy machine is begun again with other threads
    distinct = [batch for batch, _ in itertools.groupby(batches)]
    assert len(distinct) == 2, "of 800 texts, only the batch that had begun is computed"


def test_embeddings_freeing_ends_what_runs() -> None:
    # an engine of its own
    embeddings = LlamaCppEmbeddings(model_path=tiny_embedding_model(), n_batch=64)
    future = embeddings.engine.submit(TEXTS * 20)
    embeddings.close()
    with pytest.raises(ServerError, match="was freed"):
        future.result(60)
    assert embeddings.embed_query("it is loaded again")


def test_embeddings_text_that_memory_has_no_room_for_fails_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # an engine of its own
    with LlamaCppEmbeddings(model_path=tiny_embedding_model(), n_batch=48) as embeddings:
        before = embeddings.embed_query("short")
        with monkeypatch.context() as patch:
            patch.setattr(vectors, "Context", no_memory)
            with pytest.raises(InvalidOptionError, match="no memory"):
                embeddings.embed_query("The boat is on the river. " * 30)
        assert embeddings.embed_query("short") == before


def no_memory(*_: Any) -> None:
    raise InvalidOptionError("no memory")


@pytest.mark.filterwarnings("ignore:The model .* was not made for embeddings")
@pytest.mark.parametrize("backend", ["llama-cpp-python", "xllamacpp"])
@pytest.mark.parametrize("sizes", [{"n_ctx": 300}, {"n_ctx": 700, "n_batch": 300}, {"n_ctx": 514}])
def test_llamacpp_embeddings_sizes_that_are_no_power_of_two(
    sizes: dict[str, Any], backend: Any
) -> None:
    model = {"model_path": tiny_chat_model(), "backend": backend}
    with (
        LlamaCppEmbeddings(**model, **sizes) as odd,
        LlamaCppEmbeddings(**model, n_ctx=1024) as even,
    ):
        for words in (1, 290, sizes["n_ctx"] - 1):
            text = "x " * words
            assert cosine(odd.embed_query(text), even.embed_query(text)) > 0.9999
        assert len(odd.embed_documents(TEXTS[:5])) == 5
        with pytest.raises(ContextLengthError):
            odd.embed_query("x " * sizes["n_ctx"])
