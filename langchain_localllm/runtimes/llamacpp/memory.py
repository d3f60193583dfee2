"""How much memory a context takes, and how large it can be."""

from pathlib import Path
from typing import Final

import psutil

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.runtimes.llamacpp.library import lib
from langchain_localllm.runtimes.llamacpp.model import Model

LARGEST_DEFAULT: Final = 8192
"""Tokens of context where nobody asks for another length, unless the model or the memory sets a smaller limit."""
_SHARE_FOR_ONE: Final = 0.5
"""The part of the free memory that one whole context takes at most, where nobody asks for a length."""
_SHARE_FOR_MORE: Final = 0.25
"""The part of it that the cache takes at most for requests that run beside each other."""


_BYTES: Final = {0: 4.0, 1: 2.0, 2: 18 / 32, 3: 20 / 32, 6: 22 / 32, 7: 24 / 32, 8: 34 / 32, 20: 18 / 32, 30: 2.0}
_F16: Final = 1


def free_memory() -> int:
    """Bytes that this process can take, by the system's count and its control group's limit."""
    free = int(psutil.virtual_memory().available)
    group = Path("/sys/fs/cgroup")
    try:
        return min(free, int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):  # not Linux, or no limit
        return free


def bytes_per_token(model: Model, type_k: int | None, type_v: int | None) -> int:
    """The cache's memory for a token; more than it takes for models whose layers differ."""
    heads, size = lib.llama_model_n_head(model.pointer), lib.llama_model_n_embd(model.pointer)
    groups, layers = lib.llama_model_n_head_kv(model.pointer), lib.llama_model_n_layer(model.pointer)
    head = size // max(heads, 1)
    prefix = f"{model.info.architecture}.attention"
    keys = int(model.info.metadata.get(f"{prefix}.key_length", head))
    values = int(model.info.metadata.get(f"{prefix}.value_length", head))
    each = keys * _BYTES.get(_F16 if type_k is None else type_k, 2.0) + values * _BYTES.get(_F16 if type_v is None else type_v, 2.0)
    return max(1, int(layers * groups * each))


def context_length(model: Model, asked: int | None, per_token: int, free: int) -> int:
    """Tokens of context: what was asked for, else the smallest of the model's, 8,192 and what fits in memory."""
    trained = model.trained_context or LARGEST_DEFAULT
    if asked is None:
        return max(256, min(trained, LARGEST_DEFAULT, int(free * _SHARE_FOR_ONE) // per_token))
    return asked or trained


def cache_length(model: Model, context: int, parallel: int, per_token: int, free: int) -> int:
    """Tokens that the cache holds for all requests together: at least one whole context, at most one for each request."""
    if per_token * context > free:
        raise InvalidOptionError(
            f"A context of {context:,} tokens takes {_gigabytes(per_token * context)}, and {_gigabytes(free)} are free: "
            "use a smaller `n_ctx`, or a smaller type for the cache, such as type_k='q8_0' and type_v='q8_0'."
        )
    if _depends_on_length(model):
        return context
    return context * max(1, min(parallel, int(free * _SHARE_FOR_MORE) // (per_token * context)))


def _depends_on_length(model: Model) -> bool:
    """Whether the model computes in another way when its context is longer than it was first trained with (LongRoPE)."""
    scaling = f"{model.info.architecture}.rope.scaling"
    values = model.info.metadata
    return f"{scaling}.original_context_length" in values and values.get(f"{scaling}.type") != "yarn"


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
