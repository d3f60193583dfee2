"""A chat model in one line, as LangChain's own `init_chat_model` makes one."""

from typing import Any

import langchain_localllm
from langchain_localllm.base.chat import LocalChatModel
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.registry import RUNTIMES


def init_chat_model(model: str, **options: Any) -> LocalChatModel:
    """Make a chat model from a runtime and a model.

    LangChain's function of this name makes only the classes that it knows, which are not ours.

    Args:
        model: `ollama:qwen3`, `llamacpp:model.gguf`, `gpt4all:model.gguf`, or `llamafile` for the model that a server runs.
        **options: Options of the class.

    Raises:
        InvalidOptionError: There is no such runtime, or the class does not take an option.

    Example:
        >>> from langchain_localllm import init_chat_model
        >>> init_chat_model("ollama:llama3.2", temperature=0).model
        'llama3.2'
    """
    runtime, _, name = model.partition(":")
    classes = {runtime: kinds["chat"] for runtime, kinds in RUNTIMES.items() if "chat" in kinds}
    if runtime not in classes:
        raise InvalidOptionError(
            f"{model!r} does not name a runtime. Put one before the model: {', '.join(f'{each}:' for each in classes)}."
        )
    chosen: LocalChatModel = getattr(langchain_localllm, classes[runtime])(**({"model": name} if name else {}), **options)
    return chosen
