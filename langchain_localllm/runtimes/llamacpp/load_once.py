"""Loads a model file and computes a few tokens; run in a process of its own for files that may end it (`models.trial_load`)."""

from pathlib import Path
from typing import Any, Final

from langchain_localllm.models.trial_load import EVERY_BYTE
from langchain_localllm.runtimes.llamacpp.context import Context, Part
from langchain_localllm.runtimes.llamacpp.model import Model

_TOKENS: Final = 16


def load_once(path: str, **settings: Any) -> None:
    """Load a file, tokenize, compute some tokens at once and one alone."""
    model = Model(Path(path), settings)
    tokens = model.tokenize(EVERY_BYTE)
    for token in range(model.size):
        model.answer_piece(token)
        model.piece(token, special=True)
    embeds = model.info.embeds
    lengths = {"n_ctx": 64, "n_batch": 64, "n_ubatch": 64, "n_threads": 1, "n_threads_batch": 1}
    context = Context(model, {**lengths, "embeddings": embeds, "kv_unified": True})
    count = min(_TOKENS, len(tokens))
    context.decode([Part(0, 0, tokens[:count], count if embeds else 1)])
    if not embeds:
        context.logits(count - 1)
        context.decode([Part(0, count, tokens[-1:], 1)])
    context.free()
