"""Bringing an index up to date, with hashes as vectors: what is read, what is left, what is taken
out."""

import os
import sqlite3
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from langchain_localllm.errors import (
    ContextLengthError,
    DocumentError,
    InvalidOptionError,
    StoreError,
)
from langchain_localllm.rag.index.candidates import nearest
from langchain_localllm.rag.index.catalog import FileEntry
from langchain_localllm.rag.index.store import Store, passage_id
from langchain_localllm.rag.index.update import Progress, remove, update
from langchain_localllm.rag.ingest.file_keys import FileKeys
from langchain_localllm.rag.ingest.formats import READERS_VERSION

EMBEDDINGS = DeterministicFakeEmbedding(size=16)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.txt").write_text(f"The {name} is here.\n\nThe {name} is there.")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".localllm", EMBEDDINGS, vectors="sqlite")


def texts(store: Store) -> set[str]:
    return {passage.page_content for batch in store.catalog.batches() for passage in batch}


def test_update_unchanged_files_are_skipped(store: Store, notes: Path) -> None:
    first = update(store, [notes])
    assert (first.added, first.passages, first.problems) == (3, 3, [])
    second = update(store, [notes])
    assert (second.added, second.unchanged, second.passages) == (0, 3, 0)


def test_update_only_passages_that_are_new_are_embedded(store: Store, notes: Path) -> None:
    update(store, [notes])
    store.close()
    (notes / "a.txt").write_text("# New\n\nThe a is here.\n\nThe a is there.", encoding="utf-8")
    small = Store(store.folder, EMBEDDINGS)
    (notes / "b.txt").write_text(
        "The b is here.\n\nThe b is there.\n\n" + "It was seen again. " * 20
    )
    report = update(small, [notes])
    assert report.changed == 2
    assert report.passages < 5
    assert any("It was seen again." in text for text in texts(small))


