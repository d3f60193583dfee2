"""`langchain_community`'s place for this name."""

from langchain_localllm.runtimes.ollama.llm import Ollama

__all__ = ["Ollama"]
