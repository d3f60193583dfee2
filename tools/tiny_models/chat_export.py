"""Write the best weights as GGUF: `python -m tools.tiny_models.chat_export [OUTPUT]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import gguf
import numpy as np

from . import tokenizer as tokenizer_module
from .chat_model import Config
from .chat_train import read_arrays
from .template import TEMPLATE

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

OUTPUT = Path(__file__).parents[2] / "langchain_localllm" / "models" / "tiny-chat.gguf"
NAMES = {
    "attention_norm": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "output": "attn_output",
    "feed_forward_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


def gguf_name(name: str) -> str:
    """Return the GGUF name of a weight of `chat_model.Chat`."""
    parts = name.split(".")
    if parts[0] == "blocks":
        return f"blk.{parts[1]}.{NAMES[parts[2]]}.weight"
    return {"embedding": "token_embd.weight", "norm": "output_norm.weight"}[parts[0]]


def write_gguf(
    path: Path, weights: dict[str, Tensor], tokenizer: Tokenizer, config: Config
) -> None:
    """Write a GGUF for llama.cpp, Ollama and GPT4All: Q8_0 matrices, F32 norms, tied embedding."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny-chat")
    writer.add_description(
        "A tiny chat model for demos and tests of langchain-localllm, trained on generated text."
    )
    writer.add_license("MIT")
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.feed_forward)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.heads)
    writer.add_rope_dimension_count(config.head_size)
    writer.add_rope_freq_base(config.rope_base)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_vocab_size(config.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    add_tokenizer(writer, tokenizer, config)
    for name, tensor in weights.items():
        array = tensor.numpy().astype(np.float32)
        if array.ndim == 1:
            writer.add_tensor(gguf_name(name), array)
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(gguf_name(name), gguf.quants.quantize(array, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer, config: Config) -> None:
    """Write the vocabulary, the merges and the chat template."""
    vocabulary = {number: token for token, number in tokenizer.get_vocab().items()}
    tokens = [vocabulary.get(number, f"<|unused{number}|>") for number in range(config.vocabulary)]
    kinds = dict.fromkeys(tokenizer_module.SPECIAL_TOKENS, gguf.TokenType.CONTROL)
    kinds |= dict.fromkeys(tokenizer_module.MARKERS, gguf.TokenType.USER_DEFINED)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([kinds.get(token, gguf.TokenType.NORMAL) for token in tokens])
    writer.add_token_merges(tokenizer_module.merges(tokenizer))
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(value=False)
    writer.add_add_space_prefix(value=False)
    writer.add_chat_template(TEMPLATE)


def main() -> None:
    """Export `chat_best.npz` of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, nargs="?", default=OUTPUT)
    parser.add_argument("--weights", type=Path, default=tokenizer_module.WORK / "chat_best.npz")
    options = parser.parse_args()
    if not options.weights.exists():
        sys.exit(
            f"No weights at {options.weights}: train first with python -m "
            "tools.tiny_models.chat_train."
        )
    weights, note = read_arrays(options.weights)
    weights = {
        name.removeprefix("w."): value
        for name, value in weights.items()
        if name.startswith("w.") or "." in name
    }
    write_gguf(options.output, weights, tokenizer_module.load(), Config())
    print(
        (
            f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB, trained on "
            f"{note['seen']:,} tokens"
        ),
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
