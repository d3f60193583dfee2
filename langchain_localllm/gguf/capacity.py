"""Compute the limits of a model here: context that fits, layers on a GPU, and speed."""

from typing import Final

from langchain_localllm.gguf.header import GGUFInfo
from langchain_localllm.gguf.kv_cache import Architecture
from langchain_localllm.gguf.memory import (
    Memory,
    Settings,
    estimate,
    layer_cache,
    layer_weights,
    weight_size,
)

__all__ = ["DEFAULT_CONTEXT", "SHARE", "largest_context", "layers_on_gpu", "tokens_per_second"]

SHARE: Final = 0.9
"""The share of the free memory that a model may use; the rest is for the process itself."""
DEFAULT_CONTEXT: Final = 8192
"""The default context, in tokens, where neither the user nor the model sets a smaller one."""
_STEP: Final = 256


def largest_context(
    info: GGUFInfo, settings: Settings, free: float, *, weights: int | None = None
) -> int:
    """Return the longest context that fits into `free` bytes, or 0 if none fits.

    It is the trained context, or a multiple of 256.
    """
    trained = Architecture(info).trained_context or DEFAULT_CONTEXT
    low, high = 0, -(-trained // _STEP)
    while low < high:
        middle = (low + high + 1) // 2
        if estimate(info, middle * _STEP, settings, weights=weights).total <= free:
            low = middle
        else:
            high = middle - 1
    return min(low * _STEP, trained)


def layers_on_gpu(info: GGUFInfo, context: int, settings: Settings, free: float) -> int:
    """Return how many layers fit into `free` bytes on the GPU.

    The output counts as one more, as in `n_gpu_layers`.
    """
    architecture = Architecture(info)
    memory = estimate(info, context, settings)
    room = SHARE * free - memory.buffers
    weights = layer_weights(info)
    cells = -(-context // _STEP) * _STEP
    caches = [
        layer_cache(architecture, layer, cells, settings) for layer in architecture.layers
    ] or [0] * architecture.count
    layers = 0
    for number in reversed(range(architecture.count)):
        room -= weights.get(number, 0) + caches[number]
        if room < 0:
            return layers
        layers += 1
    return layers + int(layers > 0 and room >= _output_size(info))


def _output_size(info: GGUFInfo) -> int:
    tensor = info.tensors.get("output.weight") or info.tensors.get("token_embd.weight")
    return tensor.size if tensor else 0


def tokens_per_second(info: GGUFInfo, memory: Memory, bandwidth: float) -> float:
    """Return an upper bound of tokens per second: bandwidth divided by the bytes read per token.

    0 if the bandwidth is unknown.
    """
    own = weight_size(info)
    read = _read_per_token(info) * memory.weights / max(own, 1) + memory.cache
    return bandwidth / read if read and bandwidth else 0.0


def _read_per_token(info: GGUFInfo) -> float:
    """Return the bytes of weights read per token.

    They are the experts in use, and one row of the embeddings if these are not the output.
    """
    architecture = Architecture(info)
    experts = architecture.number("expert_count")
    share = architecture.number("expert_used_count") / experts if experts else 1.0
    tied = "output.weight" not in info.tensors
    total = 0.0
    for name, tensor in info.tensors.items():
        if name == "token_embd.weight" and not tied:
            continue
        total += tensor.size * (share if "_exps." in name else 1.0)
    return total
