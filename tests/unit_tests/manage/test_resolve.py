"""Which model a reference means, for every command."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from langchain_localllm.errors import (
    ConnectionFailedError,
    InvalidOptionError,
    ModelFileError,
    ModelMissingError,
)
from langchain_localllm.gguf.header import UINT32
from langchain_localllm.manage import inventory as listing
from langchain_localllm.manage import resolve as module
from langchain_localllm.manage.inventory import ListedModel
from langchain_localllm.manage.resolve import Purpose, is_installed, resolve
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.runtimes.ollama.api_show import ModelCard
from langchain_localllm.runtimes.ollama.model_list import InstalledModel
from tests.unit_tests.gguf.test_header import write_gguf
from tools.engines.gguf_mutations import Header

OLLAMA = [
    "llama3.2:latest",
    "llama3.2:1b",
    "qwen2.5:7b",
    "hf.co/owner/Repo-GGUF:Q4_K_M",
    "team/own:latest",
    "Mixed:latest",
    "twice:latest",
    "Twice:latest",
    "myx:latest",
    "both:latest",
    "embedder:latest",
    "big:120b-cloud",
]
FILES = [
    "llama3.gguf",
    "both.gguf",
    "qwen2.5-0.5b-q4_0.gguf",
    "big-00001-of-00003.gguf",
    "big-00002-of-00003.gguf",
    "a/same.gguf",
    "b/same.gguf",
    "version.1.gguf",
    "Mein Modell 笔记.gguf",
]
HUB = [
    "models--owner--name/snapshots/1/name-Q4_K_M.gguf",
    "models--owner--name/snapshots/1/name-Q8_0.gguf",
]

NAMES = {
    "ollama:llama3.2:latest": "ollama:llama3.2:latest",
    "ollama:llama3.2": "ollama:llama3.2:latest",
    "Ollama:llama3.2": "ollama:llama3.2:latest",
    "ollama: llama3.2 ": "ollama:llama3.2:latest",
    "ollama:LLAMA3.2": "ollama:llama3.2:latest",
    "ollama:library/llama3.2": "ollama:llama3.2:latest",
    "ollama:registry.ollama.ai/library/llama3.2:1b": "ollama:llama3.2:1b",
    "llama3.2": "ollama:llama3.2:latest",
    "llama3.2:latest": "ollama:llama3.2:latest",
    "llama3.2:1b": "ollama:llama3.2:1b",
    "ollama:qwen2.5:7b": "ollama:qwen2.5:7b",
    "qwen2.5:7b": "ollama:qwen2.5:7b",
    "hf.co/owner/Repo-GGUF:Q4_K_M": "ollama:hf.co/owner/Repo-GGUF:Q4_K_M",
    "ollama:hf.co/owner/repo-gguf:q4_k_m": "ollama:hf.co/owner/Repo-GGUF:Q4_K_M",
    "team/own": "ollama:team/own:latest",
    "mixed": "ollama:Mixed:latest",
    "ollama:twice": "ollama:twice:latest",
    "ollama:Twice": "ollama:Twice:latest",
    "ollama:Twice:latest": "ollama:Twice:latest",
    "ollama:both": "ollama:both:latest",
    "both.gguf": "both.gguf",
    "{folder}/both.gguf": "both.gguf",
    "file://{folder}/both.gguf": "both.gguf",
    "llama3": "llama3.gguf",
    "llama3.gguf": "llama3.gguf",
    " llama3 ": "llama3.gguf",
    "qwen2.5-0.5b-q4_0": "qwen2.5-0.5b-q4_0.gguf",
    "big-00001-of-00003": "big-00001-of-00003.gguf",
    "big": "big-00001-of-00003.gguf",
    "big.gguf": "big-00001-of-00003.gguf",
    "{folder}/a/same.gguf": "a/same.gguf",
    "{folder}/a/../a/./same.gguf": "a/../a/same.gguf",
    "version.1": "version.1.gguf",
    "Mein Modell 笔记": "Mein Modell 笔记.gguf",
    "llamacpp:llama3": "llamacpp:llama3.gguf",
    "gpt4all:llama3": "gpt4all:llama3.gguf",
    "llamafile:{folder}/a/same.gguf": "llamafile:a/same.gguf",
    "LlamaCpp:llama3.gguf": "llamacpp:llama3.gguf",
    "hf:owner/name:Q4_K_M": "hub/name-Q4_K_M.gguf",
    "hf:owner/name:q8_0": "hub/name-Q8_0.gguf",
    "hf:owner/name/name-Q8_0.gguf": "hub/name-Q8_0.gguf",
    "llamacpp:hf:owner/name:Q8_0": "llamacpp:hub/name-Q8_0.gguf",
    "http://127.0.0.1:8080": "http://127.0.0.1:8080",
    "https://gateway.example/llm": "https://gateway.example/llm",
    "llamafile:http://127.0.0.1:8080": "http://127.0.0.1:8080",
}
"""Reference to what the model is called: a file in the folder, `hub/` and a file in the hub's
cache, or a name."""

NOT_NAMES = [
    "ollama:mylibrary/x",
    "ollama:mylibrary/llama3.2",
    "ollama:team/library/llama3.2",
    "ollama:hf.co/library/llama3.2",
    "ollama:llama3",
    "ollama:llama",
    "ollama:qwen2.5",
    "ollama:qwen2",
    "ollama:latest",
    "ollama::latest",
    "qwen2.5",
    "qwen2",
    "Llama3",
    "own",
    "ollama:own",
    "llama3.2:",
    "llama3.2:3b",
    "hf.co/owner/Repo-GGUF",
    "Repo-GGUF:Q4_K_M",
    "version",
    "models",
    "/models",
    "http",
    "127.0.0.1",
    "127.0.0.1:8080",
    "8080",
    "big-00002-of-00003",
    "ollama",
    "latest",
    ":latest",
    "{folder}/nothere.gguf",
    "~nobody-of-this-name/x.gguf",
    "x" * 5_000,
    "nul\0",
    "gpt4all:nothere",
    "llamacpp:nothere.gguf",
    "llamafile:nothere",
    "hf:owner/name:Q2_K",
    "hf:owner/other",
]

NOT_REFERENCES = [
    "",
    " ",
    "ollama:",
    "gpt4all: ",
    "llamacpp:",
    "llamafile:",
    "hf:",
    "hf:owner",
    "ftp://127.0.0.1/x",
    "http://",
    "http://:x",
    "llamacpp:http://127.0.0.1:8080",
    "gpt4all:ollama:llama3.2",
]


class FakeOllama:
    """An Ollama with these models."""

    def list(self) -> list[InstalledModel]:
        return [
            InstalledModel(name, 1, "llama", "1B", "Q4_0", datetime.now(UTC), "") for name in OLLAMA
        ]

    def show(self, name: str) -> ModelCard:
        kind = "embedding" if name.startswith("embedder") else "completion"
        modelfile = "FROM " + str(tiny_chat_model())
        return ModelCard(name, "llama", "1B", "Q4_0", 2048, (kind,), "", "", "", modelfile, {})

    def refuse_remote(self, name: str) -> None:
        if name.endswith("-cloud"):
            raise InvalidOptionError("It runs elsewhere.")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with the files, and an Ollama with the models."""
    models, home = tmp_path / "models", tmp_path / "home"
    model = shutil.copy(tiny_chat_model(), tmp_path / "model")
    for path in [*(models / name for name in FILES), *(home / "hub" / name for name in HUB)]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(model)
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": home, "LOCALLLM_MODELS": models, "HF_HOME": home}.items():
        monkeypatch.setenv(name, str(value))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(module, "ollama_server", FakeOllama)
    monkeypatch.setattr(module, "_ollama", FakeOllama)
    monkeypatch.setattr(module, "servers_beside_ollama", list)
    return models


