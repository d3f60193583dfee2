"""Make models with random weights for benchmarks: noise as text, but real timings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import gguf
import numpy as np
from gguf import GGMLQuantizationType
from gguf.quants import quantize

_BLOCK: Final = 32
"""Weights that share a scale in Q8_0: an fp16 scale and 32 signed bytes."""
_SPECIAL: Final = ["<unk>", "<s>", "</s>"]


@dataclass(frozen=True, slots=True)
class Size:
    """The measures of a llama model.

    Attributes:
        name: For the file.
        layers: Number of layers.
        width: Length of a token's vector.
        hidden: Width of the feed-forward part.
        heads: Heads of attention.
        groups: Heads of keys and values.
        words: Words in the vocabulary, each a token.
    """

    name: str
    layers: int
    width: int
    hidden: int
    heads: int
    groups: int
    words: int


LARGE: Final = Size("large", layers=18, width=1024, hidden=2816, heads=16, groups=4, words=31_741)
"""About 250 MB."""
SMALL: Final = Size("small", layers=6, width=256, hidden=768, heads=4, groups=4, words=3_500)
"""About 7 MB."""


def word(number: int) -> str:
    """Return the word with this number: four letters, one token in every model of this file."""
    letters = []
    for _ in range(4):
        number, letter = divmod(number, 26)
        letters.append(chr(ord("a") + letter))
    return "".join(reversed(letters))


def text(count: int, first: int = 0) -> str:
    """Return a text of so many tokens; texts with different `first` share no beginning."""
    return "".join(f" {word((first * 101 + number * 7) % 3_000)}" for number in range(count))


def random_model(
    size: Size, folder: Path, kind: GGMLQuantizationType = GGMLQuantizationType.Q8_0
) -> Path:
    """Return the path of a model of this size and type of weights in the folder.

    Written there unless it is there already.
    """
    path = (
        folder
        / f"random-{size.name}{'' if kind == GGMLQuantizationType.Q8_0 else f'-{kind.name}'}.gguf"
    )
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        _write(size, unfinished, kind)
        unfinished.rename(path)
    return path


def _write(size: Size, path: Path, kind: GGMLQuantizationType) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    head = size.width // size.heads
    writer.add_context_length(8192)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.hidden)
    writer.add_head_count(size.heads)
    writer.add_head_count_kv(size.groups)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(head)
    _add_vocabulary(writer, size.words)
    random = np.random.default_rng(1)
    tokens = len(_SPECIAL) + 256 + size.words
    _add_matrix(writer, random, kind, "token_embd.weight", (tokens, size.width))
    _add_vector(writer, "output_norm.weight", size.width)
    for layer in range(size.layers):
        name = f"blk.{layer}."
        _add_vector(writer, f"{name}attn_norm.weight", size.width)
        _add_vector(writer, f"{name}ffn_norm.weight", size.width)
        _add_matrix(writer, random, kind, f"{name}attn_q.weight", (size.width, size.width))
        _add_matrix(writer, random, kind, f"{name}attn_k.weight", (size.groups * head, size.width))
        _add_matrix(writer, random, kind, f"{name}attn_v.weight", (size.groups * head, size.width))
        _add_matrix(writer, random, kind, f"{name}attn_output.weight", (size.width, size.width))
        _add_matrix(writer, random, kind, f"{name}ffn_gate.weight", (size.hidden, size.width))
        _add_matrix(writer, random, kind, f"{name}ffn_up.weight", (size.hidden, size.width))
        _add_matrix(writer, random, kind, f"{name}ffn_down.weight", (size.width, size.hidden))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: gguf.GGUFWriter, words: int) -> None:
    # U+0120 is a space
    tokens = [*_SPECIAL, *_byte_names(), *(f"\u0120{word(number)}" for number in range(words))]
    kinds = [gguf.TokenType.CONTROL] * len(_SPECIAL) + [gguf.TokenType.NORMAL] * (256 + words)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")  # takes a word that is in the vocabulary as it is
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["a b"])  # llama.cpp wants some
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(value=True)


def _byte_names() -> list[str]:
    """Return GPT-2's names of the 256 bytes: printable ones, else letters from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (byte for byte in range(256) if byte not in printable)
    names = {byte: chr(byte) for byte in printable} | {
        byte: chr(256 + number) for number, byte in enumerate(others)
    }
    return [names[byte] for byte in range(256)]


def _add_matrix(
    writer: gguf.GGUFWriter,
    random: np.random.Generator,
    kind: GGMLQuantizationType,
    name: str,
    shape: tuple[int, int],
) -> None:
    rows, columns = shape
    if kind != GGMLQuantizationType.Q8_0:
        weights = random.standard_normal(shape, np.float32) / np.float32(columns**0.5)
        writer.add_tensor(name, quantize(weights, kind), raw_dtype=kind)
        return
    # Q8_0 is written as blocks at once: that is much faster, and benchmarks use it for large
    # models.
    blocks = np.empty((rows, columns // _BLOCK, 2 + _BLOCK), np.uint8)
    # variance 1 / columns
    blocks[:, :, :2] = np.frombuffer(np.float16(1 / 73 / columns**0.5).tobytes(), np.uint8)
    blocks[:, :, 2:] = random.integers(-127, 128, (rows, columns // _BLOCK, _BLOCK), np.int8).view(
        np.uint8
    )
    writer.add_tensor(name, blocks.reshape(rows, -1), raw_dtype=kind)


def _add_vector(writer: gguf.GGUFWriter, name: str, length: int) -> None:
    writer.add_tensor(name, np.ones(length, np.float32))
