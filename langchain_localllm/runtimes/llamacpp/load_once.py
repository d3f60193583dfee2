"""Loads a model file and computes a few tokens.

Run in a process of its own for files that may end it (`gguf.trial_load`).
"""

from pathlib import Path
from typing import Any, Final

from langchain_localllm.gguf.trial_load import EVERY_BYTE
from langchain_localllm.models.samples import IMAGE
from langchain_localllm.runtimes.llamacpp.context import Context, Part
from langchain_localllm.runtimes.llamacpp.model import Model

_TOKENS: Final = 16
_LARGEST_IMAGE: Final = 1 << 20
"""Tokens of an image, at most: no limit."""


def load_once(
    path: str, *, lora: str | None = None, projector: str | None = None, **settings: Any
) -> None:
    """Load a file, tokenize, compute some tokens at once and one alone.

    Args:
        path: The model file.
        lora: A LoRA adapter to apply.
        projector: A projector. It reads one image, and no tokens are computed.
        settings: Fields of `llama_model_params`.
    """
    model = Model(Path(path), settings)
    if projector:
        _encode_image(model, projector)
    else:
        _compute_tokens(model, lora)


def _encode_image(model: Model, projector: str) -> None:
    from langchain_localllm.runtimes.llamacpp.images import Projector

    prompt = Projector(Path(projector), model, use_gpu=False).read(
        ["a", IMAGE, "b"], _LARGEST_IMAGE
    )
    for image in prompt.images:
        image.encode()


def _compute_tokens(model: Model, lora: str | None) -> None:
    tokens = model.tokenize(EVERY_BYTE)
    for token in range(model.size):
        model.answer_piece(token)
        model.piece(token, special=True)
    embeds = model.info.embeds
    lengths = {"n_ctx": 64, "n_batch": 64, "n_ubatch": 64, "n_threads": 1, "n_threads_batch": 1}
    adapters = ((lora, 1.0),) if lora else ()
    context = Context(model, {**lengths, "embeddings": embeds, "kv_unified": True}, adapters)
    count = min(_TOKENS, len(tokens))
    context.decode([Part(0, 0, tokens[:count], count if embeds else 1)])
    if not embeds:
        context.logits(count - 1)
        context.decode([Part(0, count, tokens[-1:], 1)])
    context.free()