@pytest.mark.parametrize(("reference", "meant"), NAMES.items())
def test_resolve_exact_reference_returns_the_model(
    reference: str, meant: str, folder: Path
) -> None:
    found = resolve(reference.format(folder=folder))
    places = {
        str(folder): "",
        str(folder.parent / "home/hub/models--owner--name/snapshots/1"): "hub/",
    }
    shown = found.reference
    for place, name in places.items():
        shown = shown.replace(f"{place}/", name)
    assert shown == meant
    assert resolve(found.reference).reference == found.reference, "a model's own reference means it"


@pytest.mark.parametrize("reference", ["llama3", "aaa", "zzz", "both.gguf"])
def test_resolve_file_with_links_to_it_by_each_of_its_names(reference: str, folder: Path) -> None:
    (folder / "aaa.gguf").symlink_to(folder / "llama3.gguf")
    (folder / "zzz.gguf").symlink_to(folder / "llama3.gguf")
    (folder / "a" / "both.gguf").symlink_to(folder / "both.gguf")
    found = resolve(reference).path
    assert found is not None
    assert found.name == f"{reference.removesuffix('.gguf')}.gguf"


def test_resolve_hub_file_with_a_link_and_two_revisions(folder: Path) -> None:
    snapshots = folder.parent / "home/hub/models--owner--linked/snapshots"
    blob = folder.parent / "home/hub/models--owner--linked/blobs/0123"
    blob.parent.mkdir(parents=True)
    shutil.copy(tiny_chat_model(), blob)
    for revision in ("1", "2"):
        (snapshots / revision).mkdir(parents=True)
        (snapshots / revision / "m-Q4_0.gguf").symlink_to(blob)
    (folder / "aaa.gguf").symlink_to(snapshots / "1" / "m-Q4_0.gguf")
    assert resolve("hf:owner/linked").path in {
        snapshots / "1" / "m-Q4_0.gguf",
        snapshots / "2" / "m-Q4_0.gguf",
    }
    assert resolve("aaa").path == folder / "aaa.gguf"


