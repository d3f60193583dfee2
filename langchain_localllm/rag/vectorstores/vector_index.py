"""Keep the vectors of a SQLite file in memory: all of them, or the codes of most of them.

The codes are stored in the file too, in blocks, so that a new process reads only these. They are
made for complete blocks of rows in the order of their numbers, and the rows after the last block
have none. Rows that were deleted stay in their block: what a search finds is looked up anyway.
"""

import contextlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from langchain_localllm.errors import StoreError
from langchain_localllm.rag.index.database import Database
from langchain_localllm.rag.vectorstores.codes import (
    Array,
    CodeBlock,
    distances,
    encode,
    encode_query,
)

CODE_TABLE: Final = """
CREATE TABLE code (
    last INTEGER PRIMARY KEY, stamp INTEGER NOT NULL, mean BLOB NOT NULL,
    numbers BLOB NOT NULL, codes BLOB NOT NULL);
"""
"""Blocks of codes: the numbers of the rows, and the last of these. A block never changes, and one
that is made again has another stamp. All have the same mean."""
FORGET_REUSED: Final = "DELETE FROM code WHERE last > (SELECT coalesce(max(number), 0) FROM vector)"
"""To be run when rows were deleted: the numbers of the last rows are given to new ones."""
_SAMPLE: Final = 4096
"""How many vectors the mean is computed of."""


@dataclass(frozen=True, slots=True)
class LoadedVectors:
    """Hold in memory the codes of most vectors of a large store, and all other vectors.

    Attributes:
        version: Changes when another process changes the file.
        blocks: The codes, by what identifies each block.
        numbers: The numbers of the rows without codes.
        matrix: Their vectors.
    """

    version: object
    blocks: dict[tuple[int, int], CodeBlock]
    numbers: Array
    matrix: Array

    def exact_order(self, query: Array, most: int | None) -> Iterator[Array]:
        """Yield the numbers of the rows without codes that are nearest, or of all."""
        if len(self.numbers):
            scores = dot_products(self.matrix, query)
            yield self.numbers[ranked(scores, most or len(self.numbers))]

    def code_order(self, query: Array, most: int) -> Iterator[Array]:
        """Yield the numbers of the rows with codes, those with the nearest codes first.

        Args:
            query: The vector of a question.
            most: How many rows are needed at least; those up to this distance come first.
        """
        if not self.blocks:
            return
        blocks = list(self.blocks.values())
        distance = distances(blocks, encode_query(query))
        numbers = np.concatenate([block.numbers for block in blocks])
        radius = np.searchsorted(np.cumsum(np.bincount(distance)), most)
        for is_near in (True, False):
            places = np.flatnonzero((distance <= radius) == is_near)
            yield numbers[places[np.argsort(distance[places], kind="stable")]]


