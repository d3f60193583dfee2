"""Choose the quantization of a model that suits this machine."""

from dataclasses import dataclass
from typing import Final

from langchain_localllm.gguf.capacity import DEFAULT_CONTEXT, SHARE, tokens_per_second
from langchain_localllm.gguf.header import GGUFInfo
from langchain_localllm.gguf.machine import Machine
from langchain_localllm.gguf.memory import Memory, Settings, estimate, parameters
from langchain_localllm.manage.hub import HubModel

__all__ = ["Choice", "choose"]

_PLEASANT: Final = 10.0
"""A comfortable reading speed, in tokens per second."""
_BITS: Final = 9.0
"""More bits per weight do not improve the answers."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Hold a choice and its reason.

    Attributes:
        model: The model.
        reason: Why, as a sentence.
        fits: Whether it fits this machine.
    """

    model: HubModel
    reason: str
    fits: bool


def choose(models: list[HubModel], info: GGUFInfo, machine: Machine, bandwidth: float) -> Choice:
    """Choose the largest that fits and is fast enough; else the fastest of usual quality that fits.

    Else the smallest.

    Args:
        models: The quantizations of a model, the smallest first.
        info: The header of one of them.
        machine: The machine.
        bandwidth: The memory bandwidth in bytes per second; 0 if unknown.
    """
    weights = parameters(info) or 1
    context = min(info.context_length or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
    room = SHARE * (machine.free + machine.gpu_free)
    settings = Settings(flash_attn=True)
    need = {model: estimate(info, context, settings, weights=model.size) for model in models}
    fitting = [
        model for model in models if need[model].total <= room and 8 * model.size / weights <= _BITS
    ]
    if not fitting:
        smallest = models[0]
        fits = need[smallest].total <= room
        return Choice(smallest, _why(smallest, need[smallest], "the smallest one", machine), fits)
    quick = [model for model in fitting if _speed(info, need[model], bandwidth) >= _PLEASANT]
    if quick:
        return Choice(
            quick[-1],
            _why(quick[-1], need[quick[-1]], "the largest that fits and is not slow", machine),
            fits=True,
        )
    usual = next((model for model in fitting if model.quantization == "Q4_K_M"), fitting[0])
    return Choice(
        usual,
        _why(usual, need[usual], "it fits, and larger ones would be slower", machine),
        fits=True,
    )


def _speed(info: GGUFInfo, memory: Memory, bandwidth: float) -> float:
    return tokens_per_second(info, memory, bandwidth) if bandwidth else _PLEASANT


def _why(model: HubModel, memory: Memory, reason: str, machine: Machine) -> str:
    name = model.quantization or model.name
    free = machine.free + machine.gpu_free
    return (
        f"{name}, {model.size / 1e9:.2f} GB: {reason}. With {memory.context:,} tokens of context "
        f"it takes {memory.total / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free here."
    )