@pytest.mark.parametrize("links", [True, False], ids=["links", "copies"])
def test_resolve_hub_reference_means_the_file_of_the_main_revision(
    folder: Path, *, links: bool
) -> None:
    repository = folder.parent / "home/hub/models--owner--again"
    for revision, added in (("aaa", b""), ("bbb", b"\0")):
        name = repository / "snapshots" / revision / "sub" / "m-IQ4_NL.gguf"
        blob = repository / "blobs" / revision if links else name
        for file in (name, blob):
            file.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(tiny_chat_model().read_bytes() + added)
        if links:
            name.symlink_to(blob)
    with pytest.raises(ModelMissingError, match="matches several models"):
        resolve("hf:owner/again")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("bbb")
    for choice in ("", ":iq4_nl", ":m-IQ4_NL.gguf", "/sub/m-IQ4_NL.gguf"):
        found = resolve(f"hf:owner/again{choice}").path
        assert found == repository / "snapshots" / "bbb" / "sub" / "m-IQ4_NL.gguf"
    (repository / "refs" / "main").write_text("ccc")  # which has another file
    with pytest.raises(ModelMissingError, match="matches several models"):
        resolve("hf:owner/again")


def test_resolve_hub_reference_may_choose_by_the_name_of_a_folder(folder: Path) -> None:
    snapshot = folder.parent / "home/hub/models--owner--folders/snapshots/1"
    for name in ("Q4_K_M", "Q8_0"):
        (snapshot / name).mkdir(parents=True)
        shutil.copy(tiny_chat_model(), snapshot / name / "model.gguf")
    assert resolve("hf:owner/folders:Q8_0").path == snapshot / "Q8_0" / "model.gguf"


def test_resolve_hub_reference_does_not_mean_a_projector(folder: Path) -> None:
    snapshot = folder.parent / "home/hub/models--owner--seeing/snapshots/1"
    snapshot.mkdir(parents=True)
    for name in ("m-Q8_0.gguf", "mmproj-m-Q8_0.gguf"):
        shutil.copy(tiny_chat_model(), snapshot / name)
    for choice in ("", ":Q8_0"):
        assert resolve(f"hf:owner/seeing{choice}").path == snapshot / "m-Q8_0.gguf"
    assert resolve("hf:owner/seeing:mmproj-m-Q8_0.gguf").path == snapshot / "mmproj-m-Q8_0.gguf"
    (snapshot / "m-Q8_0.gguf").unlink()
    with pytest.raises(ModelMissingError, match="is not on this machine"):
        resolve("hf:owner/seeing")


