"""GPT4AllEmbeddings, what is particular about it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from langchain_localllm import GPT4All, GPT4AllEmbeddings
from langchain_localllm.errors import (
    CallTimeoutError,
    ContextLengthError,
    InvalidOptionError,
    InvalidRequestError,
    ModelFileError,
)
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.runtimes.gpt4all.engine import GPT4AllEngine
from tools.engines.models import nomic_bert

from .texts import cosine, least_agreement

TEXTS: Final = [
    "The ferry leaves at noon.",
    "Зимой рано темнеет.",
    "灯塔很高。",
    "A 🍞 costs two coins.",
    "x",
    " two  spaces ",
    "a\nb\tc",
]
AGREES: Final = 0.999


@pytest.fixture
def embeddings() -> Iterator[GPT4AllEmbeddings]:
    with GPT4AllEmbeddings(model=tiny_embedding_model()) as made:
        yield made


def test_embeddings_nothing_is_printed(
    embeddings: GPT4AllEmbeddings, capfd: pytest.CaptureFixture[str]
) -> None:
    embeddings.embed_documents(TEXTS)  # the package names a model that it does not know, each time
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "word"), [("a\0b", "NUL"), ("a \ud800 b", "surrogate"), (" ", "empty")]
)
def test_embeddings_input_that_is_not_a_text_is_refused(
    text: str, word: str, embeddings: GPT4AllEmbeddings
) -> None:
    with pytest.raises(InvalidRequestError, match=word):
        embeddings.embed_query(text)
    assert embeddings.embed_query("it still works")


def test_embeddings_call_that_takes_too_long_ends(embeddings: GPT4AllEmbeddings) -> None:
    hurried = embeddings.model_copy(update={"timeout": 1e-6, "batch_size": 200})
    with pytest.raises(CallTimeoutError, match="Raise `timeout`"):
        hurried.embed_documents(TEXTS * 20)
    with pytest.raises(CallTimeoutError):
        asyncio.run(hurried.aembed_documents(TEXTS * 20))
    assert embeddings.embed_query("it still works")


def test_embeddings_model_that_the_package_knows_gets_its_prefix_apart(
    embeddings: GPT4AllEmbeddings, tmp_path: Path
) -> None:
    known = tmp_path / "known.gguf"
    known.write_bytes(tiny_embedding_model().read_bytes().replace(b"tiny-embed", b"e5-base-v2", 1))
    with GPT4AllEmbeddings(model=known, query_prefix="", document_prefix="") as bare:
        with pytest.raises(InvalidRequestError, match=r"wants a prefix.*query_prefix="):
            bare.embed_query("a lamp")
        prefixed = bare.model_copy(
            update={"query_prefix": "query: ", "document_prefix": "passage: "}
        )
        assert (
            cosine(prefixed.embed_query("a lamp"), embeddings.embed_query("query: a lamp")) > AGREES
        )
        expected = embeddings.embed_documents([f"passage: {text}" for text in TEXTS])
        assert least_agreement(prefixed.embed_documents(TEXTS), expected) > AGREES


@pytest.fixture(scope="module")
def nomic_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a name that the package knows and wants prefixes for."""
    return nomic_bert(
        tiny_embedding_model(),
        tmp_path_factory.mktemp("nomic") / "nomic.gguf",
        "nomic-embed-text-v1.5",
    )


LONG: Final = "The ferry leaves at noon. " * 60


@pytest.mark.parametrize("backend", ["llama-cpp-python", "xllamacpp"])
@pytest.mark.parametrize("model", ["tiny", "nomic"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dimensions": 32},
        {"truncate": True},
        {"query_prefix": "clustering: ", "document_prefix": "classification: "},
    ],
)
def test_embeddings_llamacpp_gives_the_vectors_of_the_package(
    model: str, backend: Any, options: dict[str, Any], nomic_file: Path
) -> None:
    file = {"tiny": tiny_embedding_model(), "nomic": nomic_file}[model]
    with (
        GPT4AllEmbeddings(model=file, **options) as package,
        GPT4AllEmbeddings(model=file, backend=backend, **options) as other,
    ):
        assert isinstance(package.engine, GPT4AllEngine)
        assert package.prefixes() == other.prefixes()
        assert any(package.prefixes()) == (model == "nomic" or "query_prefix" in options)
        texts = [*TEXTS, LONG] if "truncate" in options else TEXTS
        assert (
            least_agreement(package.embed_documents(texts), other.embed_documents(texts)) > AGREES
        )
        assert cosine(package.embed_query(texts[0]), other.embed_query(texts[0])) > AGREES
        if "truncate" not in options:
            lengths = set()
            for embeddings in (package, other):
                with pytest.raises(ContextLengthError) as caught:
                    embeddings.embed_query(LONG * 3)
                lengths.add((caught.value.prompt_tokens, caught.value.context_tokens))
            assert len(lengths) == 1


def test_embeddings_file_without_pooling_runs_on_llamacpp(tmp_path: Path) -> None:
    """The package refuses it, though its architecture is known."""
    path = tmp_path / "older.gguf"
    path.write_bytes(
        tiny_embedding_model().read_bytes().replace(b"bert.pooling_type", b"bert.pooling_none")
    )
    with pytest.warns(UserWarning, match=r"older\.gguf runs on llama\.cpp: GPT4All cannot load"):
        embeddings = GPT4AllEmbeddings(model=path)
    with embeddings, GPT4AllEmbeddings(model=tiny_embedding_model()) as usual:
        assert (
            least_agreement(embeddings.embed_documents(TEXTS), usual.embed_documents(TEXTS))
            > AGREES
        )


def test_arguments_of_the_old_class(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tiny_embedding_model()
    kwargs = {"allow_download": "False", "model_path": str(path.parent), "n_ctx": 512, "ngl": 0}
    old: dict[str, Any] = {
        "model_name": path.name,
        "n_threads": 1,
        "device": "cpu",
        "gpt4all_kwargs": kwargs,
    }
    with GPT4AllEmbeddings(**old) as made:
        assert made.embed_query("a lamp")
        assert (made.allow_download, made.n_ctx, made.n_threads) == (False, 512, 1)
    assert set(kwargs) == {"allow_download", "model_path", "n_ctx", "ngl"}
    monkeypatch.setenv("HOME", str(tmp_path))
    for missing in (dict[str, Any](), {"model_name": None}):
        with pytest.raises(
            ModelFileError,
            match=r"no model file all-MiniLM-L6-v2\.gguf2\.f16\.gguf.*allow_download=True",
        ):
            GPT4AllEmbeddings(**missing)
    with pytest.raises(InvalidOptionError, match="n_ctxs"):
        GPT4AllEmbeddings(**{**old, "gpt4all_kwargs": {**kwargs, "n_ctxs": 1}})


def test_embeddings_model_for_text_is_refused() -> None:
    with pytest.raises(ModelFileError, match=r"is a model for text \(llama\)"):
        GPT4AllEmbeddings(model=tiny_chat_model())
    with (
        GPT4AllEmbeddings(model=tiny_embedding_model()),
        pytest.raises(ModelFileError, match="makes embeddings and no text"),
    ):
        GPT4All(model=tiny_embedding_model())
