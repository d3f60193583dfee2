"""Find unusual values in a model file's header, at which engines may abort the process.

llama.cpp checks much of a header with `GGML_ASSERT`, which calls `abort()`, and trusts the rest. An
unusual value is not always wrong, so `trial_load` lets an engine load the file in a child process
first.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from langchain_localllm.gguf.header import BLOCKS, LIST, GGUFInfo, read_lists
from langchain_localllm.gguf.kv_cache import RECURRENT
from langchain_localllm.gguf.value_types import wrong_types

__all__ = ["unusual_values"]

_LARGEST_NUMBER: Final = 1 << 24
_RANGES: Final = {
    "block_count": (1, 1024),
    "context_length": (1, 1 << 28),
    "embedding_length": (1, 1 << 17),
    "feed_forward_length": (1, 1 << 20),
    "attention.head_count": (1, 1024),
    "attention.head_count_kv": (1, 1024),
    "attention.key_length": (1, 4096),
    "attention.value_length": (1, 4096),
    "pooling_type": (0, 4),
    "rope.dimension_count": (2, 4096),
    "rope.freq_base": (1, 1e12),
    "rope.scaling.factor": (1e-3, 1e6),
    "vocab_size": (1, 1 << 24),
}
"""Keys without the architecture's prefix, with the smallest and the largest value of ordinary
models."""
_NEEDED: Final = ("block_count", "context_length", "embedding_length")
_STRINGS: Final = (
    "general.architecture",
    "tokenizer.ggml.model",
    "tokenizer.ggml.pre",
    "tokenizer.chat_template",
)
_TOKENS, _TYPES, _SCORES = (
    "tokenizer.ggml.tokens",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.scores",
)
_MERGES: Final = "tokenizer.ggml.merges"
_TOKENIZERS: Final = frozenset({"bert", "gpt2", "llama"})
"""Tokenizer models whose vocabularies are checked."""
_FLOATS: Final = frozenset({0, 1, 30})
"""Tensor types that one-dimensional tensors may have: F32, F16, BF16."""
_INTEGERS: Final = frozenset(range(24, 29))
_LARGEST_TYPE: Final = 6
"""Token types: normal, unknown, control, user-defined, unused, byte; 0 is undefined."""


def unusual_values(path: Path, info: GGUFInfo) -> list[str]:
    """List what is unusual in a model file, each as a phrase with the key and the value.

    Empty for an ordinary file.

    Args:
        path: The file; of a model in several parts, the first one.
        info: Its header.
    """
    return [
        *_metadata(info),
        *_heads(info),
        *_experts(info),
        *_nested_lists(path, info),
        *_vocabulary(path, info),
        *_tensors(info),
        *wrong_types(info),
    ]


def _metadata(info: GGUFInfo) -> Iterator[str]:
    prefix = f"{info.architecture}."
    for key in _STRINGS:
        if not isinstance(info.metadata.get(key, ""), str):
            yield f"{key} is {info.metadata[key]!r}, which is not a text"
    for key in _NEEDED:
        if prefix + key not in info.metadata:
            yield f"{prefix}{key} is missing"
    single = {
        key: (value,)
        for key, value in info.metadata.items()
        if key.startswith((prefix, "tokenizer.", "split."))
    }
    each = {key: values for key, values in info.lists.items() if key.startswith(prefix)}
    for key, values in [*single.items(), *each.items()]:
        yield from _numbers(key, key.removeprefix(prefix), values)
    layers = info.metadata.get(f"{prefix}block_count")
    for key, values in each.items():
        if ".attention." in key and len(values) != layers:
            yield f"{key} has {len(values)} values for {layers} layers"


def _numbers(key: str, name: str, values: Sequence[Any]) -> Iterator[str]:
    least, most = _limits(name)
    outside = [
        value for value in values if isinstance(value, (int, float)) and not least <= value <= most
    ]
    if outside:
        yield f"{key} is {outside[0]}"
    elif name in _RANGES and not all(type(value) in {int, float} for value in values):
        yield f"{key} is {values[0]!r}, which is not a number"


def _limits(key: str) -> tuple[float, float]:
    if key.endswith("epsilon"):
        return 1e-20, 0.1
    return _RANGES.get(key, (-1, _LARGEST_NUMBER))


def _heads(info: GGUFInfo) -> Iterator[str]:
    """Yield numbers of heads and experts that do not divide each other as they must."""
    prefix = f"{info.architecture}."

    def each(key: str) -> list[int]:
        values = info.lists.get(prefix + key) or (info.metadata.get(prefix + key),)
        return [value for value in values if type(value) is int and value > 0]

    heads, groups = each("attention.head_count"), each("attention.head_count_kv")
    width, length, rope = (
        each("embedding_length"),
        each("attention.key_length"),
        each("rope.dimension_count"),
    )
    if not heads and info.architecture not in RECURRENT:
        yield f"{prefix}attention.head_count is missing"
    if wrong := [(count, group) for count in set(heads) for group in set(groups) if count % group]:
        yield (
            f"{prefix}attention.head_count_kv is {wrong[0][1]}, which does not divide "
            f"attention.head_count, {wrong[0][0]}"
        )
    if heads and width and not length and width[0] % heads[0]:
        yield (
            f"{prefix}attention.head_count is {heads[0]}, which does not divide embedding_length, "
            f"{width[0]}"
        )
    values = each("attention.value_length")
    if length and (
        (values and values[0] != length[0])
        or (info.embeds and heads and width and length[0] * heads[0] != width[0])
    ):
        yield (
            f"{prefix}attention.key_length is {length[0]}, and value_length "
            f"{values[0] if values else 'not given'}"
        )
    size = length[0] if length else width[0] // heads[0] if heads and width else 0
    if rope and size and (rope[0] > size or rope[0] % 2):
        yield f"{prefix}rope.dimension_count is {rope[0]} for heads of {size} numbers"


def _experts(info: GGUFInfo) -> Iterator[str]:
    """Yield numbers of experts and of layers that predict more tokens which do not fit."""
    prefix = f"{info.architecture}."

    def number(key: str) -> int:
        value = info.metadata.get(prefix + key)
        return value if type(value) is int else 0

    experts, used = number("expert_count"), number("expert_used_count")
    if used > experts or (experts and not used):
        yield f"{prefix}expert_used_count is {used} of {experts} experts"
    groups, used = number("expert_group_count"), number("expert_group_used_count")
    if groups and (not experts or experts % groups):
        yield f"{prefix}expert_group_count is {groups} for {experts} experts"
    if used > groups:
        yield f"{prefix}expert_group_used_count is {used} of {groups} groups"
    predicting, layers = number("nextn_predict_layers"), number("block_count")
    if predicting and predicting >= layers:
        yield f"{prefix}nextn_predict_layers is {predicting} of {layers} layers"


def _nested_lists(path: Path, info: GGUFInfo) -> Iterator[str]:
    with path.open("rb") as file:
        for key, place in info.list_positions.items():
            file.seek(place)
            if file.read(4) == LIST.to_bytes(4, "little"):
                yield f"{key} is a list of lists"


def _vocabulary(path: Path, info: GGUFInfo) -> Iterator[str]:
    lists = read_lists(path, info, (_TOKENS, _TYPES, _SCORES, _MERGES))
    tokens = lists.get(_TOKENS, ())
    kind = info.metadata.get("tokenizer.ggml.model")
    if kind not in _TOKENIZERS:
        yield f"tokenizer.ggml.model is {kind!r}"
    yield from _ids(info, len(tokens))
    for key in (_TYPES, _SCORES):
        if key in lists and len(lists[key]) != len(tokens):
            yield f"{key} has {len(lists[key])} values for {len(tokens)} tokens"
    if not all(
        isinstance(value, int) and 0 <= value <= _LARGEST_TYPE for value in lists.get(_TYPES, ())
    ):
        yield f"{_TYPES} has a value that is not a type of token"
    if not all(
        isinstance(value, float) and math.isfinite(value) for value in lists.get(_SCORES, ())
    ):
        yield f"{_SCORES} has a value that is not a finite number"
    yield from _token_texts(tokens, kind)
    if kind == "gpt2":
        yield from _merges(lists.get(_MERGES, ()))


def _ids(info: GGUFInfo, count: int) -> Iterator[str]:
    size = info.metadata.get(f"{info.architecture}.vocab_size", count)
    if size != count:
        yield f"{info.architecture}.vocab_size is {size}, but the vocabulary has {count} tokens"
    for key, value in info.metadata.items():
        if (
            key.startswith("tokenizer.ggml.")
            and key.endswith("_token_id")
            and not (type(value) is int and 0 <= value < count)
        ):
            yield f"{key} is {value!r}, but the vocabulary has {count} tokens"


def _token_texts(tokens: Sequence[Any], kind: Any) -> Iterator[str]:
    if not tokens or not isinstance(tokens[0], bytes):
        yield f"{_TOKENS} is not a list of texts"
        return
    known = set(tokens)
    if len(known) != len(tokens):
        seen: dict[bytes, int] = {}
        again = next(
            number
            for number, token in enumerate(tokens)
            if seen.setdefault(token, number) != number
        )
        text = tokens[again].decode("utf-8", "replace")
        yield (
            f"{_TOKENS} has the token {text!r} twice, with the ids {seen[tokens[again]]} and "
            f"{again}"
        )
    if nul := next((token for token in tokens if b"\0" in token), None):
        yield f"{_TOKENS} has a token with a NUL character, {nul.decode('utf-8', 'replace')!r}"
    if b"" in known:
        yield f"{_TOKENS} has an empty token"
    try:
        b"".join(tokens).decode()
    except UnicodeDecodeError:
        yield f"{_TOKENS} has a token that is not UTF-8"
    if kind == "llama":
        missing = [byte for byte in range(256) if not {b"<0x%02X>" % byte, bytes([byte])} & known]
        if missing:
            yield f"{_TOKENS} has no token for the byte {missing[0]:#04x}"


def _merges(merges: Sequence[Any]) -> Iterator[str]:
    if not merges or not isinstance(merges[0], bytes):
        yield f"{_MERGES} is missing"
    elif wrong := next((merge for merge in merges if b" " not in merge[1:-1]), None):
        yield f"{_MERGES} has {wrong.decode('utf-8', 'replace')!r}, which is not two tokens"
    else:
        try:
            b"".join(merges).decode()
        except UnicodeDecodeError:
            yield f"{_MERGES} has a text that is not UTF-8"


def _tensors(info: GGUFInfo) -> Iterator[str]:
    layers, width = (
        info.metadata.get(f"{info.architecture}.{key}")
        for key in ("block_count", "embedding_length")
    )
    whole = info.part_count <= 1
    words = info.tensors.get("token_embd.weight")
    if whole and words is None:
        yield "the tensor token_embd.weight is missing"
    elif words and words.shape != (width, info.list_lengths.get(_TOKENS)):
        yield (
            f"the tensor token_embd.weight has the shape {words.shape}, not embedding_length "
            "times the number of tokens"
        )
    numbers = {
        int(name.split(".")[1])
        for name in info.tensors
        if name.startswith("blk.") and name.split(".")[1].isdecimal()
    }
    if whole and numbers != set(
        range(layers if type(layers) is int and layers <= _RANGES["block_count"][1] else 0)
    ):
        yield f"there are weights for {len(numbers)} layers, and block_count is {layers}"
    alignment = info.metadata.get("general.alignment", 32)
    if alignment & (alignment - 1) or alignment < 8:  # noqa: PLR2004 - ggml wants a multiple of it
        yield f"general.alignment is {alignment}"
    yield from _each_tensor(info, alignment)


def _each_tensor(info: GGUFInfo, alignment: int) -> Iterator[str]:
    shapes: dict[str, tuple[int, ...]] = {}
    end = 0
    for name, tensor in sorted(info.tensors.items(), key=lambda item: item[1].offset):
        values, _ = BLOCKS.get(tensor.kind, (0, 0))
        common = ".".join(part for part in name.split(".") if not part.isdecimal())
        if (
            not values
            or (tensor.kind in _INTEGERS)
            or (len(tensor.shape) == 1 and tensor.kind not in _FLOATS)
        ):
            yield f"the tensor {name} has the type {tensor.kind}"
        elif not tensor.shape or 0 in tensor.shape or tensor.shape[0] % values:
            yield f"the tensor {name} has the shape {tensor.shape}"
        elif tensor.offset % alignment or tensor.offset < end:
            yield f"the tensor {name} begins at the wrong byte, {tensor.offset}"
        elif shapes.setdefault(common, tensor.shape) != tensor.shape:
            yield (
                f"the tensor {name} has the shape {tensor.shape}, and that of another layer "
                f"{shapes[common]}"
            )
        end = max(end, tensor.offset + tensor.size)
