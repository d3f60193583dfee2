"""Subtitles (.srt, .vtt): what is said, without times and tags."""

import re
from collections.abc import Iterator
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.rag.ingest.formats.located import located
from langchain_localllm.rag.ingest.formats.text import decode
from langchain_localllm.rag.ingest.normalize import normalize

_TIMES: Final = re.compile(r"(?:\d+:)?\d+:\d\d[.,]\d+\s*-->")
_VOICE: Final = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>", re.IGNORECASE)
"""Who speaks, in WebVTT."""
_TAG: Final = re.compile(r"</?[a-z][^>]*>|\{\\[^}]*\}|<[\d:.]+>", re.IGNORECASE)


def read_subtitles(data: bytes) -> Iterator[Document]:
    r"""Yield the text of subtitles as one Document.

    A line that is repeated right after itself comes once, and so does a speaker's name.

    Example:
        >>> file = b"1\n00:00:01,000 --> 00:00:02,000\n<i>The boat</i>\n\n2\n..."
        >>> next(read_subtitles(file)).page_content
        'The boat'
    """
    pieces: list[str] = []
    starts: list[tuple[int, int]] = []
    length = 0
    spoken = False
    speaker = ""
    for number, line in enumerate(normalize(decode(data)).split("\n"), 1):
        if not line.strip() or _TIMES.match(line.strip()):
            # text follows the times, up to an empty line; numbers, notes and styles have none
            spoken = bool(line.strip())
            continue
        name = voice[1].strip() if (voice := _VOICE.search(line)) else speaker
        text = _TAG.sub("", line).strip()
        if name != speaker:
            speaker, text = name, f"{name}: {text}"
        if spoken and text and text != (pieces[-1] if pieces else ""):
            starts.append((length, number))
            pieces.append(text)
            length += len(text) + 1
    yield located("\n".join(pieces), starts)
