"""`langchain_community`'s place for this name."""

from langchain_localllm.runtimes.llamafile.chat import ChatLlamafile

__all__ = ["ChatLlamafile"]