def test_update_deleted_files_are_removed_below_the_given_paths_only(
    store: Store, notes: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.txt"
    other.write_text("The other one.")
    update(store, [notes, other])
    (notes / "a.txt").unlink()
    other.unlink()
    assert update(store, [notes]).removed == 1
    assert "The other one." in texts(store)
    # a path that was given and is missing is kept until it is removed by name
    assert update(store).removed == 0
    assert remove(store, [other]) == 1
    assert store.catalog.paths() == ["notes/b.txt", "notes/c.txt"]


@pytest.mark.parametrize("empty", [False, True])
def test_update_missing_folder_keeps_its_passages_until_it_is_removed_by_name(
    store: Store, notes: Path, empty: bool
) -> None:
    update(store, [notes])
    away = notes.rename(notes.parent / "away")
    if empty:
        notes.mkdir()  # a mount point without its disk
    report = update(store)
    assert (report.removed, len(report.problems)) == (0, 1)
    assert "rag remove" in report.problems[0]
    assert len(store.catalog.paths()) == 3
    with pytest.raises(DocumentError, match="a rebuild would remove"):
        update(store, rebuild=True)
    if empty:
        assert update(store, [notes]).problems == report.problems
        notes.rmdir()
    else:
        with pytest.raises(DocumentError, match="There is no file or folder"):
            update(store, [notes])
    away.rename(notes)
    assert update(store).unchanged == 3
    notes.rename(away)
    assert remove(store, [notes]) == 3
    assert store.catalog.paths() == []
    assert store.setting("roots") == []


def test_update_every_spelling_of_a_path_is_the_same_file(
    tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(notes)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "link").symlink_to(notes, target_is_directory=True)
    (tmp_path / "other-way").symlink_to(tmp_path, target_is_directory=True)
    folders: list[str | Path] = [
        ".",
        "..",
        "../notes/",
        "~/notes",
        notes,
        "../link",
        "../other-way/notes",
        "./a.txt",
    ]
    stores: list[str | Path] = [
        "../.localllm",
        tmp_path / ".localllm",
        "~/.localllm",
        "../link/../.localllm",
    ]
    for folder in folders:
        for place in stores:
            store = Store(place, EMBEDDINGS, vectors="sqlite")
            report = update(store, [folder])
            assert report.removed == 0
            assert len(store.catalog.paths()) == 3, (folder, place)
            store.close()


def test_update_index_with_two_entries_of_one_file_keeps_one(store: Store, notes: Path) -> None:
    update(store, [notes])
    with store.writing():
        for name in ("a", "b"):
            store.catalog.finish(
                [], [FileEntry(str(notes / f"{name}.txt"), "an earlier version wrote this")]
            )
    assert update(store).unchanged == 3
    assert store.catalog.paths() == ["notes/a.txt", "notes/b.txt", "notes/c.txt"]


@pytest.mark.parametrize(
    "name", [b"Gr\xfc\xdfe.txt", b"\x93quoted\x94.md", "Grüße 東京.txt".encode()]
)
def test_update_file_name_in_any_encoding_is_read_and_found_again(
    store: Store, notes: Path, name: bytes
) -> None:
    path = Path(os.fsdecode(os.path.join(os.fsencode(notes), name)))  # noqa: PTH118 - the name is bytes
    path.write_text("The lighthouse is white.")
    assert update(store, [notes]).problems == []
    assert update(store).unchanged == 4
    (key,) = set(store.catalog.paths()) - {f"notes/{each}.txt" for each in "abc"}
    key.encode()
    assert FileKeys(store.root, [key]).path(key) == path
    path.unlink()
    assert update(store).removed == 1


class Window(DeterministicFakeEmbedding):
    """Takes 70 characters of a text at most."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        for number, text in enumerate(texts):
            if len(text) > 70:
                error = ContextLengthError(f"Text {number} is too long.", context_tokens=70)
                error.failed_text, error.done = (
                    number,
                    dict(enumerate(super().embed_documents(texts[:number]))),
                )
                raise error
        return super().embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def test_nearest_query_over_the_models_window_raises_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The boat is blue.")
    store = Store(tmp_path / ".localllm", Window(size=16), vectors="sqlite")
    update(store, [tmp_path])
    with pytest.raises(ContextLengthError, match="Ask a shorter one") as caught:
        nearest(store, "What color is the boat? " * 9, 3)
    assert caught.value.context_tokens == 70


def test_update_passage_over_the_models_window_is_split(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "0123456789abcdef" * 10 + " short words and more of them, until it is long"
    )
    (tmp_path / "b.txt").write_text("The b is here.")
    store = Store(tmp_path / ".localllm", Window(size=16), vectors="sqlite")
    with pytest.raises(ContextLengthError):
        store.embeddings.embed_documents(["x" * 71])
    report = update(store, [tmp_path])
    assert (report.added, report.problems) == (2, [])
    assert all(len(text) <= 70 for text in texts(store))
    assert "".join(sorted("".join(texts(store)).replace(" ", ""))) == "".join(
        sorted(
            "".join((tmp_path / name).read_text().replace(" ", "") for name in ("a.txt", "b.txt"))
        )
    )
    assert update(store).unchanged == 2


def test_update_parts_of_a_passage_over_the_models_window_know_what_is_around_them(
    tmp_path: Path,
) -> None:
    rows = "\n".join(f"| boat {number} | {number * 7} marks |" for number in range(9))
    (tmp_path / "a.md").write_text(f"| boat | price |\n|---|---|\n{rows}\n")
    (tmp_path / "b.md").write_text("```\n" + "raise_the_sail(wind)\n" * 9 + "```\n")
    store = Store(tmp_path / ".localllm", Window(size=16), vectors="sqlite")
    assert update(store, [tmp_path]).problems == []
    parts = [passage for batch in store.catalog.batches() for passage in batch]
    assert len(parts) > 4
    for part in parts:
        name = "columns" if part.metadata["source"].endswith("a.md") else "in_code"
        begins = part.page_content.startswith(("| boat | price", "```"))
        assert (name in part.metadata) is not begins, part
        assert part.page_content.endswith(("|", ")", "```")), "rows and lines stay whole"


def test_update_heading_over_the_models_window_is_shortened(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"# {'far too long a heading ' * 9}\n\nThe boat is blue.\n")
    (tmp_path / "b.md").write_text(f"# {'a heading that is a text ' * 90}\n\nThe key is here.\n")
    store = Store(tmp_path / ".localllm", Window(size=16), vectors="sqlite")
    report = update(store, [tmp_path])
    assert (report.added, report.problems) == (2, [])
    assert {"The boat is blue.", "The key is here."} <= set(texts(store))
    assert update(store).unchanged == 2


def test_update_rebuild_by_the_same_object_keeps_the_name_of_the_embedding_model(
    store: Store, notes: Path
) -> None:
    update(store, [notes])
    update(store, [notes], rebuild=True)
    assert store.setting("embedding_model") == "DeterministicFakeEmbedding"
    with pytest.raises(StoreError, match="was made with the embedding model"):
        Store(store.folder, DeterministicFakeEmbedding(size=8)).check_model()


def test_update_remove_counts_towards_the_next_calibration(store: Store, notes: Path) -> None:
    update(store, [notes])
    remove(store, [notes / "a.txt"])
    assert store.setting("off_topic_pending") == 1


def test_update_remove_by_any_spelling_and_refuses_a_typo(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update(store, [notes])
    monkeypatch.chdir(notes)
    with pytest.raises(InvalidOptionError, match=r"Did you mean notes/a\.txt"):
        remove(store, ["notes/a.text"])
    assert remove(store, ["a.txt"]) == 1
    assert remove(store, ["notes/b.txt"]) == 1
    assert remove(store, [notes]) == 1
    assert store.catalog.paths() == []


def test_update_file_that_cannot_be_read_is_named_each_time_and_read_again_when_it_changed(
    store: Store, notes: Path
) -> None:
    (notes / "bad.pdf").write_bytes(b"no pdf")
    for _ in range(2):
        report = update(store, [notes])
        assert ["bad.pdf: it is not a PDF file" in problem for problem in report.problems] == [True]
    assert store.catalog.counts().unreadable == 1
    (notes / "bad.pdf").unlink()
    assert update(store, [notes]).problems == []


def test_update_file_that_becomes_unreadable_loses_its_passages(store: Store, notes: Path) -> None:
    update(store, [notes])
    (notes / "a.txt").write_bytes(bytes(range(256)) * 20)
    assert "binary" in update(store, [notes]).problems[0]
    assert not any("The a is" in text for text in texts(store))


def test_update_ids_and_paths_do_not_depend_on_where_the_folder_is(
    store: Store, notes: Path, tmp_path: Path
) -> None:
    update(store, [notes])
    [first, *_] = next(store.catalog.batches())
    assert first.metadata["source"] == "notes/a.txt"
    assert first.id == passage_id(first.metadata, first.page_content)
    store.close()
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / ".localllm").rename(moved / ".localllm")
    notes.rename(moved / "notes")
    assert update(Store(moved / ".localllm", EMBEDDINGS)).unchanged == 3


def test_update_index_files_are_not_indexed(notes: Path) -> None:
    store = Store(notes / "index", EMBEDDINGS, vectors="sqlite")
    update(store, [notes])
    assert update(store, [notes]).unchanged == 3
    assert len(store.catalog.paths()) == 3


def test_update_progress_reports_files_bytes_and_passages(store: Store, notes: Path) -> None:
    seen: list[Progress] = []
    update(store, [notes], on_progress=seen.append)
    size = sum(file.stat().st_size for file in notes.iterdir())
    assert seen[-1] == Progress(files=3, all_files=3, bytes=size, all_bytes=size, passages=3)


def test_update_nothing_to_index_says_what_to_give(store: Store) -> None:
    with pytest.raises(DocumentError, match="localllm rag index PATH"):
        update(store)


# --- an index that does not fit ---


def test_update_another_embedding_model_is_refused_with_the_command_that_rebuilds(
    store: Store, notes: Path
) -> None:
    update(store, [notes])
    store.close()

    class Other(DeterministicFakeEmbedding):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return super().embed_documents([f"other {text}" for text in texts])

    for other in (DeterministicFakeEmbedding(size=8), Other(size=16)):
        refused = Store(store.folder, other)
        with pytest.raises(
            StoreError,
            match=(
                r"DeterministicFakeEmbedding \(16 numbers\).*localllm rag index --store .* "
                r"--rebuild"
            ),
        ):
            _ = refused.vectors
        with pytest.raises(StoreError, match="made with the embedding model"):
            update(refused, [notes])
    assert update(Store(store.folder, Other(size=16)), rebuild=True).added == 3


@pytest.mark.parametrize(
    "asked", [{"chunk_size": 500}, {"chunk_overlap": 10}, {"vectors": "chroma"}]
)
def test_update_other_settings_are_refused_with_the_command_that_rebuilds(
    store: Store, notes: Path, asked: dict[str, object]
) -> None:
    update(store, [notes])
    with pytest.raises(StoreError, match=r"The index was made with .* --rebuild"):
        update(Store(store.folder, EMBEDDINGS, **asked), [notes])  # type: ignore[arg-type]  # one of several


def test_update_after_a_run_that_stored_nothing_follows_the_settings_of_the_new_one(
    tmp_path: Path, notes: Path
) -> None:
    folder = tmp_path / ".localllm"
    with pytest.raises(InvalidOptionError, match="There is no vector store 'faiss'"):
        Store(folder, EMBEDDINGS, vectors="faiss")
    with pytest.raises(InvalidOptionError, match="not an address"):
        update(Store(folder, EMBEDDINGS, vectors="qdrant:/a/path"), [notes])
    store = Store(folder, EMBEDDINGS, vectors="sqlite", chunk_size=500)
    assert update(store, [notes]).added == 3
    assert (store.setting("vectors"), store.setting("chunk_size")) == ("sqlite", 500)


def test_update_missing_index_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"There is no index in .* localllm rag index PATH"):
        _ = Store(tmp_path / "none").catalog
    assert not (tmp_path / "none").exists()


def test_update_writer_locks_the_index(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("langchain_localllm.rag.index.store._LOCK_TIMEOUT", 0.05)
    with store.writing(), pytest.raises(StoreError, match="Another process is indexing into"):
        update(Store(store.folder, EMBEDDINGS), [notes])


# --- odd folders ---


def make_loop(notes: Path) -> None:
    (notes / "loop").symlink_to(notes, target_is_directory=True)


def make_pipe(notes: Path) -> None:
    os.mkfifo(notes / "pipe")


def make_broken_link(notes: Path) -> None:
    (notes / "link.txt").symlink_to("nowhere")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (make_loop, None),
        (make_pipe, "not a regular file"),
        (make_broken_link, "a link to a file that does not exist"),
    ],
)
def test_update_odd_things_in_a_folder(
    store: Store, notes: Path, make: Callable[[Path], None], problem: str | None
) -> None:
    make(notes)
    report = update(store, [notes])
    assert report.added == 3
    assert [problem in each for each in report.problems if problem] == [True] * (
        problem is not None
    )


def test_update_names_of_any_bytes_and_texts_of_any_encoding(store: Store, notes: Path) -> None:
    (notes / "Hütte 笔记.txt").write_bytes(
        "Die Schlüssel hängen hinter der Tür der alten Hütte.".encode("utf-16")
    )
    (notes / "empty.txt").touch()
    report = update(store, [notes])
    assert report.added == 4
    assert ["it is empty" in problem for problem in report.problems] == [True]
    assert "Die Schlüssel hängen hinter der Tür der alten Hütte." in texts(store)


# --- much to read ---


class Cheap(Embeddings):
    """Vectors that cost nothing, since here only the index is looked at."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return [1.0, len(text) % 7, text.count("e") % 5]


def test_update_ten_thousand_tiny_files(tmp_path: Path) -> None:
    for folder in range(100):
        (tmp_path / "notes" / str(folder)).mkdir(parents=True)
        for file in range(100):
            (tmp_path / "notes" / str(folder) / f"{file}.txt").write_text(
                f"The key of room {file} on floor {folder}."
            )
    store = Store(tmp_path / "index", Cheap(), vectors="sqlite")
    first = update(store, [tmp_path / "notes"])
    assert (first.added, first.passages, first.problems) == (10_000, 10_000, [])
    second = update(store)
    assert (second.unchanged, second.passages) == (10_000, 0)
    assert store.catalog.search("room 42 floor 17", 1) != []


def test_update_one_large_file_with_flat_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("langchain_localllm.rag.ingest.load._LARGE", 1_000_000)
    monkeypatch.setattr("langchain_localllm.rag.ingest.load._PIECE", 100_000)
    # searching needs all vectors in memory
    monkeypatch.setattr("langchain_localllm.rag.index.update.calibrate", lambda *_: None)
    large = tmp_path / "large.txt"
    with large.open("w") as out:
        for number in range(40_000):
            out.write(
                f"Sentence number {number} of a long text tells nothing that matters to anybody.\n"
            )
    store = Store(tmp_path / "index", Cheap(), vectors="sqlite")
    seen: list[Progress] = []
    tracemalloc.start()
    report = update(store, [large], on_progress=seen.append)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.passages > 5_000
    assert peak < large.stat().st_size
    # progress within the file, so the time left is known
    assert 0.3 < seen[len(seen) // 2].bytes / seen[-1].all_bytes < 0.7


def test_update_index_of_an_earlier_version_reads_files_again_and_embeds_only_what_changed(
    store: Store, notes: Path
) -> None:
    (notes / "cut.txt").write_text("The con\ufb01gu-\nration.")
    update(store, [notes])
    assert "The configuration." in texts(store)
    with store.writing():
        old = [
            FileEntry(key, "a hash without the version of the readers")
            for key in store.catalog.paths()
        ]
        for entry in old:
            file = store.catalog.file(entry.path)
            assert file is not None
            assert file.hash.startswith(f"{READERS_VERSION}:")
        store.catalog._db.connection.executemany("UPDATE file SET hash = ?", [(old[0].hash,)])
        store.catalog._db.connection.commit()
    report = update(store)
    assert (report.changed, report.passages) == (4, 0)
    assert update(store).unchanged == 4


def test_update_catalog_without_a_finished_run_is_not_an_index(store: Store, notes: Path) -> None:
    assert store.folder
    store.folder.mkdir()
    # as it is before its tables, and after a process that was killed
    sqlite3.connect(store.folder / "catalogue.sqlite").close()
    assert not store.exists
    with pytest.raises(StoreError, match="There is no index"):
        store.setting("roots")
    assert update(store, [notes]).added == 3
    assert store.exists
