"""Record the files and passages of an index in one SQLite file, with the keyword index.

The vectors are in a separate vector store, and both must stay consistent although a process can be
killed at any time. A file's passages are therefore *staged* here before they go to the vector
store. When the last one is stored, one transaction makes all of them *live* and *tombstones* the
passages that the file no longer has, which are deleted from the vector store next. Every writer
purges tombstones first, so no passage is lost or duplicated. Queries see live passages only.

The tables of staged and tombstoned passages are named `draft` and `doomed`.
"""

import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from langchain_core.documents import Document

from langchain_localllm.rag.index.database import AT_ONCE, Database
from langchain_localllm.rag.index.text_search import (
    VERSION,
    compound_parts,
    compounds_of,
    indexed_text,
    search_terms,
)
from langchain_localllm.rag.ingest.split import above

FORMAT: Final = 1
"""The version of the schema; an index with a higher one was made by a newer version of this
package."""

_SCHEMA: Final = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE file (path TEXT PRIMARY KEY, hash TEXT NOT NULL, problem TEXT) WITHOUT ROWID;
CREATE TABLE passage (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, path TEXT NOT NULL,
    place INTEGER NOT NULL, text TEXT NOT NULL, metadata TEXT NOT NULL,
    stored INTEGER NOT NULL DEFAULT 0, live INTEGER NOT NULL DEFAULT 0);
