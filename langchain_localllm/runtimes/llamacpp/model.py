"""A model's weights and vocabulary. Several contexts can share one.

Its functions can be called from any thread.
"""

import ctypes
import importlib.metadata
import os
import threading
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from langchain_localllm.base.options import warn_once
from langchain_localllm.base.special_tokens import LiteralText
from langchain_localllm.errors import InvalidOptionError, InvalidRequestError, ModelFileError
from langchain_localllm.gguf.header import check_gguf, tokens_with_nul
from langchain_localllm.gguf.load_errors import load_error, load_warnings
from langchain_localllm.gguf.trial_load import require_loadable
from langchain_localllm.runtimes.llamacpp.ffi import LOG, lib, load_in_thread
from langchain_localllm.runtimes.llamacpp.settings import EngineSettings

VERSION: Final = f"llama-cpp-python {importlib.metadata.version('llama-cpp-python')}"
"""Name and version of the engine."""
_ENGINE: Final = f"llama.cpp ({VERSION})"
_LOAD_ONCE: Final = "langchain_localllm.runtimes.llamacpp.load_once"
_LONGEST_PIECE: Final = 512
_LONGEST_OVERRIDE: Final = 127
_ENDS_TEXT: Final = -1
"""The id that llama.cpp returns for a special token that the vocabulary lacks."""


