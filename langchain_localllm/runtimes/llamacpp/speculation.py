"""Drafting the next tokens of an answer from the text so far (n-gram speculation)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from langchain_localllm.runtimes.llamacpp.settings import DEFAULT_N_MAX, DEFAULT_SIZE_N


def prompt_lookup(
    size_n: int | None = None, n_max: int | None = None
) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]]:
    """Return a function that drafts what last followed the same tokens.

    Args:
        size_n: Tokens that have to be the same.
        n_max: Tokens to draft at most.

    Example:
        >>> draft = prompt_lookup(size_n=2, n_max=3)
        >>> draft(np.array([1, 2, 3, 4, 5, 1, 2])).tolist()
        [3, 4, 5]
    """
    same, most = size_n or DEFAULT_SIZE_N, n_max or DEFAULT_N_MAX

    def draft(tokens: npt.NDArray[Any]) -> npt.NDArray[Any]:
        count = len(tokens) - same  # places at which an earlier occurrence can begin
        if count < 1:
            return tokens[:0]
        found = np.ones(count, bool)
        for offset in range(same):
            found &= tokens[offset : offset + count] == tokens[count + offset]
        places = np.flatnonzero(found)
        if not len(places):
            return tokens[:0]
        start = int(places[-1]) + same
        return tokens[start : start + most]

    return draft
