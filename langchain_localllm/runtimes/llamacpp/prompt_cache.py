"""What earlier requests read and wrote, in ordinary memory: there it slows no batch, unlike in llama.cpp's own cache."""

import contextlib
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from langchain_localllm.runtimes.llamacpp.context import Context

WORTH_KEEPING: Final = 16
"""Tokens; it takes hardly any time to read fewer again."""
_LEAST_SHARE: Final = 1 / 64
"""The part of a saved sequence from which on getting it back takes less time than reading that part again."""
_MOST: Final = 256
"""Sequences that are kept, at most: each prompt is compared with all."""


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """A sequence that was saved.

    Attributes:
        tokens: Its tokens.
        state: What llama.cpp's cache held of them.
    """

    tokens: list[int]
    state: npt.NDArray[np.uint8]


class PromptCache:
    """Saved sequences, those that were used last at the end.

    Args:
        context: Where they are from.
        size: Bytes that they take at most.
    """

    def __init__(self, context: Context, size: int) -> None:
        self._context, self._size = context, size
        self._any_beginning = context.model.remembers_positions and not context.model.window
        self._saved: list[Saved] = []

    def clear(self) -> None:
        """Forget all."""
        self._saved.clear()

    def save(self, number: int, tokens: list[int]) -> None:
        """Save a sequence of the context, unless it is short, was saved already, or there is no memory for it."""
        if len(tokens) < WORTH_KEEPING or any(self._in(tokens, saved.tokens) for saved in self._saved):
            return
        size = self._context.saved_size(number)
        room = self._size - size
        if room < 0:
            return
        self._saved = [saved for saved in self._saved if not self._in(saved.tokens, tokens)]
        while len(self._saved) >= _MOST or sum(saved.state.nbytes for saved in self._saved) > room:
            del self._saved[0]
        with contextlib.suppress(MemoryError):
            self._saved.append(Saved(tokens[:], self._context.save(number, size)))

    def _in(self, tokens: list[int], other: list[int]) -> bool:
        """Whether who has the other sequence has this one too."""
        return tokens == (other[: len(tokens)] if self._any_beginning else other)

    def best(self, wanted: ListOf[int], least: int) -> Saved | None:
        """The saved sequence that has most of a prompt's beginning, where that is more than so many tokens and worth it."""
        found = None
        for saved in self._saved:
            if (length := self._usable(saved.tokens, wanted)) > max(least, _LEAST_SHARE * len(saved.tokens)):
                found, least = saved, length
        if found:
            self._saved.remove(found)
            self._saved.append(found)
        return found

    def _usable(self, tokens: list[int], wanted: ListOf[int]) -> int:
        length = common_length(tokens, wanted)
        return length if self._any_beginning or length == len(tokens) else 0


def common_length(one: ListOf[int], other: ListOf[int]) -> int:
    """How many tokens at the beginning are the same, by comparing whole slices, which is fast."""
    low, high = 0, min(len(one), len(other))
    step = 16
    while low < high:
        end = min(low + step, high)
        if one[low:end] == other[low:end]:
            low, step = end, step * 2
        else:
            high, step = end - 1, max(1, step // 2)
    return low
