"""Projectors with random weights, and pictures."""

import base64
import struct
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from gguf import GGUFWriter

from tools.engines.models import written

LLAVA: Final = "mlp"
"""Makes 16 tokens of an image."""
QWEN: Final = "qwen2vl_merger"
"""Takes images of any size."""
GEMMA: Final = "gemma3"
"""Makes 4 tokens of an image, which are computed in one batch, since each of them sees the
others."""
_WIDTH: Final = 32
_LAYERS: Final = 2
_PATCH: Final = 7
_SIDE: Final = 28


def projector(target: Path, width: int = 192, *, kind: str = LLAVA) -> Path:
    """Write a projector.

    Args:
        target: The file.
        width: Length of the text model's vectors.
        kind: Whose projector it is like, by llama.cpp's name.
    """
    writer = GGUFWriter(target, "clip")
    writer.add_type("mmproj")
    writer.add_clip_has_vision_encoder(value=True)
    writer.add_clip_projector_type(kind)
    writer.add_vision_image_size(_SIDE)
    writer.add_vision_patch_size(_PATCH)
    writer.add_vision_embedding_length(_WIDTH)
    writer.add_vision_feed_forward_length(2 * _WIDTH)
    writer.add_vision_block_count(_LAYERS)
    writer.add_vision_head_count(4)
    writer.add_vision_projection_dim(width)
    writer.add_vision_attention_layernorm_eps(1e-5)
    writer.add_vision_image_mean([0.5, 0.5, 0.5])
    writer.add_vision_image_std([0.5, 0.5, 0.5])
    writer.add_vision_projector_scale_factor(1 if kind == LLAVA else 2)
    _add_weights(writer, width, kind)
    return written(writer, target)


def _add_weights(writer: GGUFWriter, width: int, kind: str) -> None:
    random = np.random.default_rng(1)

    def matrix(name: str, *shape: int) -> None:
        weights = random.normal(0, np.prod(shape[1:]) ** -0.5, shape)
        writer.add_tensor(f"{name}.weight", weights.astype(np.float32))

    def linear(name: str, rows: int, columns: int) -> None:
        matrix(name, rows, columns)
        writer.add_tensor(f"{name}.bias", np.zeros(rows, np.float32))

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(_WIDTH, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(_WIDTH, np.float32))

    matrix("v.patch_embd", _WIDTH, 3, _PATCH, _PATCH)
    for layer in range(_LAYERS):
        block = f"v.blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            linear(f"{block}.{name}", _WIDTH, _WIDTH)
        linear(f"{block}.ffn_up", 2 * _WIDTH, _WIDTH)
        linear(f"{block}.ffn_down", _WIDTH, 2 * _WIDTH)
        norm(f"{block}.ln1")
        norm(f"{block}.ln2")
    if kind == QWEN:
        weights = random.normal(0, 0.1, (_WIDTH, 3, _PATCH, _PATCH))
        writer.add_tensor("v.patch_embd.weight.1", weights.astype(np.float32))
        norm("v.post_ln")
    else:
        matrix("v.position_embd", (_SIDE // _PATCH) ** 2, _WIDTH)
    if kind == GEMMA:
        matrix("mm.input_projection", _WIDTH, width)
        writer.add_tensor("mm.soft_emb_norm.weight", np.ones(_WIDTH, np.float32))
    else:
        inner = 4 * _WIDTH if kind == QWEN else _WIDTH
        linear("mm.0", inner, inner)
        linear("mm.2", width, inner)


def png(red: int, green: int, blue: int, *, width: int = _SIDE, height: int = _SIDE) -> bytes:
    """Return a picture that fades from a color into black."""
    row = b"\0" + b"".join(
        bytes(value * (width - column) // width for value in (red, green, blue))
        for column in range(width)
    )

    def part(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", header)
        + part(b"IDAT", zlib.compress(row * height))
        + part(b"IEND", b"")
    )


def block(picture: bytes, kind: str = "image/png") -> dict[str, Any]:
    """Return a picture in a message, as LangChain writes it."""
    return {"type": "image", "base64": base64.b64encode(picture).decode(), "mime_type": kind}
