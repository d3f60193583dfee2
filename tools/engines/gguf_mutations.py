"""Make damaged and unusual model files, each by changing one thing in a header."""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import gguf

from langchain_localllm.gguf.header import (
    FLOAT32,
    INT32,
    LIST,
    SCALAR_CODES,
    STRING,
    UINT32,
    UINT64,
)

_LONG: Final = 1000


@dataclass
class Header:
    """A model file that can be changed.

    Attributes:
        values: Type and value by key; of a list, type and items.
        tensors: Name, shape, type and bytes of each tensor.
        alignment: Bytes to which the data of tensors is aligned.
        offsets: Offsets to write in place of the right ones, by name.
        repeated: Key, type and value of entries to write after `values`.
    """

    values: dict[bytes, tuple[int, Any]]
    tensors: list[tuple[bytes, list[int], int, bytes]]
    alignment: int = 32
    offsets: dict[bytes, int] = field(default_factory=dict)
    repeated: list[tuple[bytes, int, Any]] = field(default_factory=list)
    _written: dict[tuple[int, int], tuple[Any, bytes]] = field(default_factory=dict)
    """Long lists and their bytes, by the identity of the list and the type of its items."""

    @classmethod
    def read(cls, path: Path) -> "Header":
        """Read a file."""
        reader = gguf.GGUFReader(path)
        values: dict[bytes, tuple[int, Any]] = {}
        for name, each in reader.fields.items():
            if name.startswith("GGUF."):
                continue
            kind = each.types[0].value
            content: Any = each.contents()
            values[name.encode()] = (
                (LIST, (each.types[1].value, list(content))) if kind == LIST else (kind, content)
            )
        tensors = [
            (t.name.encode(), [int(n) for n in t.shape], t.tensor_type.value, t.data.tobytes())
            for t in reader.tensors
        ]
        return cls(values, tensors)

    def copy(self) -> "Header":
        """A copy with the same lists, which must not be changed in place."""
        for kind, value in self.values.values():
            if kind == LIST and len(value[1]) > _LONG and _key_of(value) not in self._written:
                self._written[_key_of(value)] = value[1], _value(kind, value)
        return replace(
            self, values=dict(self.values), tensors=list(self.tensors), offsets={}, repeated=[]
        )

    def set(self, key: str, kind: int, value: Any) -> None:
        """Set a value, with `*` for the architecture."""
        self.values[self._key(key)] = kind, value

    def drop(self, key: str) -> None:
        """Remove a value."""
        del self.values[self._key(key)]

    def items(self, key: str) -> list[Any]:
        """Return the items of a list, to be changed."""
        return self.values[key.encode()][1][1]  # type: ignore[no-any-return]  # values are of any type

    def tensor(
        self,
        name: str,
        *,
        shape: list[int] | None = None,
        kind: int | None = None,
        rename: str | None = None,
    ) -> None:
        """Change a tensor's entry; its data stays."""
        for number, (old, old_shape, old_kind, data) in enumerate(self.tensors):
            if old == name.encode():
                new = (rename or name).encode()
                self.tensors[number] = (
                    new,
                    old_shape if shape is None else shape,
                    old_kind if kind is None else kind,
                    data,
                )

    def write(self) -> bytes:
        """Return the file."""
        entries = [*((key, *entry) for key, entry in self.values.items()), *self.repeated]
        out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(entries)))
        for key, kind, value in entries:
            out += _string(key) + struct.pack("<I", kind)
            known = self._written.get(_key_of(value)) if kind == LIST else None
            out += known[1] if known else _value(kind, value)
        end, parts = 0, list[bytes]()
        for name, shape, kind, content in self.tensors:
            padding = bytes(-end % self.alignment)
            offset = self.offsets.get(name, end + len(padding))
            out += _string(name) + struct.pack(
                f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset
            )
            parts += [padding, content]
            end += len(padding) + len(content)
        parts += [bytes(-end % self.alignment)]
        return b"".join([out, bytes(-len(out) % self.alignment), *parts])

    def _key(self, key: str) -> bytes:
        return key.replace("*", str(self.values[b"general.architecture"][1])).encode()


def _key_of(value: tuple[int, Any]) -> tuple[int, int]:
    item, items = value
    return id(items), item


