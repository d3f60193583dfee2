"""Check files that are loaded with a model: LoRA adapters, and image or audio projectors.

llama.cpp reads their headers with `GGML_ASSERT`, which aborts the process if a value is missing or
has the wrong type.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from langchain_localllm.errors import ModelFileError
from langchain_localllm.gguf.header import (
    BLOCKS,
    BOOL,
    FLOAT32,
    STRING,
    UINT32,
    GGUFInfo,
    file_kind,
    read_file_header,
)

__all__ = ["check_adapter", "check_projector"]

_TYPE_NAMES: Final = {
    UINT32: "a 32-bit number",
    FLOAT32: "a 32-bit float",
    BOOL: "a Boolean",
    STRING: "a text",
}
_ADAPTER_TYPES: Final = {
    "general.type": STRING,
    "general.architecture": STRING,
    "adapter.type": STRING,
    "adapter.lora.alpha": FLOAT32,
}
_TEXTS: Final = (
    "general.name",
    "general.description",
    "clip.projector_type",
    "clip.vision.projector_type",
    "clip.audio.projector_type",
)
_NUMBERS: Final = {
    "image_size": (0, 1 << 16),  # 0: any size
    "patch_size": (1, 1 << 12),
    "embedding_length": (1, 1 << 17),
    "feed_forward_length": (0, 1 << 20),
    "block_count": (0, 1024),
    "projection_dim": (0, 1 << 17),
    "attention.head_count": (1, 1024),
    "attention.layer_norm_epsilon": (0.0, 0.1),
    "projector.scale_factor": (0, 1024),
    "spatial_merge_size": (1, 1024),
}
"""Keys after `clip.vision.`, with the smallest and the largest value of usable projectors."""
_PROJECTOR_TYPES: Final = {
    **dict.fromkeys(_TEXTS, STRING),
    **dict.fromkeys(
        ("clip.has_vision_encoder", "clip.has_audio_encoder", "clip.use_gelu", "clip.use_silu"),
        BOOL,
    ),
    **dict.fromkeys((f"clip.vision.{name}" for name in _NUMBERS), UINT32),
    "clip.vision.attention.layer_norm_epsilon": FLOAT32,
}
_DIMENSION: Final = {"a": 0, "b": 1}
"""The dimension that half of a LoRA pair has in common with the model's tensor."""
_COLORS: Final = 3
_KERNEL_DIMENSIONS: Final = 4
_OWN_PATCH_SIZE: Final = "deepseekocr"
"""The projector whose patch size llama.cpp does not read from the file."""
_INTEGERS: Final = frozenset(range(24, 29))
"""Types of tensors: I8 to I64, F64."""


def check_adapter(path: str | Path, model: str | Path | None = None) -> None:
    """Check that a file is a complete LoRA adapter in GGUF format, for a model if it is given.

    Raises:
        ModelFileError: It is missing, a folder, empty, of another format, damaged, holds
            something else, or was made for another model.
    """
    path, info = _read(path, _ADAPTER_TYPES)
    if info.metadata.get("general.type") != "adapter" and "adapter.type" not in info.metadata:
        raise ModelFileError(
            f"{path} is {file_kind(info)}, not a LoRA adapter: pass a GGUF file made with "
            "convert_lora_to_gguf.py of llama.cpp."
        )
    _require(path, [*_other_adapter(info), *_wrong_tensors(info), *_wrong_ranks(info)])
    if model is not None:
        _require_base_model(path, info, Path(model).expanduser())


def _require_base_model(path: Path, adapter: GGUFInfo, model: Path) -> None:
    """Refuse an adapter for another model in the same words with every backend."""
    base = read_file_header(model)
    if adapter.architecture != base.architecture:
        difference = (
            f"its architecture is {adapter.architecture!r}, that of {model.name} is "
            f"{base.architecture!r}"
        )
    elif name := next(_other_shapes(adapter, base), ""):
        difference = f"its tensor {name} does not have the shape of {model.name}'s"
    else:
        return
    raise ModelFileError(
        f"{path} is a LoRA adapter for another model: {difference}. Load it with the model that "
        "it was trained on."
    )


def _other_shapes(adapter: GGUFInfo, base: GGUFInfo) -> Iterator[str]:
    for name, part in adapter.tensors.items():
        weight, _, half = name.rpartition(".lora_")
        tensor = base.tensors.get(weight)  # none where it is in another file of a split model
        if tensor is None or half not in _DIMENSION or weight == "token_embd.weight":
            continue
        dimension = _DIMENSION[half]
        if tensor.shape[dimension : dimension + 1] != part.shape[dimension : dimension + 1]:
            yield name


