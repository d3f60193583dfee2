"""Write model files with the measures of real models and no weights: sparse files.

Most have a smaller vocabulary. llama.cpp loads them and takes the memory that the real model would
take. What they say is nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np

_SPECIAL: Final = ("<unk>", "<s>", "</s>")
_MATRIX: Final = gguf.GGMLQuantizationType.Q8_0
_VECTOR: Final = gguf.GGMLQuantizationType.F32
_SMALL: Final = ("ssm_a", "ssm_conv1d", "ssm_d", "ssm_x", "shortconv.conv", "ffn_gate_inp")
"""Tensors that are not stored in fewer bits."""
_ALIGNMENT: Final = 32
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Measures:
    """The measures of a model, under the names of GGUF's keys.

    Its matrices and vectors in each layer, the input's size first.

    Attributes:
        architecture: llama.cpp's name of it.
        width: Length of a token's vector.
        layers: Number of layers.
        words: Size of the vocabulary.
        values: Other values of the header, without the architecture's name before them.
        every: Tensors of every layer.
        some: Tensors of some layers, by the numbers of these.
    """

    architecture: str
    width: int
    layers: int
    words: int
    values: Mapping[str, Any]
    every: Mapping[str, Shape] = field(default_factory=dict)
    some: Mapping[range, Mapping[str, Shape]] = field(default_factory=dict)


def _attention(width: int, heads: int, groups: int, head: int) -> dict[str, Shape]:
    return {
        "attn_norm": (width,),
        "attn_q": (width, heads * head),
        "attn_k": (width, groups * head),
        "attn_v": (width, groups * head),
        "attn_output": (heads * head, width),
    }


def _dense(width: int, hidden: int) -> dict[str, Shape]:
    return {
        "ffn_norm": (width,),
        "ffn_gate": (width, hidden),
        "ffn_up": (width, hidden),
        "ffn_down": (hidden, width),
    }


def _experts(width: int, hidden: int, count: int) -> dict[str, Shape]:
    return {
        "ffn_gate_inp": (width, count),
        "ffn_gate_exps": (width, hidden, count),
        "ffn_up_exps": (width, hidden, count),
        "ffn_down_exps": (hidden, width, count),
    }


_EPSILON: Final = {"attention.layer_norm_rms_epsilon": 1e-5}

MEASURES: Final = {
    # Grouped heads, as Llama 3.2 1B.
    "llama": Measures(
        "llama",
        2048,
        16,
        128_256,
        {
            "attention.head_count": 32,
            "attention.head_count_kv": 8,
            "feed_forward_length": 8192,
            "rope.dimension_count": 64,
        },
        {**_attention(2048, 32, 8, 64), **_dense(2048, 8192)},
    ),
    # Heads that together are wider than the vector, as Qwen3 0.6B.
    "qwen3": Measures(
        "qwen3",
        1024,
        28,
        32_768,
        {
            "attention.head_count": 16,
            "attention.head_count_kv": 8,
            "attention.key_length": 128,
            "attention.value_length": 128,
            "feed_forward_length": 3072,
        },
        {
            **_attention(1024, 16, 8, 128),
            **_dense(1024, 3072),
            "attn_q_norm": (128,),
            "attn_k_norm": (128,),
        },
    ),
    # A sliding window in five of six layers, as Gemma 3 1B.
    "gemma3": Measures(
        "gemma3",
        1152,
        26,
        32_768,
        {
            "attention.head_count": 4,
            "attention.head_count_kv": 1,
            "attention.key_length": 256,
            "attention.value_length": 256,
            "attention.sliding_window": 512,
            "feed_forward_length": 6912,
        },
        {
            **_attention(1152, 4, 1, 256),
            **_dense(1152, 6912),
            "attn_q_norm": (256,),
            "attn_k_norm": (256,),
            "post_attention_norm": (1152,),
            "post_ffw_norm": (1152,),
        },
    ),
    # Multi-head latent attention and experts, as DeepSeek-V2-Lite with fewer experts.
    "deepseek2": Measures(
        "deepseek2",
        2048,
        27,
        32_768,
        {
            "attention.head_count": 16,
            "attention.head_count_kv": 1,
            "attention.key_length": 576,
            "attention.value_length": 512,
            "attention.key_length_mla": 192,
            "attention.value_length_mla": 128,
            "attention.kv_lora_rank": 512,
            "rope.dimension_count": 64,
            "feed_forward_length": 10_944,
            "expert_feed_forward_length": 1408,
            "expert_count": 8,
            "expert_used_count": 6,
            "expert_shared_count": 2,
            "expert_weights_scale": 1.0,
            "leading_dense_block_count": 1,
        },
        {
            "attn_norm": (2048,),
            "attn_q": (2048, 16 * 192),
            "attn_kv_a_mqa": (2048, 576),
            "attn_kv_a_norm": (512,),
            "attn_k_b": (128, 512, 16),
            "attn_v_b": (512, 128, 16),
            "attn_output": (2048, 2048),
        },
        {
            range(1): _dense(2048, 10_944),
            range(1, 27): {
                "ffn_norm": (2048,),
                **_experts(2048, 1408, 8),
                "ffn_gate_shexp": (2048, 2816),
                "ffn_up_shexp": (2048, 2816),
                "ffn_down_shexp": (2816, 2048),
            },
        },
    ),
    # A mixture of experts, as Qwen3 30B A3B with fewer layers and experts.
    "qwen3moe": Measures(
        "qwen3moe",
        2048,
        12,
        32_768,
        {
            "attention.head_count": 32,
            "attention.head_count_kv": 4,
            "attention.key_length": 128,
            "attention.value_length": 128,
            "feed_forward_length": 6144,
            "expert_feed_forward_length": 768,
            "expert_count": 32,
            "expert_used_count": 8,
        },
        {
            **_attention(2048, 32, 4, 128),
            **_experts(2048, 768, 32),
            "attn_q_norm": (128,),
            "attn_k_norm": (128,),
            "ffn_norm": (2048,),
        },
    ),
    # No attention, as Mamba 130M.
    "mamba": Measures(
        "mamba",
        768,
        24,
        32_768,
        {
            "attention.head_count": 0,
            "feed_forward_length": 0,
            "ssm.conv_kernel": 4,
            "ssm.inner_size": 1536,
            "ssm.state_size": 16,
            "ssm.time_step_rank": 48,
        },
        {
            "attn_norm": (768,),
            "ssm_in": (768, 3072),
            "ssm_conv1d": (4, 1536),
            "ssm_conv1d.bias": (1536,),
            "ssm_x": (1536, 80),
            "ssm_dt": (48, 1536),
            "ssm_dt.bias": (1536,),
            "ssm_a": (16, 1536),
            "ssm_d": (1536,),
            "ssm_out": (1536, 768),
        },
    ),
    # Short convolutions in most layers, as LFM2 350M.
    "lfm2": Measures(
        "lfm2",
        1024,
        16,
        32_768,
        {
            "attention.head_count": 16,
            "attention.head_count_kv": [
                8 if layer in {2, 5, 8, 10, 12, 14} else 0 for layer in range(16)
            ],
            "feed_forward_length": 4608,
            "shortconv.l_cache": 3,
        },
        _dense(1024, 4608),
        {
            range(layer, layer + 1): {
                **_attention(1024, 16, 8, 64),
                "attn_q_norm": (64,),
                "attn_k_norm": (64,),
            }
            if layer in {2, 5, 8, 10, 12, 14}
            else {
                "attn_norm": (1024,),
                "shortconv.conv": (3, 1024),
                "shortconv.in_proj": (1024, 3072),
                "shortconv.out_proj": (1024, 1024),
            }
            for layer in range(16)
        },
    ),
}


def shaped_model(name: str, folder: Path, *, context: int = 32_768) -> Path:
    """Write the model of this name.

    Returns its path, which is the same at every call with the same folder.
    """
    path = folder / f"shaped-{name}.gguf"
    if path.exists():
        return path
    measures = MEASURES[name]
    writer = gguf.GGUFWriter(path, measures.architecture)
    _add_values(writer, measures, context)
    for tensor, shape in _tensors(measures):
        _add_tensor(writer, tensor, shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    data = sum(
        -(-tensor.nbytes // _ALIGNMENT) * _ALIGNMENT
        for part in writer.tensors
        for tensor in part.values()
    )
    with path.open("r+b") as file:
        file.truncate(-(-path.stat().st_size // _ALIGNMENT) * _ALIGNMENT + data)
    return path


def _add_tensor(writer: gguf.GGUFWriter, name: str, shape: Shape) -> None:
    rows = tuple(reversed(shape))
    if len(shape) == 1 or any(part in name for part in _SMALL):
        writer.add_tensor_info(
            name, rows, np.dtype(np.float32), 4 * int(np.prod(rows)), raw_dtype=_VECTOR
        )
    else:
        stored = gguf.quant_shape_to_byte_shape(rows, _MATRIX)
        writer.add_tensor_info(
            name, stored, np.dtype(np.uint8), int(np.prod(stored)), raw_dtype=_MATRIX
        )


def _add_values(writer: gguf.GGUFWriter, measures: Measures, context: int) -> None:
    writer.add_context_length(context)
    writer.add_embedding_length(measures.width)
    writer.add_block_count(measures.layers)
    for key, value in {**_EPSILON, **measures.values}.items():
        name = f"{measures.architecture}.{key}"
        if isinstance(value, list):
            writer.add_array(name, value)
        elif isinstance(value, float):
            writer.add_float32(name, value)
        else:
            writer.add_uint32(name, value)
    names = [*_SPECIAL, *(f"\u0120{number:x}" for number in range(measures.words - len(_SPECIAL)))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(names)
    writer.add_token_types(
        [gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (measures.words - 3)
    )
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def _tensors(measures: Measures) -> Iterator[tuple[str, Shape]]:
    yield "token_embd.weight", (measures.width, measures.words)
    yield (
        "token_embd_norm.weight" if measures.architecture == "lfm2" else "output_norm.weight",
        (measures.width,),
    )
    for layer in range(measures.layers):
        for names in (
            measures.every,
            *(names for layers, names in measures.some.items() if layer in layers),
        ):
            for name, shape in names.items():
                whole = name in {"ssm_a", "ssm_d"} or name.endswith(".bias")
                yield f"blk.{layer}.{name}{'' if whole else '.weight'}", shape
