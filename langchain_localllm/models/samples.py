"""The smallest image and audio file for trying out a projector."""

import struct
from typing import Final

_WIDTH, _HEIGHT = 112, 56
_PIXELS: Final = bytes(3 * _WIDTH * _HEIGHT)
_HEADER: Final = struct.pack(
    "<IIIIiiHHIIiiII", 54 + len(_PIXELS), 0, 54, 40, _WIDTH, _HEIGHT, 1, 24, 0, 0, 0, 0, 0, 0
)
IMAGE: Final = b"BM" + _HEADER + _PIXELS
"""A black image, as a BMP file. It is wide, so that projectors split it into several rows or
tiles."""

_RATE: Final = 16_000
_SOUND: Final = bytes(2 * _RATE)
AUDIO: Final = (
    b"RIFF"
    + struct.pack("<I", 36 + len(_SOUND))
    + b"WAVEfmt "
    + struct.pack("<IHHIIHH", 16, 1, 1, _RATE, 2 * _RATE, 2, 16)
    + b"data"
    + struct.pack("<I", len(_SOUND))
    + _SOUND
)
"""A second of silence, as a WAV file."""
