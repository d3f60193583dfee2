"""Projectors for audio with random weights, and sounds."""

import base64
import io
import math
import struct
import wave
from pathlib import Path
from typing import Any, Final

import numpy as np
from gguf import GGUFWriter

from tools.engines.models import written

_WIDTH: Final = 32
_LAYERS: Final = 2
_MEL_BINS: Final = 80
_POSITIONS: Final = 1500
"""Of half a minute, to which llama.cpp fills a sound up."""
_STACKED: Final = 12
_RATE: Final = 16_000


def audio_projector(target: Path, width: int = 192) -> Path:
    """Write a projector like Ultravox's: Whisper's encoder with stacked vectors.

    They are turned into the text model's.
    """
    writer = GGUFWriter(target, "clip")
    writer.add_type("mmproj")
    writer.add_bool("clip.has_audio_encoder", True)  # noqa: FBT003 - the package's signature
    writer.add_clip_projector_type("ultravox")
    writer.add_audio_embedding_length(_WIDTH)
    writer.add_audio_feed_forward_length(2 * _WIDTH)
    writer.add_audio_block_count(_LAYERS)
    writer.add_audio_head_count(4)
    writer.add_audio_projection_dim(width)
    writer.add_audio_attention_layernorm_eps(1e-5)
    writer.add_audio_num_mel_bins(_MEL_BINS)
    writer.add_audio_stack_factor(_STACKED)
    _add_weights(writer, width)
    return written(writer, target)


def _add_weights(writer: GGUFWriter, width: int) -> None:
    random = np.random.default_rng(1)

    def matrix(name: str, *shape: int) -> None:
        weights = random.normal(0, np.prod(shape[1:]) ** -0.5, shape)
        writer.add_tensor(f"{name}.weight", weights.astype(np.float32))

    def zeros(name: str, *shape: int) -> None:
        writer.add_tensor(f"{name}.bias", np.zeros(shape, np.float32))

    def norm(name: str, size: int = _WIDTH, *, bias: bool = True) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(size, np.float32))
        if bias:
            zeros(name, size)

    for number, inputs in ((1, _MEL_BINS), (2, _WIDTH)):
        matrix(f"a.conv1d.{number}", _WIDTH, inputs, 3)
        zeros(f"a.conv1d.{number}", _WIDTH, 1)
    matrix("a.position_embd", _POSITIONS, _WIDTH)
    for layer in range(_LAYERS):
        block = f"a.blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            matrix(f"{block}.{name}", _WIDTH, _WIDTH)
        for name in ("attn_q", "attn_v", "attn_out"):
            zeros(f"{block}.{name}", _WIDTH)
        matrix(f"{block}.ffn_up", 2 * _WIDTH, _WIDTH)
        zeros(f"{block}.ffn_up", 2 * _WIDTH)
        matrix(f"{block}.ffn_down", _WIDTH, 2 * _WIDTH)
        zeros(f"{block}.ffn_down", _WIDTH)
        norm(f"{block}.ln1")
        norm(f"{block}.ln2")
    norm("a.post_ln")
    norm("mm.a.norm_pre", _STACKED * _WIDTH, bias=False)
    matrix("mm.a.mlp.1", 2 * width, _STACKED * _WIDTH)
    norm("mm.a.norm_mid", width, bias=False)
    matrix("mm.a.mlp.2", width, width)


def wav(hertz: float, seconds: float = 1.0) -> bytes:
    """Return a tone, as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_RATE)
        values = [
            round(20_000 * math.sin(2 * math.pi * hertz * number / _RATE))
            for number in range(int(seconds * _RATE))
        ]
        sound.writeframes(struct.pack(f"<{len(values)}h", *values))
    return file.getvalue()


def audio_block(sound: bytes) -> dict[str, Any]:
    """Return a sound in a message, as LangChain writes it."""
    return {"type": "audio", "base64": base64.b64encode(sound).decode(), "mime_type": "audio/wav"}