@pytest.mark.parametrize("reference", NOT_NAMES)
def test_resolve_part_of_a_name_raises(reference: str, folder: Path) -> None:
    with pytest.raises((ModelMissingError, ModelFileError)):
        resolve(reference.format(folder=folder))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("reference", NOT_REFERENCES)
def test_resolve_unreadable_reference_raises(reference: str) -> None:
    with pytest.raises(InvalidOptionError):
        resolve(reference)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("reference", "candidates"),
    [
        ("same", ["a/same.gguf", "b/same.gguf"]),
        ("both", ["ollama:both:latest", "both.gguf"]),
        ("hf:owner/name", ["name-Q4_K_M.gguf", "name-Q8_0.gguf"]),
    ],
)
def test_resolve_ambiguous_reference_lists_the_candidates(
    reference: str, candidates: list[str]
) -> None:
    with pytest.raises(ModelMissingError, match="matches several models") as caught:
        resolve(reference)
    assert all(candidate in str(caught.value) for candidate in candidates)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("lama3.2:latest", "Did you mean ollama:llama3.2:latest"),
        ("ollama:llama3", "To get it: localllm pull ollama:llama3"),
        ("hf:owner/other", "To get it: localllm pull hf:owner/other"),
        ("localhost:8080", "write http://localhost:8080"),
    ],
)
def test_resolve_missing_model_says_what_to_do(reference: str, words: str) -> None:
    with pytest.raises(ModelMissingError, match=words):
        resolve(reference)


def test_resolve_name_of_a_link_to_a_listed_file_returns_the_file(folder: Path) -> None:
    Path("link.gguf").symlink_to(folder / "llama3.gguf")
    assert resolve("link").name == str(Path("link.gguf").absolute())
    assert resolve("llama3").path == folder / "llama3.gguf"


FIND = [
    ("ollama:llama3.2", ["ollama:llama3.2:latest"], "ollama:llama3.2:latest"),
    ("ollama:LLAMA3.2:latest", ["ollama:llama3.2:latest"], "ollama:llama3.2:latest"),
    ("ollama:llama3", ["ollama:llama3:latest", "ollama:llama3.2:latest"], "ollama:llama3:latest"),
    ("ollama:llama3", ["ollama:llama3.2:latest"], "Did you mean ollama:llama3.2:latest?"),
    ("ollama:qwen2", ["ollama:qwen2.5:7b"], "Did you mean ollama:qwen2.5:7b?"),
]


@pytest.mark.parametrize(("reference", "here", "meant"), FIND)
def test_find_is_deprecated_and_exact(
    reference: str, here: list[str], meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        listing, "installed", lambda: [ListedModel(name, "Ollama") for name in here]
    )
    with pytest.warns(
        DeprecationWarning, match=r"use langchain_localllm\.manage\.resolve\.resolve"
    ):
        found = _found(reference)
    assert meant in found


def _found(reference: str) -> str:
    try:
        return module.find(reference).name
    except ModelMissingError as error:
        return str(error)


def test_find_of_a_file_is_that_of_resolve(folder: Path) -> None:
    with pytest.warns(DeprecationWarning, match="find is deprecated"):
        assert module.find("llama3").path == folder / "llama3.gguf"


def test_resolve_without_ollama_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ollama_server", lambda: None)
    with pytest.raises(ModelMissingError, match="start it with `ollama serve`"):
        resolve("mistral")
    with pytest.raises(ModelMissingError) as caught:
        resolve(f"{folder}/mistral.gguf")
    assert "Ollama" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost:abc", "http://:x"])
