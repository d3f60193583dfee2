"""`langchain_community`'s place for this name."""

from langchain_localllm.runtimes.gpt4all.embeddings import GPT4AllEmbeddings

__all__ = ["GPT4AllEmbeddings"]
