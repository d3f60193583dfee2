"""Ship two tiny models for demos, offline work and tests of your own chains.

`fit` estimates whether a model runs on this machine, and `find_model` returns the file of one that
you downloaded. Both are imported when they are first used.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_localllm.manage.find_model import find_model as find_model
    from langchain_localllm.manage.fit import Fit as Fit
    from langchain_localllm.manage.fit import fit as fit

__all__ = [
    "Fit",
    "find_model",
    "fit",
    "tiny_chat_model",
    "tiny_chat_modelfile",
    "tiny_embedding_model",
]

_HERE = Path(__file__).parent
_MODULES = {
    "Fit": "langchain_localllm.manage.fit",
    "find_model": "langchain_localllm.manage.find_model",
    "fit": "langchain_localllm.manage.fit",
}
"""Name to the module that it is imported from when it is first used."""


def tiny_chat_model() -> Path:
    """Return the path of the shipped chat model, a GGUF file of a few megabytes.

    Its architecture is llama, its format ChatML, its context 2,048 tokens.

    It answers questions from passages, calls tools and fills JSON, all in a simple way: see
    `tiny-chat.md` there for what it can and cannot do. It runs on every engine that reads GGUF.

    Example:
        >>> from langchain_localllm.models import tiny_chat_model
        >>> tiny_chat_model().name
        'tiny-chat.gguf'
    """
    return _HERE / "tiny-chat.gguf"


def tiny_chat_modelfile() -> Path:
    """Return the path of the Modelfile that adds the chat model to Ollama.

    The command is `ollama create tiny-chat -f <path>`.

    Example:
        >>> from langchain_localllm.models import tiny_chat_modelfile
        >>> tiny_chat_modelfile().name
        'tiny-chat.modelfile'
    """
    return _HERE / "tiny-chat.modelfile"


def tiny_embedding_model() -> Path:
    """Return the path of the shipped embedding model, a GGUF file of a few megabytes.

    Its architecture is bert with mean pooling, its context 512 tokens. A question gets a vector
    close to that of the passage that answers it: see `tiny-embed.md` in the same folder.

    Example:
        >>> from langchain_localllm.models import tiny_embedding_model
        >>> tiny_embedding_model().name
        'tiny-embed.gguf'
    """
    return _HERE / "tiny-embed.gguf"


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
