"""Images in prompts, by llama.cpp's own multimodal library.

A projector file turns an image into vectors that the model reads.

Reading an image's bytes and cutting it to the projector's size is done in the caller's thread; the
engine's thread does the rest.
"""

import ctypes
import os
import re
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from langchain_localllm.base.special_tokens import LiteralText
from langchain_localllm.errors import (
    InvalidOptionError,
    InvalidRequestError,
    MissingDependencyError,
    ModelFileError,
)
from langchain_localllm.runtimes.llamacpp.ffi import LOG, hear, lib, load_in_thread
from langchain_localllm.runtimes.llamacpp.model import Model, utf8

try:
    import llama_cpp.mtmd_cpp as _functions
except (ImportError, OSError, RuntimeError, AttributeError) as error:
    raise MissingDependencyError(
        f"llama-cpp-python was built without its multimodal library, which images need ({error}). "
        "Reinstall it: pip install --force-reinstall --no-cache-dir llama-cpp-python"
    ) from error

_mtmd: Final[Any] = _functions
_mtmd.mtmd_helper_log_set(hear, ctypes.c_void_p(0))

_DONE: Final = 0
_FAILED: Final = -1
_FORMATS: Final = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
}
"""How files of images begin. The library would also take sounds, and hand what it doesn't know to
an `ffmpeg` program."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Image:
    """An image in a prompt, or a tile of a large one.

    Attributes:
        start: Its first position in the prompt.
        positions: Positions that it takes.
        tokens: Places in the cache that it takes. With M-RoPE these are more, since a whole row
            shares a position.
    """

    start: int
    positions: int
    tokens: int
    _chunk: Any
    _chunks: "_Chunks"  # owns the chunk
    _projector: "Projector"

    def encode(self) -> bool:
        """Make its vectors, unless they are the last ones that were made.

        Whether that could be done. For one thread.
        """
        return self._projector.encode(self, self._chunk)

    def decode(self, context: Any, sequence: int, start: int, batch: int) -> int:
        """Put it into a sequence of a context; returns llama.cpp's status.

        For the engine's thread.
        """
        if not self.encode():
            return _FAILED
        vectors, end = _mtmd.mtmd_get_output_embd(self._projector.pointer), lib.llama_pos(0)
        no_callback = _mtmd.mtmd_helper_post_decode_callback()
        return int(
            _mtmd.mtmd_helper_decode_image_chunk(
                self._projector.pointer,
                context,
                self._chunk,
                vectors,
                start,
                sequence,
                batch,
                ctypes.byref(end),
                no_callback,
                None,
            )
        )


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as the model reads it.

    Attributes:
        tokens: The tokens, one for each position. In an image's place is a negative number that
            only the same image has.
        images: The images, in order.
    """

    tokens: list[int]
    images: list[Image] = field(default_factory=list)


