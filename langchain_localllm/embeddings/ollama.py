"""`langchain_community`'s place for this name."""

from langchain_localllm.runtimes.ollama.embeddings import OllamaEmbeddings

__all__ = ["OllamaEmbeddings"]
