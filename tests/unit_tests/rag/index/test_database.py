"""One SQLite file for threads and processes."""

import sqlite3
from pathlib import Path

import pytest

from langchain_localllm.errors import StoreError
from langchain_localllm.rag.index import database
from langchain_localllm.rag.index.database import Database

_FIRST = "CREATE TABLE word (text TEXT);"
_UPGRADES = {
    1: "ALTER TABLE word ADD COLUMN length INTEGER;",
    2: "CREATE TABLE other (id INTEGER);",
}


def _columns(db: Database) -> list[str]:
    return [name for (name,) in db.all("SELECT name FROM pragma_table_info('word')")]


def test_file_of_an_older_version_gets_each_upgrade_once(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    Database(path, _FIRST, 1).close()
    for _ in range(2):
        db = Database(path, "not used", 3, upgrades=_UPGRADES)
        assert db.version == 3
        assert _columns(db) == ["text", "length"]
        db.close()


def test_file_of_an_older_version_is_not_changed_by_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    Database(path, _FIRST, 1).close()
    db = Database(path, "not used", 3, writable=False, upgrades=_UPGRADES)
    assert db.version == 1
    assert _columns(db) == ["text"]


def test_failed_upgrade_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    Database(path, _FIRST, 1).close()
    with pytest.raises(StoreError):
        Database(path, "not used", 2, upgrades={1: "CREATE TABLE a (b); CREATE TABLE word (c);"})
    assert Database(path, _FIRST, 1).all("SELECT name FROM sqlite_schema") == [("word",)]


def test_new_file_has_the_newest_version(tmp_path: Path) -> None:
    assert Database(tmp_path / "file.sqlite", _FIRST, 3, upgrades=_UPGRADES).version == 3


def test_snapshot_does_not_see_later_changes_of_another_connection(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    db, other = Database(path, _FIRST, 1), sqlite3.connect(path)
    with db.snapshot():
        assert db.all("SELECT * FROM word") == []
        other.execute("INSERT INTO word VALUES ('boat')")
        other.commit()
        assert db.all("SELECT * FROM word") == []
    assert db.all("SELECT * FROM word") == [("boat",)]


def test_folder_that_cannot_be_locked_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> sqlite3.Connection:
        raise sqlite3.OperationalError("locking protocol")  # as on NFS

    monkeypatch.setattr(database, "_opened", refuse)
    with pytest.raises(StoreError, match=r"cannot be locked .*on a disk of this machine"):
        Database(tmp_path / "file.sqlite", _FIRST, 1)
