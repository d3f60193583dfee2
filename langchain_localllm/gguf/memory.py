"""Estimate llama.cpp's memory for a model and a context: weights, KV cache and buffers.

What each layer of an architecture keeps in the cache is in `gguf.kv_cache`.
"""

import re
from dataclasses import dataclass
from math import prod
from typing import Final

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.gguf.header import GGUFInfo
from langchain_localllm.gguf.kv_cache import Architecture, Layer

__all__ = ["CACHE_BYTES", "CACHE_TYPES", "Memory", "Settings", "estimate"]

CACHE_TYPES: Final = {
    "f32": 0,
    "f16": 1,
    "q4_0": 2,
    "q4_1": 3,
    "q5_0": 6,
    "q5_1": 7,
    "q8_0": 8,
    "iq4_nl": 20,
    "bf16": 30,
}
"""Types of the KV cache, and their numbers in `ggml.h`."""
CACHE_BYTES: Final = {
    "f32": 4.0,
    "f16": 2.0,
    "bf16": 2.0,
    "q8_0": 34 / 32,
    "q5_1": 24 / 32,
    "q5_0": 22 / 32,
    "q4_1": 20 / 32,
    "q4_0": 18 / 32,
    "iq4_nl": 18 / 32,
}
"""Bytes per number in the KV cache, by cache type."""
_FLOAT: Final = 4
_PLACE: Final = 8
"""Bytes of an index per value, if values are stored transposed (without flash attention)."""
_STEP: Final = 256
"""llama.cpp rounds context lengths up to multiples of this."""
_LAYER: Final = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Settings:
    """Hold the settings that change the memory; the names are llama.cpp's.

    Attributes:
        type_k: Cache type of the keys, such as `f16` or `q8_0`.
        type_v: Cache type of the values.
        flash_attn: Whether flash attention is used.
        n_ubatch: Tokens that are computed together.
        sequences: The number of sequences in the cache (`n_seq_max`).
        outputs: The most tokens of a batch with logits; 0 means all.
        swa_full: Keep all tokens for layers with a sliding window.

    Raises:
        InvalidOptionError: `type_k` or `type_v` is not a cache type.
    """

    type_k: str = "f16"
    type_v: str = "f16"
    flash_attn: bool = False
    n_ubatch: int = 512
    sequences: int = 1
    outputs: int = 0
    swa_full: bool = False

    def __post_init__(self) -> None:
        for name in (self.type_k, self.type_v):
            if name not in CACHE_BYTES:
                raise InvalidOptionError(
                    f"{name!r} is not a cache type. Use one of {', '.join(CACHE_BYTES)}."
                )


@dataclass(frozen=True, slots=True)
class Memory:
    """Hold the memory of a model with a context, in bytes.

    Attributes:
        context: Tokens of context.
        weights: The weights.
        cache: Keys and values of the context's tokens, and the states of recurrent layers.
        buffers: Intermediate results and logits.
    """

    context: int
    weights: int
    cache: int
    buffers: int

    @property
    def total(self) -> int:
        """The sum of weights, cache and buffers."""
        return self.weights + self.cache + self.buffers


