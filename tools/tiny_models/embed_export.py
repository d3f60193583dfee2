"""Write the embedding model as GGUF for llama.cpp, llamafile, Ollama and GPT4All."""

from __future__ import annotations

import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType, TokenType

from .embed_model import Embedder
from .embed_tokens import CLS, MASK, PAD, SEP, SPECIAL, UNK

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "langchain_localllm" / "models" / "tiny-embed.gguf"


def tensors(model: Embedder) -> dict[str, torch.Tensor]:
    """Return the model's tensors under llama.cpp's names."""
    found = {
        "token_embd.weight": model.tokens.weight,
        "token_types.weight": torch.zeros(2, model.config.width),
        "position_embd.weight": model.positions,
        "token_embd_norm.weight": model.norm.weight,
        "token_embd_norm.bias": model.norm.bias,
    }
    for n, layer in enumerate(model.layers):
        for part in ("weight", "bias"):
            rows = getattr(layer.qkv, part).chunk(3)
            found |= {
                f"blk.{n}.attn_{name}.{part}": row for name, row in zip("qkv", rows, strict=True)
            }
            found[f"blk.{n}.attn_output.{part}"] = getattr(layer.out, part)
            found[f"blk.{n}.attn_output_norm.{part}"] = getattr(layer.norm, part)
            found[f"blk.{n}.ffn_up.{part}"] = getattr(layer.up, part)
            found[f"blk.{n}.ffn_down.{part}"] = getattr(layer.down, part)
            found[f"blk.{n}.layer_output_norm.{part}"] = getattr(layer.norm_out, part)
    return found


def is_quantized(name: str) -> bool:
    """Return whether a matrix is stored as Q8_0.

    Vectors and positions stay as 32-bit floats.
    """
    return name.endswith(".weight") and not any(
        part in name for part in ("norm", "position_embd", "token_types")
    )


def write_header(writer: gguf.GGUFWriter, model: Embedder, pieces: list[str]) -> None:
    """Return the keys that the four engines need, and what the file is."""
    c = model.config
    writer.add_name("tiny-embed")
    writer.add_description(
        "Tiny English sentence embedding for tests and demos, trained on generated text only"
    )
    writer.add_license("MIT")
    writer.add_context_length(c.context)
    writer.add_embedding_length(c.width)
    writer.add_block_count(c.layers)
    writer.add_feed_forward_length(c.inner)
    writer.add_head_count(c.heads)
    writer.add_layer_norm_eps(c.epsilon)
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(pieces)
    writer.add_token_scores([0.0] * len(pieces))
    writer.add_token_types(
        [TokenType.CONTROL if p in SPECIAL else TokenType.NORMAL for p in pieces]
    )
    writer.add_token_type_count(2)
    index = pieces.index
    writer.add_bos_token_id(index(CLS))
    writer.add_eos_token_id(index(SEP))  # GPT4All gives wrong vectors without it
    writer.add_unk_token_id(index(UNK))
    # written as "seperator_token_id", the spelling that the engines read
    writer.add_sep_token_id(index(SEP))
    writer.add_pad_token_id(index(PAD))
    writer.add_mask_token_id(index(MASK))
    writer.add_uint32("tokenizer.ggml.cls_token_id", index(CLS))


def export(model: Embedder, pieces: list[str], path: Path = OUTPUT) -> None:
    """Write `model` with its vocabulary to `path`."""
    writer = gguf.GGUFWriter(str(path), "bert")
    write_header(writer, model, pieces)
    for name, tensor in tensors(model).items():
        values = tensor.detach().numpy().astype(np.float32)
        if is_quantized(name):
            q8 = GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(values, q8), raw_dtype=q8)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    from .embed_train import load_best

    export(*load_best())
    sys.stderr.write(f"wrote {OUTPUT} ({OUTPUT.stat().st_size / 1e6:.2f} MB)\n")
