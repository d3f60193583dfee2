"""Re-export `ChatLlamaCpp` of `runtimes/llamacpp/chat.py`, where `langchain_community` has it."""

from langchain_localllm.runtimes.llamacpp.chat import ChatLlamaCpp

__all__ = ["ChatLlamaCpp"]
