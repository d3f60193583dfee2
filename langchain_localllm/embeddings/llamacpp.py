"""`langchain_community`'s place for this name."""

from langchain_localllm.runtimes.llamacpp.embeddings import LlamaCppEmbeddings

__all__ = ["LlamaCppEmbeddings"]
