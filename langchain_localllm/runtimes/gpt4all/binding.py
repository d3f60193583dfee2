"""The gpt4all package, and what its C library offers beyond it: the end of a prompt's reading, no context shift, raw bytes.

Source: https://github.com/nomic-ai/gpt4all/blob/main/gpt4all-backend/include/gpt4all-backend/llmodel_c.h as of August 2024.
"""

import contextlib
import ctypes
import functools
import importlib.metadata
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from langchain_localllm.errors import InvalidRequestError, MissingDependencyError, ModelFileError

_VERSION: Final = "2.8."
"""C functions are called as this version has them."""
_AT_FIRST_USE: Final = rb"Failed to load libllamamodel|gguf_init_from_file"
"""Where there is no CUDA, the first use names its libraries as missing; that use is ours, with no file."""
_ONE_AT_A_TIME: Final = threading.Lock()
"""Standard error belongs to the process."""
_ONLY_THE_PROMPT: Final = b"%1%2"
"""A template for prompt and answer; without the `%2`, the engine would read two line ends after each answer."""


@functools.cache
def binding() -> Any:
    """The package's module that wraps the C library.

    Raises:
        MissingDependencyError: The package is not installed, or not of the version that this was written for.
    """
    try:
        version = importlib.metadata.version("gpt4all")
        from gpt4all import _pyllmodel
    except ImportError:
        raise MissingDependencyError('GPT4All needs the gpt4all package: pip install "langchain-localllm[gpt4all]".') from None
    if not version.startswith(_VERSION):
        raise MissingDependencyError(f'gpt4all {version} is installed, but 2.8.2 is needed: pip install "gpt4all>=2.8.2,<2.9".')
    with without_lines(_AT_FIRST_USE):
        _pyllmodel.llmodel.llmodel_model_create2(b"", b"kompute", ctypes.byref(ctypes.c_char_p()))
    return _pyllmodel


@contextlib.contextmanager
def without_lines(noise: bytes) -> Iterator[None]:
    """Keeps lines that the C library writes to standard error from the user; what else is written meanwhile comes after it.

    Args:
        noise: A pattern that such lines match.
    """
    with contextlib.ExitStack() as ending:
        ending.enter_context(_ONE_AT_A_TIME)
        try:
            kept = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        ending.callback(os.close, kept)
        caught = ending.enter_context(tempfile.TemporaryFile())
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            caught.seek(0)
            os.write(2, b"".join(line for line in caught if not re.search(noise, line)))


def load_model(path: Path, *, n_ctx: int, ngl: int, device: str | None) -> Any:
    """The package's `LLModel` for a file.

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
        model = FromFile(str(path), n_ctx=n_ctx, ngl=ngl, device=device).model
    except RuntimeError as error:
        if "backend" in str(error):
            raise _no_device(device, error) from None
        raise ModelFileError(
            f"GPT4All cannot load {path}: {error}. Its engine is of August 2024; LlamaCpp and LocalServer know newer models."
        ) from None
    except ValueError as error:
        raise _no_device(device, error) from None
    if not is_loaded(model):
        model.close()
        raise ModelFileError(f"GPT4All cannot load {path}; its reason stands above, on standard error. Does it fit in memory?")
    return model


def is_loaded(model: Any) -> bool:
    """Whether the weights are in memory; a load that fails does not raise."""
    return model.model is not None and bool(binding().llmodel.llmodel_isModelLoaded(model.model))


def _no_device(device: str | None, error: Exception) -> InvalidRequestError:
    return InvalidRequestError(
        f"GPT4All cannot use device={device!r}: {error}. Use device='cpu', or see gpt4all.GPT4All.list_gpus()."
    )


def c_text(text: str) -> bytes:
    """A text as the C library takes it.

    Raises:
        InvalidRequestError: It has a NUL character or half of a surrogate pair.
    """
    if "\0" in text:
        raise InvalidRequestError("The text has a NUL character, at which GPT4All would cut it. Take it out.")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError("The text has half of a surrogate pair, which is no character. Take it out.") from None


def run_prompt(
    model: Any, prompt: str, on_prompt: Callable[[int], bool], on_token: Callable[[int, bytes], bool], **settings: Any
) -> None:
    """Read a prompt and answer it, as long as the callbacks return `True`; raises what they raise.

    Args:
        model: The package's `LLModel`.
        prompt: The text; names of special tokens in it become these tokens.
        on_prompt: Called with each token of the prompt, after its batch was read.
        on_token: Called with each token of the answer and its bytes.
        **settings: `n_predict`, `n_batch` and the sampling options, under the names of the C library.
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