class VectorIndex:
    """Load the vectors of a file, and again when they have changed.

    Args:
        db: A database with the tables `vector` and `code`; without the latter, codes are made when
            it is loaded.
        exact_up_to: The most vectors that need no codes.
        block: How many vectors have their codes stored together.
    """

    def __init__(self, db: Database, exact_up_to: int, block: int) -> None:
        self._db = db
        self._exact_up_to = exact_up_to
        self._block_size = block
        self._loaded: LoadedVectors | None = None
        self._is_current = False

    def note_change(self) -> None:
        """Load again what this object's connection has changed."""
        self._is_current = False

    def load(self) -> LoadedVectors:
        """Return codes and vectors."""
        with self._db.snapshot():
            if self._loaded and self._is_current and self._loaded.version == self._version():
                return self._loaded
        with contextlib.suppress(StoreError):  # read-only, or another process writes for long
            self.encode_new()
        with self._db.snapshot():
            self._loaded = self._read(self._loaded.blocks if self._loaded else {})
            self._is_current = True
            return self._loaded

    def encode_new(self) -> None:
        """Store codes of complete blocks of vectors that have none, if there are many vectors."""
        newest = self._db.all("SELECT coalesce(max(number), 0) FROM vector")[0][0]
        last = self._last()
        has_block = newest - last >= self._block_size and newest > self._exact_up_to
        if has_block and self._is_large(last):
            self._drop_old_codes()
            while self._encode_block():
                pass

    def _version(self) -> object:
        """Return what changes when another process changes the file."""
        return self._db.all("PRAGMA data_version")

    def _read(self, known: dict[tuple[int, int], CodeBlock]) -> LoadedVectors:
        blocks = {key: known.get(key) or self._block(key[0]) for key in self._block_keys()}
        last = self._last()
        mean = self._mean() if self._is_large(last) else None
        others: list[tuple[int, bytes]] = []
        while rows := self._after(last):
            last = rows[-1][0]
            if mean is not None and len(rows) == self._block_size:  # the file could not be changed
                blocks[last, 0] = _encoded(rows, mean)
            else:
                others += rows
        return LoadedVectors(self._version(), blocks, *as_arrays(others))

    def _is_large(self, last: int) -> bool:
        """Return whether vectors have codes; `last` is the last row that has one."""
        if last:
            return True
        return bool(self._db.all("SELECT count(*) FROM vector")[0][0] > self._exact_up_to)

    def _block_keys(self) -> list[tuple[int, int]]:
        """Return the last number and the stamp of each block."""
        if not self._db.all("SELECT 1 FROM sqlite_schema WHERE name = 'code'"):
            return []  # a file of an earlier version that cannot be changed
        return self._db.all("SELECT last, stamp FROM code ORDER BY last")

    def _last(self) -> int:
        """Return the number of the last row that has a code; 0 if there is none."""
        return max(self._block_keys(), default=(0, 0))[0]

    def _block(self, last: int) -> CodeBlock:
        rows = self._db.all("SELECT numbers, codes FROM code WHERE last = ?", (last,))
        return CodeBlock.from_bytes(*rows[0])

    def _mean(self) -> Array:
        """Return the mean that the codes were made with, or for the first ones that of a sample."""
        if keys := self._block_keys():
            rows = self._db.all("SELECT mean FROM code WHERE last = ?", keys[0][:1])
            return np.frombuffer(rows[0][0], np.float32)
        oldest, newest = self._db.all("SELECT min(number), max(number) FROM vector")[0]
        sample = range(oldest, newest + 1, max((newest - oldest) // _SAMPLE, 1))
        rows = self._db.all_of("SELECT number, vector FROM vector WHERE number IN ({})", sample)
        mean: Array = as_arrays(rows)[1].mean(axis=0)
        return mean

    def _after(self, last: int) -> list[tuple[int, bytes]]:
        """Return the next rows after a number, at most a block."""
        return self._db.all(
            "SELECT number, vector FROM vector WHERE number > ? ORDER BY number LIMIT ?",
            (last, self._block_size),
        )

    def _drop_old_codes(self) -> None:
        """Delete all codes if most are of rows that were deleted."""
        with self._db.transaction() as db:
            coded = db.execute("SELECT sum(length(numbers)) / 8 FROM code").fetchone()[0] or 0
            live = db.execute("SELECT count(*) FROM vector").fetchone()[0]
            if coded > 2 * live:
                db.execute("DELETE FROM code")

    def _encode_block(self) -> bool:
        """Store the codes of the next block; return whether it was complete."""
        with self._db.transaction() as db:
            rows = self._after(self._last())
            if len(rows) < self._block_size:
                return False
            mean = self._mean()
            block = _encoded(rows, mean).to_bytes()
            values = (rows[-1][0], secrets.randbits(60), mean.astype("<f4").tobytes(), *block)
            db.execute("INSERT INTO code VALUES (?, ?, ?, ?, ?)", values)
            return True


def as_arrays(rows: Sequence[tuple[int, bytes]]) -> tuple[Array, Array]:
    """Return numbers and vectors of rows."""
    numbers = np.fromiter((number for number, _ in rows), np.int64, len(rows))
    vectors = np.frombuffer(b"".join(vector for _, vector in rows), np.float32)
    return numbers, vectors.reshape(len(rows), -1 if rows else 0)


def _encoded(rows: Sequence[tuple[int, bytes]], mean: Array) -> CodeBlock:
    numbers, vectors = as_arrays(rows)
    return CodeBlock(numbers, encode(vectors, mean))


def dot_products(vectors: Array, query: Array) -> Array:
    """Return the dot product of each vector with another one.

    BLAS would use all cores, and where these are busy its threads wait for each other: 20 ms
    instead of 1 ms for 20,000 vectors.
    """
    products: Array = np.einsum("ij,j->i", vectors, query)
    return products


def ranked(scores: Array, k: int) -> Array:
    """Return the places of the k highest scores, best first."""
    if k < len(scores):
        best = np.argpartition(-scores, k)[:k]
        return best[np.argsort(-scores[best], kind="stable")]
    return np.argsort(-scores, kind="stable")
