"""Use llama.cpp instead of the gpt4all package.

The classes of `runtimes.llamacpp` are made from GPT4All's options.
"""

import importlib
from typing import Any

from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.registry import class_modules


def llamacpp_is_installed() -> bool:
    """Return whether any package for llama.cpp is installed."""
    from langchain_localllm.runtimes.llamacpp.backend import MODULES, is_installed

    return any(map(is_installed, MODULES))


def _class(name: str) -> Any:
    return getattr(importlib.import_module(class_modules("text", "chat", "embeddings")[name]), name)


class LlamaCppEngine:
    """A model file on llama.cpp. It is in memory as long as this object or an answer needs it.

    Args:
        loading: Arguments of the classes of `runtimes.llamacpp` that decide what is loaded.
        device: The device that was asked for, for an error.
    """

    def __init__(self, loading: dict[str, Any], device: str | None) -> None:
        self._loading = loading
        self._device = device
        self._models: dict[str, Any] = {}

    def model(self, name: str, options: dict[str, Any]) -> Any:
        """Return an object of a class for llama.cpp with options that were validated.

        The first one loads the file.

        Args:
            name: `LlamaCpp`, `ChatLlamaCpp` or `LlamaCppEmbeddings`.
            options: Its arguments other than those that decide what is loaded.
        """
        if (model := self._models.get(name)) is None:
            model = _class(name)(**self._loading, **options)
            self._check_device(model.backend)
            self._models[name] = model
        return model.model_copy(update=options)

    def _check_device(self, backend: str) -> None:
        if not self._loading["n_gpu_layers"] or self._device is None:
            return
        if backend == "xllamacpp":
            from langchain_localllm.runtimes.llamacpp.server_params import supports_gpu
        else:
            from langchain_localllm.runtimes.llamacpp.ffi import supports_gpu
        if not supports_gpu():
            raise InvalidRequestError(
                f"llama.cpp ({backend}) cannot use device={self._device!r}: this build has no "
                "GPU. Use device='cpu', or install a build for your GPU."
            )

    @property
    def busy(self) -> bool:
        """Whether llama.cpp is at work, or has work to do."""
        return any(model.engine.busy for model in self._models.values())

    def free(self) -> None:
        """Free the memory; answers that are being made fail."""
        for model in self._models.values():
            model.engine.free()
        self._models.clear()
