"""Vectors of all-MiniLM against similarities that its publisher documents."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from langchain_localllm import (
    GPT4AllEmbeddings,
    LlamaCppEmbeddings,
    LlamafileEmbeddings,
    LocalServer,
    OllamaEmbeddings,
)
from tools.engines import ollama
from tools.engines.real_models import MINILM

TEXTS: Final = [
    "The weather is lovely today.",
    "It's so sunny outside!",
    "He drove to the stadium.",
]
SIMILARITIES: Final = [[1, 0.6660, 0.1046], [0.6660, 1, 0.1411], [0.1046, 0.1411, 1]]
"""Source: https://www.sbert.net/docs/quickstart.html (Sentence Transformer), all-MiniLM-L6-v2."""
Q8_0: Final = 0.01
"""How far 8 bits a weight may move a similarity."""


@contextmanager
def _llamafile() -> Iterator[Any]:
    with LocalServer(MINILM, embedding=True) as server:
        yield LlamafileEmbeddings(base_url=server.base_url)


@contextmanager
def _ollama(folder: Path) -> Iterator[Any]:
    with ollama.serve(folder) as url:
        ollama.create(url, "minilm", MINILM)
        yield OllamaEmbeddings(base_url=url, model="minilm")


MAKE: Final[dict[str, Callable[[Path], Any]]] = {
    "gpt4all": lambda _: GPT4AllEmbeddings(model=str(MINILM)),
    "llama-cpp-python": lambda _: LlamaCppEmbeddings(model_path=MINILM, backend="llama-cpp-python"),
    "llamafile": lambda _: _llamafile(),
    "ollama": _ollama,
    "xllamacpp": lambda _: LlamaCppEmbeddings(model_path=MINILM, backend="xllamacpp"),
}


@pytest.mark.parametrize("runtime", MAKE)
def test_similarities_are_those_that_the_publisher_documents(runtime: str, tmp_path: Path) -> None:
    with MAKE[runtime](tmp_path) as embeddings:
        vectors = np.array(embeddings.embed_documents(TEXTS))
        query = np.array(embeddings.embed_query(TEXTS[0]))
    assert vectors.shape == (3, 384)
    assert np.allclose(vectors @ vectors.T, SIMILARITIES, atol=Q8_0)
    assert np.allclose(query @ vectors[0], 1, atol=1e-3)
