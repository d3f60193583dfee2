"""Re-export `Llamafile` of `runtimes/llamafile/llm.py`, where `langchain_community` has it."""

from langchain_localllm.runtimes.llamafile.llm import Llamafile

__all__ = ["Llamafile"]
