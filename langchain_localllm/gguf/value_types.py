"""Check the types of values in a model file's header: llama.cpp aborts on wrong ones."""

import re
from collections.abc import Iterator
from typing import Final

from langchain_localllm.gguf.header import (
    BOOL,
    FLOAT32,
    INT32,
    LIST,
    STRING,
    UINT32,
    GGUFInfo,
)

__all__ = ["wrong_types"]

_GENERAL: Final = {
    "general.alignment": UINT32,
    "general.architecture": STRING,
    "general.file_type": UINT32,
    "general.name": STRING,
    "general.quantization_version": UINT32,
    "general.sampling.mirostat": INT32,
    "general.sampling.penalty_last_n": INT32,
    "general.sampling.sequence": STRING,
    "general.sampling.top_k": INT32,
}
"""Keys that engines read, and their types in files that the `gguf` package writes."""
_STRING_NAMES: Final = re.compile(
    r"(?:chat_template(?:\.[^.]+)?|scaling\.type|tensor_data_layout|ggml\.(?:model|pre))$"
)
_FLOAT_NAMES: Final = re.compile(
    r"(?:alpha|beta_(?:fast|slow)|clamp_kqv|epsilon|factor|freq_base(?:_swa)?|log_multiplier"
    r"|max_alibi_bias|sampling\.\w+|scale|softcapping|swiglu_clamp_\w+)$"
)
_BOOL_NAMES: Final = re.compile(
    r"(?:add_\w+_token|add_space_prefix|causal|dt_b_c_rms|finetuned|norm|remove_extra_whitespaces"
    r"|shift_logits|use_parallel_residual)$"
)
"""Ends of other keys by their types; the rest are `UINT32`."""
_NUMBER_LISTS: Final = frozenset(
    [
        "activation_sparsity_scale",
        "attention.head_count",
        "attention.head_count_kv",
        "attention.recurrent_layers",
        "attention.sliding_window_pattern",
        "feed_forward_length",
        "rope.dimension_sections",
        "swiglu_clamp_exp",
        "swiglu_clamp_shexp",
    ]
)
"""Keys of the architecture that can be a list of numbers."""
_TEXT_LISTS: Final = frozenset(["classifier.output_labels"])
_TOKENIZER_LISTS: Final = frozenset(
    ["chat_templates", "merges", "precompiled_charsmap", "scores", "token_type", "tokens"]
)


def wrong_types(info: GGUFInfo) -> Iterator[str]:
    """Yield a phrase for each key whose type is another one than the `gguf` package writes.

    Args:
        info: The file's header.
    """
    for key, kind in info.value_types.items():
        wanted = _wanted_type(key, info.architecture)
        is_list = kind == LIST and _may_be_list(key, info, wanted)
        if wanted is not None and kind != wanted and not is_list:
            yield f"{key} has the GGUF type {kind}, not {wanted}"


def _wanted_type(key: str, architecture: str) -> int | None:
    """Return the type of a single value; `None` for a key that engines do not read."""
    if key in _GENERAL:
        return _GENERAL[key]
    if not key.startswith((f"{architecture}.", "tokenizer.", "general.sampling.")):
        return None
    names = {STRING: _STRING_NAMES, FLOAT32: _FLOAT_NAMES, BOOL: _BOOL_NAMES}
    return next((kind for kind, pattern in names.items() if pattern.search(key)), UINT32)


def _may_be_list(key: str, info: GGUFInfo, wanted: int | None) -> bool:
    """Return whether a key can be a list, and this is one of the right items."""
    name = key.removeprefix(f"{info.architecture}.")
    if name == key:
        return key.rpartition(".")[2] in _TOKENIZER_LISTS
    if name in _TEXT_LISTS:
        return key not in info.lists  # which has those of numbers only
    types = {type(value) for value in info.lists.get(key, ())}
    return name in _NUMBER_LISTS and types in ([{float}] if wanted == FLOAT32 else [{int}, {bool}])