CREATE INDEX passage_of_file ON passage (path, place);
CREATE TABLE draft (
    id TEXT PRIMARY KEY, path TEXT NOT NULL, place INTEGER NOT NULL, metadata TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE doomed (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_WORD_TABLE: Final = """
CREATE VIRTUAL TABLE word USING fts5 (
    text, tokenize = 'porter unicode61 remove_diacritics 2 categories ''L* N* Co M*''');
"""
"""The keyword index. Marks are parts of words: in Hindi and Thai they are vowels."""
_DROP_COMMON_WORDS_FROM: Final = 2000
"""With this many passages, words that occur in most of them are left out of queries, since ranking
by them is slow."""
_RANK_ALL_UP_TO: Final = 20_000
"""Up to so many passages, all that contain a word of the question are ranked."""
_MOST_RANKED: Final = 5_000
"""Of more passages, at most so many are ranked, which takes some 10 ms."""
_MOST_COUNTS: Final = 10_000
"""How many words' counts are kept; in a million passages, each takes up to 10 ms."""
_REMOVED: Final = "path = :path AND id NOT IN (SELECT id FROM draft)"
"""The passages of a file that are not among its staged ones."""


@dataclass(frozen=True, slots=True)
class StagedChunk:
    """Hold a passage that is about to be stored.

    Attributes:
        id: A uuid5 of its place and text.
        path: The file's key in the catalog.
        place: Its number within the file, from 0.
        text: Its text.
        metadata: `source`, and `page`, `heading`, `line` if known.
    """

    id: str
    path: str
    place: int
    text: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Record a file that was read.

    Attributes:
        path: Its path: relative to the folder that contains the index if the file is inside it,
            else absolute.
        hash: The version of the readers, and the SHA-256 of its bytes.
        problem: Why none of it is in the index, or `None`.
    """

    path: str
    hash: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Count `files` that were read, their `passages`, and `unreadable` files."""

    files: int
    passages: int
    unreadable: int


class Catalog:
    """Store files, passages and words of an index.

    Args:
        path: The SQLite file; `None` keeps everything in memory.
        writable: Whether to open it for changes, and create it if it does not exist.

    Raises:
        StoreError: There is no such file, it is not a catalog, or it is of a newer version.
    """

    def __init__(self, path: Path | None, *, writable: bool = True) -> None:
        self._db = Database(path, _SCHEMA + _WORD_TABLE, FORMAT, writable=writable)
        self._db.connection.create_function("indexed", 2, _words)
        self._known_counts: tuple[object, int, dict[str, int]] = (None, 0, {})

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # --- settings ---

    def settings(self) -> dict[str, Any]:
        """Return the settings of the index."""
        return {
            name: json.loads(value)
            for name, value in self._db.all("SELECT name, value FROM setting")
        }

    def write_settings(self, **settings: Any) -> None:
        """Save settings."""
        with self._db.transaction() as db:
            rows = [(name, json.dumps(value)) for name, value in settings.items()]
            db.executemany("INSERT OR REPLACE INTO setting VALUES (?, ?)", rows)

    # --- writing ---

    def forget_draft(self, path: str | None = None) -> None:
        """Unstage the passages of a file, or of all files.

        Passages that are already stored are not embedded again.
        """
        with self._db.transaction() as db:
            db.execute("DELETE FROM draft WHERE path = coalesce(?, path)", (path,))

    def stage(self, passages: Iterable[StagedChunk]) -> None:
        """Stage passages that go to the vector store next."""
        rows = [
            (each.id, each.path, each.place, each.text, json.dumps(each.metadata))
            for each in passages
        ]
        with self._db.transaction() as db:
            db.executemany(
                (
                    "INSERT OR IGNORE INTO passage (id, path, place, text, metadata) VALUES (?, "
                    "?, ?, ?, ?)"
                ),
                rows,
            )
            drafts = [(key, path, place, metadata) for key, path, place, _, metadata in rows]
            db.executemany("INSERT OR IGNORE INTO draft VALUES (?, ?, ?, ?)", drafts)

    def finish(self, stored: Iterable[str], files: Iterable[FileEntry]) -> None:
        """Mark passages as stored, and make the passages of completed files live."""
        with self._db.transaction() as db:
            db.executemany("UPDATE passage SET stored = 1 WHERE id = ?", [(key,) for key in stored])
            for file in files:
                _replace(db, file.path)
                db.execute(
                    "INSERT OR REPLACE INTO file VALUES (?, ?, ?)",
                    (file.path, file.hash, file.problem),
                )

    def note_problems(self, problems: dict[str, str]) -> None:
        """Record why files or folders cannot be opened now.

        Their passages stay, and each update tries again.
        """
        with self._db.transaction() as db:
            statement = (
                "INSERT INTO file VALUES (?, '', ?) ON CONFLICT (path) DO UPDATE SET hash = '', "
                "problem = excluded.problem"
            )
            db.executemany(statement, problems.items())

    def forget_problems(self, paths: Iterable[str]) -> None:
        """Delete records of `note_problems` for files and folders that have not been read since."""
        with self._db.transaction() as db:
            db.executemany(
                "DELETE FROM file WHERE path = ? AND hash = ''", [(path,) for path in paths]
            )

    def remove(self, path: str) -> None:
        """Remove a file and its passages."""
        with self._db.transaction() as db:
            db.execute("DELETE FROM draft WHERE path = ?", (path,))
            _replace(db, path)
            db.execute("DELETE FROM file WHERE path = ?", (path,))

    def tombstoned(self) -> list[str]:
        """Return the ids of tombstoned passages, at most 500 at a time."""
        return [key for (key,) in self._db.all("SELECT id FROM doomed LIMIT ?", (AT_ONCE,))]

    def purge(self, ids: Iterable[str]) -> None:
        """Delete the tombstones of passages that were deleted from the vector store."""
        with self._db.transaction() as db:
            db.executemany("DELETE FROM doomed WHERE id = ?", [(key,) for key in ids])

    def update_words(self) -> None:
        """Make the keyword index again if it was made by other rules; the vectors stay."""
        if self.word_rules == VERSION:
            return
        with self._db.transaction() as db:
            db.execute("DROP TABLE word")
            db.execute(_WORD_TABLE)
            db.execute(
                "INSERT INTO word (rowid, text) SELECT number, indexed(text, metadata) FROM "
                "passage WHERE live"
            )
            db.execute(
                "INSERT OR REPLACE INTO setting VALUES ('word_rules', ?)", (json.dumps(VERSION),)
            )

    # --- reading ---

    @property
    def word_rules(self) -> int:
        """The version of the rules that the keyword index was made by."""
        rows = self._db.all("SELECT value FROM setting WHERE name = 'word_rules'")
        return int(rows[0][0]) if rows else 1

    @property
    def language(self) -> str:
        """The language of most passages, as an ISO 639-1 code; empty if it is not known."""
        rows = self._db.all("SELECT value FROM setting WHERE name = 'language'")
        return str(json.loads(rows[0][0])) if rows else ""

    def file(self, path: str) -> FileEntry | None:
        """Return the record of a file, or `None`."""
        rows = self._db.all("SELECT path, hash, problem FROM file WHERE path = ?", (path,))
        return FileEntry(*rows[0]) if rows else None

    def paths(self) -> list[str]:
        """Return the paths of all files, including those whose indexing was interrupted."""
        return [
            path
            for (path,) in self._db.all(
                "SELECT path FROM file UNION SELECT path FROM passage ORDER BY path"
            )
        ]

    def files(self) -> list[tuple[str, int, str | None]]:
        """Return path, number of passages and problem (or `None`) of each file."""
        count = "SELECT count(*) FROM passage WHERE live AND passage.path = file.path"
        return self._db.all(f"SELECT path, ({count}), problem FROM file ORDER BY path")  # noqa: S608 - a constant

    def counts(self) -> Counts:
        """Return the numbers of files and passages."""
        has_passages = "EXISTS (SELECT 1 FROM passage WHERE live AND passage.path = file.path)"
        statement = (
            f"SELECT count(*) FILTER (WHERE problem IS NULL OR {has_passages}), count(problem) "  # noqa: S608 - a constant
            "FROM file"
        )
        files, unreadable = self._db.all(statement)[0]
        return Counts(
            files, self._db.all("SELECT count(*) FROM passage WHERE live")[0][0], unreadable
        )

    @property
    def is_empty(self) -> bool:
        """Whether the index has no passages."""
        return not self._db.all("SELECT 1 FROM passage WHERE live LIMIT 1")

    def stored(self, ids: Sequence[str]) -> set[str]:
        """Return the ids of those passages that are already in the vector store."""
        return {
            key
            for (key,) in self._db.all_of("SELECT id FROM passage WHERE stored AND id IN ({})", ids)
        }

    def documents(self, ids: Sequence[str]) -> dict[str, Document]:
        """Return the live passages with these ids."""
        rows = self._db.all_of(
            "SELECT id, text, metadata FROM passage WHERE live AND id IN ({})", ids
        )
        return {
            key: Document(text, id=key, metadata=json.loads(metadata))
            for key, text, metadata in rows
        }

    def passages_of(self, path: str) -> list[Document]:
        """Return the live passages of a file, in its order."""
        rows = self._db.all(
            "SELECT id, text, metadata FROM passage WHERE live AND path = ? ORDER BY place", (path,)
        )
        return [
            Document(text, id=key, metadata=json.loads(metadata)) for key, text, metadata in rows
        ]

    def neighbors(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Return the texts of the previous and the next passage in the file, for each id."""
        found: dict[str, list[str]] = {key: [] for key in ids}
        rows = self._db.all_of(
            "SELECT one.id, other.text FROM passage one JOIN passage other ON other.path = "
            "one.path AND other.live AND other.place IN (one.place - 1, one.place + 1) WHERE "
            "one.id IN ({})",
            ids,
        )
        for key, text in rows:
            found[key].append(text)
        return found

    def around(self, key: str, reach: int) -> list[tuple[int, Document]]:
        """Return a live passage and up to `reach` passages around it in its file, with places.

        They are those before and after it, each with its place.
        """
        rows = self._db.all(
            "SELECT other.place, other.id, other.text, other.metadata FROM passage one JOIN "
            "passage other ON other.path = one.path AND other.place BETWEEN one.place - ? AND "
            "one.place + ? WHERE one.id = ? AND other.live ORDER BY other.place",
            (reach, reach, key),
        )
        return [
            (place, Document(text, id=other, metadata=json.loads(metadata)))
            for place, other, text, metadata in rows
        ]

    def batches(self, size: int = AT_ONCE) -> Iterator[list[Document]]:
        """Yield all live passages in batches."""
        last = 0
        while rows := self._db.all(
            "SELECT number, id, text, metadata FROM passage WHERE live AND number > ? ORDER BY "
            "number LIMIT ?",
            (last, size),
        ):
            yield [
                Document(text, id=key, metadata=json.loads(metadata))
                for _, key, text, metadata in rows
            ]
            last = rows[-1][0]

    def sample(self, size: int) -> list[str]:
        """Return the texts of live passages, chosen at random."""
        return [
            text
            for (text,) in self._db.all(
                "SELECT text FROM passage WHERE live ORDER BY random() LIMIT ?", (size,)
            )
        ]

    def search(self, question: str, k: int, metadata: dict[str, Any] | None = None) -> list[str]:
        """Return the ids of live passages that contain words of the question, ranked by BM25."""
        language = self.language
        terms = search_terms(question, language)
        if not terms:
            return []
        for word in compounds_of(question, language):
            terms += compound_parts(word, self._is_known)
        found: dict[str, None] = {}
        passages, counts = self.frequencies(terms)
        if passages >= _DROP_COMMON_WORDS_FROM:
            terms = [term for term in terms if counts[term] <= passages // 2] or terms
        most = passages if passages <= _RANK_ALL_UP_TO else _MOST_RANKED
        for words in _queries(terms, counts, passages, most, has_filter=bool(metadata)):
            found |= dict.fromkeys(self._ranked(words, k, most, metadata))
            if len(found) >= k:
                break
        return list(found)[:k]

    def _ranked(self, words: str, k: int, most: int, metadata: dict[str, Any] | None) -> list[str]:
        """Return the ids of the k best passages that a query of FTS5 finds.

        Without a filter, only the first `most` are ranked.
        """
        if metadata:
            conditions, values = _conditions(metadata)
            found = "SELECT id FROM word JOIN passage ON number = word.rowid WHERE word MATCH ?"
            rows = self._db.all(f"{found} {conditions} ORDER BY rank LIMIT ?", (words, *values, k))
        else:  # rank before joining: a word can be in every passage
            scored = "SELECT rowid, bm25(word) AS score FROM word WHERE word MATCH ? LIMIT ?"
            best = f"SELECT rowid, score FROM ({scored}) ORDER BY score LIMIT ?"  # noqa: S608 - constants
            rows = self._db.all(
                f"SELECT id FROM ({best}) JOIN passage ON number = rowid ORDER BY score",  # noqa: S608 - as above
                (words, most, k),
            )
        return [key for (key,) in rows]

    def frequencies(self, terms: Iterable[str]) -> tuple[int, dict[str, int]]:
        """Return the approximate number of passages, and of those with each term.

        The latter numbers are capped at half of all.

        Args:
            terms: Terms from `text_search.search_terms`.
        """
        passages, counts = self._counts()
        count = "SELECT count(*) FROM (SELECT 1 FROM word WHERE word MATCH ? LIMIT ?)"
        found = {
            term: counts[term]
            if term in counts
            else self._db.all(count, (term, passages // 2 + 1))[0][0]
            for term in dict.fromkeys(terms)
        }
        counts.update(found)
        return passages, found

    def _counts(self) -> tuple[int, dict[str, int]]:
        """Return the number of passages, and the counts of terms since the last change."""
        others = self._db.all("PRAGMA data_version")
        version = (others, self._db.connection.total_changes)
        if self._known_counts[0] != version or len(self._known_counts[2]) > _MOST_COUNTS:
            passages = self._db.all("SELECT max(number) FROM passage")[0][0] or 0
            self._known_counts = version, passages, {}
        return self._known_counts[1:]

    def _is_known(self, term: str) -> bool:
        return bool(self._db.all("SELECT 1 FROM word WHERE word MATCH ? LIMIT 1", (term,)))


def _replace(db: sqlite3.Connection, path: str) -> None:
    """Replace a file's passages by its staged ones."""
    file = {"path": path}
    db.execute(f"INSERT OR IGNORE INTO doomed SELECT id FROM passage WHERE {_REMOVED}", file)  # noqa: S608 - a constant
    db.execute(
        f"DELETE FROM word WHERE rowid IN (SELECT number FROM passage WHERE live AND {_REMOVED})",  # noqa: S608 - as above
        file,
    )
    db.execute(f"DELETE FROM passage WHERE {_REMOVED}", file)  # noqa: S608 - as above
    db.execute(
        "INSERT INTO word (rowid, text) SELECT number, indexed(text, metadata) FROM passage WHERE "
        "path = :path AND NOT live",
        file,
    )
    db.execute(
        "UPDATE passage SET live = 1, place = draft.place, metadata = draft.metadata FROM draft "
        "WHERE passage.path = :path AND draft.id = passage.id",
        file,
    )
    db.execute("DELETE FROM draft WHERE path = :path", file)


def _words(text: str, metadata: str) -> str:
    return indexed_text(f"{above(json.loads(metadata))}\n{text}")


def _queries(
    terms: list[str], counts: dict[str, int], passages: int, most: int, *, has_filter: bool
) -> Iterator[str]:
    """Yield queries of FTS5, the best first, each for at most about `most` passages.

    In a large index, it takes long to rank all passages that contain one of the words. So those
    with a rare word come first, ranked by all words, and then those with several common words.

    Args:
        terms: The words of a question.
        counts: How many passages contain each.
        passages: How many passages the index has.
        most: How many passages can be ranked.
        has_filter: Whether most of these may be filtered out, so that more are needed.
    """
    by_count = sorted(dict.fromkeys(terms), key=counts.__getitem__)
    totals = itertools.accumulate(counts[term] for term in by_count)
    first = sum(total <= most for total in totals)
    rare, common = by_count[:first], by_count[first:]
    if not common or most == passages:
        yield " OR ".join(terms)
        return
    if rare:  # each word counts twice, so the order is that of BM25
        yield f"({' OR '.join(rare)}) AND ({' OR '.join([*rare, *common, *common])})"
    if len(common) > 1 or not rare:
        yield " AND ".join(_enough(common, counts, passages, most))
    if has_filter:
        yield " OR ".join(terms)


def _enough(terms: list[str], counts: dict[str, int], passages: int, most: int) -> list[str]:
    """Return the rarest terms, at least two, that are together in at most `most` passages.

    In how many they are is estimated as if they were independent.
    """
    together = float(passages)
    for number, term in enumerate(terms):
        if together <= most and number > 1:
            return terms[:number]
        together *= counts[term] / passages
    return terms


def _conditions(metadata: dict[str, Any]) -> tuple[str, list[Any]]:
    """Return an SQL condition for required metadata; a list means any of its values."""
    conditions, values = "", []
    for name, wanted in metadata.items():
        options = wanted if isinstance(wanted, list) else [wanted]
        conditions += f" AND json_extract(passage.metadata, ?) IN ({', '.join('?' * len(options))})"
        values += [f'$."{name}"', *options]
    return conditions, values
