"""`langchain_community`'s place for this name."""

from langchain_localllm.runtimes.llamafile.embeddings import LlamafileEmbeddings

__all__ = ["LlamafileEmbeddings"]
