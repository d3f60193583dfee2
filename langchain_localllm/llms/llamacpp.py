"""`langchain_community`'s place for this name."""

from langchain_localllm.runtimes.llamacpp.llm import LlamaCpp

__all__ = ["LlamaCpp"]
