"""Share a SQLite file between threads and processes, with errors that say what to do."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from langchain_localllm.errors import StoreError

AT_ONCE: Final = 500
"""The most values in one statement; old versions of SQLite allow 999."""


class Database:
    """Hold one connection for all threads.

    Args:
        path: The file; `None` for a database in memory.
        schema: The statements that create the tables, each ending with `;`.
        version: The version of the schema.
        writable: Whether to open it for changes, and create it if it does not exist.
        upgrades: The statements that turn each older version into the next one. A file that is not
            opened for changes keeps its version.

    Raises:
        StoreError: There is no such file, it is not a database, or it is of a newer version.
    """

    def __init__(
        self,
        path: Path | None,
        schema: str,
        version: int,
        *,
        writable: bool = True,
        upgrades: Mapping[int, str] | None = None,
    ) -> None:
        self._path = path
        self._lock = threading.RLock()
        with self._faults():
            self.connection = _connect(path, writable=writable)
            try:
                self._prepare(version, {0: schema, **(upgrades or {} if writable else {})})
            except BaseException:
                self.connection.close()
                raise

    def _prepare(self, version: int, upgrades: Mapping[int, str]) -> None:
        if self.version > version:
            raise StoreError(
                f"The index {self._path} was made by a newer version of langchain-localllm. "
                "Upgrade: pip install --upgrade langchain-localllm"
            )
        if self.version not in upgrades:
            return
        with self.transaction():
            while (found := self.version) in upgrades:  # another process may have done it
                for statement in filter(str.strip, upgrades[found].split(";")):
                    self.connection.execute(statement)
                reached = found + 1 if found else version
                self.connection.execute(f"PRAGMA user_version = {reached}")

    @property
    def version(self) -> int:
        """The version of the schema of the file; 0 for one that has no tables."""
        return int(self.all("PRAGMA user_version")[0][0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self.connection.close()

    def all(self, statement: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[Any]:
        """Return the rows of a query."""
        with self._faults(), self._lock:
            return self.connection.execute(statement, values).fetchall()

    def all_of(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Return the rows of a query with `IN ({})` for any number of values."""
        rows: list[Any] = []
        for start in range(0, len(values), AT_ONCE):
            some = values[start : start + AT_ONCE]
            rows += self.all(statement.format(", ".join("?" * len(some))), some)
        return rows

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Run statements in one transaction."""
        return self._transaction("BEGIN IMMEDIATE")

    def snapshot(self) -> AbstractContextManager[sqlite3.Connection]:
        """Run queries that do not see changes which another process makes meanwhile."""
        return self._transaction("BEGIN")

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._faults(), self._lock:
            self.connection.execute(begin)
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(
                f"The index {self._path or 'in memory'}: {_advice(str(error))}"
            ) from error


def has_tables(path: Path) -> bool:
    """Return whether a database exists and has its tables.

    It has none while another process creates it, or if that was killed.

    An unreadable file counts as having them, so that opening it raises the reason.
    """
    if not path.exists():
        return False
    try:
        with contextlib.closing(_connect(path, writable=False)) as connection:
            return bool(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error:
        return True


def _connect(path: Path | None, *, writable: bool) -> sqlite3.Connection:
    if path is None:
        return _opened(":memory:")
    if writable:
        connection = _opened(str(path))
        connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for writers
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        connection = _opened(address)
        connection.execute("SELECT count(*) FROM sqlite_schema")
    except (
        sqlite3.OperationalError
    ):  # on a read-only disk, SQLite cannot create the files that it shares with writers
        connection = _opened(f"{address}&immutable=1")
    return connection


def _opened(address: str) -> sqlite3.Connection:
    return sqlite3.connect(
        address,
        uri=address.startswith("file:"),
        check_same_thread=False,
        isolation_level=None,
        timeout=30,
    )


def _advice(fault: str) -> str:
    if "full" in fault or "disk I/O" in fault:
        return (
            f"The disk is full or fails ({fault}). Free some space and run the same command "
            "again; what was finished is kept."
        )
    if "readonly" in fault or "unable to open" in fault:
        return f"It cannot be opened ({fault}). Check that the folder exists, and its permissions."
    if "locking protocol" in fault:
        return (
            f"Its folder cannot be locked ({fault}), as on many network shares. Keep the index on "
            "a disk of this machine: --store FOLDER, or LocalRAG(store=...)."
        )
    if "locked" in fault:
        return "Another process is writing to it. Wait until that is done."
    return (
        f"It is damaged, or not an index ({fault}). Rebuild it: localllm rag index PATH --rebuild"
    )
