"""Use the gpt4all package, and more of its C library.

That is: the end of a prompt's reading, no context shift, and raw bytes.

Source:
    https://github.com/nomic-ai/gpt4all/blob/main/gpt4all-backend/include/gpt4all-backend/llmodel_c.h
    as of August 2024.
"""

import contextlib
import ctypes
import functools
import importlib.metadata
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from langchain_localllm.errors import InvalidRequestError, MissingDependencyError, ModelFileError
from langchain_localllm.extras import pip_install
from langchain_localllm.runtimes.gpt4all.backend import NEWER

_VERSION: Final = "2.8."
"""C functions are called as this version has them."""
_AT_FIRST_USE: Final = rb"Failed to load libllamamodel|gguf_init_from_file"
"""Where there is no CUDA, the first use names its libraries as missing; that use is ours, with no
file."""
_LAST_LINES: Final = 2
"""Seconds to wait for the end of what was written to standard error: a process that was started
meanwhile may hold the pipe."""
_ONE_AT_A_TIME: Final = threading.Lock()
"""Standard error belongs to the process."""
_ERROR: Final = re.compile(
    r"(?:error loading model(?: vocabulary)?|LLAMA ERROR|error|failed to)\b:? *(.+?)\.?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_ONLY_THE_PROMPT: Final = b"%1%2"
"""A template for prompt and answer; without the `%2`, the engine would read two line ends after
each answer."""


@functools.cache
def binding() -> Any:
    """Return the package's module that wraps the C library.

    Raises:
        MissingDependencyError: The package is not installed, or not of the version that this was
            written for.
    """
    try:
        version = importlib.metadata.version("gpt4all")
        from gpt4all import _pyllmodel
    except (ImportError, OSError) as error:  # OSError: the machine cannot load its library
        raise MissingDependencyError(
            f"The gpt4all package cannot be loaded ({error}): {pip_install('gpt4all')}, or run "
            "the model on llama.cpp with backend='llamacpp'."
        ) from None
    if not version.startswith(_VERSION):
        raise MissingDependencyError(
            f"gpt4all {version} is installed, but 2.8.2 is needed: pip install "
            '"gpt4all>=2.8.2,<2.9".'
        )
    with captured_stderr(_AT_FIRST_USE):
        _pyllmodel.llmodel.llmodel_model_create2(b"", b"kompute", ctypes.byref(ctypes.c_char_p()))
    return _pyllmodel


@contextlib.contextmanager
def captured_stderr(noise: bytes = rb"(?!)") -> Iterator[list[bytes]]:
    """Collect the lines that the C library writes to standard error.

    They are complete when the block ends.

    Each line, also of other threads, is passed on to standard error as soon as it is written.

    Args:
        noise: A pattern of lines that are not passed on.
    """
    lines: list[bytes] = []
    with _ONE_AT_A_TIME, contextlib.ExitStack() as ending:
        try:
            kept = os.dup(2)
        except OSError:  # there is no standard error
            yield lines
            return
        ending.callback(os.close, kept)
        source, target = os.pipe()
        reader = threading.Thread(target=_pass_on, args=(source, kept, noise, lines), daemon=True)
        reader.start()
        os.dup2(target, 2)
        os.close(target)
        try:
            yield lines
        finally:
            # which closes the last end that writes into the pipe, so that the reader ends
            os.dup2(kept, 2)
            reader.join(_LAST_LINES)


def _pass_on(source: int, target: int, noise: bytes, lines: list[bytes]) -> None:
    with open(source, "rb") as written:
        for line in written:
            lines.append(line)
            if not re.search(noise, line):
                os.write(target, line)


def load_model(path: Path, *, n_ctx: int, ngl: int, device: str | None) -> Any:
    """Return the package's `LLModel` for a file.

    Raises:
        ModelFileError: The engine does not know the architecture, or cannot load the file.
        InvalidRequestError: There is no such device.
    """
    binding()
    import gpt4all

    class FromFile(gpt4all.GPT4All):  # type: ignore[misc]  # the package has no types
        @classmethod
        def retrieve_model(cls, model_name: str, **_: Any) -> dict[str, Any]:
            return {"path": model_name}  # its own looks for other names, and on the network

    try:
        with captured_stderr() as lines:
            model = FromFile(str(path), n_ctx=n_ctx, ngl=ngl, device=device).model
    except RuntimeError as error:
        if "backend" in str(error):
            raise _no_device(device, error) from None
        raise ModelFileError(f"GPT4All cannot load {path}: {error}. {NEWER}") from None
    except ValueError as error:
        raise _no_device(device, error) from None
    if not is_loaded(model):
        model.close()
        raise ModelFileError(f"GPT4All cannot load {path}: {_reason(lines)}. {NEWER}")
    return model


def _reason(lines: list[bytes]) -> str:
    """Return why a file was not loaded: what the first line with an error says."""
    log = b"".join(lines).decode("utf-8", "replace")
    match = _ERROR.search(log)
    return match[1] if match else "it gives no reason"


def is_loaded(model: Any) -> bool:
    """Return whether the weights are in memory; a load that fails does not raise."""
    return model.model is not None and bool(binding().llmodel.llmodel_isModelLoaded(model.model))


def _no_device(device: str | None, error: Exception) -> InvalidRequestError:
    return InvalidRequestError(
        f"GPT4All cannot use device={device!r}: {error}. Use device='cpu', or see "
        "gpt4all.GPT4All.list_gpus()."
    )


def c_text(text: str) -> bytes:
    """Return a text as the C library takes it.

    Raises:
        InvalidRequestError: It has a NUL character or half of a surrogate pair.
    """
    if "\0" in text:
        raise InvalidRequestError(
            "The text has a NUL character, at which GPT4All would cut it. Remove it."
        )
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError(
            "The text has half of a surrogate pair, which is not a character. Remove it."
        ) from None


def run_prompt(
    model: Any,
    prompt: str,
    on_prompt: Callable[[int], bool],
    on_token: Callable[[int, bytes], bool],
    **settings: Any,
) -> None:
    """Read a prompt and answer it, as long as the callbacks return `True`; raises what they raise.

    Args:
        model: The package's `LLModel`.
        prompt: The text; names of special tokens in it become these tokens.
        on_prompt: Called with each token of the prompt, after its batch was read.
        on_token: Called with each token of the answer and its bytes.
        **settings: `n_predict`, `n_batch` and the sampling options, under the names of the C
            library.
    """
    module, errors = binding(), list[BaseException]()

    def guarded(callback: Callable[..., bool]) -> Callable[..., bool]:
        def call(*arguments: Any) -> bool:
            try:
                return callback(*arguments)
            except BaseException as error:  # noqa: BLE001 - C cannot hand it on, so it is raised below
                errors.append(error)
                return False

        return call

    module.llmodel.llmodel_prompt(
        model.model,
        c_text(prompt),
        _ONLY_THE_PROMPT,
        module.PromptCallback(guarded(on_prompt)),
        module.ResponseCallback(guarded(on_token)),
        False,  # noqa: FBT003 - no context shift: an answer ends where the context does
        module.LLModelPromptContext(**settings),
        True,  # noqa: FBT003 - special tokens
        None,
    )
    if errors:
        raise errors[0]
