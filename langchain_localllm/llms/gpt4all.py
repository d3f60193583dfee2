"""`langchain_community`'s place for this name."""

from langchain_localllm.runtimes.gpt4all.llm import GPT4All

__all__ = ["GPT4All"]