class Model:
    """A loaded model file.

    Args:
        path: The GGUF file; of a model in several parts, the first one.
        settings: Fields of `llama_model_params` to set.

    Attributes:
        name: The file's name.
        load_seconds: How long loading took.

    Raises:
        ModelFileError: The file is not a usable model; the message says what to do.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.info = check_gguf(path)
        self._path, self.name = path, path.name
        started = time.perf_counter()
        params = lib.llama_model_default_params()
        self._kept = _set_all(params, settings)
        LOG.clear()
        self.pointer = load_in_thread(
            lambda: lib.llama_model_load_from_file(os.fsencode(path), params), lib.llama_model_free
        )
        if not self.pointer:
            raise load_error(path, LOG.text()) or ModelFileError(
                f"llama.cpp cannot load {path}: {LOG.last()}."
            )
        weakref.finalize(self, _free, self.pointer, os.getpid())
        if warnings := load_warnings(LOG.text()):
            warn_once(f"llama.cpp warns about {path.name}: {warnings}.")
        self.load_seconds = time.perf_counter() - started
        if not lib.llama_model_has_decoder(self.pointer) or lib.llama_model_has_encoder(
            self.pointer
        ):
            raise ModelFileError(
                f"{path} holds an encoder, which this engine does not run: use a decoder-only "
                "model."
            )
        self.vocabulary = lib.llama_model_get_vocab(self.pointer)
        self.size: int = lib.llama_vocab_n_tokens(self.vocabulary)
        self._pieces: dict[int, bytes | None] = {}

    def tokenize(self, text: str, *, begin: bool = True, special: bool = True) -> list[int]:
        """Return the text's token ids.

        Args:
            text: Any text; may be empty and may hold NUL bytes.
            begin: Add the tokens that the model wants at the beginning and end of a text.
            special: Read the names of special tokens, such as `<s>`, as these tokens instead of as
                text.

        Raises:
            InvalidRequestError: The text cannot be written as UTF-8.
        """
        data = utf8(text)
        room = len(data) + 8
        while True:
            tokens = (ctypes.c_int32 * room)()
            count = lib.llama_tokenize(
                self.vocabulary, data, len(data), tokens, room, begin, special
            )
            if count >= 0:
                return tokens[:count]
            room = -count

    def tokenize_parts(self, parts: Sequence[str]) -> list[int]:
        """Return the token ids of a text in parts; in a `LiteralText` special tokens are not read.

        Raises:
            InvalidRequestError: The text cannot be written as UTF-8.
        """
        first, rest = (
            (parts[0], parts[1:])
            if parts and not isinstance(parts[0], LiteralText)
            else ("", parts)
        )
        return [
            *self.tokenize(first),
            *(token for part in rest for token in self.tokenize_inner(part)),
        ]

    def tokenize_inner(self, text: str) -> list[int]:
        """Return the tokens of a text that follows another.

        They lack the space that SentencePiece puts before a text.
        """
        special = not isinstance(text, LiteralText)
        for before in ("a", "|", "\n"):
            head = self.tokenize(before, begin=False, special=False)
            tokens = self.tokenize(before + text, begin=False, special=special)
            if tokens[: len(head)] == head:
                return tokens[len(head) :]
        return self.tokenize(text, begin=False, special=special)

    def reads_special_token(self, text: str) -> bool:
        """Return whether a control token, such as `<|im_end|>`, is read in a text."""
        return any(
            lib.llama_vocab_is_control(self.vocabulary, token)
            for token in self.tokenize(text, begin=False)
        )

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """Return the token's text, which may be a part of a character.

        A control token has none, unless `special`.
        """
        buffer = ctypes.create_string_buffer(_LONGEST_PIECE)
        count = lib.llama_token_to_piece(self.vocabulary, token, buffer, _LONGEST_PIECE, 0, special)
        if count < 0:
            buffer = ctypes.create_string_buffer(-count)
            count = lib.llama_token_to_piece(self.vocabulary, token, buffer, -count, 0, special)
        return buffer.raw[:count]

    def special_token_ids(self, texts: Iterable[str]) -> frozenset[int]:
        """Return the tokens that are one of these texts, and control tokens in the others.

        The former only if the vocabulary has them.
        """
        found = [self.tokenize(text, begin=False) for text in texts]
        return frozenset(
            token
            for tokens in found
            for token in tokens
            if len(tokens) == 1 or lib.llama_vocab_is_control(self.vocabulary, token)
        )

    def answer_piece(self, token: int) -> bytes | None:
        """Return the token's text in an answer, or `None` for one that ends it."""
        if token not in self._pieces:
            ends = lib.llama_vocab_is_eog(self.vocabulary, token)
            self._pieces[token] = None if ends else self.piece(token)
        return self._pieces[token]

    @cached_property
    def eog_tokens(self) -> tuple[int, ...]:
        """The tokens that end an answer."""
        return tuple(
            token for token in range(self.size) if lib.llama_vocab_is_eog(self.vocabulary, token)
        )

    @cached_property
    def tokens_with_nul(self) -> npt.NDArray[np.intp]:
        """The tokens whose text has a NUL character in it."""
        return np.array(tokens_with_nul(self._path, self.info), np.intp)

    @cached_property
    def metadata(self) -> dict[str, str]:
        """The single values in the file's header, as text."""
        return {
            _text(lib.llama_model_meta_key_by_index, self.pointer, number): _text(
                lib.llama_model_meta_val_str_by_index, self.pointer, number
            )
            for number in range(lib.llama_model_meta_count(self.pointer))
        }

    @property
    def chat_template(self) -> str | None:
        """The file's chat template, in Jinja's language."""
        return self.metadata.get("tokenizer.chat_template")

    @property
    def trained_context(self) -> int:
        """The tokens that the model was trained to see."""
        return int(lib.llama_model_n_ctx_train(self.pointer))

    @property
    def bos_token(self) -> int | None:
        """The token at which texts begin, if the vocabulary has one."""
        return _token(lib.llama_vocab_bos(self.vocabulary))

    @property
    def eos_token(self) -> int | None:
        """The token at which texts end, if the vocabulary has one."""
        return _token(lib.llama_vocab_eos(self.vocabulary))

    @property
    def infill_tokens(self) -> tuple[int | None, int | None, int | None]:
        """The tokens before a gap's prefix, before its suffix and before what fills it."""
        kinds = (lib.llama_vocab_fim_pre, lib.llama_vocab_fim_suf, lib.llama_vocab_fim_mid)
        before, after, middle = (_token(kind(self.vocabulary)) for kind in kinds)
        return before, after, middle

    @property
    def sliding_window(self) -> int:
        """Tokens that a token sees before it, in layers where it does not see all.

        0 where it does everywhere.
        """
        return int(lib.llama_model_n_swa(self.pointer))

    @property
    def supports_partial_removal(self) -> bool:
        """Whether its cache holds each token by itself, so that parts can be taken away and shared.

        Recurrent models' doesn't.
        """
        return not (
            lib.llama_model_is_recurrent(self.pointer) or lib.llama_model_is_hybrid(self.pointer)
        )


_opened: Final[weakref.WeakValueDictionary[Any, Model]] = weakref.WeakValueDictionary()
_opening: Final = threading.Lock()


