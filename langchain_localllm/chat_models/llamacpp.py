"""`langchain_community`'s place for this name."""

from langchain_localllm.runtimes.llamacpp.chat import ChatLlamaCpp

__all__ = ["ChatLlamaCpp"]
