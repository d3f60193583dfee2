"""The types of values that model files have."""

import inspect
import re
from collections.abc import Iterator
from operator import attrgetter

import gguf
import pytest

from langchain_localllm.gguf.header import GGUFInfo
from langchain_localllm.gguf.value_types import wrong_types

TYPES = {"uint32": 4, "int32": 5, "float32": 6, "bool": 7, "string": 8, "array": 9}
WRITES = re.compile(r"self\.add_(\w+)\(\s*Keys\.([\w.]+?)(?:\.format\([^)]*\))?,")


def written() -> Iterator[tuple[str, int]]:
    """Each key that the `gguf` package writes, and its type."""
    for kind, name in WRITES.findall(inspect.getsource(gguf.GGUFWriter)):
        key = attrgetter(name)(gguf.Keys)
        yield key.replace("{arch}", "llama").replace("{name}", "tool_use"), TYPES[kind]


def info(key: str, kind: int, values: tuple[object, ...] = ()) -> GGUFInfo:
    lists = {key: values} if values else {}
    return GGUFInfo({"general.architecture": "llama"}, {}, lists=lists, value_types={key: kind})


def test_value_types_that_the_gguf_package_writes_are_right() -> None:
    found = [*written()]
    assert len(found) > 150
    for key, kind in found:
        floats = "scale" in key or "swiglu" in key
        values = () if "label" in key or kind != 9 else (1.0,) if floats else (1,)
        assert [*wrong_types(info(key, kind, values))] == [], (key, kind)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("llama.context_length", 6),
        ("llama.attention.head_count", 10),
        ("llama.rope.freq_base", 4),
        ("llama.attention.causal", 4),
        ("llama.rope.scaling.type", 4),
        ("llama.context_length", 9),
        ("tokenizer.ggml.add_bos_token", 4),
        ("tokenizer.ggml.bos_token_id", 5),
        ("tokenizer.ggml.pre", 9),
        ("tokenizer.chat_template", 7),
        ("general.file_type", 5),
        ("general.sampling.top_p", 4),
    ],
)
def test_value_types_other_types_are_named(key: str, kind: int) -> None:
    [fault] = wrong_types(info(key, kind))
    assert fault.startswith(f"{key} has the GGUF type {kind}, not ")


@pytest.mark.parametrize(
    ("values", "is_right"),
    [((2, 2, 1), True), ((2.0, 2.0), False), ((), False), ((True, 1), False)],
)
def test_value_types_list_with_a_value_per_layer_holds_numbers(
    values: tuple[object, ...], *, is_right: bool
) -> None:
    assert (not [*wrong_types(info("llama.attention.head_count", 9, values))]) is is_right


def test_value_types_keys_that_engines_do_not_read_can_be_anything() -> None:
    assert [*wrong_types(info("quantize.imatrix.file", 4))] == []
    assert [*wrong_types(info("gemma.context_length", 8))] == []