def open_model(path: Path, settings: Mapping[str, Any]) -> Model:
    """Return the model in a file, loaded once for the same settings as long as anyone holds it."""
    stat = path.stat() if path.exists() else None  # a file that was replaced is another model
    key = (path, stat and (stat.st_mtime_ns, stat.st_size), repr(sorted(settings.items())))
    with _opening:
        if (model := _opened.get(key)) is None:
            _require_loadable(path, settings)
            model = _opened[key] = Model(path, settings)
        return model


def check_companions(settings: EngineSettings) -> None:
    """Check the files that are loaded together with a model, in a child process too.

    Raises:
        ModelFileError: The model or one of them is damaged, or llama.cpp would end the process at
            it.
    """
    if settings.lora or settings.projector:
        # first, so that no other file is blamed for it
        _require_loadable(settings.path, settings.model)
        settings.check_companions(_ENGINE, _LOAD_ONCE)


def _require_loadable(path: Path, settings: Mapping[str, Any]) -> None:
    overrides = dict(settings.get("kv_overrides") or {})
    info = check_gguf(path)
    info = replace(info, metadata=info.metadata | overrides)
    options = {"kv_overrides": overrides} if overrides else {}
    require_loadable(path, info, _ENGINE, _LOAD_ONCE, **options)


def utf8(text: str) -> bytes:
    """Return the text's bytes; raise `InvalidRequestError` where it has none."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequestError(
            f"The text holds half of a surrogate pair at character {error.start}: remove it."
        ) from None


def _free(pointer: Any, process: int) -> None:
    if os.getpid() == process:  # a fork leaves it to its parent
        lib.llama_model_free(pointer)


def _token(number: int) -> int | None:
    return None if number == _ENDS_TEXT else number


def _text(function: Any, model: Any, number: int) -> str:
    size = 256
    while True:
        buffer = ctypes.create_string_buffer(size)
        length = function(model, number, buffer, size)
        if length < size:
            return buffer.raw[: max(length, 0)].decode("utf-8", "replace")
        size = length + 1


def _set_all(params: Any, settings: Mapping[str, Any]) -> list[Any]:
    """Set fields of `llama_model_params`; returns what must live as long as they are in use."""
    kept: list[Any] = []
    for name, value in settings.items():
        if name == "tensor_split":
            if len(value) > (most := lib.llama_max_devices()):
                raise InvalidOptionError(
                    f"`tensor_split` has shares for {len(value)} devices, and llama.cpp takes "
                    f"at most {most}."
                )
            kept.append((ctypes.c_float * most)(*value))
            params.tensor_split = kept[-1]
        elif name == "kv_overrides":
            kept.append(_overrides(value))
            params.kv_overrides = kept[-1]
        else:
            setattr(params, name, value)
    return kept


def _check_override(key: str, value: float | str) -> None:
    """Raise for what llama.cpp has no room for, and would cut."""
    long = next(
        (
            text
            for text in (key, value)
            if isinstance(text, str) and len(text.encode()) > _LONGEST_OVERRIDE
        ),
        None,
    )
    if long is not None:
        raise InvalidOptionError(
            f"`kv_overrides` holds {long[:20]!r}..., which is longer than {_LONGEST_OVERRIDE} "
            "bytes."
        )
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise InvalidOptionError(f"`kv_overrides` has a number of more than 64 bits for {key!r}.")


def _overrides(values: Mapping[str, bool | int | float | str]) -> Any:
    # the last one stays empty and ends the list
    array = (lib.llama_model_kv_override * (len(values) + 1))()
    for item, (key, value) in zip(array, values.items(), strict=False):
        _check_override(key, value)
        item.key = key.encode()
        if isinstance(value, bool):
            item.tag, item.value.val_bool = lib.LLAMA_KV_OVERRIDE_TYPE_BOOL, value
        elif isinstance(value, int):
            item.tag, item.value.val_i64 = lib.LLAMA_KV_OVERRIDE_TYPE_INT, value
        elif isinstance(value, float):
            item.tag, item.value.val_f64 = lib.LLAMA_KV_OVERRIDE_TYPE_FLOAT, value
        else:
            item.tag = lib.LLAMA_KV_OVERRIDE_TYPE_STR
            place = ctypes.addressof(item.value) + lib.llama_model_kv_override_value.val_str.offset
            data = value.encode() + b"\0"
            ctypes.memmove(place, data, len(data))
    return array
