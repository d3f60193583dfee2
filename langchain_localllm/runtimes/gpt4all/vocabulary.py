"""Use the model's own tokenizer, which the gpt4all package does not offer.

llama.cpp's functions are in the library that the package brings.

Source: https://github.com/nomic-ai/llama.cpp, the llama.h that gpt4all 2.8.2 was built with.
"""

import ctypes
import os
import weakref
from pathlib import Path
from typing import Any, Final, Self

from langchain_localllm.runtimes.gpt4all.binding import binding, c_text

_LIBRARIES: Final = ("kompute", "kompute-avxonly", "metal", "cpu", "cpu-avxonly")
"""Builds of llama.cpp in the package; those that suit the processor are loaded."""


_WORDPIECE: Final = 3
"""`LLAMA_VOCAB_TYPE_WPM`, the tokenizer of BERT."""


class _LoadParameters(ctypes.Structure):
    _fields_ = (
        ("n_gpu_layers", ctypes.c_int32),
        ("split_mode", ctypes.c_int32),
        ("main_gpu", ctypes.c_int32),
        ("tensor_split", ctypes.c_void_p),
        ("rpc_servers", ctypes.c_void_p),
        ("progress_callback", ctypes.c_void_p),
        ("progress_callback_user_data", ctypes.c_void_p),
        ("kv_overrides", ctypes.c_void_p),
        ("vocab_only", ctypes.c_bool),
        ("use_mmap", ctypes.c_bool),
        ("use_mlock", ctypes.c_bool),
        ("check_tensors", ctypes.c_bool),
    )


_SIGNATURES: Final[dict[str, tuple[Any, list[Any]]]] = {
    "llama_model_default_params": (_LoadParameters, []),
    "llama_load_model_from_file": (ctypes.c_void_p, [ctypes.c_char_p, _LoadParameters]),
    "llama_free_model": (None, [ctypes.c_void_p]),
    "llama_vocab_type": (ctypes.c_int, [ctypes.c_void_p]),
    "llama_token_is_control": (ctypes.c_bool, [ctypes.c_void_p, ctypes.c_int32]),
    "llama_token_is_eog": (ctypes.c_bool, [ctypes.c_void_p, ctypes.c_int32]),
    "llama_tokenize_gpt4all": (
        ctypes.c_int32,
        [
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_int32,
            ctypes.c_void_p,
            ctypes.c_int32,
            *[ctypes.c_bool] * 3,
        ],
    ),
}


class Vocabulary:
    """The tokens of a model file, without its weights. Threads can share it."""

    def __init__(self, library: Any, model: int) -> None:
        self._library = library
        self._model = model
        weakref.finalize(self, library.llama_free_model, model)

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Return the vocabulary of a file, or `None` if the library does not offer it.

        The package's library for Windows does not.
        """
        if (library := _llama_library()) is None:
            return None
        parameters = library.llama_model_default_params()
        parameters.vocab_only = True
        model = library.llama_load_model_from_file(os.fsencode(path), parameters)
        return cls(library, model) if model else None

    def tokens(self, text: str) -> list[int]:
        """Return the token ids of a prompt as the engine reads it, with BOS if the model has it."""
        data = c_text(text)
        count = -(len(data) + 4)
        while count < 0:  # the number that is needed, as a negative
            size = -count
            ids = (ctypes.c_int32 * size)()
            count = self._library.llama_tokenize_gpt4all(
                self._model,
                data,
                len(data),
                ids,
                size,
                True,  # noqa: FBT003 - C has no keywords
                True,  # noqa: FBT003 - as above
                True,  # noqa: FBT003 - as above
            )
        return ids[:count]

    def is_wordpiece(self) -> bool:
        """Return whether this is BERT's tokenizer."""
        return bool(self._library.llama_vocab_type(self._model) == _WORDPIECE)

    def is_eog(self, token: int) -> bool:
        """Return whether the answer ends with this token."""
        return bool(self._library.llama_token_is_eog(self._model, token))

    def hides(self, token: int) -> bool:
        """Return whether this is a token for control, which is not text."""
        return bool(self._library.llama_token_is_control(self._model, token))


def _llama_library() -> Any | None:
    module = binding()
    suffix = Path(module.llmodel._name).suffix  # noqa: SLF001 - where ctypes keeps the file's name
    mode = getattr(os, "RTLD_NOLOAD", None)  # a handle to what is loaded already
    if mode is None:
        return None
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(
                str(module.MODEL_LIB_PATH / f"libllamamodel-mainline-{name}{suffix}"), mode=mode
            )
            for function, (result, arguments) in _SIGNATURES.items():
                getattr(library, function).restype, getattr(library, function).argtypes = (
                    result,
                    arguments,
                )
        except (OSError, AttributeError):
            continue
        return library
    return None
