"""Change a model file at random: values of its header, its vocabulary, tensors or bytes."""

import math
import random
import struct
from collections.abc import Callable
from typing import Any, Final

import gguf

from langchain_localllm.gguf.header import BOOL, FLOAT32, INT32, LIST, STRING, UINT32, UINT64
from tools.engines.gguf_mutations import Header

_NUMBERS: Final = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    15,
    16,
    31,
    32,
    33,
    63,
    64,
    65,
    96,
    127,
    128,
    129,
    255,
    256,
    511,
    512,
    768,
    1000,
)
_LARGE: Final = (
    4096,
    32_000,
    65_535,
    65_536,
    1 << 20,
    1 << 24,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
)
_FLOATS: Final = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1e-5,
    1e-30,
    1e-45,
    1e30,
    3e38,
    10_000.0,
    1e6,
    math.nan,
    math.inf,
    -math.inf,
)
_WORDS: Final = (
    "",
    "llama",
    "bert",
    "gpt2",
    "t5",
    "rwkv",
    "qwen2",
    "yarn",
    "linear",
    "longrope",
    "none",
    "default",
    "a" * 300,
    "é\n",
)
_TEXTS: Final = (
    "",
    " ",
    "a",
    "<s>",
    "</s>",
    "<0x41>",
    "<0x00>",
    "\u2581",
    "Hello",
    "\n",
    "é",
    "🙂",
    "<|im_end|>",
    "x" * 600,
)
_BYTES: Final = (b"\xff", b"\xf0\x9f", b"\x00", b"a\x00b", b"\xed\xa0\x80", b"\xc0\x80")
_TEMPLATES: Final = (
    "",
    "{{",
    "{% for %}",
    "{{ messages[0].content }}",
    "{{ messages[99].content }}",
    "{{ raise_exception('no') }}",
    "{% for a in range(1000000000) %}x{% endfor %}",
    "{{ 'a' * 1000000000 }}",
    "{{ ''.__class__ }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}",
    "{{ bos_token }}{{ messages | tojson }}",
    "{{ 1 / 0 }}",
    "{{ messages | unknown_filter }}",
    "[" * 5000,
    "{{ " + "(" * 3000 + ")" * 3000 + " }}",
    "{% if " + "not " * 3000 + "x %}{% endif %}",
    "\x00",
    "é🙂",
)
_TAGS: Final = (
    "{% endif %}",
    "{% endfor %}",
    "{% if tools %}",
    "{{ messages }}",
    "{%- set messages = [] %}",
    "{{ bos_token * 100 }}",
    "{{ namespace() }}",
    "{# ",
    "{% for m in messages recursive %}{{ loop(messages) }}{% endfor %}",
)
_TYPES: Final = (0, 1, 2, 3, 6, 7, 8, 10, 12, 14, 16, 20, 24, 26, 28, 30, 39, 77, 0xFFFFFFFF)
_IDS: Final = (
    "bos",
    "eos",
    "eot",
    "eom",
    "unknown",
    "seperator",
    "padding",
    "cls",
    "mask",
    "fim_pre",
    "fim_suf",
    "fim_mid",
)

Change = Callable[[Header, random.Random], str]


def mutate(header: Header, rng: random.Random) -> list[str]:
    """Change a file in one to three places, and return what was changed, in words."""
    changes = [
        rng.choices(*zip(*_WEIGHTS, strict=True))[0] for _ in range(rng.choice((1, 1, 1, 2, 3)))
    ]
    return [change(header, rng) for change in changes]


def damage(data: bytes, header_size: int, rng: random.Random) -> tuple[bytes, str]:
    """Change the bytes of a file, most often those of its header.

    Return the new file and what was changed.
    """
    kind = rng.choice(("cut", "flip", "flip", "flip", "number", "number", "insert", "remove"))
    place = rng.randrange(*rng.choice(_regions(len(data), header_size)))
    if kind == "cut":
        return data[:place], f"cut after {place} bytes"
    if kind == "flip":
        changed = bytearray(data)
        places = [(place + rng.randrange(64)) % len(data) for _ in range(rng.choice((1, 1, 2, 8)))]
        for each in places:
            changed[each] ^= 1 << rng.randrange(8)
        return bytes(changed), f"bits flipped at {places}"
    if kind == "number":
        number = struct.pack(
            "<Q", rng.choice((*_NUMBERS, *_LARGE, 1 << 40, 1 << 62, 1 << 63, (1 << 64) - 1))
        )
        return data[:place] + number + data[place + 8 :], f"the number {number.hex()} at {place}"
    if kind == "insert":
        return data[:place] + rng.randbytes(size := rng.choice((1, 4, 32, 4096))) + data[
            place:
        ], f"{size} bytes inserted at {place}"
    size = rng.choice((1, 4, 32, 4096))
    return data[:place] + data[place + size :], f"{size} bytes removed at {place}"


