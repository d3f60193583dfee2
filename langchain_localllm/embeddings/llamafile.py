"""Re-export the class of `runtimes/llamafile/embeddings.py` where the old package has it."""

from langchain_localllm.runtimes.llamafile.embeddings import LlamafileEmbeddings

__all__ = ["LlamafileEmbeddings"]
