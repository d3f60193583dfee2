"""Stand-ins for the servers of llamafile 0.4 to 0.9.3, whose binaries are on no package index. Each answers as its source does.

Source: https://github.com/mozilla-ai/llamafile, tags 0.4 to 0.9.3: `llama.cpp/server/server.cpp` and `llama.cpp/server/oai.h` (the
server of `--server`), `llamafile/server/*.cpp` (the server of `--server --v2`, which is llamafiler).
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from .scripted import Answer, Request, as_json

PIECES: Final = ["Hel", "lo", " 東京", "!"]
HELLO: Final = "".join(PIECES)
VECTOR: Final = [3.0, 4.0]
WINDOW: Final = 512
"""Tokens that the embedding model takes; here a token is a character."""
_NOT_FOUND: Final = Answer([b"File Not Found"], 404, {"Content-Type": "text/plain; charset=utf-8"})
_UNAVAILABLE: Final = Answer([b"Service Unavailable"], 503, {"Content-Type": "text/plain; charset=utf-8"})


@dataclass(frozen=True)
class Version:
    """How a version of llamafile serves.

    Attributes:
        name: The version, and the flag that chooses its server.
        done: Whether a stream of chat events ends with `[DONE]`.
        completion: Whether there is llama.cpp's `/completion`.
        v1_embeddings: Whether there is `/v1/embeddings`.
        embeddings: `lists`: texts in a list are taken; `single`: one text a request, cut at the window; `none`: 503 to all.
        wants_model: Whether a request without `model` is refused.
    """

    name: str
    done: bool = False
    completion: bool = True
    v1_embeddings: bool = True
    embeddings: str = "lists"
    wants_model: bool = False

    def __call__(self, request: Request) -> Answer:
        """Answer a request."""
        path, body = request.path.partition("?")[0], request.body or {}
        answers = {
            "/v1/models": lambda: as_json({"object": "list", "data": [{"id": "tiny", "object": "model"}]}),
            "/v1/chat/completions": lambda: self._chat(body),
            "/tokenize": lambda: self._tokenize(body),
            "/embedding": lambda: self._embed(path, body),
            "/v1/embeddings": lambda: self._embed(path, body),
            "/completion" if self.completion else "/v1/completions": self._complete,
        }
        return answers.get(path, lambda: _NOT_FOUND)()

    def _chat(self, body: dict[str, Any]) -> Answer:
        if self.wants_model and not isinstance(body.get("model"), str):
            return _refused("JSON missing model string")
        if self.wants_model and body.get("tools"):
            return _refused("OpenAI tools field not supported yet")
        return self._events([{"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in PIECES])

    def _complete(self) -> Answer:
        if self.completion:
            return _completion()
        return self._events([{"choices": [{"index": 0, "text": piece, "finish_reason": None}]} for piece in PIECES])

    def _events(self, events: list[dict[str, Any]]) -> Answer:
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "model": "tiny"}
        end = [b"data: [DONE]\n\n"] if self.done else []
        return Answer([*map(_event, [*events, last]), *end], headers={"Content-Type": "text/event-stream"})

    def _tokenize(self, body: dict[str, Any]) -> Answer:
        if self.completion:
            return as_json({"tokens": [ord(letter) for letter in body["content"]]})
        if not isinstance(body.get("prompt"), str):
            return _refused('JSON missing "prompt" key')
        return as_json({"tokens": list(body["prompt"])})

    def _embed(self, path: str, body: dict[str, Any]) -> Answer:
        if self.embeddings == "none":
            return _UNAVAILABLE
        if path == "/v1/embeddings" and not self.v1_embeddings:
            return _NOT_FOUND
        given = body.get("content", body.get("prompt", body.get("input")))
        if self.embeddings == "single":
            return _embed_one(path, given)
        texts = given if isinstance(given, list) else [given]
        if path == "/v1/embeddings":
            return as_json({"data": [{"index": number, "embedding": VECTOR} for number, _ in enumerate(texts)]})
        if isinstance(given, str):
            return as_json({"embedding": VECTOR})
        return as_json({"results": [{"embedding": VECTOR} for _ in texts]})


def _embed_one(path: str, text: Any) -> Answer:
    if not isinstance(text, str):
        return _refused("JSON missing content/prompt/input key")
    used = min(len(text), WINDOW)
    if path == "/v1/embeddings":
        return as_json({"data": [{"index": 0, "embedding": VECTOR}], "usage": {"prompt_tokens": used, "total_tokens": len(text)}})
    return as_json({"tokens_provided": len(text), "tokens_used": used, "embedding": VECTOR})


def _completion() -> Answer:
    events: list[dict[str, Any]] = [{"content": piece, "stop": False} for piece in PIECES]
    last = {"content": "", "stop": True, "stopped_eos": True, "stopped_limit": False, "model": "tiny"}
    counts = {"tokens_evaluated": 3, "tokens_predicted": 4, "tokens_cached": 7, "truncated": False}
    return Answer([*map(_event, [*events, {**last, **counts}])], headers={"Content-Type": "text/event-stream"})


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def _refused(words: str) -> Answer:
    return Answer([f"400 {words}\r\n".encode()], 400, {"Content-Type": "text/plain"})


VERSIONS: Final = [
    Version("0.4 --server", v1_embeddings=False),
    Version("0.6.2 --server", v1_embeddings=False),
    Version("0.7 --server"),
    Version("0.8.12 --server"),
    Version("0.8.13 --server", embeddings="none"),
    Version("0.9.3 --server", embeddings="none"),
    Version("0.9.3 --server --v2", done=True, completion=False, embeddings="single", wants_model=True),
]
"""A version for each behavior that differs; those between two of them behave as the earlier one."""
