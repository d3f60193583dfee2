"""Re-export `ChatOllama` of `runtimes/ollama/chat.py`, where `langchain_community` has it."""

from langchain_localllm.runtimes.ollama.chat import ChatOllama

__all__ = ["ChatOllama"]
