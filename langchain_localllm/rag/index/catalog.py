"""What an index knows of its files and passages: one SQLite file, with the keyword index in it.

The vectors lie in a vector store of their own, so two things must stay in step though a process can be killed at any moment. A
file's passages are therefore *announced* here before they go to the vector store, and become *live* together, in one transaction,
when the last one is there. What the file no longer holds becomes *doomed* in that transaction, and is deleted from the vector store
next. Whoever writes first deletes what is doomed, so nothing is lost or there twice. Who asks sees live passages only.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.rag.index.database import AT_ONCE, Database
from langchain_localllm.rag.index.text_search import search_terms, separated

FORMAT: Final = 1
"""The version of this layout; a store with a higher one was made by a newer version of this package."""

_SCHEMA: Final = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE file (path TEXT PRIMARY KEY, hash TEXT NOT NULL, problem TEXT) WITHOUT ROWID;
CREATE TABLE passage (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, path TEXT NOT NULL, place INTEGER NOT NULL, text TEXT NOT NULL,
    metadata TEXT NOT NULL, stored INTEGER NOT NULL DEFAULT 0, live INTEGER NOT NULL DEFAULT 0);
CREATE INDEX passage_of_file ON passage (path, place);
CREATE TABLE draft (id TEXT PRIMARY KEY, path TEXT NOT NULL, place INTEGER NOT NULL, metadata TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE doomed (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE VIRTUAL TABLE word USING fts5 (text, tokenize = 'porter unicode61 remove_diacritics 2');
"""
_MANY: Final = 2000
"""Passages from which on it takes time to rank by words that are in most of them."""
_GONE: Final = "path = :path AND id NOT IN (SELECT id FROM draft)"
"""The passages that a file no longer holds, while its draft tells what it holds."""


@dataclass(frozen=True, slots=True)
class StagedChunk:
    """A passage that a file will hold.

    Attributes:
        id: A uuid5 of its place and text.
        path: The file's path, as the catalog knows it.
        place: Its number within the file, from 0.
        text: What it says.
        metadata: `source`, and `page`, `heading`, `line` where known.
    """

    id: str
    path: str
    place: int
    text: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file that was read.

    Attributes:
        path: Its path: relative to the folder that holds the store where it lies in there, else absolute.
        hash: SHA-256 of its bytes, after the version of the readers.
        problem: Why nothing of it is in the index, or `None`.
    """

    path: str
    hash: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much an index holds: `files` read, `passages` of them, and `unreadable` files."""

    files: int
    passages: int
    unreadable: int


