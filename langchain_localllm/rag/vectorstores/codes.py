"""Codes of vectors, one bit for each dimension: little memory, and fast to compare.

A bit says whether a number is above the mean of its dimension. A question keeps four bits of each
number, which are compared with these one after the other, as in RaBitQ (Gao and Long, 2024). So the
order by codes is about that by cosines, and the best by codes are compared exactly next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, Any]

_WORD: Final = 64
_BYTE_SUM: Final = np.uint32(0x01010101)
"""The highest byte of its product with a number is the sum of that number's four bytes."""
_PLANES: Final = 4
"""Bits that a question keeps of each number."""
_STEP: Final = 0.335
"""The distance between its 16 levels in standard deviations, at which the error for numbers with a
normal distribution is least (Max, 1960)."""
_ONES: Final = np.array([number.bit_count() for number in range(1 << 16)], np.uint8)


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Hold the codes of some vectors.

    Attributes:
        numbers: The numbers of their rows, ascending; int64, shape (vectors,).
        codes: Their codes; uint64, shape (dimensions / 64 rounded up, vectors).
    """

    numbers: Array
    codes: Array

    def to_bytes(self) -> tuple[bytes, bytes]:
        """Return numbers and codes as bytes, the lowest first."""
        return self.numbers.astype("<i8").tobytes(), self.codes.astype("<u8").tobytes()

    @classmethod
    def from_bytes(cls, numbers: bytes, codes: bytes) -> "CodeBlock":
        """Return what `to_bytes` was called on."""
        places = np.frombuffer(numbers, "<i8")
        return cls(places, np.frombuffer(codes, "<u8").reshape(-1, len(places)))


def encode(vectors: Array, mean: Array) -> Array:
    """Return the codes of vectors.

    Args:
        vectors: float32, shape (vectors, dimensions).
        mean: float32, shape (dimensions,).

    Returns:
        uint64, shape (dimensions / 64 rounded up, vectors).

    Example:
        >>> encode(np.array([[0.5, -0.5], [0.5, 0.5]]), np.zeros(2)).tolist()
        [[128, 192]]
    """
    return _packed(vectors > mean)


def encode_query(query: Array) -> Array:
    """Return the bits that are compared with codes, the lowest of each number first.

    Args:
        query: float32, shape (dimensions,).

    Returns:
        uint64, shape (4, dimensions / 64 rounded up, 1).
    """
    levels = 1 << _PLANES
    step = _STEP * float(np.sqrt(np.mean(query**2))) or 1.0
    level = np.clip(np.floor(query / step) + levels // 2, 0, levels - 1).astype(np.uint8)
    return np.stack([_packed((level[np.newaxis] >> bit) & 1) for bit in range(_PLANES)])


def _packed(bits: Array) -> Array:
    """Return rows of bits as columns of 64-bit words."""
    missing = -bits.shape[1] % _WORD
    padded = np.pad(bits, ((0, 0), (0, missing)))
    return np.ascontiguousarray(np.packbits(padded, axis=1).view("<u8").T)


def distances(blocks: Sequence[CodeBlock], query: Array) -> Array:
    """Return how far each code of some blocks is from a question.

    The larger the dot product of the vectors, the smaller it probably is.

    Args:
        blocks: The codes.
        query: What `encode_query` returned.

    Returns:
        Unsigned integers, shape (vectors,).

    Example:
        >>> vectors = np.array([[0.5, -0.5], [0.5, 0.5]])
        >>> block = CodeBlock(np.array([1, 2]), encode(vectors, np.zeros(2)))
        >>> distances([block], encode_query(np.array([0.5, 0.4]))).tolist()
        [14, 9]
    """
    found = np.empty(sum(len(block.numbers) for block in blocks), _sum_type(query))
    start = 0
    for block in blocks:
        end = start + len(block.numbers)
        part = found[start:end]
        part[:] = 0
        for bit, plane in enumerate(query):
            different = _bit_counts(block.codes ^ plane)
            part += np.add.reduce(different, axis=0, dtype=part.dtype) << bit
        start = end
    return found


def _sum_type(query: Array) -> type[np.unsignedinteger[Any]]:
    """Return a type for the largest distance."""
    largest = query.shape[1] * _WORD << _PLANES
    return np.uint16 if largest <= np.iinfo(np.uint16).max else np.uint32


def _bit_counts_by_table(words: Array) -> Array:
    """Return the numbers of ones, for numpy 1."""
    counts = _ONES[words.view(np.uint16)].view(np.uint32)
    return (counts * _BYTE_SUM) >> 24


_bit_counts: Final = getattr(np, "bitwise_count", _bit_counts_by_table)
