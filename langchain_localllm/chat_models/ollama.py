"""`langchain_community`'s place for this name."""

from langchain_localllm.runtimes.ollama.chat import ChatOllama

__all__ = ["ChatOllama"]
