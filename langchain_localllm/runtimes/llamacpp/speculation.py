"""Define speculative decoding: how many tokens are drafted, and from what."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:  # it takes long to import
    import numpy.typing as npt

SpecType = Literal["ngram-simple", "ngram-map-k", "ngram-map-k4v", "ngram-mod", "ngram-cache"]
"""llama.cpp's ways to draft the next tokens from what was read and written before."""

DEFAULT_SIZE_N: Final = 3
"""Tokens that have to repeat before what followed them is drafted."""
DEFAULT_N_MAX: Final = 4
"""Tokens to draft: checking more takes a CPU longer than it saves."""


@dataclass(frozen=True, slots=True)
class Speculation:
    """How tokens are drafted that the model then checks together.

    Attributes:
        kind: The way to draft from the text so far.
        model: A smaller model that drafts.
        n_max: Tokens to draft at most.
        size_n: Tokens that have to repeat before what followed them is drafted.
    """

    kind: SpecType | None = None
    model: Path | None = None
    n_max: int | None = None
    size_n: int | None = None


def prompt_lookup(
    size_n: int | None = None, n_max: int | None = None
) -> "Callable[[npt.NDArray[Any]], npt.NDArray[Any]]":
    """Return a function that drafts what followed the same tokens before.

    The last place counts at which enough tokens follow for a whole draft. Where no place has that
    many, as in `0, 0, 0`, it is the first one, which has the most.

    Args:
        size_n: Tokens that have to be the same.
        n_max: Tokens to draft at most.

    Example:
        >>> import numpy as np
        >>> draft = prompt_lookup(size_n=2, n_max=3)
        >>> draft(np.array([1, 2, 3, 4, 5, 1, 2])).tolist()
        [3, 4, 5]
    """
    import numpy as np

    same, most = size_n or DEFAULT_SIZE_N, n_max or DEFAULT_N_MAX

    def draft(tokens: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
        count = len(tokens) - same  # places at which an earlier occurrence can begin
        if count < 1:
            return tokens[:0]
        found = np.ones(count, bool)
        for offset in range(same):
            found &= tokens[offset : offset + count] == tokens[count + offset]
        places = np.flatnonzero(found)
        if not len(places):
            return tokens[:0]
        whole = places[places + same + most <= len(tokens)]
        start = int(whole[-1] if len(whole) else places[0]) + same
        return tokens[start : start + most]

    return draft
