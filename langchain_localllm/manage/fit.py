"""Estimate whether a model fits this machine.

That is: memory by context length, layers on the GPU, tokens per second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from langchain_localllm._deprecated import renamed_attribute
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.gguf.capacity import (
    DEFAULT_CONTEXT,
    SHARE,
    largest_context,
    layers_on_gpu,
    tokens_per_second,
)
from langchain_localllm.gguf.header import GGUFInfo, check_all_parts, with_parts
from langchain_localllm.gguf.kv_cache import Architecture
from langchain_localllm.gguf.machine import Machine, memory_bandwidth, this_machine
from langchain_localllm.gguf.memory import Memory, Settings, estimate, parameters, weight_size
from langchain_localllm.gguf.remote_header import remote_header
from langchain_localllm.gguf.split_files import part_names
from langchain_localllm.manage.hub import HubModel, hub_files
from langchain_localllm.manage.model_ref import Source, quantization_in

__all__ = ["BITS", "FILE_TYPES", "Fit", "FitRow", "describe", "fit", "quantization_of", "verdict"]

BITS: Final = {
    "Q2_K": 3.16,
    "Q3_K_M": 4.0,
    "Q4_K_M": 4.89,
    "Q5_K_M": 5.70,
    "Q6_K": 6.56,
    "Q8_0": 8.5,
    "F16": 16.0,
}
"""Average bits per weight by quantization, from llama.cpp's `tools/quantize/README.md` for Llama
3.1 8B."""


@dataclass(frozen=True, slots=True)
class FitRow:
    """Hold the estimate for one context length.

    Attributes:
        memory: The memory that the model needs.
        fits: Whether that much memory is free.
        gpu_layers: Layers that fit on the GPU, including the output; 0 without a GPU.
        tokens_per_second: An upper bound from the memory bandwidth, with a full context; computing
            may be slower.
    """

    memory: Memory
    fits: bool
    gpu_layers: int
    tokens_per_second: float


@dataclass(frozen=True, slots=True)
class Fit:
    """Hold the estimate of how a model fits this machine.

    Attributes:
        name: The model, as given.
        architecture: Its architecture, such as `llama`.
        quantization: Its quantization, such as `Q4_K_M`; empty if unknown.
        weights: Bytes of the weights.
        parameters: Number of weights.
        layers: Number of layers.
        trained_context: The context that it was trained with, in tokens; 0 if the file does not
            say.
        largest_context: The longest context that fits, at most `trained_context`; 0 if none fits.
        rows: A row for each context length, the shortest first.
        by_quantization: For each common quantization, the memory for the same context lengths,
            estimated from the number of parameters.
        machine: This machine.
        bandwidth: The memory bandwidth in bytes per second; 0 if it was not measured.
    """

    name: str
    architecture: str
    quantization: str
    weights: int
    parameters: int
    layers: int
    trained_context: int
    largest_context: int
    rows: tuple[FitRow, ...]
    by_quantization: dict[str, tuple[Memory, ...]]
    machine: Machine
    bandwidth: float

    quantisation = renamed_attribute("quantisation", "quantization")
    by_quantisation = renamed_attribute("by_quantisation", "by_quantization")


def fit(
    model: str | Path,
    *,
    n_ctx: int | Sequence[int] | None = None,
    type_k: str = "f16",
    type_v: str = "f16",
    flash_attn: bool = True,
    n_ubatch: int = 512,
    n_parallel: int = 1,
    swa_full: bool = False,
    machine: Machine | None = None,
    measure: bool = True,
) -> Fit:
    """Estimate whether a model fits this machine, and with what context.

    Only the header is read or downloaded.

    Args:
        model: A GGUF file, `hf:owner/repo[:quantization]` (default: Q4_K_M, else the smallest), or
            an https address.
        n_ctx: One or several context lengths in tokens. Default: powers of two up to the trained
            context.
        type_k: Cache type of the keys, such as `q8_0`.
        type_v: Cache type of the values; types with fewer than 16 bits need flash attention.
        flash_attn: Whether flash attention is used, as llama.cpp's server does where it can.
        n_ubatch: Tokens that are computed together.
        n_parallel: Requests that are answered in parallel; they share `n_ctx`.
        swa_full: Keep all tokens for layers with a sliding window.
        machine: The machine to fit. Default: this one, with the memory that is free now.
        measure: Whether to measure the memory bandwidth, which takes half a second.

    Raises:
        ModelFileError: The file is not a usable model.
        ModelMissingError: The hub has no such model.
        ConnectionFailedError: The hub or the server cannot be reached.
        InvalidOptionError: An option is out of range.

    Example:
        >>> from langchain_localllm.models import fit, tiny_chat_model
        >>> found = fit(tiny_chat_model(), n_ctx=2048, measure=False)
        >>> found.rows[0].fits, found.rows[0].memory.cache
        (True, 9437184)
    """
    settings = Settings(type_k, type_v, flash_attn, n_ubatch, n_parallel, 0, swa_full)
    if not flash_attn and type_v not in {"f32", "f16", "bf16"}:
        raise InvalidOptionError(f"type_v={type_v} needs flash attention: set flash_attn=True.")
    name, info = _look_up(str(model))
    machine = machine or this_machine()
    bandwidth = memory_bandwidth() if measure else 0.0
    architecture = Architecture(info)
    contexts = _contexts(n_ctx, architecture.trained_context)
    memories = [estimate(info, context, settings) for context in contexts]
    rows = tuple(_row(info, memory, settings, machine, bandwidth) for memory in memories)
    return Fit(
        name,
        architecture.name,
        quantization_of(name, info),
        weight_size(info),
        parameters(info),
        architecture.count,
        architecture.trained_context,
        largest_context(info, settings, SHARE * _room(machine, rows[0].gpu_layers)),
        rows,
        _others(info, contexts, settings),
        machine,
        bandwidth,
    )


def _look_up(model: str) -> tuple[str, GGUFInfo]:
    """Return the model's name and its header."""
    source = Source.parse(model)
    if source.kind == "hf":
        chosen = usual(hub_files(source))
        return f"hf:{source.name}:{chosen.quantization or chosen.name}", chosen.header()
    if source.kind == "https":
        folder, _, name = source.name.rpartition("/")
        first = remote_header(source.name)
        others = part_names(name, first.part_count)[1:]
        return source.name, with_parts(
            first, (remote_header(f"{folder}/{other}") for other in others)
        )
    if source.kind != "file":
        raise InvalidOptionError(
            f"{model} has no file to estimate: pass a GGUF file, hf:OWNER/REPO or an https address."
        )
    return model, check_all_parts(source.path)


