"""`langchain_community`'s place for this name."""

from langchain_localllm.runtimes.llamafile.llm import Llamafile

__all__ = ["Llamafile"]
