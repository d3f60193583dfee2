"""An embedding model of the kind bert with random weights, for benchmarks.

Its vocabulary is that of the tiny one.
"""

from pathlib import Path
from typing import Final

import gguf
import numpy as np

from benchmarks._random_models import _add_matrix, _add_vector
from langchain_localllm.models import tiny_embedding_model

_Q8_0: Final = gguf.GGMLQuantizationType.Q8_0

LAYERS: Final = 12
WIDTH: Final = 768
INNER: Final = 3072
HEADS: Final = 12
CONTEXT: Final = 512
"""The measures of bert-base, which make 104 MB as Q8_0 with this vocabulary."""


def random_bert(folder: Path) -> Path:
    """Return the path of the model in the folder; written there unless it is there already."""
    path = folder / "random-bert.gguf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        _write(unfinished)
        unfinished.rename(path)
    return path


def _write(path: Path) -> None:
    writer = gguf.GGUFWriter(path, "bert")
    count = _add_header(writer)
    random = np.random.default_rng(1)
    _add_matrix(writer, random, _Q8_0, "token_embd.weight", (count, WIDTH))
    writer.add_tensor("token_types.weight", np.zeros((2, WIDTH), np.float32))
    writer.add_tensor(
        "position_embd.weight", random.normal(0, 0.02, (CONTEXT, WIDTH)).astype(np.float32)
    )
    _add_norm(writer, "token_embd_norm")
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            _add_linear(writer, random, name + part, WIDTH, WIDTH)
        _add_linear(writer, random, f"{name}ffn_up", INNER, WIDTH)
        _add_linear(writer, random, f"{name}ffn_down", WIDTH, INNER)
        _add_norm(writer, f"{name}attn_output_norm")
        _add_norm(writer, f"{name}layer_output_norm")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_linear(
    writer: gguf.GGUFWriter, random: np.random.Generator, name: str, rows: int, columns: int
) -> None:
    _add_matrix(writer, random, _Q8_0, f"{name}.weight", (rows, columns))
    writer.add_tensor(f"{name}.bias", np.zeros(rows, np.float32))


def _add_norm(writer: gguf.GGUFWriter, name: str) -> None:
    _add_vector(writer, f"{name}.weight", WIDTH)
    writer.add_tensor(f"{name}.bias", np.zeros(WIDTH, np.float32))


def _add_header(writer: gguf.GGUFWriter) -> int:
    """Add all that is no weight; the number of tokens in the vocabulary."""
    fields = gguf.GGUFReader(tiny_embedding_model()).fields
    tokens: list[str] = fields["tokenizer.ggml.tokens"].contents()
    writer.add_name("random-bert")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(fields["tokenizer.ggml.token_type"].contents())
    writer.add_token_type_count(2)
    for name in ("bos", "eos", "unknown", "seperator", "padding", "mask", "cls"):
        key = f"tokenizer.ggml.{name}_token_id"
        writer.add_uint32(key, fields[key].contents())
    return len(tokens)
