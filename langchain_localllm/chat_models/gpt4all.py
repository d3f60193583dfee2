"""Re-export `ChatGPT4All` of `runtimes/gpt4all/chat.py`, where `langchain_community` has it."""

from langchain_localllm.runtimes.gpt4all.chat import ChatGPT4All

__all__ = ["ChatGPT4All"]
