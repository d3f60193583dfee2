"""Re-export the class of `runtimes/gpt4all/embeddings.py` where the old package has it."""

from langchain_localllm.runtimes.gpt4all.embeddings import GPT4AllEmbeddings

__all__ = ["GPT4AllEmbeddings"]
