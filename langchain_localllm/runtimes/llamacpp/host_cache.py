"""Keep what earlier requests read and wrote in ordinary memory.

There it slows no batch, unlike in llama.cpp's own cache.
"""

import contextlib
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

# where only xllamacpp is installed, `context` cannot be imported; NumPy takes long to import
if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from langchain_localllm.runtimes.llamacpp.context import Context
    from langchain_localllm.runtimes.llamacpp.disk_cache import DiskCache

WORTH_KEEPING: Final = 16
"""Tokens; it takes hardly any time to read fewer again."""
_LEAST_SHARE: Final = 1 / 64
"""The part of a saved sequence from which on getting it back takes less time than reading that part
again."""
_MOST: Final = 256
"""Sequences that are kept, at most: each prompt is compared with all."""


@dataclass(slots=True, eq=False)
class Saved:
    """A sequence that was saved.

    Attributes:
        tokens: Its tokens.
        state: What llama.cpp's cache held of them.
        first: The first position that every layer had; later than 0 where a layer sees only a
            window.
        on_disk: Whether a file has it too.
    """

    tokens: list[int]
    state: "npt.NDArray[np.uint8]"
    first: int
    on_disk: bool = False


class PromptCache:
    """Saved sequences, those that were used last at the end.

    Args:
        context: Where they are from.
        size: Bytes that they take at most.
        files: Files that hold them after a restart, if that is asked for.
    """

    def __init__(self, context: "Context", size: int, files: "DiskCache | None" = None) -> None:
        self._context, self._size, self._files = context, size, files
        self._any_beginning, self._window = (
            context.model.supports_partial_removal,
            context.model.sliding_window,
        )
        self._saved: list[Saved] = []

    def clear(self) -> None:
        """Forget all."""
        self._saved.clear()

    def save(self, number: int, tokens: list[int]) -> None:
        """Save a sequence of the context, unless it is short, saved already, or too large."""
        if len(tokens) < WORTH_KEEPING or any(
            self._has(saved.tokens, saved.first, tokens) for saved in self._saved
        ):
            return
        first = self._context.first_position(number)
        size = self._context.saved_size(number)
        if size > self._size:
            return
        self._saved = [saved for saved in self._saved if not self._has(tokens, first, saved.tokens)]
        self._make_room(size)
        with contextlib.suppress(MemoryError):
            self._saved.append(Saved(tokens[:], self._context.save(number, size), first))

    def _make_room(self, size: int) -> None:
        while self._saved and (
            len(self._saved) >= _MOST
            or sum(saved.state.nbytes for saved in self._saved) > self._size - size
        ):
            del self._saved[0]

    def write_one(self) -> bool:
        """Write a saved sequence into a file, where files are asked for; whether there was one."""
        saved = (
            next((saved for saved in self._saved if not saved.on_disk), None)
            if self._files
            else None
        )
        if saved and self._files:
            saved.on_disk = True
            # no part of an image
            if max(saved.tokens) < self._context.model.size and min(saved.tokens) >= 0:
                self._files.write(saved.tokens, saved.state, saved.first)
        return saved is not None

    def _has(self, tokens: list[int], first: int, wanted: ListOf[int]) -> bool:
        """Return whether a saved sequence can be used for all of these tokens."""
        return (
            common_length(tokens, wanted) == len(wanted) == self.usable(tokens, first, len(wanted))
        )

    def best(self, wanted: ListOf[int], least: int) -> Saved | None:
        """Return the saved sequence with most of a prompt's beginning, if it is worth restoring.

        It has to hold more than so many tokens.
        """
        found = None
        for saved in self._saved:
            if (
                length := self.usable(
                    saved.tokens, saved.first, common_length(saved.tokens, wanted)
                )
            ) > max(least, _LEAST_SHARE * len(saved.tokens)):
                found, least = saved, length
        if found:
            self._saved.remove(found)
            self._saved.append(found)
        return self._from_file(wanted, least) or found

    def _from_file(self, wanted: ListOf[int], least: int) -> Saved | None:
        """Return a sequence that a file has more of than is known without it."""
        if self._files is None or not (file := self._files.best(wanted, least, self.usable)):
            return None
        state = self._files.read(file)
        if state is None:
            return None
        self._make_room(state.nbytes)
        saved = Saved(file.tokens, state, file.first, on_disk=True)
        self._saved.append(saved)
        return saved

    def usable(self, tokens: list[int], first: int, length: int) -> int:
        """Return how many tokens of a saved sequence's beginning are usable.

        It is that many, or 0 where the next token would look back at what was not saved.
        """
        if length == len(tokens):
            return length
        return (
            length
            if self._any_beginning and (not self._window or first <= max(0, length - self._window))
            else 0
        )


def common_length(one: ListOf[int], other: ListOf[int]) -> int:
    """Return how many tokens at the beginning are the same.

    Whole slices are compared, which is fast.
    """
    low, high = 0, min(len(one), len(other))
    step = 16
    while low < high:
        end = min(low + step, high)
        if one[low:end] == other[low:end]:
            low, step = end, step * 2
        else:
            high, step = end - 1, max(1, step // 2)
    return low
