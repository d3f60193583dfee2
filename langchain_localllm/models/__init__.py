"""The two tiny models that ship with the package: for demos, offline work and tests of your own chains.

`fit` estimates whether a model runs on this machine. It is imported when it is first used.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_localllm.manage.fit import Fit as Fit
    from langchain_localllm.manage.fit import fit as fit

__all__ = ["Fit", "fit", "tiny_chat_model", "tiny_chat_modelfile", "tiny_embedding_model"]

_HERE = Path(__file__).parent


def tiny_chat_model() -> Path:
    """Return the path of the shipped chat model, a GGUF file of a few megabytes (llama, ChatML, 2,048 tokens of context).

    It answers questions from passages, calls tools and fills JSON, all in a simple way: see `tiny-chat.md` there for what it
    can and cannot do. It runs on every engine that reads GGUF.

    Example:
        >>> from langchain_localllm.models import tiny_chat_model
        >>> tiny_chat_model().name
        'tiny-chat.gguf'
    """
    return _HERE / "tiny-chat.gguf"


def tiny_chat_modelfile() -> Path:
    """Return the path of the Modelfile that adds the chat model to Ollama: `ollama create tiny-chat -f <path>`.

    Example:
        >>> from langchain_localllm.models import tiny_chat_modelfile
        >>> tiny_chat_modelfile().name
        'tiny-chat.modelfile'
    """
    return _HERE / "tiny-chat.modelfile"


def tiny_embedding_model() -> Path:
    """Return the path of the shipped embedding model, a GGUF file of a few megabytes (bert, mean pooling, 512 tokens of context).

    A question gets a vector close to that of the passage that answers it: see `tiny-embed.md` in the same folder.

    Example:
        >>> from langchain_localllm.models import tiny_embedding_model
        >>> tiny_embedding_model().name
        'tiny-embed.gguf'
    """
    return _HERE / "tiny-embed.gguf"


def __getattr__(name: str) -> Any:
    if name in {"Fit", "fit"}:
        return getattr(importlib.import_module("langchain_localllm.manage.fit"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