class Catalog:
    """Files, passages and words of an index.

    Args:
        path: The SQLite file; `None` keeps everything in memory.
        writable: Whether to open it for changes, and make it where there is none.

    Raises:
        StoreError: There is no such file, it is not a catalog, or it is of a newer version.
    """

    def __init__(self, path: Path | None, *, writable: bool = True) -> None:
        self._db = Database(path, _SCHEMA, FORMAT, writable=writable)
        self._db.connection.create_function("separated", 2, _words)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # --- settings ---

    def settings(self) -> dict[str, Any]:
        """What the index was made with."""
        return {name: json.loads(value) for name, value in self._db.all("SELECT name, value FROM setting")}

    def write_settings(self, **settings: Any) -> None:
        """Write down settings."""
        with self._db.transaction() as db:
            rows = [(name, json.dumps(value)) for name, value in settings.items()]
            db.executemany("INSERT OR REPLACE INTO setting VALUES (?, ?)", rows)

    # --- writing ---

    def forget_draft(self, path: str | None = None) -> None:
        """Drop what was announced of a file, or of all; passages that are in the vector store already are not embedded again."""
        with self._db.transaction() as db:
            db.execute("DELETE FROM draft WHERE path = coalesce(?, path)", (path,))

    def stage(self, passages: Iterable[StagedChunk]) -> None:
        """Write down passages that go to the vector store next."""
        rows = [(each.id, each.path, each.place, each.text, json.dumps(each.metadata)) for each in passages]
        with self._db.transaction() as db:
            db.executemany("INSERT OR IGNORE INTO passage (id, path, place, text, metadata) VALUES (?, ?, ?, ?, ?)", rows)
            drafts = [(key, path, place, metadata) for key, path, place, _, metadata in rows]
            db.executemany("INSERT OR IGNORE INTO draft VALUES (?, ?, ?, ?)", drafts)

    def finish(self, stored: Iterable[str], files: Iterable[FileEntry]) -> None:
        """Write down which passages are in the vector store now, and make those of whole files live."""
        with self._db.transaction() as db:
            db.executemany("UPDATE passage SET stored = 1 WHERE id = ?", [(key,) for key in stored])
            for file in files:
                _replace(db, file.path)
                db.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?)", (file.path, file.hash, file.problem))

    def note_problems(self, problems: dict[str, str]) -> None:
        """Write down why files or folders cannot be opened now; their passages stay, and each run tries again."""
        with self._db.transaction() as db:
            statement = "INSERT INTO file VALUES (?, '', ?) ON CONFLICT (path) DO UPDATE SET hash = '', problem = excluded.problem"
            db.executemany(statement, problems.items())

    def forget_problems(self, paths: Iterable[str]) -> None:
        """Forget files and folders that `note_problems` noted and that have not been read since."""
        with self._db.transaction() as db:
            db.executemany("DELETE FROM file WHERE path = ? AND hash = ''", [(path,) for path in paths])

    def remove(self, path: str) -> None:
        """Take a file out, with its passages."""
        with self._db.transaction() as db:
            db.execute("DELETE FROM draft WHERE path = ?", (path,))
            _replace(db, path)
            db.execute("DELETE FROM file WHERE path = ?", (path,))

    def tombstoned(self) -> list[str]:
        """Ids of passages that are to be deleted from the vector store; at most 500 at a time."""
        return [key for (key,) in self._db.all("SELECT id FROM doomed LIMIT ?", (AT_ONCE,))]

    def purge(self, ids: Iterable[str]) -> None:
        """Forget passages that were deleted from the vector store."""
        with self._db.transaction() as db:
            db.executemany("DELETE FROM doomed WHERE id = ?", [(key,) for key in ids])

    # --- reading ---

    def file(self, path: str) -> FileEntry | None:
        """What is known of a file."""
        rows = self._db.all("SELECT path, hash, problem FROM file WHERE path = ?", (path,))
        return FileEntry(*rows[0]) if rows else None

    def paths(self) -> list[str]:
        """Every file that left a trace here, also one whose reading was cut off."""
        return [path for (path,) in self._db.all("SELECT path FROM file UNION SELECT path FROM passage ORDER BY path")]

    def files(self) -> list[tuple[str, int, str | None]]:
        """Return each file's path, the number of its passages, and why nothing of it is in the index, or `None`."""
        count = "SELECT count(*) FROM passage WHERE live AND passage.path = file.path"
        return self._db.all(f"SELECT path, ({count}), problem FROM file ORDER BY path")  # noqa: S608 - a constant

    def counts(self) -> Counts:
        """How much is in the index."""
        files, unreadable = self._db.all("SELECT count(*), count(problem) FROM file")[0]
        return Counts(files - unreadable, self._db.all("SELECT count(*) FROM passage WHERE live")[0][0], unreadable)

    @property
    def is_empty(self) -> bool:
        """Whether there is no passage."""
        return not self._db.all("SELECT 1 FROM passage WHERE live LIMIT 1")

    def stored(self, ids: Sequence[str]) -> set[str]:
        """Which of these passages are in the vector store already."""
        return {key for (key,) in self._db.all_of("SELECT id FROM passage WHERE stored AND id IN ({})", ids)}

    def documents(self, ids: Sequence[str]) -> dict[str, Document]:
        """The live passages with these ids."""
        rows = self._db.all_of("SELECT id, text, metadata FROM passage WHERE live AND id IN ({})", ids)
        return {key: Document(text, id=key, metadata=json.loads(metadata)) for key, text, metadata in rows}

    def neighbors(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Return the texts right before and after each of these passages in its file."""
        found: dict[str, list[str]] = {key: [] for key in ids}
        rows = self._db.all_of(
            "SELECT one.id, other.text FROM passage one JOIN passage other ON other.path = one.path AND other.live "
            "AND other.place IN (one.place - 1, one.place + 1) WHERE one.id IN ({})",
            ids,
        )
        for key, text in rows:
            found[key].append(text)
        return found

    def batches(self, size: int = AT_ONCE) -> Iterator[list[Document]]:
        """All live passages, in batches, to move an index or to look through it."""
        last = 0
        while rows := self._db.all(
            "SELECT number, id, text, metadata FROM passage WHERE live AND number > ? ORDER BY number LIMIT ?", (last, size)
        ):
            yield [Document(text, id=key, metadata=json.loads(metadata)) for _, key, text, metadata in rows]
            last = rows[-1][0]

    def sample(self, size: int) -> list[str]:
        """Texts of live passages, drawn by chance."""
        return [text for (text,) in self._db.all("SELECT text FROM passage WHERE live ORDER BY random() LIMIT ?", (size,))]

    def search(self, question: str, k: int, metadata: dict[str, Any] | None = None) -> list[str]:
        """Ids of the live passages that hold words of the question, best first by BM25."""
        terms = search_terms(question)
        if not terms:
            return []
        words = " OR ".join(self._telling(terms))
        if metadata:
            conditions, values = _conditions(metadata)
            found = "SELECT id FROM word JOIN passage ON number = word.rowid WHERE word MATCH ?"
            rows = self._db.all(f"{found} {conditions} ORDER BY rank LIMIT ?", (words, *values, k))
        else:  # ranked before it is joined: a word can be in every passage
            found = "SELECT rowid, rank FROM word WHERE word MATCH ? ORDER BY rank LIMIT ?"
            rows = self._db.all(f"SELECT id FROM ({found}) JOIN passage ON number = rowid ORDER BY rank", (words, k))  # noqa: S608 - constants
        return [key for (key,) in rows]

    def frequencies(self, terms: Iterable[str]) -> tuple[int, dict[str, int]]:
        """Return how many passages there are, about, and in how many of them each term is, at most in half.

        Args:
            terms: Words as `words.search_terms` gives them.
        """
        passages = self._db.all("SELECT max(number) FROM passage")[0][0] or 0
        count = "SELECT count(*) FROM (SELECT 1 FROM word WHERE word MATCH ? LIMIT ?)"
        return passages, {term: self._db.all(count, (term, passages // 2 + 1))[0][0] for term in dict.fromkeys(terms)}

    def _telling(self, terms: list[str]) -> list[str]:
        """Without words that are in half of all passages: BM25 counts them for nothing, and to rank by them takes long."""
        passages, counts = self.frequencies(terms)
        return terms if passages < _MANY else [term for term in terms if counts[term] <= passages // 2] or terms


def _replace(db: sqlite3.Connection, path: str) -> None:
    """Make a file's passages those of its draft."""
    file = {"path": path}
    db.execute(f"INSERT OR IGNORE INTO doomed SELECT id FROM passage WHERE {_GONE}", file)  # noqa: S608 - a constant
    db.execute(f"DELETE FROM word WHERE rowid IN (SELECT number FROM passage WHERE live AND {_GONE})", file)  # noqa: S608 - as above
    db.execute(f"DELETE FROM passage WHERE {_GONE}", file)  # noqa: S608 - as above
    db.execute(
        "INSERT INTO word (rowid, text) SELECT number, separated(text, metadata) FROM passage WHERE path = :path AND NOT live", file
    )
    db.execute(
        "UPDATE passage SET live = 1, place = draft.place, metadata = draft.metadata FROM draft "
        "WHERE passage.path = :path AND draft.id = passage.id",
        file,
    )
    db.execute("DELETE FROM draft WHERE path = :path", file)


def _words(text: str, metadata: str) -> str:
    return separated(f"{json.loads(metadata).get('heading', '')}\n{text}")


def _conditions(metadata: dict[str, Any]) -> tuple[str, list[Any]]:
    """Metadata that a passage must have, as SQL; a list means any of its values."""
    conditions, values = "", []
    for name, wanted in metadata.items():
        options = wanted if isinstance(wanted, list) else [wanted]
        conditions += f" AND json_extract(passage.metadata, ?) IN ({', '.join('?' * len(options))})"
        values += [f'$."{name}"', *options]
    return conditions, values