def test_resolve_with_a_wrong_ollama_host_still_finds_files(
    host: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(module, "servers_beside_ollama", list)
    monkeypatch.setenv("OLLAMA_HOST", host)
    monkeypatch.setenv("LOCALLLM_MODELS", str(folder))
    assert resolve("llama3").path == folder / "llama3.gguf"
    with pytest.raises(ModelMissingError, match="There is no model nothere"):
        resolve("nothere")


def test_resolve_pipe_gives_a_reason(folder: Path) -> None:
    pipe = folder / "pipe.gguf"
    os.mkfifo(pipe)
    with open(pipe, "r+b", buffering=0) as writer:  # noqa: PTH123 - Path.open() waits for the other end
        writer.write(b"GGUF")
        with pytest.raises(ModelFileError, match=r"pipe\.gguf cannot be read"):
            resolve(str(pipe), "chat")


def test_resolve_folder_names_its_files(folder: Path) -> None:
    with pytest.raises(
        ModelFileError, match=r"is a folder: pass one of its files, for example .*Mein Modell"
    ):
        resolve(str(folder), "chat")


EMBEDDINGS = str(tiny_embedding_model())
KINDS: list[tuple[str, Purpose, str]] = [
    (EMBEDDINGS, "chat", "is an embedding model"),
    (EMBEDDINGS, "text", "is an embedding model"),
    ("ollama:embedder", "chat", "is an embedding model"),
    ("ollama:embedder", "text", "is an embedding model"),
    ("tiny-chat", "embeddings", "is not an embedding model"),
    ("ollama:llama3.2", "embeddings", "is not an embedding model"),
    (EMBEDDINGS, "reranker", "is not a reranker"),
    ("tiny-chat", "reranker", "is not a reranker"),
    ("ollama:llama3.2", "reranker", "Ollama cannot rerank"),
    ("base.gguf", "chat", "is a base model.*localllm run .*--chat-template"),
    ("ollama:big:120b-cloud", "chat", "runs on Ollama's servers"),
]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("reference", "purpose", "words"), KINDS)
def test_resolve_model_of_another_kind_raises(reference: str, purpose: Purpose, words: str) -> None:
    write_gguf(Path("base.gguf"))
    with pytest.raises(InvalidOptionError, match=words):
        resolve(reference, purpose)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("purpose", ["chat", "text", "embeddings"])
def test_resolve_reranker_raises(purpose: Purpose) -> None:
    header = Header.read(tiny_embedding_model())
    header.set("*.pooling_type", UINT32, 4)
    Path("rank.gguf").write_bytes(header.write())
    with pytest.raises(InvalidOptionError, match="is a reranker"):
        resolve("rank.gguf", purpose)
    assert resolve("rank.gguf", "reranker").ranks


@pytest.mark.usefixtures("folder")
def test_resolve_model_of_the_right_kind_returns_it() -> None:
    write_gguf(Path("base.gguf"))
    assert resolve("base.gguf", "text").chat is False
    assert resolve("", "chat").path == resolve("", "text").path == tiny_chat_model()
    assert resolve("", "embeddings").path == tiny_embedding_model()
    assert resolve("ollama:embedder", "embeddings").embeddings
    assert resolve("http://127.0.0.1:9", "chat").chat is None, "a server is not asked"


@pytest.mark.usefixtures("folder")
def test_resolve_file_of_ollama_returns_its_path() -> None:
    assert resolve("ollama:llama3.2", file=True).path == tiny_chat_model()
    assert resolve("llamacpp:llama3.2", "chat").reference == f"llamacpp:{tiny_chat_model()}"
    with pytest.raises(InvalidOptionError, match="has no file on this machine"):
        resolve("http://127.0.0.1:9", file=True)


@pytest.mark.usefixtures("folder")
def test_is_installed_reports_names_only() -> None:
    words = ["llama3", "llama3.2", "mixed", "same", "llama", "Hello!", "", "?", "big:120b-cloud"]
    assert [is_installed(word) for word in words] == [
        True,
        True,
        True,
        True,
        False,
        False,
        False,
        False,
        True,
    ]


def test_resolve_ollama_that_does_not_answer_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ConnectionFailedError("No server answers.")

    monkeypatch.setattr(FakeOllama, "list", lambda _: fail())
    monkeypatch.setattr(module, "_ollama", FakeOllama)
    with pytest.raises(ConnectionFailedError):
        resolve("ollama:llama3.2", "chat")


def test_resolve_gateway_that_hides_the_list_trusts_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise ModelMissingError("404")

    monkeypatch.setattr(FakeOllama, "list", lambda _: fail())
    monkeypatch.setattr(module, "_ollama", FakeOllama)
    assert resolve("ollama:llama3.2", "chat") == ListedModel(
        "ollama:llama3.2", "Ollama", runtime="ollama"
    )
