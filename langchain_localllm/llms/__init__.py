"""The names of `langchain_community.llms`, so that a changed package name in an import is the whole migration."""

from typing import TYPE_CHECKING

from langchain_localllm._lazy import lazy_exports

if TYPE_CHECKING:
    from langchain_localllm.runtimes.llamafile.llm import Llamafile as Llamafile

__getattr__, __dir__, __all__ = lazy_exports(__name__, {"Llamafile": "langchain_localllm.runtimes.llamafile.llm"})
