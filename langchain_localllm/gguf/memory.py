"""How much memory llama.cpp takes for a model and a context: weights, cache and buffers."""

import re
from dataclasses import dataclass
from math import prod
from typing import Final

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.gguf.architecture import Architecture, Layer
from langchain_localllm.gguf.header import GGUFInfo

__all__ = ["CACHE_BYTES", "CACHE_TYPES", "Memory", "Settings", "estimate"]

CACHE_TYPES: Final = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "iq4_nl": 20, "bf16": 30}
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
"""Bytes of a number in the cache, by the cache's type."""
_FLOAT: Final = 4
_PLACE: Final = 8
"""Bytes that say where a number of the values goes, where they are stored transposed."""
_STEP: Final = 256
"""llama.cpp rounds contexts up to multiples of it."""
_LAYER: Final = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the memory depends on beside the model and the context; the names are llama.cpp's.

    Attributes:
        type_k: Type of the cache's keys, such as `f16` or `q8_0`.
        type_v: Type of its values.
        flash_attn: Whether attention is computed without holding all its weights at a time.
        n_ubatch: Tokens that are computed together.
        sequences: Requests and kept prompts that the cache tells apart.
        outputs: Tokens of a batch whose logits are wanted at most; 0 is all.
        swa_full: Keep all tokens for layers with a sliding window.

    Raises:
        InvalidOptionError: The cache has no such type.
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
                raise InvalidOptionError(f"The cache has no type {name!r}. There are {', '.join(CACHE_BYTES)}.")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a model takes with a context.

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
        """All of it together."""
        return self.weights + self.cache + self.buffers


def estimate(info: GGUFInfo, context: int, settings: Settings | None = None, *, weights: int | None = None) -> Memory:
    """The memory that llama.cpp takes; the process itself and its libraries, about 100 MB, come on top.

    Args:
        info: The model's header.
        context: Tokens of context for all sequences together.
        settings: Types, batches and sequences; default: llama.cpp's server for one request at a time.
        weights: Bytes of the weights, where these are not those of the header: of a model in several parts, or of another
            quantization.

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
    """Bytes of the weights."""
    return sum(tensor.size for tensor in info.tensors.values())


def parameters(info: GGUFInfo) -> int:
    """How many weights there are."""
    return sum(prod(tensor.shape) for tensor in info.tensors.values())


def layer_cache(architecture: Architecture, layer: Layer, cells: int, settings: Settings) -> int:
    """Bytes that a layer keeps for the cache's tokens and sequences."""
    value = layer.value
    if value and not settings.flash_attn:  # stored transposed, all layers alike
        value = max(each.value for each in architecture.layers)
    per_token = layer.key * CACHE_BYTES[settings.type_k] + value * CACHE_BYTES[settings.type_v]
    kept = _kept(architecture, cells, settings, windowed=layer.windowed)
    return int(kept * per_token) + layer.state * _FLOAT * settings.sequences


def _kept(architecture: Architecture, cells: int, settings: Settings, *, windowed: bool) -> int:
    """How many of the cache's tokens a layer keeps."""
    if not windowed or settings.swa_full:
        return cells
    seen = architecture.window * settings.sequences + settings.n_ubatch
    return min(cells, -(-seen // _STEP) * _STEP)


def layer_weights(info: GGUFInfo) -> dict[int, int]:
    """Bytes of the weights of each layer; those of none are under -1."""
    sizes: dict[int, int] = {}
    for name, tensor in info.tensors.items():
        match = _LAYER.match(name)
        number = int(match[1]) if match else -1
        sizes[number] = sizes.get(number, 0) + tensor.size
    return sizes


def _buffers(architecture: Architecture, cells: int, settings: Settings) -> int:
    """The largest of the steps of computing a batch, as llama.cpp reserves them, and the logits that it hands out.

    How many vectors are alive at a step was found by trying: tests compare the sums with what llama.cpp takes.
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
    """What tells which token sees which, and where values go, once for each kind of layer."""
    each = 2 if settings.flash_attn else _FLOAT
    if not architecture.layers:
        return tokens * tokens * each
    kinds = {layer.windowed: layer.value for layer in architecture.layers if layer.key}
    seen = sum(_kept(architecture, cells, settings, windowed=kind) for kind in kinds)
    places = 0 if settings.flash_attn else sum(kinds.values()) * _PLACE
    return tokens * (seen * each + places)
