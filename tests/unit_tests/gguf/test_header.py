"""The check of a model file before an engine gets it."""

import contextlib
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf.constants import GGML_QUANT_SIZES
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_localllm.errors import ModelFileError
from langchain_localllm.gguf import header as gguf_check
from langchain_localllm.gguf.header import check_gguf, is_llamafile, look_into_llamafile
from langchain_localllm.gguf.unusual_values import unusual_values
from langchain_localllm.models import tiny_embedding_model


def write_gguf(
    path: Path,
    *,
    tokens: int = 3,
    kind: str | None = None,
    parts: int | None = None,
    architecture: str = "llama",
) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(2048)
    if kind:
        writer.add_type(kind)
    if parts:
        writer.add_uint16("split.count", parts)
    if tokens:
        writer.add_token_list([f"token {number} ő" for number in range(tokens)])
    writer.add_array("nested", [[1, 2], [3, 4]])
    writer.add_tensor("first", np.ones((4, 32), np.float32))
    writer.add_tensor("last", np.zeros((2, 34), np.uint8), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_header_is_read(tmp_path: Path) -> None:
    info = check_gguf(write_gguf(tmp_path / "good.gguf", tokens=5))
    assert (info.architecture, info.context_length, info.pooling_type) == ("llama", 2048, None)
    assert info.list_lengths["tokenizer.ggml.tokens"] == 5


def test_header_shipped_embedding_model_is_good() -> None:
    info = check_gguf(tiny_embedding_model())
    assert (info.architecture, info.context_length, info.pooling_type) == ("bert", 512, 1)


def test_header_block_sizes_are_those_of_the_gguf_package() -> None:
    for kind, size in GGML_QUANT_SIZES.items():
        assert gguf_check.BLOCKS.get(kind.value, size) == size
    assert {
        gguf.GGMLQuantizationType.Q4_K,
        gguf.GGMLQuantizationType.BF16,
    } <= gguf_check.BLOCKS.keys()


def _raw(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "There is no model file"),
        (Path.mkdir, "is a folder"),
        (_raw(b""), "is empty"),
        (_raw(b"PK\x03\x04 a zip"), "is not a GGUF model file"),
        (_raw(b"GG"), "is not a GGUF model file"),
        (_raw(b"GGUF"), "GGUF version 0"),
        (_raw(b"GGUF\x01\0\0\0"), "GGUF version 1, which the engines do not read"),
        (_raw(b"lmgg\x01\0\0\0"), "ggml format from before GGUF: fetch the model as a GGUF file"),
        (_raw(b"tjgg\x03\0\0\0"), "ggjt format from before GGUF"),
        (_raw(b"algg\x01\0\0\0"), "ggla format from before GGUF"),
        (_raw(b"GGUF\x03\0\0\0" + struct.pack("<QQ", 2**62, 2**62)), "is cut off or damaged"),
        (_raw(b"GGUF\x03\0\0\0" + struct.pack("<QQQ", 0, 1, 2**63)), "is cut off or damaged"),
        (lambda path: write_gguf(path, tokens=0), "has no vocabulary"),
        (
            lambda path: write_gguf(path, kind="adapter"),
            "is a LoRA adapter, not a language model.*`lora_path`",
        ),
        (
            lambda path: write_gguf(path, kind="mmproj"),
            "is a vision projector, not a language model.*`mmproj_path`",
        ),
        (
            lambda path: write_gguf(path, architecture="clip", tokens=0),
            "is a vision projector, not a language model",
        ),
    ],
)
def test_header_bad_files(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "bad.gguf"
    make(path)
    with pytest.raises(ModelFileError, match=message):
        check_gguf(path)


def test_header_every_cut_of_a_file_is_found(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "whole.gguf").read_bytes()
    end = len(whole) - 28  # the last bytes only fill up the alignment
    cut = tmp_path / "cut.gguf"
    for length in [*range(8, end, 7), end - 1]:
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelFileError):
            check_gguf(cut)


def test_header_folder_names_a_model_in_it(tmp_path: Path) -> None:
    inside = write_gguf(tmp_path / "model.gguf")
    with pytest.raises(ModelFileError, match=f"pass one of its files, for example {inside}"):
        check_gguf(tmp_path)


def test_header_model_in_parts(tmp_path: Path) -> None:
    first = write_gguf(tmp_path / "big-00001-of-00002.gguf", parts=2)
    with pytest.raises(ModelFileError, match=r"big-00002-of-00002\.gguf is not in the same folder"):
        check_gguf(first)
    second = write_gguf(tmp_path / "big-00002-of-00002.gguf", parts=2, tokens=0)
    assert check_gguf(first).architecture == "llama"
    with pytest.raises(ModelFileError, match=r"pass the first one, big-00001-of-00002\.gguf"):
        check_gguf(second)


def test_header_model_inside_a_llamafile(tmp_path: Path) -> None:
    model = write_gguf(tmp_path / "model.gguf")
    path = tmp_path / "renamed"
    path.write_bytes(b"MZqFpD='\n" + bytes(1000))
    with zipfile.ZipFile(path, "a") as archive:
        archive.write(model, "model.gguf")
    assert is_llamafile(path)
    assert look_into_llamafile(path) == check_gguf(model)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(ModelFileError, match="cut off"):
        look_into_llamafile(path)


def test_header_llamafile_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "script.llamafile"
    path.write_text("#!/bin/sh\n")
    assert is_llamafile(path)
    assert look_into_llamafile(path) is None


WHOLE = Path(tiny_embedding_model()).read_bytes()
HEADER = 4096
LENGTHS = st.sampled_from([0, 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1])


@settings(max_examples=200, deadline=None)
@given(
    place=st.integers(8, HEADER),
    value=st.one_of(LENGTHS, st.integers(0, 2**64 - 1)),
    size=st.sampled_from([1, 4, 8]),
)
def test_header_damaged_header_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int, size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    data = struct.pack("<Q", value)[:size]
    path.write_bytes(WHOLE[:place] + data + WHOLE[place + size :])
    with contextlib.suppress(ModelFileError):
        unusual_values(path, check_gguf(path))


def test_header_lists_in_lists_without_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "nested.gguf"
    path.write_bytes(
        b"GGUF\x03\0\0\0"
        + struct.pack("<QQQ", 0, 1, 1)
        + b"k"
        + struct.pack("<I", 9)
        + struct.pack("<IQ", 9, 1) * 5000
    )
    with pytest.raises(ModelFileError, match="cut off or damaged"):
        check_gguf(path)
