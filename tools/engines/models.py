"""Variants of the tiny chat model that tests need."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from gguf import (
    GGMLQuantizationType,
    GGUFReader,
    GGUFValueType,
    GGUFWriter,
    PoolingType,
    dequantize,
    quantize,
)

from langchain_localllm.models import tiny_chat_modelfile

_CONTROL: Final = 3
_ENDS: Final = (b"<|im_end|>", b"<|endoftext|>")


def never_ending(model: Path, target: Path) -> Path:
    """Write a copy of a model that does not end an answer, so that its length is known.

    The names of the tokens at which engines end are changed in place, and the id of the one that
    ends goes to a byte that occurs in no text.
    """
    data = bytearray(model.read_bytes())
    for name in _ENDS:
        data[:] = data.replace(name, name[:-3].upper() + name[-3:])
    target.write_bytes(data)
    fields = GGUFReader(target, "r+").fields
    tokens = fields["tokenizer.ggml.tokens"]
    # byte 255
    unused = next(
        number
        for number, part in enumerate(tokens.data)
        if bytes(tokens.parts[part]).decode() == "\u0143"
    )
    fields["tokenizer.ggml.eos_token_id"].parts[-1][0] = unused
    kinds = fields["tokenizer.ggml.token_type"]
    # a grammar ends with it, and it is not part of the text
    kinds.parts[kinds.data[unused]][0] = _CONTROL
    return target


def go_template() -> str:
    """Return the template in the tiny chat model's Modelfile."""
    found = re.search(
        r'^TEMPLATE """\n(.*?)"""$',
        tiny_chat_modelfile().read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
    assert found, "the Modelfile has no template"
    return found[1]


def lora_adapter(model: Path, target: Path, name: str = "blk.0.attn_q.weight") -> Path:
    """Write a LoRA adapter of rank 1 for a model's matrix, by default the first query matrix."""
    reader = GGUFReader(model)
    matrix = next(tensor for tensor in reader.tensors if tensor.name == name)
    inputs, outputs = (int(size) for size in matrix.shape)
    writer = GGUFWriter(target, str(reader.fields["general.architecture"].contents()))
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 1.0)
    writer.add_tensor(f"{matrix.name}.lora_a", np.full((1, inputs), 0.1, np.float32))
    writer.add_tensor(f"{matrix.name}.lora_b", np.full((outputs, 1), 0.1, np.float32))
    return written(writer, target)


def without_template(model: Path, target: Path) -> Path:
    """Write a copy of a model that has no chat template."""
    target.write_bytes(
        model.read_bytes().replace(b"tokenizer.chat_template", b"tokenizer.chat_forgetit")
    )
    return target