def _regions(size: int, header_size: int) -> list[tuple[int, int]]:
    """Return the parts of a file to damage, each as often: a vocabulary is most of a header."""
    header = min(size, header_size)
    begin, tensors = min(header, 200), max(0, header - 4000)
    return [(0, begin), (0, header), (tensors, header), (0, size)]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 50 else f"{text[:40]}… ({len(text)})"  # noqa: PLR2004 - a line


def _value(rng: random.Random) -> tuple[int, Any]:
    """Return the type and the value of some entry of a header."""
    kind = rng.choice((UINT32, UINT32, UINT32, INT32, FLOAT32, FLOAT32, BOOL, STRING, UINT64, LIST))
    if kind == LIST and rng.random() < 0.1:  # noqa: PLR2004 - a share
        nested: Any = (UINT32, [1])
        for _ in range(rng.choice((1, 2, 200))):
            nested = (LIST, [nested])
        return LIST, nested
    if kind == LIST:
        item = rng.choice((UINT32, INT32, FLOAT32, BOOL, STRING))
        length = rng.choice((0, 1, 2, 4, 6, 8, 100, 768))
        return LIST, (item, [_scalar(item, rng) for _ in range(length)])
    return kind, _scalar(kind, rng)


def _scalar(kind: int, rng: random.Random) -> Any:
    if kind == FLOAT32:
        return rng.choice(_FLOATS)
    if kind == BOOL:
        return rng.random() < 0.5  # noqa: PLR2004 - a coin
    if kind == STRING:
        return rng.choice(_WORDS)
    if kind == INT32:
        return rng.choice((-1, -2, -(1 << 31), *_NUMBERS))
    return rng.choice(_NUMBERS if rng.random() < 0.7 else _LARGE)  # noqa: PLR2004 - a share


def _known_keys() -> list[str]:
    """Return the keys that engines read, in files of any architecture."""
    found = []
    for group in vars(gguf.Keys).values():
        if isinstance(group, type):
            found += [
                key
                for key in vars(group).values()
                if isinstance(key, str) and "." in key and " " not in key
            ]
    return [key.replace("{arch}", "*") for key in found] + [
        f"tokenizer.ggml.{name}_token_id" for name in _IDS
    ]