def estimate(
    info: GGUFInfo, context: int, settings: Settings | None = None, *, weights: int | None = None
) -> Memory:
    """Estimate the memory that llama.cpp needs.

    The process and its libraries take about 100 MB more.

    Args:
        info: The model's header.
        context: Tokens of context for all sequences together.
        settings: Types, batches and sequences; default: llama.cpp's server for one request at a
            time.
        weights: Bytes of the weights, if they differ from the header's: of all parts of a split
            model, or of another quantization.

    Example:
        >>> from langchain_localllm.models import tiny_chat_model
        >>> from langchain_localllm.gguf.header import check_gguf
        >>> estimate(check_gguf(tiny_chat_model()), 2048).cache
        9437184
    """
    settings = settings or Settings()
    architecture = Architecture(info)
    cells = -(-context // _STEP) * _STEP
    cache = sum(layer_cache(architecture, layer, cells, settings) for layer in architecture.layers)
    size = weight_size(info) if weights is None else weights
    return Memory(context, size, cache, _buffers(architecture, cells, settings))


def weight_size(info: GGUFInfo) -> int:
    """Return the bytes of the weights."""
    return sum(tensor.size for tensor in info.tensors.values())


def parameters(info: GGUFInfo) -> int:
    """Return the number of parameters."""
    return sum(prod(tensor.shape) for tensor in info.tensors.values())


def layer_cache(architecture: Architecture, layer: Layer, cells: int, settings: Settings) -> int:
    """Return the bytes that a layer needs in the cache."""
    value = layer.value
    if value and not settings.flash_attn:  # transposed, with the same size in all layers
        value = max(each.value for each in architecture.layers)
    per_token = layer.key * CACHE_BYTES[settings.type_k] + value * CACHE_BYTES[settings.type_v]
    kept = _kept(architecture, cells, settings, windowed=layer.windowed)
    return int(kept * per_token) + layer.state * _FLOAT * settings.sequences


def _kept(architecture: Architecture, cells: int, settings: Settings, *, windowed: bool) -> int:
    """Return how many tokens a layer keeps in the cache."""
    if not windowed or settings.swa_full:
        return cells
    seen = architecture.window * settings.sequences + settings.n_ubatch
    return min(cells, -(-seen // _STEP) * _STEP)


def layer_weights(info: GGUFInfo) -> dict[int, int]:
    """Return the bytes of weights by layer; weights outside the layers are under -1."""
    sizes: dict[int, int] = {}
    for name, tensor in info.tensors.items():
        match = _LAYER.match(name)
        number = int(match[1]) if match else -1
        sizes[number] = sizes.get(number, 0) + tensor.size
    return sizes


def _buffers(architecture: Architecture, cells: int, settings: Settings) -> int:
    """Return the bytes of the compute buffer and of the logits.

    The buffer holds the largest step of a batch. The number of vectors per step was found by
    experiment: tests compare the sums with llama.cpp's own numbers.
    """
    tokens = min(cells, settings.n_ubatch)
    outputs = min(tokens, settings.outputs or tokens)
    floats = tokens * _FLOAT
    vector = architecture.width * floats
    masks = _masks(architecture, cells, tokens, settings)
    logits = architecture.words * _FLOAT if architecture.layers else 0
    steps = [
        logits * outputs + 2 * vector,
        masks + _attention(architecture, cells, tokens, settings),
        masks + (3 if logits else 2) * architecture.hidden * floats + (5 if logits else 2) * vector,
        8 * architecture.number("ssm.inner_size") * floats,
    ]
    if used := architecture.number("expert_used_count"):
        width = architecture.number("expert_feed_forward_length")
        steps.append((2 * architecture.width + width) * used * floats + 4 * vector)
    return max(steps) + logits * settings.sequences


def _attention(architecture: Architecture, cells: int, tokens: int, settings: Settings) -> int:
    heads, floats = architecture.heads, tokens * _FLOAT
    keys = heads * architecture.head_size("key") * floats
    seen = cells if architecture.layers else tokens
    scores = 0 if settings.flash_attn else heads * seen * floats
    if architecture.latent:
        return scores + int(keys * (5.5 if settings.flash_attn else 3.25))
    return scores + 2 * keys + 3 * architecture.width * floats


def _masks(architecture: Architecture, cells: int, tokens: int, settings: Settings) -> int:
    """Return the bytes of attention masks and value indices, once for each kind of layer."""
    each = 2 if settings.flash_attn else _FLOAT
    if not architecture.layers:
        return tokens * tokens * each
    kinds = {layer.windowed: layer.value for layer in architecture.layers if layer.key}
    seen = sum(_kept(architecture, cells, settings, windowed=kind) for kind in kinds)
    places = 0 if settings.flash_attn else sum(kinds.values()) * _PLACE
    return tokens * (seen * each + places)
