"""Compute the memory of contexts, KV caches and saved sequences, and the largest context."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.gguf.capacity import DEFAULT_CONTEXT, SHARE, largest_context, layers_on_gpu
from langchain_localllm.gguf.header import GGUFInfo, check_gguf
from langchain_localllm.gguf.kv_cache import Architecture
from langchain_localllm.gguf.machine import free_memory, this_machine
from langchain_localllm.gguf.memory import CACHE_TYPES, Settings, layer_cache

__all__ = [
    "bytes_per_token",
    "cache_length",
    "context_length",
    "depends_on_length",
    "free_memory",
    "gpu_layers",
    "host_cache_bytes",
    "max_segments",
    "text_length",
]

_SHARE_FOR_ONE: Final = 0.5
"""The part of the free memory that one whole context takes at most, unless the caller asks for a
length."""
_SHARE_FOR_MORE: Final = 0.25
"""The largest share of it that the cache uses for concurrent requests."""
_SHARE_ASIDE: Final = 0.125
"""The part of what the cache leaves free that is for what earlier requests left there."""


_TYPES: Final = {number: name for name, number in CACHE_TYPES.items()}
"""llama.cpp's numbers for the cache's types."""
_STEP: Final = 256
_LEAST: Final = 256
_SEQUENCES: Final = 32
_OUTPUTS: Final = 128
"""Sequences and outputs of a context, at most."""


def bytes_per_token(info: GGUFInfo, type_k: int | None, type_v: int | None) -> int:
    """Return the cache's memory for a token, in all layers."""
    architecture = Architecture(info)
    settings = Settings(_type(type_k), _type(type_v), swa_full=True)
    return max(
        1,
        sum(layer_cache(architecture, layer, _STEP, settings) for layer in architecture.layers)
        // _STEP,
    )


def context_length(
    info: GGUFInfo,
    asked: int | Literal["auto"] | None,
    per_token: int,
    free: int,
    settings: Mapping[str, Any] | None = None,
    *,
    weights: int | None = None,
) -> int:
    """Return the tokens of context.

    They are what was asked for, else the smallest of the model's, 8,192 and what fits in memory.

    Args:
        info: The model's header.
        asked: Tokens; 0 is the model's own, `auto` as much of that as fits, `None` chooses.
        per_token: Bytes of the cache for a token.
        free: Bytes that are free.
        settings: Fields of `llama_context_params` that were asked for.
        weights: Bytes of the weights. Default: as the header says, which of a model in several
            parts knows only the first.
    """
    trained = info.context_length or DEFAULT_CONTEXT
    if asked == "auto":
        return max(
            _LEAST,
            largest_context(info, _settings(settings or {}), free * SHARE, weights=weights),
        )
    if asked is None:
        return max(_LEAST, min(trained, DEFAULT_CONTEXT, int(free * _SHARE_FOR_ONE) // per_token))
    return asked or trained


def text_length(asked: int | Literal["auto"] | None, trained: int | None) -> int:
    """Return the tokens that a text to embed can have.

    Args:
        asked: Tokens, at most those of the model; 0 is the model's own, `None` the same up to
            8,192.
        trained: The tokens that the model was trained with, where its file names them.
    """
    most = trained or DEFAULT_CONTEXT
    return min(most, DEFAULT_CONTEXT) if not isinstance(asked, int) else min(asked or most, most)


def gpu_layers(path: Path, context: int | Literal["auto"] | None) -> int:
    """Return how many layers of a model fit on the GPU with its context."""
    info = check_gguf(path)
    trained = info.context_length or DEFAULT_CONTEXT
    tokens = context if isinstance(context, int) and context else min(trained, DEFAULT_CONTEXT)
    return layers_on_gpu(info, tokens, _settings({}), this_machine().gpu_free)


def _settings(asked: Mapping[str, Any]) -> Settings:
    """Return what the memory depends on, as the engine makes its context."""
    return Settings(
        _type(asked.get("type_k")),
        _type(asked.get("type_v")),
        bool(asked.get("flash_attn_type")),
        asked.get("n_ubatch") or asked.get("n_batch", 512),
        _SEQUENCES,
        _OUTPUTS,
        asked.get("swa_full", True),
    )


def _type(number: int | None) -> str:
    return _TYPES.get(1 if number is None else number, "f16")


def cache_length(info: GGUFInfo, context: int, parallel: int, per_token: int, free: int) -> int:
    """Return the cache size in tokens for all requests together.

    It is at least one full context, and at most one per request.
    """
    if per_token * context > free:
        raise InvalidOptionError(
            f"A context of {context:,} tokens takes {_gigabytes(per_token * context)}, and "
            f"{_gigabytes(free)} are free: use a smaller `n_ctx`, or a smaller type for the "
            "cache, such as type_k='q8_0' and type_v='q8_0'."
        )
    if depends_on_length(info):
        return context
    return context * max(1, min(parallel, int(free * _SHARE_FOR_MORE) // (per_token * context)))


def host_cache_bytes(cells: int, per_token: int, free: int) -> int:
    """Return the bytes of host memory for saving idle sequences.

    They are a share of the memory that the cache leaves free.
    """
    return int(max(0, free - cells * per_token) * _SHARE_ASIDE)


def max_segments(offloaded: int, per_token: int, *, flash: bool) -> int:
    """Return in how many places of the cache an offloaded sequence may be.

    The limit keeps the cost at no more than another quarter. Without flash attention, llama.cpp
    notes 32 bytes for each place and each number that a token has as values, which are a quarter of
    its bytes in the cache; and the list of these notes doubles as it grows.
    """
    return offloaded // 4 // (per_token * (1 if flash else 16))


def depends_on_length(info: GGUFInfo) -> bool:
    """Return whether the model computes differently beyond its first training length (LongRoPE)."""
    scaling = f"{info.architecture}.rope.scaling"
    values = info.metadata
    return (
        f"{scaling}.original_context_length" in values and values.get(f"{scaling}.type") != "yarn"
    )


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