def usual(models: list[HubModel]) -> HubModel:
    """Return the common choice: Q4_K_M if there is one, else the smallest."""
    return next((model for model in models if model.quantization == "Q4_K_M"), models[0])


def quantization_of(name: str, info: GGUFInfo) -> str:
    """Return the quantization that a file's name or header says; empty if neither does."""
    return quantization_in(name) or FILE_TYPES.get(info.metadata.get("general.file_type", -1), "")


FILE_TYPES: Final = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
} | {
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    25: "IQ4_NL",
    30: "IQ4_XS",
    32: "BF16",
}
"""llama.cpp's `general.file_type` of the common quantizations."""


def _contexts(asked: int | Sequence[int] | None, trained: int) -> list[int]:
    if asked is not None:
        contexts = [asked] if isinstance(asked, int) else sorted(asked)
        if not contexts or contexts[0] < 1:
            raise InvalidOptionError("`n_ctx` must be at least 1.")
        return contexts
    longest = trained or DEFAULT_CONTEXT
    powers = [2**power for power in range(11, 21) if 2**power < longest]
    return [*powers, longest]


def _row(
    info: GGUFInfo, memory: Memory, settings: Settings, machine: Machine, bandwidth: float
) -> FitRow:
    speed = tokens_per_second(info, memory, bandwidth)
    layers = layers_on_gpu(info, memory.context, settings, machine.gpu_free)
    return FitRow(memory, memory.total <= SHARE * _room(machine, layers), layers, speed)


def _room(machine: Machine, layers: int) -> int:
    """Return the free bytes of memory, and of the GPUs if they hold any layers."""
    return machine.free + (machine.gpu_free if layers else 0)


def _others(
    info: GGUFInfo, contexts: list[int], settings: Settings
) -> dict[str, tuple[Memory, ...]]:
    sizes = {name: int(parameters(info) * bits / 8) for name, bits in BITS.items()}
    return {
        name: tuple(estimate(info, context, settings, weights=size) for context in contexts)
        for name, size in sizes.items()
    }


def describe(found: Fit) -> dict[str, Any]:
    """Return a fit as plain values for JSON."""
    return {
        "model": found.name,
        "architecture": found.architecture,
        "quantization": found.quantization,
        "quantisation": found.quantization,  # its old name, until 0.3
        "parameters": found.parameters,
        "layers": found.layers,
        "weights": found.weights,
        "trained_context": found.trained_context,
        "largest_context": found.largest_context,
        "free_memory": found.machine.free,
        "free_gpu_memory": found.machine.gpu_free,
        "memory_bandwidth": round(found.bandwidth),
        "contexts": [
            {
                "context": row.memory.context,
                "weights": row.memory.weights,
                "cache": row.memory.cache,
                "buffers": row.memory.buffers,
                "total": row.memory.total,
                "fits": row.fits,
                "gpu_layers": row.gpu_layers,
                "most_tokens_per_second": round(row.tokens_per_second, 1),
            }
            for row in found.rows
        ],
    }


def verdict(found: Fit) -> str:
    """Return in a sentence whether a model fits this machine, and with what context."""
    if not found.largest_context:
        return "It does not fit here: take a smaller model, or a quantization with fewer bits."
    if found.largest_context >= found.trained_context:
        return f"It runs here with all of its context, {found.largest_context:,} tokens."
    return (
        f"It runs here with up to {found.largest_context:,} of its {found.trained_context:,} "
        "tokens of context."
    )
