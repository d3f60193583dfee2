"""What an index must not lose: passages of files that are away, the index itself, and files that
are not its own."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from langchain_localllm.errors import (
    ConnectionFailedError,
    DocumentError,
    InvalidOptionError,
    LocalLLMError,
)
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.update import remove, update
from langchain_localllm.rag.ingest.file_keys import FileKeys

EMBEDDINGS = DeterministicFakeEmbedding(size=8)


@pytest.fixture(autouse=True)
def _no_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    # it has tests of its own
    monkeypatch.setattr("langchain_localllm.rag.index.update.calibrate", lambda *_: None)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("The boat is blue.")
    (folder / "sub" / "b.txt").write_text("The key is old.")
    return folder


def make_store(folder: Path, **options: object) -> Store:
    return Store(folder, EMBEDDINGS, **{"vectors": "sqlite", **options})  # type: ignore[arg-type]  # a table of options


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / ".localllm")


def keys(store: Store) -> list[str]:
    return store.catalog.paths()


def texts(store: Store) -> set[str]:
    return {passage.page_content for batch in store.catalog.batches() for passage in batch}


# --- roots that are away ---


def gone(root: Path) -> None:
    root.rename(root.parent / "away")


def empty(root: Path) -> None:
    gone(root)
    root.mkdir()


def replaced_by_a_file(root: Path) -> None:
    gone(root)
    root.write_text("The lamp is lit.")


def a_dead_link(root: Path) -> None:
    gone(root)
    root.symlink_to(root.parent / "nowhere")


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("make_away", [gone, empty, replaced_by_a_file, a_dead_link])
def test_update_root_that_is_away_keeps_its_passages_and_reports_it(
    store: Store, notes: Path, make_away: Callable[[Path], None], given: bool
) -> None:
    update(store, [notes])
    make_away(notes)
    for _ in range(2):
        if given and make_away is gone:  # a typo for all that is known
            with pytest.raises(DocumentError, match="There is no file or folder"):
                update(store, [notes])
        else:
            report = update(store, [notes] if given else ())
            assert (report.added, report.removed, len(report.problems)) == (0, 0, 1)
            assert "rag remove" in report.problems[0]
    assert texts(store) == {"The boat is blue.", "The key is old."}
    with pytest.raises(DocumentError):
        update(store, [notes] if given else (), rebuild=True)
    assert texts(store) == {"The boat is blue.", "The key is old."}
    assert remove(store, [str(notes)]) == 2
    assert keys(store) == []


def test_update_root_that_is_a_link_to_a_folder_follows_changes_and_keeps_what_is_away(
    store: Store, notes: Path
) -> None:
    disk = notes.rename(notes.parent / "disk")
    notes.symlink_to(disk)
    update(store, [notes])
    (disk / "a.txt").unlink()
    assert update(store).removed == 1
    assert FileKeys(store.root, keys(store)).named(str(notes)) == ["notes/sub/b.txt"]
    disk.rename(notes.parent / "unmounted")
    assert update(store).removed == 0
    assert texts(store) == {"The key is old."}


def test_update_link_within_a_folder_whose_target_is_away_keeps_its_passages(
    store: Store, notes: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "c.txt").write_text("The lamp is lit.")
    (notes / "nas").symlink_to(disk)
    update(store, [notes])
    disk.rename(tmp_path / "unmounted")
    report = update(store)
    assert (report.removed, ["nas: it is a link to" in each for each in report.problems]) == (
        0,
        [True],
    )
    assert "The lamp is lit." in texts(store)
    (notes / "nas").unlink()
    update(store)
    assert keys(store) == ["notes/a.txt", "notes/sub/b.txt"]


# input/output error, permission denied, stale file handle
@pytest.mark.parametrize("number", [5, 13, 116])
def test_update_subfolder_that_fails_keeps_its_passages(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    update(store, [notes])
    scandir = os.scandir

    def failing(path: str | Path = ".") -> object:
        if Path(path).name == "sub":
            raise OSError(number, os.strerror(number), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    report = update(store)
    assert (
        report.removed,
        ["sub: the folder cannot be opened" in each for each in report.problems],
    ) == (0, [True])
    assert texts(store) == {"The boat is blue.", "The key is old."}


@pytest.mark.parametrize("make_away", [gone, empty])
def test_update_disk_in_a_folder_that_is_not_mounted_keeps_its_passages(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch, make_away: Callable[[Path], None]
) -> None:
    disk = (notes / "sub").rename(notes / "disk")
    (disk / "deep").mkdir()
    (disk / "deep" / "c.txt").write_text("The lamp is lit.")
    with monkeypatch.context() as mounted:
        mounted.setattr(
            "langchain_localllm.rag.index.update._device", lambda folder: "disk" in folder.parts
        )
        update(store, [notes])
    update(store, [notes / "a.txt"])  # says nothing of the disk
    make_away(disk)
    (notes / "away").rename(notes.parent / "away")
    for _ in range(2):
        report = update(store)
        assert (
            report.removed,
            ["disk is missing or empty" in each for each in report.problems],
        ) == (0, [True])
    assert texts(store) == {"The boat is blue.", "The key is old.", "The lamp is lit."}
    with pytest.raises(DocumentError, match="a rebuild would remove"):
        update(store, rebuild=True)
    assert remove(store, [str(disk)]) == 2
    assert not update(store).problems


def test_update_disk_in_a_folder_that_is_mounted_or_was_replaced_follows_changes(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as mounted:
        mounted.setattr(
            "langchain_localllm.rag.index.update._device", lambda folder: "sub" in folder.parts
        )
        update(store, [notes])
        (notes / "sub" / "b.txt").unlink()
        assert update(store).removed == 1
        (notes / "sub" / "b.txt").write_text("The key is new.")
        update(store)
    (notes / "sub" / "b.txt").rename(notes / "sub" / "c.txt")
    report = update(store)
    assert (report.added, report.removed, report.problems) == (1, 1, [])


def test_update_file_that_became_a_folder_is_taken_out(store: Store, notes: Path) -> None:
    update(store, [notes])
    (notes / "a.txt").unlink()
    (notes / "a.txt").mkdir()
    (notes / "a.txt" / "c.txt").write_text("The lamp is lit.")
    report = update(store)
    assert (report.added, report.removed) == (1, 1)
    assert keys(store) == ["notes/a.txt/c.txt", "notes/sub/b.txt"]


# --- a rebuild ---


class Failing(Embeddings):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise ConnectionFailedError(f"The server does not answer to {texts}.")

    def embed_query(self, text: str) -> list[float]:
        raise ConnectionFailedError(f"The server does not answer to {text}.")


@pytest.mark.parametrize("paths", [(), ("notes",), ("nots",)])
def test_rebuild_that_cannot_begin_loses_nothing(
    store: Store,
    notes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    paths: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    update(store, [notes])
    failing = Store(store.folder, Failing() if "nots" not in paths else EMBEDDINGS)
    with pytest.raises(LocalLLMError):
        update(failing, paths, rebuild=True)
    failing.close()
    assert texts(store) == {"The boat is blue.", "The key is old."}
    assert store.setting("roots") == ["notes"]


def test_rebuild_keeps_paths_and_settings(store: Store, notes: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("The lamp is lit.")
    first = make_store(store.folder or tmp_path, chunk_size=500, chunk_overlap=10)
    first.embedding_source = "ollama:embedder"
    update(first, [notes, other])
    assert update(Store(store.folder, EMBEDDINGS), [notes], rebuild=True).added == 3
    settings = store.catalog.settings()
    assert (settings["chunk_size"], settings["chunk_overlap"], settings["vectors"]) == (
        500,
        10,
        "sqlite",
    )
    assert (settings["roots"], settings["embedding_source"]) == (
        ["notes", "other.txt"],
        "ollama:embedder",
    )
    store.close()
    changed = Store(store.folder, DeterministicFakeEmbedding(size=16), chunk_size=400)
    assert update(changed, rebuild=True).added == 3
    assert changed.setting("chunk_size") == 400
    assert changed.setting("embedding_source") is None  # it names another model


def test_rebuild_of_a_damaged_index_works_with_paths(store: Store, notes: Path) -> None:
    update(store, [notes])
    store.close()
    (notes.parent / ".localllm" / "catalogue.sqlite").write_bytes(
        b"not a database, but long enough to be looked at" * 50
    )
    for name in ("catalogue.sqlite-wal", "catalogue.sqlite-shm"):
        (notes.parent / ".localllm" / name).unlink(missing_ok=True)
    with pytest.raises(DocumentError, match="The index has no files yet"):
        update(make_store(notes.parent / ".localllm"), rebuild=True)
    assert update(make_store(notes.parent / ".localllm"), [notes], rebuild=True).added == 2


def test_rebuild_in_a_folder_with_other_files_deletes_none_of_them(notes: Path) -> None:
    store = make_store(notes)
    assert update(store, [notes]).added == 2
    assert update(store, [notes]).unchanged == 2
    assert update(store, [notes], rebuild=True).added == 2
    assert {path.name for path in notes.iterdir()} >= {"a.txt", "sub"}
    assert (notes / "sub" / "b.txt").exists()


# --- one index, one file, by every name ---


def test_index_by_every_spelling_of_its_folder_knows_its_files(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "index").symlink_to(tmp_path / ".localllm")
    (elsewhere / "up").symlink_to(tmp_path)
    monkeypatch.chdir(notes)
    monkeypatch.setenv("HOME", str(tmp_path))
    update(make_store(tmp_path / ".localllm"), [notes])
    folders: list[str | Path] = [
        "../.localllm",
        "~/.localllm",
        "../notes/../.localllm/",
        elsewhere / "index",
        elsewhere / "up" / ".localllm",
    ]
    paths: list[str | Path] = [".", notes, "../notes/", "~/notes", elsewhere / "up" / "notes"]
    for folder in folders:
        for path in paths:
            store = make_store(Path(folder))
            report = update(store, [path])
            assert (report.added, report.unchanged, report.removed) == (0, 2, 0), (folder, path)
            assert keys(store) == ["notes/a.txt", "notes/sub/b.txt"]
            assert store.setting("roots") == ["notes"]
            assert FileKeys(store.root, keys(store)).named(str(path)) == keys(store)


def test_index_that_was_moved_and_replaced_by_a_link_knows_its_files(
    store: Store, notes: Path, tmp_path: Path
) -> None:
    update(store, [notes])
    store.close()
    big = tmp_path / "disk" / "index"
    big.parent.mkdir()
    (tmp_path / ".localllm").rename(big)
    (tmp_path / ".localllm").symlink_to(big)
    assert update(make_store(tmp_path / ".localllm")).unchanged == 2


def test_update_link_to_a_file_is_the_same_file(store: Store, notes: Path) -> None:
    update(store, [notes])
    (notes / "0.txt").symlink_to(notes / "a.txt")
    report = update(store)
    assert (report.added, report.unchanged) == (0, 2)
    assert FileKeys(store.root, keys(store)).named(str(notes / "0.txt")) == ["notes/a.txt"]


# --- what is taken out by name ---


@pytest.mark.parametrize("wrong", ["", " ", "nots", "notes/c.txt", "a.txt", "no", "notes/s", "*"])
def test_remove_takes_nothing_out_where_one_name_is_wrong(
    store: Store, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.chdir(tmp_path)
    update(store, [tmp_path])
    with pytest.raises(InvalidOptionError):
        remove(store, ["notes/a.txt", wrong])
    assert keys(store) == ["notes/a.txt", "notes/sub/b.txt"]
    assert notes.exists()


def test_remove_link_to_a_folder_that_is_known_by_its_own_name_is_refused(
    store: Store, notes: Path, tmp_path: Path
) -> None:
    update(store, [notes])
    (tmp_path / "link").symlink_to(notes)
    with pytest.raises(InvalidOptionError, match="holds no file"):
        remove(store, [tmp_path / "link"])
    assert len(keys(store)) == 2


@pytest.mark.parametrize("exists", [True, False])
def test_remove_subfolder_keeps_the_others(store: Store, notes: Path, exists: bool) -> None:
    update(store, [notes])
    if not exists:
        gone(notes)
    assert remove(store, [notes / "sub"]) == 1
    assert keys(store) == ["notes/a.txt"]
