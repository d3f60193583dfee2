"""Re-export the names of `langchain_community.embeddings`.

So a changed package name in an import is the whole migration.
"""

from typing import TYPE_CHECKING

from langchain_localllm._lazy import lazy_exports
from langchain_localllm.registry import RUNTIMES, class_modules

if TYPE_CHECKING:
    from langchain_localllm.runtimes.gpt4all.embeddings import (
        GPT4AllEmbeddings as GPT4AllEmbeddings,
    )
    from langchain_localllm.runtimes.llamacpp.embeddings import (
        LlamaCppEmbeddings as LlamaCppEmbeddings,
    )
    from langchain_localllm.runtimes.llamafile.embeddings import (
        LlamafileEmbeddings as LlamafileEmbeddings,
    )
    from langchain_localllm.runtimes.ollama.embeddings import OllamaEmbeddings as OllamaEmbeddings

__getattr__, __dir__, __all__ = lazy_exports(__name__, class_modules("embeddings"), RUNTIMES)
