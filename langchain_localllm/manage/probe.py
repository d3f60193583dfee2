"""Servers that may run on this machine."""

import contextlib
import socket
from typing import Final
from urllib.parse import urlsplit

__all__ = ["SERVERS", "answers"]

SERVERS: Final = {
    "http://127.0.0.1:8080": "llama.cpp's server",
    "http://127.0.0.1:1234": "LM Studio",
    "http://127.0.0.1:8000": "vLLM",
}
"""The usual addresses of servers that speak OpenAI's API, and what often runs there."""
_SECONDS: Final = 0.5
_PORTS: Final = {"http": 80, "https": 443}


def answers(url: str) -> bool:
    """Whether something listens at an address, within half a second."""
    parts = urlsplit(url)
    with (
        contextlib.suppress(OSError),
        socket.create_connection((parts.hostname or "", parts.port or _PORTS[parts.scheme]), _SECONDS),
    ):
        return True
    return False
