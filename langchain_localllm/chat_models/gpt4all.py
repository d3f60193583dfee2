"""`langchain_community`'s place for this name."""

from langchain_localllm.runtimes.gpt4all.chat import ChatGPT4All

__all__ = ["ChatGPT4All"]
