"""Re-export `ChatLlamafile` of `runtimes/llamafile/chat.py`, where `langchain_community` has it."""

from langchain_localllm.runtimes.llamafile.chat import ChatLlamafile

__all__ = ["ChatLlamafile"]
