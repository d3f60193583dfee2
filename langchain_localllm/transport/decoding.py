"""Decode newline-delimited JSON and server-sent events, in chunks of any size."""

import json
import re
from typing import Any, Final

from langchain_localllm._json import UNPARSABLE
from langchain_localllm.errors import StreamBrokenError, WrongServerError

_SHOWN: Final = 80
_LONGEST_LINE: Final = 256 << 20
"""Bytes of a line, which is kept until it ends: several times those of a generated image."""
_HALF: Final = re.compile("[\ud800-\udfff]")
# json.loads would guess the encoding and look at its other arguments, for each token
_decode: Final = json.JSONDecoder().decode


class LineBuffer:
    """Collect bytes and return complete lines.

    A character that was split between two reads is joined before decoding.
    """

    __slots__ = ("_rest", "_size")

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete now, without their line ends.

        Raises:
            StreamBrokenError: A line is longer than any answer, as what is not an answer can be.
        """
        lines = data.split(b"\n")
        rest = lines.pop()
        if self._rest and lines:
            lines[0] = self.end() + lines[0]
        if rest:
            self._rest.append(rest)
            self._size += len(rest)
            if self._size > _LONGEST_LINE:
                raise StreamBrokenError(
                    f"The server sent more than {_LONGEST_LINE >> 20} MiB without a line end. Is "
                    "another program answering there?"
                )
        return lines

    def end(self) -> bytes:
        """Return what came after the last line end."""
        rest, self._rest, self._size = b"".join(self._rest), [], 0
        return rest


class HalfCharacters:
    r"""Joins the two halves of a character that came in two events, as `\ud83d` and `\ude00`.

    A half alone becomes U+FFFD.
    """

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: dict[Any, str] = {}

    def feed(self, text: str, of: Any = None) -> str:
        """Return the text with whole characters.

        The first half of one at its end is kept until the next text.

        Args:
            text: What came next.
            of: Which of several texts it belongs to.
        """
        if not text or (text.isascii() and not self.waiting):
            return text
        text = self.waiting.pop(of, "") + text
        if "\ud800" <= text[-1] <= "\udbff":
            self.waiting[of] = text[-1]
            text = text[:-1]
        return whole_characters(text)

    def end(self, of: Any = None) -> str:
        """Return what is left when the text has ended."""
        return whole_characters(self.waiting.pop(of, ""))


def whole_characters(text: str) -> str:
    """Return the text with surrogate pairs joined, and U+FFFD for a lone surrogate.

    The latter could not be encoded.
    """
    return (
        text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        if _HALF.search(text)
        else text
    )


def json_or_text(body: bytes) -> Any:
    """Return a body as parsed JSON, or as text if it is not JSON."""
    text = body.decode(json.detect_encoding(body), "replace")
    try:
        return json.loads(text)
    except UNPARSABLE:
        return text


def parse_json(line: bytes) -> Any:
    """Return one event's JSON.

    Raises:
        StreamBrokenError: It is not JSON, or not UTF-8.
        WrongServerError: It is HTML.
    """
    try:
        return _decode(str(line, "utf-8"))
    except UNPARSABLE:
        shown = line[:_SHOWN].decode("utf-8", "replace").strip()
        if shown.startswith("<"):
            raise WrongServerError(
                f"The server sent a web page: {shown!r}. Is `base_url` right?"
            ) from None
        raise StreamBrokenError(
            f"The server sent what is not JSON: {shown!r}. Is another program answering there?"
        ) from None
