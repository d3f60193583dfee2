"""Compute batches with a llama.cpp context, which holds the cache of a model's sequences.

For one thread.
"""

import ctypes
import functools
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from langchain_localllm.errors import InvalidOptionError, ModelFileError
from langchain_localllm.runtimes.llamacpp.compute_thread import computing
from langchain_localllm.runtimes.llamacpp.ffi import LOG, lib, load_in_thread
from langchain_localllm.runtimes.llamacpp.model import Model
from langchain_localllm.runtimes.llamacpp.settings import Adapters
from langchain_localllm.runtimes.llamacpp.thread_tuner import ThreadTuner

if TYPE_CHECKING:
    from langchain_localllm.runtimes.llamacpp.images import Image

DONE: Final = 0
NO_ROOM: Final = 1
ABORTED: Final = 2

_strlen: Final = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None).strlen


@dataclass(slots=True)
class Part:
    """Tokens of one sequence in a batch.

    Attributes:
        sequence: The sequence's number.
        start: Position of the first token.
        tokens: The tokens.
        outputs: How many tokens at the end need the logits of what follows them.
    """

    sequence: int
    start: int
    tokens: Sequence[int]
    outputs: int


class Context:
    """The cache and the arrays for batches.

    Args:
        model: The model.
        settings: Fields of `llama_context_params` to set. Without `n_threads_batch`, the threads
            are found by trying.
        lora: Paths of LoRA adapters and their scales.

    Raises:
        InvalidOptionError: llama.cpp cannot make a context with these settings.
        ModelFileError: An adapter cannot be used.
    """

    def __init__(self, model: Model, settings: Mapping[str, Any], lora: Adapters = ()) -> None:
        self.model = model
        self._abort = ctypes.create_string_buffer(2)
        params = lib.llama_context_default_params()
        for name, value in settings.items():
            setattr(params, name, value)
        # llama.cpp asks before each step of a computation whether to continue. `strlen` of a text
        # that is empty or not answers that without Python and its lock.
        params.abort_callback = ctypes.cast(_strlen, lib.ggml_abort_callback)
        params.abort_callback_data = ctypes.addressof(self._abort)
        LOG.clear()
        self.pointer = load_in_thread(
            lambda: lib.llama_init_from_model(model.pointer, params), lib.llama_free
        )
        if not self.pointer:
            raise InvalidOptionError(
                f"llama.cpp cannot make a context of {params.n_ctx:,} tokens for {model.name}: "
                f"{LOG.last()}."
            )
        self._memory = lib.llama_get_memory(self.pointer)
        self._adapters: list[Any] = []
        try:
            self._load_adapters(lora)
        except BaseException:
            self.free()
            raise
        self.cells: int = lib.llama_n_ctx(self.pointer)
        self.batch_size: int = lib.llama_n_batch(self.pointer)
        self._make_batch()
        self._rows: list[int] = []  # of the last batch, those with an output
        self._logits: npt.NDArray[np.float32] | None = None
        choose = "n_threads_batch" not in settings and self._can_roll_back()
        self._threads = ThreadTuner(
            None
            if choose
            else (params.n_threads, settings.get("n_threads_batch", params.n_threads))
        )
        self._spent = 0.0  # seconds of the last batch
        self._computed = 0.0  # seconds that the process's threads computed meanwhile
        self._given_up = False  # whether it was

    def _can_roll_back(self) -> bool:
        """Return whether a batch that was given up leaves all as it was before.

        A recurrent model's state has gone on. And of a batch in several parts, the later ones may
        have taken the places of tokens that only the earlier ones did not see any more, in layers
        with a sliding window.
        """
        in_one = lib.llama_n_ubatch(self.pointer) >= self.batch_size
        return self.model.supports_partial_removal and (in_one or not self.model.sliding_window)

    def _load_adapters(self, lora: Adapters) -> None:
        for path, _ in lora:
            adapter = load_in_thread(
                functools.partial(
                    lib.llama_adapter_lora_init, self.model.pointer, os.fsencode(path)
                ),
                lib.llama_adapter_lora_free,
            )
            if not adapter:
                raise ModelFileError(
                    f"{path} is not a LoRA adapter for {self.model.name}: {LOG.last()}."
                )
            self._adapters.append(adapter)
        self.set_adapters([scale for _, scale in lora])

    def set_adapters(self, scales: Sequence[float]) -> None:
        """Apply the adapters with these scales from the next batch on.

        What is in the cache was computed with the earlier ones.
        """
        if count := len(scales):
            adapters = (lib.llama_adapter_lora_p_ctypes * count)(*self._adapters)
            lib.llama_set_adapters_lora(
                self.pointer, adapters, count, (ctypes.c_float * count)(*scales)
            )

    def _make_batch(self) -> None:
        size = self.batch_size
        self._tokens, self._positions, self._sequences = (
            np.zeros(size, np.int32) for _ in range(3)
        )
        self._counts, self._outputs = np.ones(size, np.int32), np.zeros(size, np.int8)
        # a token's list of sequences holds one
        places = self._sequences.ctypes.data + 4 * np.arange(size, dtype=np.uintp)
        self._places: npt.NDArray[np.uintp] = places
        integers, lists = (
            ctypes.POINTER(ctypes.c_int32),
            ctypes.POINTER(ctypes.POINTER(ctypes.c_int32)),
        )
        self._batch = lib.llama_batch(
            n_tokens=0,
            token=self._tokens.ctypes.data_as(integers),
            pos=self._positions.ctypes.data_as(integers),
            n_seq_id=self._counts.ctypes.data_as(integers),
            seq_id=places.ctypes.data_as(lists),
            logits=self._outputs.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def decode(self, parts: Sequence[Part]) -> int:
        """Compute a batch, and keep its tokens in the cache.

        Returns:
            `DONE`, `NO_ROOM`, `ABORTED` (by `abort`, or since other threads held it up: try again),
            or a negative number for a failure. What was in the cache before stays; what these parts
            added is there only when it is `DONE`.
        """
        tokens: list[int] = []
        positions: list[int] = []
        sequences: list[int] = []
        outputs: list[int] = []
        rows: list[int] = []
        for part in parts:
            count = len(part.tokens)
            tokens += part.tokens
            positions += range(part.start, part.start + count)
            sequences += [part.sequence] * count
            outputs += [0] * (count - part.outputs) + [1] * part.outputs
            rows += range(len(tokens) - part.outputs, len(tokens))
        size = len(tokens)
        self._rows, self._logits = rows, None
        self._tokens[:size], self._positions[:size] = tokens, positions
        self._sequences[:size], self._outputs[:size] = sequences, outputs
        self._batch.n_tokens = size
        status = self._compute(size)
        if status != DONE:
            for part in parts:
                self.remove(part.sequence, part.start)
        return status

    def _compute(self, size: int) -> int:
        threads = self._threads.pick(size)
        lib.llama_set_n_threads(self.pointer, threads, threads)
        limit = self._threads.timeout(size, threads)
        self._given_up = False
        if threads == 1 and limit is None:
            status = computing.run_inline(self._decode)
        else:
            status = computing.run_parallel(
                self._decode, limit=limit, interrupt=self._abort_slow_batch
            )
        if status == DONE or self._given_up:
            spent = max(self._spent, limit or 0) if self._given_up else self._spent
            self._threads.record(size, threads, spent, self._computed, aborted=status != DONE)
        return status

    def _abort_slow_batch(self) -> None:
        self._given_up = True
        self.abort()

    def _decode(self) -> int:
        started, computed = time.perf_counter(), time.process_time()
        status = int(lib.llama_decode(self.pointer, self._batch))
        self._spent = time.perf_counter() - started
        self._computed = time.process_time() - computed
        return status

    def decode_image(self, image: "Image", sequence: int, start: int) -> int:
        """Work like `decode`, for an image."""
        lib.llama_set_n_threads(self.pointer, self._threads.most, self._threads.most)
        status = computing.run_parallel(
            lambda: image.decode(self.pointer, sequence, start, self.batch_size)
        )
        if status != DONE:
            self.remove(sequence, start)
        return status

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """Return the logits after a token of the last batch that had an output.

        Valid until the next batch.
        """
        # asking llama.cpp once for all lets other threads have Python's lock once
        if self._logits is None:
            pointer = lib.llama_get_logits(self.pointer)
            self._logits = np.ctypeslib.as_array(pointer, shape=(len(self._rows), self.model.size))
        values: npt.NDArray[np.float32] = self._logits[self._rows.index(row)]
        return values

    def remove(self, sequence: int, start: int) -> bool:
        """Take a sequence's tokens from this position on out of the cache.

        Whether that could be done.
        """
        return bool(lib.llama_memory_seq_rm(self._memory, sequence, start, -1))

    def first_position(self, sequence: int) -> int:
        """Return the first of a sequence's positions that every layer still has."""
        return int(lib.llama_memory_seq_pos_min(self._memory, sequence))

    def clear(self) -> None:
        """Take everything out of the cache."""
        lib.llama_memory_clear(self._memory, False)  # noqa: FBT003 - the numbers can stay, no computation reads them

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Let another sequence have these tokens too; they are not stored twice."""
        lib.llama_memory_seq_cp(self._memory, source, target, start, end)

    def saved_size(self, sequence: int) -> int:
        """Return the bytes of what `save` gives."""
        return int(lib.llama_state_seq_get_size(self.pointer, sequence))

    def save(self, sequence: int, size: int) -> npt.NDArray[np.uint8]:
        """Return what the cache holds of a sequence, of this size.

        Raise `MemoryError` where there is no memory for it.
        """
        state = np.empty(size, np.uint8)
        if not lib.llama_state_seq_get_data(self.pointer, _bytes(state), state.size, sequence):
            raise MemoryError
        return state

    def restore(self, sequence: int, state: npt.NDArray[np.uint8]) -> bool:
        """Put what was saved back into the cache, as this sequence.

        Whether there was room for it.
        """
        done = bool(lib.llama_state_seq_set_data(self.pointer, _bytes(state), state.size, sequence))
        if not done:
            self.remove(sequence, 0)  # some of its layers may be there
        return done

    def abort(self) -> None:
        """End the computation that is going on; can be called from any thread."""
        self._abort.value = b"\1"

    def clear_abort(self) -> None:
        """Allow computations again."""
        self._abort.value = b""

    def free(self) -> None:
        """Free the memory. Nothing else may be called after that."""
        if self.pointer:
            lib.llama_free(self.pointer)
            self.pointer = None
            for adapter in self._adapters:
                lib.llama_adapter_lora_free(adapter)


def _bytes(array: npt.NDArray[np.uint8]) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