def check_projector(path: str | Path) -> None:
    """Check that a file is a complete projector for images or audio in GGUF format.

    Raises:
        ModelFileError: It is missing, a folder, empty, of another format, damaged, or holds
            something else.
    """
    path, info = _read(path, _PROJECTOR_TYPES)
    sees = info.metadata.get("clip.has_vision_encoder")
    encodes = sees or info.metadata.get("clip.has_audio_encoder")
    if not encodes and info.architecture != "clip":
        raise ModelFileError(
            f"{path} is {file_kind(info)}, not a projector for images or audio: pass the file "
            "with `mmproj` in its name that belongs to the model."
        )
    faults = [] if encodes else ["it has an encoder neither for images nor for audio"]
    _require(path, [*faults, *(_wrong_numbers(info) if sees else ()), *_wrong_tensors(info)])


def projector_inputs(path: str | Path) -> tuple[bool, bool]:
    """Return whether a projector takes images, and whether it takes audio."""
    metadata = read_file_header(Path(path).expanduser()).metadata
    return bool(metadata.get("clip.has_vision_encoder")), bool(
        metadata.get("clip.has_audio_encoder")
    )


def _read(path: str | Path, types: dict[str, int]) -> tuple[Path, GGUFInfo]:
    """Return a file's path and header; raise if a value does not have its type in `types`."""
    path = Path(path).expanduser()
    info = read_file_header(path)
    _require(path, _wrong_types(info, types))
    return path, info


def _other_adapter(info: GGUFInfo) -> Iterator[str]:
    for key, wanted in (("general.type", "adapter"), ("adapter.type", "lora")):
        if (kind := info.metadata.get(key)) != wanted:
            yield f"{key} is {kind!r}, not {wanted!r}"


def _require(path: Path, faults: Iterator[str] | list[str]) -> None:
    if fault := next(iter(faults), None):
        raise ModelFileError(f"{path} is damaged: {fault}. Download it again.")


def _wrong_types(info: GGUFInfo, types: dict[str, int]) -> Iterator[str]:
    for key, wanted in types.items():
        if info.value_types.get(key, wanted) != wanted:
            yield (
                f"{key} is {info.metadata.get(key, 'a list')!r}, which is not {_TYPE_NAMES[wanted]}"
            )


def _wrong_numbers(info: GGUFInfo) -> Iterator[str]:
    def value(name: str) -> Any:
        return info.metadata.get(f"clip.vision.{name}")

    for name, (least, most) in _NUMBERS.items():
        if value(name) is not None and not least <= value(name) <= most:
            yield f"clip.vision.{name} is {value(name)}"
    for name in ("image_mean", "image_std"):
        colors = info.lists.get(f"clip.vision.{name}", ())
        if len(colors) < _COLORS or not all(isinstance(color, float) for color in colors):
            yield f"clip.vision.{name} is not a list of {_COLORS} floats"
    size, patch = value("image_size"), value("patch_size")
    if size and patch and size < patch:
        yield f"clip.vision.image_size is {size}, which is smaller than patch_size, {patch}"
    own_size = info.metadata.get("clip.projector_type") == _OWN_PATCH_SIZE
    kernel = info.tensors.get("v.patch_embd.weight")
    if (
        kernel
        and patch
        and len(kernel.shape) == _KERNEL_DIMENSIONS
        and kernel.shape[0] != patch
        and not own_size
    ):
        yield (
            f"clip.vision.patch_size is {patch}, and the tensor v.patch_embd.weight has the shape "
            f"{kernel.shape}"
        )
    width, heads = value("embedding_length"), value("attention.head_count")
    if width and heads and width % heads:
        yield (
            f"clip.vision.attention.head_count is {heads}, which does not divide "
            f"embedding_length, {width}"
        )


def _wrong_tensors(info: GGUFInfo) -> Iterator[str]:
    if not info.tensors:
        yield "it has no tensors"
    for name, tensor in info.tensors.items():
        if tensor.kind not in BLOCKS or tensor.kind in _INTEGERS:
            yield f"the tensor {name} has the type {tensor.kind}"
        elif not tensor.shape or 0 in tensor.shape:
            yield f"the tensor {name} has the shape {tensor.shape}"


def _wrong_ranks(info: GGUFInfo) -> Iterator[str]:
    """Yield faults in the LoRA pair of the token embeddings, which llama.cpp does not check."""
    name = "token_embd.weight"
    pair = [
        tensor.shape for half in ("a", "b") if (tensor := info.tensors.get(f"{name}.lora_{half}"))
    ]
    if len({shape[0] for shape in pair}) > 1:
        yield f"the tensors {name}.lora_a and {name}.lora_b have the shapes {pair[0]} and {pair[1]}"
