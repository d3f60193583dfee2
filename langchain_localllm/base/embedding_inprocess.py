"""Embed texts with a library in this process."""

from langchain_localllm.base.embeddings import LocalEmbeddings
from langchain_localllm.base.text_batches_inprocess import InProcessBatches


class InProcessEmbeddings(InProcessBatches, LocalEmbeddings):
    """Embeddings by an engine's thread; `timeout` is that of a whole call."""
