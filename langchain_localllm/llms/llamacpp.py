"""Re-export `LlamaCpp` of `runtimes/llamacpp/llm.py`, where `langchain_community` has it."""

from langchain_localllm.runtimes.llamacpp.llm import LlamaCpp

__all__ = ["LlamaCpp"]