def _string(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def _value(kind: int, value: Any) -> bytes:
    if kind == STRING:
        return _string(value)
    if kind == LIST:
        item, items = value
        return struct.pack("<IQ", item, len(items)) + b"".join(_value(item, each) for each in items)
    return struct.pack(f"<{SCALAR_CODES[kind]}", value)


Change = Callable[[Header], object]


def _set(key: str, kind: int, value: Any) -> Change:
    return lambda header: header.set(key, kind, value)


def _item(key: str, number: int, value: Any) -> Change:
    return lambda header: header.items(key).__setitem__(number, value)


def _cut(key: str, length: int) -> Change:
    return lambda header: header.items(key).__delitem__(slice(length, None))


def _again(header: Header) -> None:
    tokens = header.items("tokenizer.ggml.tokens")
    tokens[-1] = tokens[-2]


def _everywhere(header: Header) -> None:
    for name, shape, _, _ in list(header.tensors):
        if len(shape) == 1:
            header.tensor(name.decode(), kind=24)


_IDS: Final = (
    "bos",
    "eos",
    "padding",
    "unknown",
    "seperator",
    "mask",
    "cls",
    "eot",
    "eom",
    "fim_pre",
)
_EPSILON: Final = {
    "llama": "*.attention.layer_norm_rms_epsilon",
    "bert": "*.attention.layer_norm_epsilon",
}
_COUNTS: Final = (
    "*.block_count",
    "*.context_length",
    "*.embedding_length",
    "*.feed_forward_length",
    "*.attention.head_count",
    "*.attention.head_count_kv",
    "*.attention.key_length",
    "*.rope.dimension_count",
    "*.vocab_size",
    "*.expert_count",
)
_TOKENS, _TYPES, _SCORES, _MERGES = (
    f"tokenizer.ggml.{name}" for name in ("tokens", "token_type", "scores", "merges")
)


def mutations(architecture: str) -> dict[str, Change]:
    """Return the changes by what they are, for a `llama` or a `bert` file."""
    found: dict[str, Change] = {}
    for key in _COUNTS:
        for value in (0, 1, 3, 65_536, 2**31, 2**32 - 1):
            found[f"{key} is {value}"] = _set(key, UINT32, value)
        found[f"{key} is negative"] = _set(key, INT32, -1)
        found[f"{key} is a text"] = _set(key, STRING, "many")
        found[f"{key} is a float"] = _set(key, FLOAT32, math.nan)
        found[f"{key} is a list"] = _set(key, LIST, (UINT32, [0, 1, 2]))
        found[f"{key} has 64 bits"] = _set(key, UINT64, 2**63)
    for key in (
        "*.block_count",
        "*.embedding_length",
        "*.attention.head_count",
        _EPSILON[architecture],
    ):
        found[f"{key} is missing"] = lambda header, key=key: header.drop(key)  # type: ignore[misc]  # a default to bind it
    for number in (-1.0, 0.0, math.nan, math.inf, 1e30):
        for key in (
            _EPSILON[architecture],
            "*.rope.freq_base",
            "*.rope.scaling.factor",
            "*.logit_scale",
        ):
            found[f"{key} is {number}"] = _set(key, FLOAT32, number)
    for name in _IDS:
        for value in (10**6, 2**31, 2**32 - 1):
            found[f"{name} is {value}"] = _set(f"tokenizer.ggml.{name}_token_id", UINT32, value)
    for pooling in (-1, 4, 5, 99):
        found[f"pooling is {pooling}"] = _set("*.pooling_type", INT32, pooling)
    return found | {
        "a token twice": _again,
        "an empty token": _item(_TOKENS, 300, ""),
        "a token that is not UTF-8": _item(_TOKENS, 300, b"\xff\xfe"),
        "a token with a NUL character": _item(_TOKENS, 300, "a\0b"),
        "groups without experts": _set("*.expert_group_count", UINT32, 512),
        "more layers that predict than layers": _set("*.nextn_predict_layers", UINT32, 129),
        "a list of lists": _set("general.tags", LIST, (LIST, [(LIST, [(UINT32, [1])])])),
        "half of the tokens": _cut(_TOKENS, 200),
        "one token": _cut(_TOKENS, 1),
        "no tokens": _cut(_TOKENS, 0),
        "tokens are numbers": _set(_TOKENS, LIST, (INT32, list(range(768)))),
        "half of the types": _set(_TYPES, LIST, (INT32, [1] * 200)),
        "types of 99": _set(_TYPES, LIST, (INT32, [99] * 768)),
        "types are texts": _set(_TYPES, LIST, (STRING, ["normal"] * 768)),
        "all tokens are unused": _set(_TYPES, LIST, (INT32, [5] * 768)),
        "scores are not numbers": _set(_SCORES, LIST, (FLOAT32, [math.nan] * 768)),
        "few scores": _set(_SCORES, LIST, (FLOAT32, [0.0] * 7)),
        "no merges": _set(_MERGES, LIST, (STRING, [])),
        "merges without a space": _set(_MERGES, LIST, (STRING, ["ab", "", " "])),
        "merges are numbers": _set(_MERGES, LIST, (INT32, [1, 2])),
        "merges that are not UTF-8": _set(_MERGES, LIST, (STRING, [b"\xff \xfe"])),
        "sentencepiece without bytes": _set("tokenizer.ggml.model", STRING, "llama"),
        "wordpiece": _set("tokenizer.ggml.model", STRING, "bert"),
        "unigram": _set("tokenizer.ggml.model", STRING, "t5"),
        "no known tokenizer": _set("tokenizer.ggml.model", STRING, "abacus"),
        "no tokenizer": _set("tokenizer.ggml.model", STRING, "no_vocab"),
        "the tokenizer is a number": _set("tokenizer.ggml.model", UINT32, 7),
        "no known pre-tokenizer": _set("tokenizer.ggml.pre", STRING, "abacus"),
        "the pre-tokenizer is a number": _set("tokenizer.ggml.pre", UINT32, 7),
        "the template is a number": _set("tokenizer.chat_template", UINT32, 7),
        "another architecture": _set("general.architecture", STRING, "qwen2"),
        "no known architecture": _set("general.architecture", STRING, "abacus"),
        "an architecture with a long name": _set("general.architecture", STRING, "a" * 5000),
        "alignment is 0": _set("general.alignment", UINT32, 0),
        "alignment is 7": _set("general.alignment", UINT32, 7),
        "alignment is huge": _set("general.alignment", UINT32, 2**31),
        "alignment is a text": _set("general.alignment", STRING, "32"),
        "no embedding": lambda header: header.tensor(
            "token_embd.weight", rename="token_embd.other"
        ),
        "an embedding on its side": lambda header: header.tensor(
            "token_embd.weight", shape=[768, 128]
        ),
        "a smaller embedding": lambda header: header.tensor("token_embd.weight", shape=[32, 32]),
        "an empty tensor": lambda header: header.tensor("token_embd.weight", shape=[0, 768]),
        "a tensor without dimensions": lambda header: header.tensor("token_embd.weight", shape=[]),
        "a tensor of five dimensions": lambda header: header.tensor(
            "token_embd.weight", shape=[1, 1, 1, 1, 1]
        ),
        "a tensor of 2**63 values": lambda header: header.tensor(
            "token_embd.weight", shape=[2**62, 2]
        ),
        "no known type of tensor": lambda header: header.tensor("token_embd.weight", kind=77),
        "a type that was removed": lambda header: header.tensor("token_embd.weight", kind=4),
        "an embedding of integers": lambda header: header.tensor("token_embd.weight", kind=26),
        "norms of integers": _everywhere,
        "a layer without a name": lambda header: header.tensor(
            "blk.0.attn_q.weight", rename="blk..attn_q.weight"
        ),
        "a tensor twice": lambda header: header.tensor(
            "blk.0.attn_q.weight", rename="blk.0.attn_k.weight"
        ),
        "a tensor after the end": lambda header: header.offsets.update(
            {b"token_embd.weight": 2**40}
        ),
        "a tensor at the last byte": lambda header: header.offsets.update(
            {b"token_embd.weight": 2**64 - 32}
        ),
        "a tensor that is not aligned": lambda header: header.offsets.update(
            {b"blk.0.attn_q.weight": 7}
        ),
        "a key that is not UTF-8": lambda header: header.values.update({b"\xff\xfe": (UINT32, 1)}),
        "an empty key": lambda header: header.values.update({b"": (UINT32, 1)}),
        "a key of 70,000 bytes": lambda header: header.values.update({b"k" * 70_000: (UINT32, 1)}),
        "many parts": _set("split.count", STRING, "two"),
        "parts are missing": _set("split.count", UINT32, 3),
    }
