"""An index that is kept up to date: what is left out of it, and what happens while files change."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import watchfiles
from langchain_core.embeddings import DeterministicFakeEmbedding

from langchain_localllm.errors import DocumentError, LocalLLMError
from langchain_localllm.rag import watch as watching
from langchain_localllm.rag.index import update as updating
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.update import Digests, Report, remove, update

PATIENCE = 60
"""Seconds until a change is seen, on a machine that is very busy."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    # it has tests of its own
    monkeypatch.setattr("langchain_localllm.rag.index.update.calibrate", lambda *_: None)
    for name, value in {"_DEBOUNCE": 200, "_QUIET": 50, "_LOOK": 100, "_RETRY": 0.1}.items():
        monkeypatch.setattr(watching, name, value)
    return Store(tmp_path / ".localllm", DeterministicFakeEmbedding(size=8), vectors="sqlite")


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("The boat is blue.")
    return folder


@contextmanager
def reader(store: Store) -> Iterator[Store]:
    """Open the index a second time, as a question does while it is watched."""
    second = Store(store.folder, DeterministicFakeEmbedding(size=8), vectors="sqlite")
    try:
        yield second
    finally:
        second.close()


def files(store: Store) -> set[str]:
    with reader(store) as second:
        return {path for path, passages, _ in second.catalog.files() if passages}


def texts(store: Store) -> set[str]:
    with reader(store) as second:
        return {passage.page_content for batch in second.catalog.batches() for passage in batch}


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def watched(store: Store, *paths: Path, **options: Any) -> Iterator[list[Report]]:
    reports: list[Report] = []
    stop = threading.Event()
    thread = threading.Thread(
        target=watching.watch, args=(store, paths, reports.append), kwargs={"stop": stop, **options}
    )
    thread.start()
    try:
        wait_for(lambda: reports)
        yield reports
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_update_excluded_files_leave_the_index_and_come_back(store: Store, notes: Path) -> None:
    (notes / "drafts").mkdir()
    (notes / "drafts" / "b.txt").write_text("The key is old.")
    (notes / "c.log").write_text("Started.")
    assert update(store, [notes]).added == 3
    assert update(store, [notes], exclude=["drafts/", "*.log"]).removed == 2
    (notes / "drafts" / "d.txt").write_text("The lamp is red.")
    assert update(store).unchanged == 1  # the patterns are kept
    assert files(store) == {"notes/a.txt"}
    (notes / ".gitignore").write_text("a.*")
    assert (report := update(store, exclude=[])).removed == 1
    assert report.added == 3
    assert update(store, gitignore=False).added == 1
    # a file that is named is wanted
    assert update(store, [notes / "c.log"], exclude=["*.log"]).unchanged == 1
    assert update(store, [notes]).removed == 0
    assert remove(store, [notes / "c.log"]) == 1


@pytest.mark.parametrize("poll", [False, True])
def test_watch_changes_reach_the_index(store: Store, notes: Path, *, poll: bool) -> None:
    with watched(store, notes, poll=poll):
        assert files(store) == {"notes/a.txt"}
        (notes / "sub").mkdir()
        (notes / "sub" / "b.txt").write_text("The key is old.")
        wait_for(lambda: "notes/sub/b.txt" in files(store))
        (notes / "sub" / "b.txt").rename(notes / "c.md")
        (notes / "a.txt").unlink()
        wait_for(lambda: files(store) == {"notes/c.md"})
        (notes / "bad.bin").write_bytes(bytes(range(256)) * 10)
        (notes / "ignored.txt").write_text("The lamp is red.")
        wait_for(lambda: "notes/ignored.txt" in files(store))
        (notes / ".gitignore").write_text("ignored.*")
        wait_for(lambda: files(store) == {"notes/c.md"})
    assert {problem for _, _, problem in store.catalog.files()} > {None}


def test_watch_single_file_and_a_folder_that_comes_later(
    store: Store, notes: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.txt").write_text("The key is old.")
    update(store, [notes / "a.txt", other])
    other.rename(tmp_path / "away")
    with watched(store):
        (notes / "new").write_text("The boat is green.")
        (notes / "new").replace(notes / "a.txt")  # as editors save
        wait_for(lambda: "The boat is green." in texts(store))
        (tmp_path / "away" / "c.txt").write_text("The lamp is red.")
        (tmp_path / "away").rename(other)
        wait_for(lambda: "other/c.txt" in files(store))
        (other / "d.txt").write_text("The jetty is new.")  # it is watched from now on
        wait_for(lambda: "other/d.txt" in files(store))


def test_watch_update_that_fails_is_tried_again(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[LocalLLMError] = []
    real = updating.update

    def failing(*arguments: Any, **options: Any) -> Report:
        if len(errors) < 2 and (notes / "b.txt").exists():
            raise DocumentError("the server is away")
        return real(*arguments, **options)

    monkeypatch.setattr(watching, "update", failing)
    with watched(store, notes, on_error=errors.append):
        (notes / "b.txt").write_text("The key is old.")
        wait_for(lambda: "notes/b.txt" in files(store))
    assert [str(error) for error in errors] == ["the server is away"] * 2


def test_watch_system_without_more_watches_polls(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = watchfiles.watch

    def limited(*paths: Path, force_polling: bool | None = None, **options: Any) -> Any:
        if not force_polling:
            raise OSError("OS file watch limit reached")
        return real(*paths, force_polling=True, **options)

    monkeypatch.setattr(watchfiles, "watch", limited)
    with watched(store, notes):
        (notes / "b.txt").write_text("The key is old.")
        wait_for(lambda: "notes/b.txt" in files(store))


def test_digests_file_is_read_again_only_if_it_changed(
    notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = notes / "a.txt"
    digests = Digests()
    first = digests.digest(file)
    monkeypatch.setattr(Digests, "_SETTLED", -1.0)  # as if the file were old
    assert digests.digest(file) == first
    monkeypatch.setattr(updating, "_hash", lambda _: "read again")
    assert digests.digest(file) == first
    file.write_text("The boat is green, and large.")
    assert digests.digest(file) == "read again"
