"""Re-export the names of `langchain_community.llms`.

So a changed package name in an import is the whole migration.
"""

from typing import TYPE_CHECKING

from langchain_localllm._lazy import lazy_exports
from langchain_localllm.registry import RUNTIMES, class_modules

if TYPE_CHECKING:
    from langchain_localllm.runtimes.gpt4all.llm import GPT4All as GPT4All
    from langchain_localllm.runtimes.llamacpp.llm import LlamaCpp as LlamaCpp
    from langchain_localllm.runtimes.llamafile.llm import Llamafile as Llamafile
    from langchain_localllm.runtimes.ollama.llm import Ollama as Ollama
    from langchain_localllm.runtimes.ollama.llm import OllamaLLM as OllamaLLM

__getattr__, __dir__, __all__ = lazy_exports(__name__, class_modules("text"), RUNTIMES)
