"""What a right server says to each class over HTTP, and how it reports an error. A new class adds
its entry."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from langchain_localllm import ChatLlamafile, ChatOllama, Llamafile, Ollama

from .scripted import Answer, Part, Request, as_json

HELLO: Final = ["Hel", "lo", " 東京", "!"]
_SHOWN: Final = {
    "model_info": {"llama.context_length": 512},
    "capabilities": ["completion", "embedding"],
}
ASIDES: Final = {"/api/show": as_json(_SHOWN)}
"""What is asked in addition to the answer: Ollama about the model."""


def _sse(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def _ndjson(data: bytes) -> bytes:
    return data + b"\n"


@dataclass(frozen=True)
class Wire:
    """A class and its server's language.

    Attributes:
        make: The class.
        framed: Makes an event of JSON.
        piece: The event for a piece of text.
        last: The events that end an answer.
        error: What the server reports, from a status, words and more.
        done: Bytes at the end.
    """

    make: Any
    framed: Callable[[bytes], bytes]
    piece: Callable[[str], dict[str, Any]]
    last: tuple[dict[str, Any], ...]
    error: Callable[..., Any]
    done: bytes = b""

    def event(self, body: Any) -> bytes:
        """An event with this JSON."""
        return self.framed(json.dumps(body, ensure_ascii=False).encode())

    def token(self, text: str) -> bytes:
        """The event for a token."""
        return self.event(self.piece(text))

    def ending(self) -> bytes:
        """The end of an answer that is whole."""
        return b"".join(map(self.event, self.last)) + self.done

    def streamed(self, *parts: Part) -> Answer:
        """An answer of these parts."""
        return Answer(
            parts,
            headers={
                "Content-Type": "text/event-stream"
                if self.framed is _sse
                else "application/x-ndjson"
            },
        )

    def hello(self) -> Answer:
        """A right answer, which says `HELLO`."""
        return self.streamed(*map(self.token, HELLO), self.ending())

    def whole(self) -> bytes:
        """The bytes of a right answer."""
        return b"".join(map(self.token, HELLO)) + self.ending()

    def reported(self, status: int, message: str, **more: Any) -> Answer:
        """An error with a status."""
        return as_json({"error": self.error(status, message, **more)}, status)

    def prompt(self, request: Request) -> str:
        """The prompt of a request."""
        body = request.body
        return str(body["prompt"] if "prompt" in body else body["messages"][0]["content"])


def _error_object(status: int, message: str, **more: Any) -> dict[str, Any]:
    return {"code": status, "message": message, **more}


def _error_text(_: int, message: str, **__: Any) -> str:
    return message


_OLLAMA_END: Final = {
    "model": "tiny",
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 3,
    "eval_count": 4,
}

WIRES: Final = {
    "Llamafile": Wire(
        Llamafile,
        _sse,
        lambda text: {"index": 0, "content": text, "tokens": [7], "stop": False},
        (
            {
                "content": "",
                "stop": True,
                "stop_type": "eos",
                "model": "tiny",
                "truncated": False,
                "tokens_predicted": 4,
                "tokens_evaluated": 3,
                "tokens_cached": 7,
            },
        ),
        _error_object,
    ),
    "ChatLlamafile": Wire(
        ChatLlamafile,
        _sse,
        lambda text: {
            "choices": [{"index": 0, "finish_reason": None, "delta": {"content": text}}],
            "model": "tiny",
        },
        (
            {"choices": [{"index": 0, "finish_reason": "stop", "delta": {}}], "model": "tiny"},
            {
                "choices": [],
                "usage": {"completion_tokens": 4, "prompt_tokens": 3, "total_tokens": 7},
            },
        ),
        _error_object,
        b"data: [DONE]\n\n",
    ),
    "Ollama": Wire(
        Ollama,
        _ndjson,
        lambda text: {"model": "tiny", "response": text, "done": False},
        ({"response": "", **_OLLAMA_END},),
        _error_text,
    ),
    "ChatOllama": Wire(
        ChatOllama,
        _ndjson,
        lambda text: {
            "model": "tiny",
            "message": {"role": "assistant", "content": text},
            "done": False,
        },
        ({"message": {"role": "assistant", "content": ""}, **_OLLAMA_END},),
        _error_text,
    ),
}
