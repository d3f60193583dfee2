"""Re-export `GPT4All` of `runtimes/gpt4all/llm.py`, where `langchain_community` has it."""

from langchain_localllm.runtimes.gpt4all.llm import GPT4All

__all__ = ["GPT4All"]
