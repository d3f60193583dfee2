"""Bytes to events: newline-delimited JSON and server-sent events, cut anywhere by the network."""

import json
from typing import Any, Final

from langchain_localllm.errors import StreamBrokenError, WrongServerError

_SHOWN: Final = 80
_decode: Final = json.JSONDecoder().decode  # json.loads would guess the encoding and look at its other arguments, for each token


class LineBuffer:
    """Collects bytes and hands out whole lines. A character cut between two reads is whole again before it is decoded."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now, without their line ends."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        return lines

    def end(self) -> bytes:
        """What came after the last line end."""
        rest, self._rest = self._rest, b""
        return rest


def json_or_text(body: bytes) -> Any:
    """A body as parsed JSON, or as text where it is none."""
    text = body.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def parse_json(line: bytes) -> Any:
    """One event's JSON.

    Raises:
        StreamBrokenError: It is not JSON, or not UTF-8.
        WrongServerError: It is HTML.
    """
    try:
        return _decode(str(line, "utf-8"))
    except ValueError:
        shown = line[:_SHOWN].decode("utf-8", "replace").strip()
        if shown.startswith("<"):
            raise WrongServerError(f"The server sent a web page: {shown!r}. Is `base_url` right?") from None
        raise StreamBrokenError(f"The server sent what is not JSON: {shown!r}. Is another program answering there?") from None
