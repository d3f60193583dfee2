"""Embed texts with a server."""

from langchain_localllm.base.embeddings import LocalEmbeddings
from langchain_localllm.base.text_batches_http import ServedBatches


class ServedEmbeddings(ServedBatches, LocalEmbeddings):
    """Embeddings over HTTP."""
