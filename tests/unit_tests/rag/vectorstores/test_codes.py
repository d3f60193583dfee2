"""Codes of vectors, and the distances of a question from them."""

import numpy as np
import pytest

from langchain_localllm.rag.vectorstores import codes
from langchain_localllm.rag.vectorstores.codes import CodeBlock, distances, encode, encode_query


@pytest.mark.parametrize("dimensions", [8, 64, 100, 384, 5000])
def test_distances_are_dot_products_of_signs_and_levels(dimensions: int) -> None:
    choice = np.random.default_rng(1)
    vectors = choice.normal(size=(50, dimensions)).astype(np.float32)
    mean = vectors.mean(axis=0)
    encoded = encode(vectors, mean)
    blocks = [CodeBlock(np.arange(30), encoded[:, :30]), CodeBlock(np.arange(20), encoded[:, 30:])]
    query = choice.normal(size=dimensions).astype(np.float32)
    step = 0.335 * np.sqrt(np.mean(query**2))
    levels = np.clip(np.floor(query / step) + 0.5, -7.5, 7.5) * 2
    signs = np.where(vectors > mean, 1, -1)
    # each of the 15 units of all levels agrees with a sign or differs from it
    wanted = (15 * dimensions - signs @ levels) / 2
    assert distances(blocks, encode_query(query)).tolist() == wanted.tolist()


def test_order_by_distances_is_about_that_by_cosines() -> None:
    choice = np.random.default_rng(1)
    vectors = choice.normal(size=(2000, 384)) + 0.3
    query = vectors[0] + 0.5 * choice.normal(size=384)
    block = CodeBlock(np.arange(2000), encode(vectors, vectors.mean(axis=0)))
    centered = vectors - vectors.mean(axis=0)
    found = distances([block], encode_query(query)).astype(float)
    assert np.corrcoef(-found, centered @ query)[0, 1] > 0.75


def test_bit_counts_of_numpy_1_are_those_of_numpy_2() -> None:
    words = np.random.default_rng(1).integers(1 << 63, size=(3, 40), dtype=np.uint64)
    words[0, :2] = 0, (1 << 64) - 1
    wanted = [[int(word).bit_count() for word in row] for row in words]
    assert codes._bit_counts_by_table(words).tolist() == wanted
    assert codes._bit_counts(words).tolist() == wanted


def test_block_from_bytes_is_what_was_stored() -> None:
    vectors = np.random.default_rng(1).normal(size=(5, 70)).astype(np.float32)
    block = CodeBlock(np.array([2, 3, 5, 7, 11]), encode(vectors, np.zeros(70)))
    again = CodeBlock.from_bytes(*block.to_bytes())
    assert again.numbers.tolist() == block.numbers.tolist()
    assert again.codes.tolist() == block.codes.tolist()