def with_mrope(model: Path, target: Path) -> Path:
    """Write a copy of a llama model with M-RoPE, as Qwen2-VL.

    It turns vectors by three coordinates, and writes nonsense.
    """
    writer = _as("qwen2vl", model, target)
    half = int(GGUFReader(model).fields["llama.rope.dimension_count"].contents()) // 2
    writer.add_rope_dimension_sections([half - 2 * (half // 3), half // 3, half // 3, 0])
    return written(writer, target)


def with_window(model: Path, target: Path, tokens: int) -> Path:
    """Write a copy of a llama model with sliding windows in most layers, as Gemma 3.

    It writes nonsense.
    """
    writer, fields = _as("gemma3", model, target), GGUFReader(model).fields
    width, head = (
        int(fields[f"llama.{name}"].contents())
        for name in ("embedding_length", "rope.dimension_count")
    )
    writer.add_sliding_window(tokens)
    writer.add_key_length(head)
    writer.add_value_length(head)
    for layer in range(int(fields["llama.block_count"].contents())):
        for name, size, weight in (
            ("attn_q_norm", head, 1),
            ("attn_k_norm", head, 1),
            ("post_attention_norm", width, 20),
            ("post_ffw_norm", width, 20),
        ):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.full(size, weight, np.float32))
    return written(writer, target)


def with_newer_type(model: Path, target: Path) -> Path:
    """Write a copy of a llama model with weights in MXFP4, a type of 2025."""
    newer = "blk.0.ffn_up.weight"
    writer = _as("llama", model, target, without=(newer,))
    weights = next(tensor for tensor in GGUFReader(model).tensors if tensor.name == newer)
    kind = GGMLQuantizationType.MXFP4
    writer.add_tensor(
        newer, quantize(dequantize(weights.data, weights.tensor_type), kind), raw_dtype=kind
    )
    return written(writer, target)


def nomic_bert(model: Path, target: Path, name: str) -> Path:
    """Write an embedding model with another's vocabulary, as nomic-embed-text.

    Its weights are random.
    """
    reader, random = GGUFReader(model), np.random.default_rng(1)
    words, width, hidden = len(reader.fields["tokenizer.ggml.tokens"].contents()), 64, 128
    writer = GGUFWriter(target, "nomic-bert")
    writer.add_name(name)
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(hidden)
    writer.add_block_count(1)
    writer.add_head_count(2)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(PoolingType.MEAN)
    writer.add_rope_freq_base(1000.0)
    for key, kept in reader.fields.items():
        if key.startswith("tokenizer."):
            items = kept.types[-1] if kept.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(key, kept.contents(), kept.types[0], items)
    shapes = {
        "token_embd": (words, width),
        "token_types": (2, width),
        "blk.0.attn_qkv": (3 * width, width),
        "blk.0.attn_output": (width, width),
        "blk.0.ffn_up": (hidden, width),
        "blk.0.ffn_gate": (hidden, width),
        "blk.0.ffn_down": (width, hidden),
    }
    weights = {f"{tensor}.weight": random.normal(0, 0.5, shape) for tensor, shape in shapes.items()}
    for norm in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
        weights |= {f"{norm}.weight": np.ones(width), f"{norm}.bias": np.zeros(width)}
    for tensor, values in weights.items():
        writer.add_tensor(tensor, values.astype(np.float32))
    return written(writer, target)


def recurrent(model: Path, target: Path) -> Path:
    """Write a recurrent model with another's vocabulary and random weights, as Mamba.

    It has a state in place of a cache.
    """
    reader, random = GGUFReader(model), np.random.default_rng(1)
    width, states, rank, kernel = int(reader.fields["llama.embedding_length"].contents()), 8, 4, 4
    writer = _as("mamba", model, target, without=("head_count", "rope", "block_count", "blk."))
    writer.add_block_count(1)
    writer.add_head_count(0)
    writer.add_ssm_inner_size(inner := 2 * width)
    writer.add_ssm_state_size(states)
    writer.add_ssm_time_step_rank(rank)
    writer.add_ssm_conv_kernel(kernel)
    shapes = {
        "ssm_in": (2 * inner, width),
        "ssm_conv1d": (inner, kernel),
        "ssm_x": (rank + 2 * states, inner),
        "ssm_dt": (inner, rank),
        "ssm_out": (width, inner),
    }
    weights: dict[str, Any] = {
        f"{name}.weight": random.normal(0, 3 * shape[1] ** -0.5, shape)
        for name, shape in shapes.items()
    }
    weights |= {
        "attn_norm.weight": np.ones(width),
        "ssm_conv1d.bias": np.zeros(inner),
        "ssm_dt.bias": np.full(inner, -1.0),
    }
    weights |= {
        "ssm_a": -0.05 * np.tile(np.arange(1, states + 1), (inner, 1)),
        "ssm_d": np.ones(inner),
    }
    for name, values in weights.items():
        writer.add_tensor(f"blk.0.{name}", values.astype(np.float32))
    return written(writer, target)


def with_control_tokens(model: Path, target: Path, names: Sequence[str]) -> Path:
    """Write a copy of a model with control tokens, and a chat template that contains them.

    The tokens have these names.
    """
    kept = GGUFReader(model).fields
    tokens, kinds = (
        list(kept[f"tokenizer.ggml.{name}"].contents()) for name in ("tokens", "token_type")
    )
    for number, name in enumerate(names):
        tokens[-1 - number], kinds[-1 - number] = name, _CONTROL
    template = str(kept["tokenizer.chat_template"].contents())
    writer = _as(
        "llama", model, target, without=("ggml.tokens", "ggml.token_type", "chat_template")
    )
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_chat_template(
        template.replace("<tool_call>", "") + "".join(f"{{# {name} #}}" for name in names)
    )
    return written(writer, target)


def reranker(model: Path, target: Path, template: str = "") -> Path:
    """Write a copy of a BERT model with a random classification head: a reranker.

    Its scores mean nothing.

    Args:
        model: The embedding model.
        target: The file to write.
        template: How a pair is written, with `{query}` and `{document}`, as in the files of
            Qwen3-Reranker.
    """
    writer = _as("bert", model, target, without=("pooling_type",))
    if template:
        writer.add_string("tokenizer.chat_template.rerank", template)
    writer.add_pooling_type(PoolingType.RANK)
    width = writer.tensors[0]["token_embd_norm.weight"].shape[0]
    writer.add_tensor(
        "cls.output.weight", np.random.default_rng(1).normal(0, 1, (1, width)).astype(np.float32)
    )
    writer.add_tensor("cls.output.bias", np.zeros(1, np.float32))
    return written(writer, target)


def _as(architecture: str, model: Path, target: Path, without: tuple[str, ...] = ()) -> GGUFWriter:
    """Return a writer that has what a llama model has, as another architecture.

    Without what has such a text in its name.
    """
    reader, writer = GGUFReader(model), GGUFWriter(target, architecture)
    without = ("GGUF.", "general.architecture", *without)
    for key, kept in reader.fields.items():
        if not any(part in key for part in without):
            items = kept.types[-1] if kept.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(
                key.replace("llama.", f"{architecture}."), kept.contents(), kept.types[0], items
            )
    for tensor in reader.tensors:
        if not any(part in tensor.name for part in without):
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    return writer


def written(writer: GGUFWriter, target: Path) -> Path:
    """Return the file, when its writer has written all."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


_DECISION_TEMPLATE: Final = (
    "{{ state if state is string else state | tojson }}\n{{ instructions }}\n"
    "{% for option in options %}{{ 'ABCDEFGH'[loop.index0] }}: {{ option.key }}\n{% endfor %}"
)


def decision_model(model: Path, target: Path) -> Path:
    """Write a copy of a llama model that llama.cpp takes for a decision model.

    Its answers mean nothing.
    """
    writer = _as("llama", model, target)
    writer.add_string("llama.decision.type", "openjev")
    writer.add_string("tokenizer.chat_template.systemone", _DECISION_TEMPLATE)
    return written(writer, target)