def _change_value(header: Header, rng: random.Random) -> str:
    """Change a value that the file has; most often to another of its type."""
    key = rng.choice([key for key, (kind, _) in header.values.items() if kind != LIST])
    kind, old = header.values[key]
    same = rng.random() < 0.7  # noqa: PLR2004 - a share
    if same and kind in {UINT32, INT32, UINT64} and old and rng.random() < 0.5:  # noqa: PLR2004 - a share
        new = (kind, max(0, rng.choice((old * 2, old // 2, old + 1, old - 1, old * 3))) % (1 << 31))
    else:
        new = (kind, _scalar(kind, rng)) if same else _value(rng)
    header.values[key] = new
    return f"{key.decode('utf-8', 'replace')} = {_shown(new)}"


def _add_value(header: Header, rng: random.Random) -> str:
    key, new = rng.choice(_known_keys()), _value(rng)
    header.set(key, *new)
    return f"{key} = {_shown(new)}"


def _change_template(header: Header, rng: random.Random) -> str:
    """Set another chat template, or damage the model's own: cut, repeat or insert a part of it."""
    _, own = header.values.get(b"tokenizer.chat_template", (STRING, ""))
    if not (isinstance(own, str) and own) or rng.random() < 0.3:  # noqa: PLR2004 - a share
        header.set("tokenizer.chat_template", STRING, new := rng.choice(_TEMPLATES))
        return f"tokenizer.chat_template = {_shown(new)}"
    start, end = sorted(rng.randrange(len(own) + 1) for _ in range(2))
    what = rng.choice(("cut", "repeat", "repeat many times", "insert"))
    part = {
        "cut": "",
        "repeat": own[start:end] * 2,
        "repeat many times": own[start:end] * 200,
        "insert": own[start:end] + rng.choice((*_TEMPLATES, *_TAGS)),
    }[what]
    header.set("tokenizer.chat_template", STRING, own[:start] + part + own[end:])
    return f"tokenizer.chat_template: {what} {start} to {end}"


def _repeat_key(header: Header, rng: random.Random) -> str:
    key = rng.choice([*header.values])
    header.repeated.append((key, *_value(rng)))
    return f"{key.decode('utf-8', 'replace')} twice"


def _drop_value(header: Header, rng: random.Random) -> str:
    key = rng.choice([*header.values])
    if key == b"general.architecture":
        return _change_value(header, rng)
    del header.values[key]
    return f"without {key.decode('utf-8', 'replace')}"


def _change_id(header: Header, rng: random.Random) -> str:
    key = f"tokenizer.ggml.{rng.choice(_IDS)}_token_id"
    header.set(key, UINT32, number := rng.choice((*_NUMBERS, *_LARGE)))
    return f"{key} = {number}"


def _change_list(header: Header, rng: random.Random) -> str:
    """Change a list, most often one of the vocabulary."""
    lists = [key for key, (kind, _) in header.values.items() if kind == LIST]
    if not lists:
        return _add_value(header, rng)
    key = rng.choice(lists)
    item, items = header.values[key][1]
    items = list(items)
    what = rng.choice(
        ("cut", "extend", "set", "set", "set", "swap", "all", "type", "repeat", "empty")
    )
    if what == "cut":
        del items[rng.randrange(len(items) + 1) :]
    elif what == "extend":
        items += items[: rng.randrange(1, 300)]
    elif what in {"set", "all"} and items:
        new = rng.choice((*_TEXTS, *_BYTES)) if item == STRING else _scalar(item, rng)
        items = [new] * len(items) if what == "all" else items
        items[rng.randrange(len(items))] = new
        what = f"{what} {_shown(new)}"
    elif what == "swap" and items:
        first, second = rng.randrange(len(items)), rng.randrange(len(items))
        items[first], items[second] = items[second], items[first]
    elif what == "repeat" and items:
        items[rng.randrange(len(items))] = items[rng.randrange(len(items))]
    elif what == "type":
        item = rng.choice((UINT32, INT32, FLOAT32, BOOL, STRING))
        items = [_scalar(item, rng) for _ in items]
    elif what == "empty":
        items = []
    header.values[key] = LIST, (item, items)
    return f"{key.decode('utf-8', 'replace')}: {what}, {len(items)} items of type {item}"


def _change_tensor(header: Header, rng: random.Random) -> str:
    """Change the entry of a tensor, or leave it out."""
    number = rng.randrange(len(header.tensors))
    name, shape, kind, data = header.tensors[number]
    text = name.decode("utf-8", "replace")
    what = rng.choice(
        (
            "rename",
            "drop",
            "turn",
            "shape",
            "shape",
            "merge",
            "type",
            "offset",
            "resize",
            "swap",
            "copy",
        )
    )
    if what == "drop":
        del header.tensors[number]
        return f"without the tensor {text}"
    if what == "offset":
        end = sum(len(data) for *_, data in header.tensors)
        header.offsets[name] = rng.choice(
            (0, 1, 32, 4096, 1 << 20, 1 << 40, (1 << 64) - 32, end - 32, rng.randrange(end) & ~31)
        )
        return f"the tensor {text} at {header.offsets[name]}"
    if what in {"swap", "copy"}:
        other = rng.randrange(len(header.tensors))
        there, other_shape, other_kind, other_data = header.tensors[other]
        header.tensors[number] = (name, other_shape, other_kind, other_data)
        if what == "swap":
            header.tensors[other] = (there, shape, kind, data)
        return f"the tensor {text} is that of {there.decode('utf-8', 'replace')} ({what})"
    if what == "rename":
        name = rng.choice(
            (
                name + b".other",
                name.replace(b"blk.", b"blk.9"),
                b"",
                b"x" * 100,
                b"output.weight",
                b"cls.weight",
            )
        )
    elif what == "turn":
        shape = shape[::-1]
    elif what == "merge":
        shape = rng.choice(([math.prod(shape)], [*shape, 1], [1, *shape], [*shape, 1, 1, 1]))
    elif what == "type":
        kind = rng.choice(_TYPES)
    elif what == "resize":  # a whole tensor of another size
        shape, data = [*shape[:-1], max(1, shape[-1] // 2)], data[: len(data) // 2]
    else:
        shape = [rng.choice((size, size // 2, size - 1, size + 1, 0, 1)) for size in shape]
    header.tensors[number] = name, shape, kind, data
    return f"the tensor {text} is {name[:30]!r}, {shape}, type {kind} ({what})"


def _change_weights(header: Header, rng: random.Random) -> str:
    """Change the bytes of a tensor: NaN, zeros, or noise, in all or in a part of it."""
    number = rng.randrange(len(header.tensors))
    name, shape, kind, data = header.tensors[number]
    what = rng.choice(("nan", "ones", "zeros", "noise"))
    length = rng.choice((len(data), min(len(data), 64)))
    start = rng.randrange(len(data) - length + 1)
    new = {
        "nan": struct.pack("<f", math.nan) * (length // 4 + 1),
        "ones": b"\xff" * length,
        "zeros": bytes(length),
        "noise": rng.randbytes(length),
    }[what][:length]
    header.tensors[number] = name, shape, kind, data[:start] + new + data[start + length :]
    return f"{what} in {length} bytes of the tensor {name.decode('utf-8', 'replace')} at {start}"


_WEIGHTS: Final[list[tuple[Change, int]]] = [
    (_change_value, 6),
    (_add_value, 6),
    (_drop_value, 2),
    (_change_id, 1),
    (_change_list, 5),
    (_change_tensor, 5),
    (_change_weights, 2),
    (_change_template, 2),
    (_repeat_key, 1),
]
