"""Adapters and projectors at which llama.cpp would end the process are refused before it reads
them."""

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from langchain_localllm.errors import ModelFileError
from langchain_localllm.gguf.companion_files import check_adapter, check_projector
from langchain_localllm.gguf.header import (
    FLOAT32,
    INT32,
    LIST,
    STRING,
    UINT32,
    UINT64,
    check_gguf,
    read_file_header,
)
from langchain_localllm.models import tiny_chat_model
from tools.engines.gguf_mutations import Header
from tools.engines.images import GEMMA, LLAVA, QWEN, projector
from tools.engines.models import lora_adapter


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Header]:
    folder = tmp_path_factory.mktemp("companions")
    model = Path(tiny_chat_model())
    embeddings = lora_adapter(model, folder / "embeddings.gguf", "token_embd.weight")
    return {
        "adapter": Header.read(lora_adapter(model, folder / "adapter.gguf")),
        "embeddings": Header.read(embeddings),
        "projector": Header.read(projector(folder / "mmproj.gguf")),
    }


def _first(**changes: Any) -> Callable[[Header], object]:
    return lambda header: header.tensor(header.tensors[0][0].decode(), **changes)


def _set(key: str, kind: int, value: Any) -> Callable[[Header], object]:
    return lambda header: header.set(key, kind, value)


DAMAGED_ADAPTERS = {
    "general.type is 7, which is not a text": _set("general.type", UINT32, 7),
    "general.type is 'a list', which is not a text": _set("general.type", LIST, (UINT32, [1])),
    "general.architecture is 7": _set("general.architecture", UINT32, 7),
    "adapter.type is 7": _set("adapter.type", UINT32, 7),
    "adapter.type is 'ia3', not 'lora'": _set("adapter.type", STRING, "ia3"),
    "general.type is None, not 'adapter'": lambda header: header.drop("general.type"),
    "adapter.type is None, not 'lora'": lambda header: header.drop("adapter.type"),
    "adapter.lora.alpha is 1, which is not a 32-bit float": _set("adapter.lora.alpha", UINT32, 1),
    "adapter.lora.alpha is '1'": _set("adapter.lora.alpha", STRING, "1"),
    "has the type 26": _first(kind=26),
    "has the type 77": _first(kind=77),
    r"has the shape \(\)": _first(shape=[]),
    r"has the shape \(0, 1\)": _first(shape=[0, 1]),
    "has no tensors": lambda header: header.tensors.clear(),
}
VISION = "clip.vision"
DAMAGED_PROJECTORS = {
    "clip.has_vision_encoder is 'x', which is not a Boolean": _set(
        "clip.has_vision_encoder", STRING, "x"
    ),
    "it has an encoder neither for images nor for audio": lambda header: header.drop(
        "clip.has_vision_encoder"
    ),
    "clip.has_audio_encoder is 1": _set("clip.has_audio_encoder", UINT32, 1),
    "clip.projector_type is 7": _set("clip.projector_type", UINT32, 7),
    f"{VISION}.patch_size is 0": _set(f"{VISION}.patch_size", UINT32, 0),
    f"{VISION}.patch_size is 7.0, which is not a 32-bit number": _set(
        f"{VISION}.patch_size", FLOAT32, 7.0
    ),
    f"{VISION}.patch_size is 'a list'": _set(f"{VISION}.patch_size", LIST, (UINT32, [7])),
    f"{VISION}.image_size is 3, which is smaller than patch_size, 7": _set(
        f"{VISION}.image_size", UINT32, 3
    ),
    f"{VISION}.image_size is 4294967295": _set(f"{VISION}.image_size", UINT32, 2**32 - 1),
    f"{VISION}.embedding_length is 0": _set(f"{VISION}.embedding_length", UINT32, 0),
    f"{VISION}.block_count is -1": _set(f"{VISION}.block_count", INT32, -1),
    f"{VISION}.block_count is 2, which is not a 32-bit number": _set(
        f"{VISION}.block_count", UINT64, 2
    ),
    f"{VISION}.attention.head_count is 3, which does not divide": _set(
        f"{VISION}.attention.head_count", UINT32, 3
    ),
    f"{VISION}.attention.layer_norm_epsilon is 1": _set(
        f"{VISION}.attention.layer_norm_epsilon", UINT32, 1
    ),
    f"{VISION}.image_mean is not a list of 3 floats": lambda header: header.drop(
        f"{VISION}.image_mean"
    ),
    f"{VISION}.image_std is not a list of 3 floats": _set(
        f"{VISION}.image_std", LIST, (FLOAT32, [0.5])
    ),
    f"{VISION}.attention.layer_norm_epsilon is -1.0": _set(
        f"{VISION}.attention.layer_norm_epsilon", FLOAT32, -1.0
    ),
    f"{VISION}.attention.layer_norm_epsilon is nan": _set(
        f"{VISION}.attention.layer_norm_epsilon", FLOAT32, math.nan
    ),
    f"{VISION}.patch_size is 3, and the tensor v.patch_embd.weight has the shape": _set(
        f"{VISION}.patch_size", UINT32, 3
    ),
    "general.name is 7": _set("general.name", UINT32, 7),
    "has the type 26": _first(kind=26),
}
DAMAGED = [("adapter", *case) for case in DAMAGED_ADAPTERS.items()] + [
    ("projector", *case) for case in DAMAGED_PROJECTORS.items()
]
CHECKS = {"adapter": check_adapter, "embeddings": check_adapter, "projector": check_projector}


