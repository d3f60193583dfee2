"""What limits a model here: the context that fits, the layers on a GPU, and the speed that memory allows."""

from typing import Final

from langchain_localllm.gguf.architecture import Architecture
from langchain_localllm.gguf.header import GGUFInfo
from langchain_localllm.gguf.memory import Memory, Settings, estimate, layer_cache, layer_weights, weight_size

__all__ = ["DEFAULT_CONTEXT", "SHARE", "largest_context", "layers_on_gpu", "tokens_per_second"]

SHARE: Final = 0.9
"""The part of the free memory that a model may take; the rest is for the process and whatever else grows."""
DEFAULT_CONTEXT: Final = 8192
"""Tokens of context of the classes and commands of this package, unless another length is asked for or the model has less."""
_STEP: Final = 256


def largest_context(info: GGUFInfo, settings: Settings, free: float, *, weights: int | None = None) -> int:
    """The longest context that fits into so many bytes: all that the model was made for, or a multiple of 256; 0 if none does."""
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
    """How many layers fit into the GPU's free bytes, the output counted as one more, as `n_gpu_layers` counts."""
    architecture = Architecture(info)
    memory = estimate(info, context, settings)
    room = SHARE * free - memory.buffers
    weights = layer_weights(info)
    cells = -(-context // _STEP) * _STEP
    caches = [layer_cache(architecture, layer, cells, settings) for layer in architecture.layers] or [0] * architecture.count
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
    """The most tokens per second: each reads all weights that it uses and the whole cache once. 0 if the speed is not known."""
    own = weight_size(info)
    read = _read_per_token(info) * memory.weights / max(own, 1) + memory.cache
    return bandwidth / read if read and bandwidth else 0.0


def _read_per_token(info: GGUFInfo) -> float:
    """Bytes of weights that a token needs: of the experts only some, and of the vocabulary one row, unless it is the output too."""
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
