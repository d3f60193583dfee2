"""What is removed with a model."""

from pathlib import Path

import pytest

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.manage.inventory import ListedModel
from langchain_localllm.manage.remove import remove
from langchain_localllm.models import tiny_chat_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"GGUF")


def _names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_remove_split_model_removes_all_its_parts_and_no_other(folder: Path) -> None:
    ours = {f"a[1]-0000{number}-of-00003.gguf" for number in (1, 2, 3)}
    others = {
        "a1-00002-of-00003.gguf",
        "a[1]-00002-of-00002.gguf",
        "a[1].gguf",
        "b-00001-of-00003.gguf",
    }
    _touch(folder, *ours, *others)
    remove(ListedModel(str(folder / "a[1]-00001-of-00003.gguf"), "here"))
    assert _names_in(folder) == others


@pytest.mark.parametrize("name", ["notes.txt", "llama3", "x.gguf.bak", "a-00002-of-00003.gguf"])
def test_remove_other_file_is_refused(folder: Path, name: str) -> None:
    _touch(folder, name)
    with pytest.raises(InvalidOptionError):
        remove(ListedModel(str(folder / name), "here"))
    assert _names_in(folder) == {name}


@pytest.mark.parametrize("place", ["this package", "anywhere"])
def test_remove_file_of_this_package_is_refused(place: str) -> None:
    with pytest.raises(InvalidOptionError, match="is part of this package"):
        remove(ListedModel(str(tiny_chat_model()), place))
    assert tiny_chat_model().exists()


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


@pytest.mark.parametrize("target", ["ollama/blobs/sha256-0123", "data/blobs/x.gguf", "data/x.gguf"])
def test_remove_link_of_the_users_own_keeps_what_it_leads_to(folder: Path, target: str) -> None:
    content = folder / target
    content.parent.mkdir(parents=True)
    content.write_bytes(b"GGUF")
    link = folder / "mine.gguf"
    link.symlink_to(content)
    remove(ListedModel(str(link), "localllm"))
    assert content.exists()
    assert not link.is_symlink()


def test_remove_link_to_a_file_in_the_hubs_cache_keeps_the_file(folder: Path) -> None:
    blob, snapshot = folder / "blobs" / "0123", folder / "snapshots" / "1" / "x.gguf"
    for path in (blob, snapshot):
        path.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(b"GGUF")
    snapshot.symlink_to(Path("../../blobs/0123"))
    link = folder / "mine.gguf"
    link.symlink_to(snapshot)
    remove(ListedModel(str(link), "localllm"))
    assert snapshot.exists()
    remove(ListedModel(str(snapshot), "Hugging Face"))
    assert not blob.exists()


def test_remove_hard_link_keeps_the_other_name(folder: Path) -> None:
    _touch(folder, "a.gguf")
    (folder / "b.gguf").hardlink_to(folder / "a.gguf")
    remove(ListedModel(str(folder / "b.gguf"), "here"))
    assert _names_in(folder) == {"a.gguf"}