def _changed(header: Header, change: Callable[[Header], object], path: Path) -> Path:
    header = copy.deepcopy(header)
    change(header)
    path.write_bytes(header.write())
    return path


@pytest.mark.parametrize(("kind", "message", "change"), DAMAGED)
def test_companion_damaged_file_is_refused(
    kind: str,
    message: str,
    change: Callable[[Header], object],
    headers: dict[str, Header],
    tmp_path: Path,
) -> None:
    with pytest.raises(ModelFileError, match=message):
        CHECKS[kind](_changed(headers[kind], change, tmp_path / "damaged.gguf"))


def test_adapter_of_token_embeddings_with_two_ranks_is_refused(
    headers: dict[str, Header], tmp_path: Path
) -> None:
    other = _first(shape=[48, 2])
    with pytest.raises(ModelFileError, match="token_embd"):
        check_adapter(_changed(headers["embeddings"], other, tmp_path / "ranks.gguf"))


@pytest.mark.parametrize("kind", ["adapter", "projector"])
def test_companion_every_cut_is_refused(
    kind: str, headers: dict[str, Header], tmp_path: Path
) -> None:
    whole = headers[kind].write()
    path = tmp_path / "cut.gguf"
    for length in range(0, len(whole) - 32, max(1, len(whole) // 99)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError):
            CHECKS[kind](path)


def test_companion_whole_files_are_accepted(tmp_path: Path) -> None:
    check_adapter(lora_adapter(Path(tiny_chat_model()), tmp_path / "adapter.gguf"))
    for kind in (LLAVA, QWEN, GEMMA):
        check_projector(projector(tmp_path / f"{kind}.gguf", kind=kind))


def test_adapter_for_another_model_is_refused_with_the_difference(
    headers: dict[str, Header], tmp_path: Path
) -> None:
    model = tiny_chat_model()
    check_adapter(_changed(headers["adapter"], lambda _: None, tmp_path / "same.gguf"), model)
    other = _changed(
        headers["adapter"],
        lambda header: header.set("general.architecture", STRING, "qwen2"),
        tmp_path / "other.gguf",
    )
    with pytest.raises(ModelFileError, match=r"'qwen2', that of tiny-chat.gguf is 'llama'"):
        check_adapter(other, model)


@pytest.mark.parametrize("half", ["a", "b"])
def test_adapter_with_other_shapes_than_the_model_is_refused(half: str, tmp_path: Path) -> None:
    path = lora_adapter(Path(tiny_chat_model()), tmp_path / "adapter.gguf")
    tensors = read_file_header(path).tensors
    name = next(name for name in tensors if name.endswith(f".lora_{half}"))
    shape = list(tensors[name].shape)
    shape["ab".index(half)] //= 2
    other = _changed(
        Header.read(path), lambda header: header.tensor(name, shape=shape), tmp_path / "other.gguf"
    )
    with pytest.raises(ModelFileError, match=rf"{name} does not have the shape of tiny-chat"):
        check_adapter(other, tiny_chat_model())


def test_file_of_another_kind_is_named(headers: dict[str, Header], tmp_path: Path) -> None:
    adapter = _changed(headers["adapter"], lambda _: None, tmp_path / "adapter.gguf")
    mmproj = _changed(headers["projector"], lambda _: None, tmp_path / "mmproj.gguf")
    with pytest.raises(ModelFileError, match="is a LoRA adapter, not a projector for images"):
        check_projector(adapter)
    with pytest.raises(ModelFileError, match="is a vision projector, not a LoRA adapter"):
        check_adapter(mmproj)
    for check in (check_adapter, check_projector):
        with pytest.raises(ModelFileError, match="is a language model, not a"):
            check(tiny_chat_model())


def _as_imatrix(header: Header) -> None:
    header.drop("adapter.type")
    header.set("general.type", STRING, "imatrix")


OTHER_KINDS: list[tuple[str, Callable[[Header], object], str]] = [
    ("adapter", lambda _: None, "is a LoRA adapter, not a language model.*`lora_path`"),
    ("adapter", lambda header: header.drop("general.type"), "is a LoRA adapter"),
    ("projector", lambda _: None, "is a vision projector, not a language model.*`mmproj_path`"),
    ("projector", lambda header: header.drop("general.type"), "is a vision projector"),
    ("adapter", _as_imatrix, "importance matrix"),
    ("adapter", _set("general.architecture", STRING, "controlvector"), "is a control vector"),
]


@pytest.mark.parametrize(("kind", "change", "message"), OTHER_KINDS)
def test_companion_as_model_is_refused_with_its_option(
    kind: str,
    change: Callable[[Header], object],
    message: str,
    headers: dict[str, Header],
    tmp_path: Path,
) -> None:
    with pytest.raises(ModelFileError, match=message):
        check_gguf(_changed(headers[kind], change, tmp_path / "file.gguf"))


@pytest.mark.parametrize("alpha", [math.nan, 0.0, -1.0])
def test_companion_any_float_is_an_alpha(
    alpha: float, headers: dict[str, Header], tmp_path: Path
) -> None:
    check_adapter(
        _changed(
            headers["adapter"],
            _set("adapter.lora.alpha", FLOAT32, alpha),
            tmp_path / "adapter.gguf",
        )
    )
