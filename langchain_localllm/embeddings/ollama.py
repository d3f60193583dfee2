"""Re-export the class of `runtimes/ollama/embeddings.py` where the old package has it."""

from langchain_localllm.runtimes.ollama.embeddings import OllamaEmbeddings

__all__ = ["OllamaEmbeddings"]
