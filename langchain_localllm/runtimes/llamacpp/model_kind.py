"""Refuse a model of another kind than the class is for."""

from pathlib import Path

from langchain_localllm.errors import ModelFileError
from langchain_localllm.gguf.header import GGUFInfo


def require_embedding_model(path: Path, info: GGUFInfo) -> None:
    """Raise `ModelFileError` for a reranker."""
    if info.ranks:
        raise ModelFileError(
            f"{path} is a reranker: it scores pairs of texts and makes no vectors. Use an "
            "embedding model, or rerank with LlamaCppReranker."
        )


def require_reranker(path: Path, info: GGUFInfo) -> None:
    """Raise `ModelFileError` for a model that is not a reranker."""
    if not info.has_classifier:
        reason = "it has no classification head (tensors whose names begin with `cls.`)"
        raise ModelFileError(
            f"{path} is not a reranker: {reason}. Use a model such as bge-reranker-v2-m3 or "
            "Qwen3-Reranker."
        )
