"""Answer a conversation from the documents, piece by piece, with sources."""

import re
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote
from uuid import uuid4

from langchain_localllm.base.stop_sequences import StopFilter
from langchain_localllm.rag import Citation, LocalRAG
from langchain_localllm.rag.answer.citations import marker_of
from langchain_localllm.web.openai_api.requests import SOURCES, ChatRequest

_MARKERS: Final = re.compile(r"\[(\d{1,9}(?:\s*[,;]\s*\d{1,9})*)\]")


class DocumentAnswer:
    """An answer that is being made.

    Args:
        rag: The index and its models.
        request: What was asked.
        model: The name of the model, as the client knows it.
    """

    def __init__(self, rag: LocalRAG, request: ChatRequest, model: str) -> None:
        self.request: Final = request
        self._asked = request.question()
        self._rag = rag
        self._about = {"id": f"chatcmpl-{uuid4().hex}", "created": int(time.time()), "model": model}
        self._text = ""
        self._citations: list[Citation] = []
        self._tokens: dict[str, int] = {}
        self._pieces = 0
        self._finish_reason = "stop"

    async def pieces(self) -> AsyncGenerator[str]:
        """Yield the text as it comes, and the list of sources at its end.

        Closing this stops the model.
        """
        stops = StopFilter(self.request.stops)
        stream = cast("AsyncGenerator[dict[str, Any]]", self._rag.astream(self._asked))
        async with aclosing(stream) as parts:
            async for part in parts:
                self._citations += part.get("citations", [])
                self._tokens = part.get("tokens") or self._tokens
                # OpenAI has one word for both
                if part.get("finish_reason") in {"length", "repetition"}:
                    self._finish_reason = "length"
                if text := part.get("answer", "") + "".join(
                    map(marker_of, part.get("statements", ()))
                ):
                    self._pieces += 1
                    if shown := stops.feed(text):
                        self._text += shown
                        yield shown
                    if stops.met:
                        break
                    if self.request.limit and self._pieces >= self.request.limit:
                        self._finish_reason = "length"
                        break
        if rest := stops.end():
            self._text += rest
            yield rest
        if self._sources:
            yield self._sources

    @property
    def _sources(self) -> str:
        lines = dict.fromkeys(f"[{each.marker}] {_place(each)}" for each in self._citations)
        return SOURCES + "\n".join(lines) if lines else ""

    def completion(self) -> dict[str, Any]:
        """Return the whole answer, when all pieces were read."""
        message = {
            "role": "assistant",
            "content": self._text + self._sources,
            "refusal": None,
            **self._cited(),
        }
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": self._finish_reason,
            "logprobs": None,
        }
        return {
            **self._about,
            "object": "chat.completion",
            "choices": [choice],
            "usage": self._usage(),
        }

    def chunk(self, piece: str | None = None, *, role: bool = False) -> dict[str, Any]:
        """Return a part of the streamed answer: a piece of text, or the end with the citations."""
        delta: dict[str, Any] = self._cited() if piece is None else {"content": piece}
        if role:
            delta["role"] = "assistant"
        finish_reason = self._finish_reason if piece is None else None
        return self._chunk(
            [{"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}]
        )

    def usage_chunk(self) -> dict[str, Any]:
        """Return the last part of a stream for which usage was asked."""
        return {**self._chunk([]), "usage": self._usage()}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {**self._about, "object": "chat.completion.chunk", "choices": choices}

    def _usage(self) -> dict[str, int]:
        prompt, completion = (
            self._tokens.get("prompt", 0),
            self._tokens.get("completion", self._pieces),
        )
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }

    def _cited(self) -> dict[str, Any]:
        """Return the citations: as annotations in OpenAI's form, and with all that is known."""
        root = self._rag.store.root
        annotations = [
            _annotation(each, root, place)
            for each in self._citations
            for place in _places(each.marker, self._text)
        ]
        return {"annotations": annotations, "citations": [asdict(each) for each in self._citations]}


def _places(marker: int, text: str) -> list[tuple[int, int]]:
    """Return where an answer has the number of a citation.

    Example:
        >>> _places(2, "It is blue [1, 2]. It leaks [2].")
        [(11, 17), (28, 31)]
    """
    return [
        found.span()
        for found in _MARKERS.finditer(text)
        if str(marker) in re.findall(r"\d+", found[1])
    ]


def _annotation(citation: Citation, root: Path, place: tuple[int, int]) -> dict[str, Any]:
    page = f"#page={citation.page}" if citation.page else ""
    # never an address out of a document
    url = f"file://{quote((root / citation.source).as_posix())}{page}"
    where = {"start_index": place[0], "end_index": place[1], "title": _place(citation), "url": url}
    return {"type": "url_citation", "url_citation": where}


def _place(citation: Citation) -> str:
    """Return the file with the page or line."""
    if citation.page:
        return f"{citation.source}, page {citation.page}"
    return f"{citation.source}, line {citation.line}" if citation.line else citation.source