class Projector:
    """A loaded projector.

    Args:
        path: The GGUF file.
        model: The model that it belongs to.
        settings: Fields of `mtmd_context_params` to set.

    Raises:
        ModelFileError: The file is not a usable projector for this model; the message says what to
            do.
    """

    def __init__(self, path: Path, model: Model, **settings: Any) -> None:
        self._model = model  # the library looks into its vocabulary
        params = _mtmd.mtmd_context_params_default()
        for name, value in {"print_timings": False, "warmup": False, **settings}.items():
            setattr(params, name, value)
        LOG.clear()
        self.pointer = load_in_thread(
            lambda: _mtmd.mtmd_init_from_file(os.fsencode(path), model.pointer, params),
            _mtmd.mtmd_free,
        )
        if not self.pointer:
            raise ModelFileError(f"{path} is not a projector for {model.name}: {_reason()}.")
        weakref.finalize(self, _free, self.pointer, os.getpid())
        if not _mtmd.mtmd_support_vision(self.pointer):
            raise ModelFileError(
                f"{path} is a projector for audio, which the backend llama-cpp-python does not "
                'support: use `backend="xllamacpp"`.'
            )
        self._encoded: weakref.ref[Image] | None = None

    def read(self, parts: Sequence[str | bytes], together: int) -> Prompt:
        """Return the prompt that is made of texts and of the bytes of images.

        Can be called from any thread.

        Args:
            parts: Texts and images, in order.
            together: Tokens that the context computes together at most.

        Raises:
            InvalidRequestError: An image is damaged or of another format, or a text cannot be
                written as UTF-8.
            InvalidOptionError: An image takes more tokens than are computed together, where that
                has to be.
        """
        pictures = [_Picture(self, part) if isinstance(part, bytes) else None for part in parts]
        texts = [None if isinstance(part, bytes) else _text(part) for part in parts]
        given = [
            ctypes.pointer(
                _mtmd.mtmd_input_part(
                    ctypes.pointer(text) if text else None, picture.pointer if picture else None
                )
            )
            for text, picture in zip(texts, pictures, strict=True)
        ]
        chunks = _Chunks()
        array = (ctypes.POINTER(_mtmd.mtmd_input_part) * len(given))(*given)
        LOG.clear()
        if _mtmd.mtmd_tokenize_from_parts(self.pointer, chunks.pointer, array, len(given), True):  # noqa: FBT003 - add_special
            raise InvalidRequestError(f"An image cannot be read for this model: {_reason()}.")
        return self._prompt(chunks, together)

    def _prompt(self, chunks: "_Chunks", together: int) -> Prompt:
        prompt = Prompt([])
        for chunk in chunks:
            count = _mtmd.mtmd_input_chunk_get_n_tokens(chunk)
            if _mtmd.mtmd_input_chunk_get_type(chunk) == _mtmd.MTMD_INPUT_CHUNK_TYPE_TEXT:
                length = ctypes.c_size_t()
                prompt.tokens.extend(
                    _mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(length))[:count]
                )
                continue
            if count > together and _mtmd.mtmd_decode_use_non_causal(self.pointer, chunk):
                raise InvalidOptionError(
                    f"An image takes {count:,} tokens, which this model has to compute together: "
                    f"load it with n_batch={count}."
                )
            positions = _mtmd.mtmd_input_chunk_get_n_pos(chunk)
            prompt.images.append(Image(len(prompt.tokens), positions, count, chunk, chunks, self))
            prompt.tokens.extend([-1 - int(_mtmd.mtmd_input_chunk_get_id(chunk), 16)] * positions)
        if not prompt.tokens or prompt.tokens[-1] < 0:  # the answer's first token follows a text
            raise InvalidRequestError(
                "The prompt ends with an image. The model's chat template has to put text "
                "behind it."
            )
        return prompt

    def encode(self, image: Image, chunk: Any) -> bool:
        """Make an image's vectors, unless they are the last ones that were made.

        Whether that could be done. For one thread.
        """
        if self._encoded is None or self._encoded() is not image:
            self._encoded = None
            if _mtmd.mtmd_encode_chunk(self.pointer, chunk) != _DONE:
                return False
            self._encoded = weakref.ref(image)
        return True


class _Chunks:
    """llama.cpp's list of the texts and images in a prompt."""

    def __init__(self) -> None:
        self.pointer = _mtmd.mtmd_input_chunks_init()
        weakref.finalize(self, _mtmd.mtmd_input_chunks_free, self.pointer)

    def __iter__(self) -> Any:
        for number in range(_mtmd.mtmd_input_chunks_size(self.pointer)):
            yield _mtmd.mtmd_input_chunks_get(self.pointer, number)


class _Picture:
    """The pixels of an image."""

    def __init__(self, projector: Projector, data: bytes) -> None:
        kind = next((name for magic, name in _FORMATS.items() if data.startswith(magic)), None)
        if kind is None:
            raise InvalidRequestError(
                f"An image is not one of {', '.join(_FORMATS.values())}: convert it to PNG."
            )
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        self.pointer = _mtmd.mtmd_helper_bitmap_init_from_buf(
            projector.pointer,
            buffer,
            len(data),
            False,  # noqa: FBT003 - no placeholder
        )
        if not self.pointer:
            raise InvalidRequestError(
                f"An image begins like a {kind} file, but is damaged ({len(data):,} bytes are "
                "there)."
            )
        weakref.finalize(self, _mtmd.mtmd_bitmap_free, self.pointer)


def _reason() -> str:
    """Return what the library said first; hints and consequences follow."""
    found = re.search(r"error: (.+)|: (failed .+)", LOG.text())
    return found[1] or found[2] if found else LOG.last()


def _text(text: str) -> Any:
    data = utf8(text)
    special = not isinstance(text, LiteralText)
    return _mtmd.mtmd_input_text(data, len(data), False, special)  # noqa: FBT003 - no special token is added


def _free(pointer: Any, process: int) -> None:
    if os.getpid() == process:  # a fork leaves it to its parent
        _mtmd.mtmd_free(pointer)
