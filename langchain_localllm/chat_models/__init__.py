"""Re-export the names of `langchain_community.chat_models`.

So a changed package name in an import is the whole migration.
"""

from typing import TYPE_CHECKING

from langchain_localllm._lazy import lazy_exports
from langchain_localllm.registry import RUNTIMES, class_modules

if TYPE_CHECKING:
    from langchain_localllm.runtimes.gpt4all.chat import ChatGPT4All as ChatGPT4All
    from langchain_localllm.runtimes.llamacpp.chat import ChatLlamaCpp as ChatLlamaCpp
    from langchain_localllm.runtimes.llamafile.chat import ChatLlamafile as ChatLlamafile
    from langchain_localllm.runtimes.ollama.chat import ChatOllama as ChatOllama

__getattr__, __dir__, __all__ = lazy_exports(__name__, class_modules("chat"), RUNTIMES)
