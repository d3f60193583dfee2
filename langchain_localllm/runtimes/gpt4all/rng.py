"""Random choices that repeat, which the gpt4all package leaves out.

The C library can save and restore an engine's state, and that begins with llama.cpp's random number
generator as text.
Source: `llama_state_get_data` in https://github.com/nomic-ai/llama.cpp as of August 2024.
"""

import ctypes
import mmap
from typing import Any, Final, Self

from langchain_localllm.runtimes.gpt4all.binding import binding

_SIZE: Final = 8
"""Bytes of the length before the text."""
_WORDS: Final = 624
"""Words of a Mersenne Twister's state."""
_MASK: Final = 0xFFFFFFFF


class Seeds:
    """Sets an engine's seed. Only the thread that works with the model may use it."""

    def __init__(self, model: Any, rest: bytes) -> None:
        self._model = model
        self._rest = rest  # the state after the generator: an empty context

    @classmethod
    def of(cls, model: Any) -> Self | None:
        """Return the state of an unused engine, or `None` if its state has an unknown form."""
        library = binding().llmodel
        library.llmodel_get_state_size.restype = library.llmodel_save_state_data.restype = (
            ctypes.c_uint64
        )
        library.llmodel_get_state_size.argtypes = [ctypes.c_void_p]
        library.llmodel_save_state_data.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        library.llmodel_restore_state_data.restype = ctypes.c_uint64
        library.llmodel_restore_state_data.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        # The size is that of a full context. What is mapped costs nothing until it is written, and
        # little is.
        with mmap.mmap(-1, library.llmodel_get_state_size(model.model)) as memory:
            start = ctypes.c_char.from_buffer(memory)
            written = library.llmodel_save_state_data(model.model, ctypes.addressof(start))
            state = memory[:written]
            del start  # so that the map can be closed
        length = int.from_bytes(state[:_SIZE], "little")
        words = state[_SIZE : _SIZE + length].split()
        if len(words) not in {_WORDS, _WORDS + 1} or not all(word.isdigit() for word in words):
            return None
        return cls(model, state[_SIZE + length :])

    def set(self, seed: int) -> None:
        """Start the generator at a seed, as C++'s `std::mt19937(seed)` does.

        The context is emptied.
        """
        text = _twister(seed)
        binding().llmodel.llmodel_restore_state_data(
            self._model.model, len(text).to_bytes(_SIZE, "little") + text + self._rest
        )


def _twister(seed: int) -> bytes:
    """Return the state of a Mersenne Twister, as C++ writes it.

    That is its words, and how many of them were used.
    """
    words = [seed & _MASK]
    for index in range(1, _WORDS):
        words.append((1812433253 * (words[-1] ^ words[-1] >> 30) + index) & _MASK)
    return " ".join(map(str, [*words, _WORDS])).encode()
