"""Which model a reference means, and what is removed with it."""

from pathlib import Path

import pytest

from langchain_localllm.errors import InvalidOptionError, ModelMissingError
from langchain_localllm.models import listing
from langchain_localllm.models.listing import ListedModel, find
from langchain_localllm.models.remove import remove

HERE = [
    "ollama:llama3.2:latest",
    "ollama:llama3.2:1b",
    "ollama:qwen2.5:7b",
    "ollama:hf.co/owner/Repo-GGUF:Q4_K_M",
    "ollama:team/own:latest",
    "ollama:Mixed:latest",
    "ollama:both:latest",
    "/models/llama3.gguf",
    "/models/both.gguf",
    "/models/qwen2.5-0.5b-q4_0.gguf",
    "/models/big-00001-of-00003.gguf",
    "/models/a/same.gguf",
    "/models/b/same.gguf",
    "/models/version.1.gguf",
    "http://127.0.0.1:8080",
]

NAMES = {
    "ollama:llama3.2:latest": "ollama:llama3.2:latest",
    "ollama:llama3.2": "ollama:llama3.2:latest",
    "llama3.2": "ollama:llama3.2:latest",
    "llama3.2:latest": "ollama:llama3.2:latest",
    "llama3.2:1b": "ollama:llama3.2:1b",
    "ollama:qwen2.5:7b": "ollama:qwen2.5:7b",
    "qwen2.5:7b": "ollama:qwen2.5:7b",
    "hf.co/owner/Repo-GGUF:Q4_K_M": "ollama:hf.co/owner/Repo-GGUF:Q4_K_M",
    "team/own": "ollama:team/own:latest",
    "ollama:both": "ollama:both:latest",
    "/models/both.gguf": "/models/both.gguf",
    "both.gguf": "/models/both.gguf",
    "llama3": "/models/llama3.gguf",
    "llama3.gguf": "/models/llama3.gguf",
    "qwen2.5-0.5b-q4_0": "/models/qwen2.5-0.5b-q4_0.gguf",
    "big-00001-of-00003": "/models/big-00001-of-00003.gguf",
    "big": "/models/big-00001-of-00003.gguf",
    "big.gguf": "/models/big-00001-of-00003.gguf",
    "/models/a/same.gguf": "/models/a/same.gguf",
    "version.1": "/models/version.1.gguf",
    "http://127.0.0.1:8080": "http://127.0.0.1:8080",
    "http://127.0.0.1:8080/": "http://127.0.0.1:8080",
}

NOT_NAMES = [
    "ollama:llama3",
    "ollama:llama",
    "ollama:qwen2.5",
    "ollama:qwen2",
    "qwen2.5",
    "qwen2",
    "Llama3",
    "mixed",
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
    "http://127.0.0.1:80",
    "127.0.0.1",
    "8080",
    "big-00002-of-00003",
    "ollama",
    "ollama:",
    "latest",
    ":latest",
    "",
]


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(listing, "installed", lambda: [ListedModel(name, "somewhere", 1) for name in HERE])
    monkeypatch.setattr(Path, "exists", lambda path: str(path) in HERE)


@pytest.mark.parametrize(("name", "meant"), NAMES.items())
def test_find_exact_reference_returns_the_model(name: str, meant: str) -> None:
    assert find(name).name == meant


@pytest.mark.parametrize("name", NOT_NAMES)
def test_find_part_of_a_name_raises(name: str) -> None:
    with pytest.raises(ModelMissingError, match="There is no model"):
        find(name)


@pytest.mark.parametrize(
    ("name", "candidates"),
    [("same", ["/models/a/same.gguf", "/models/b/same.gguf"]), ("both", ["ollama:both:latest", "/models/both.gguf"])],
)
def test_find_ambiguous_reference_lists_the_candidates(name: str, candidates: list[str]) -> None:
    with pytest.raises(ModelMissingError, match="matches several models") as caught:
        find(name)
    assert all(candidate in str(caught.value) for candidate in candidates)


def test_find_typo_names_what_is_near() -> None:
    with pytest.raises(ModelMissingError, match=r"Did you mean .*ollama:llama3\.2:latest"):
        find("lama3.2:latest")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.undo()
    return tmp_path


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"GGUF")


def _names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_remove_split_model_removes_all_its_parts_and_no_other(folder: Path) -> None:
    ours = {f"a[1]-0000{number}-of-00003.gguf" for number in (1, 2, 3)}
    others = {"a1-00002-of-00003.gguf", "a[1]-00002-of-00002.gguf", "a[1].gguf", "b-00001-of-00003.gguf"}
    _touch(folder, *ours, *others)
    remove(ListedModel(str(folder / "a[1]-00001-of-00003.gguf"), "here"))
    assert _names_in(folder) == others


@pytest.mark.parametrize("name", ["notes.txt", "llama3", "x.gguf.bak", "a-00002-of-00003.gguf"])
def test_remove_other_file_is_refused(folder: Path, name: str) -> None:
    _touch(folder, name)
    with pytest.raises(InvalidOptionError):
        remove(ListedModel(str(folder / name), "here"))
    assert _names_in(folder) == {name}


def test_remove_keeps_content_that_another_revision_uses(folder: Path) -> None:
    blob = folder / "blobs" / "0123"
    links = [folder / "snapshots" / revision / "x.gguf" for revision in ("1", "2")]
    for path in (blob, *links):
        path.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(b"GGUF")
    for link in links:
        link.symlink_to(blob)
    remove(ListedModel(str(links[0]), "Hugging Face"))
    assert blob.exists()
    assert links[1].exists()
    remove(ListedModel(str(links[1]), "Hugging Face"))
    assert not blob.exists()
