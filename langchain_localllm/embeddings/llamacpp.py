"""Re-export the class of `runtimes/llamacpp/embeddings.py` where the old package has it."""

from langchain_localllm.runtimes.llamacpp.embeddings import LlamaCppEmbeddings

__all__ = ["LlamaCppEmbeddings"]
