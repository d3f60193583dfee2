"""Stand-ins for the servers of llamafile 0.4 to 0.10, whose binaries are on no package index. Each
answers as its source does.

Source: https://github.com/mozilla-ai/llamafile, tags 0.4 to 0.9.3: `llama.cpp/server/server.cpp`
and `llama.cpp/server/oai.h` (the server of `--server`), `llamafile/server/*.cpp` (llamafiler, which
is also the server of `--server --v2`). Since 0.10, `--server` is llama-server: `llamafile/args.cpp`
removes llamafile's own flags, and `llama.cpp.patches` does not change what the server answers.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from .scripted import Answer, Request, as_json

PIECES: Final = ["Hel", "lo", " 東京", "!"]
HELLO: Final = "".join(PIECES)
VECTOR: Final = [3.0, 4.0]
WINDOW: Final = 512
"""Tokens that the embedding model takes; here a token is a character."""
FAIL: Final = "Fail."
"""A prompt at which the server fails after the first piece."""
REASON: Final = "slot unavailable"
_SERVER: Final = "--server"


@dataclass(frozen=True)
class Version:
    """How a version of llamafile serves.

    Attributes:
        number: The version.
        flags: The program or the flags that choose the server.
        embedding: How `/embedding` answers a list: `results` (an object), `pair` (a list whose
            first member is the word), `single` (texts only, which are cut at the window), or `none`
            (503).
        v1_embeddings: Whether there is `/v1/embeddings`.
        text: Whether a prompt can be completed.
        models: Whether there is `/v1/models`.
        done: Whether llamafiler ends a stream of chat events with `[DONE]`.
        usage: Whether llamafiler counts tokens at the end of a stream.
        llama_server: Whether it is today's llama-server, as since 0.10.
    """

    number: str
    flags: str = _SERVER
    embedding: str = "results"
    v1_embeddings: bool = True
    text: bool = True
    models: bool = True
    done: bool = True
    usage: bool = False
    llama_server: bool = False

    @property
    def name(self) -> str:
        """The version and its flags."""
        return f"{self.number} {self.flags}"

    @property
    def is_old_llama_cpp(self) -> bool:
        """Whether the server is the llama.cpp's of 2023 and 2024."""
        return not (self.is_llamafiler or self.llama_server)

    @property
    def is_llamafiler(self) -> bool:
        """Whether the server is llamafiler, and not llama.cpp's."""
        return self.flags != _SERVER

    def __call__(self, request: Request) -> Answer:
        """Answer a request."""
        body = request.body or {}
        if self.llama_server:
            return _llama_server(request.path.partition("?")[0], body)
        paths: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "/v1/chat/completions": self._llamafiler_chat
            if self.is_llamafiler
            else _llama_cpp_chat,
            "/tokenize": _llamafiler_tokens if self.is_llamafiler else _llama_cpp_tokens,
            "/embedding": self._embedding,
        }
        if self.v1_embeddings:
            paths["/v1/embeddings"] = self._v1_embeddings
        if self.text:
            paths["/v1/completions" if self.is_llamafiler else "/completion"] = (
                self._llamafiler_text if self.is_llamafiler else _llama_cpp_text
            )
        if self.models:
            paths["/v1/models"] = lambda _: as_json(
                {"object": "list", "data": [{"id": "tiny", "object": "model"}]}
            )
        if not self.is_llamafiler:
            paths["/props"] = self._props
        answer = paths.get(request.path.partition("?")[0])
        return (
            answer(body)
            if answer
            else _refused(404, "File Not Found" if not self.is_llamafiler else "Not Found")
        )

    def _props(self, _: dict[str, Any]) -> Answer:
        names = {"user_name": "User", "assistant_name": "Llama"}
        # since 0.7
        more = (
            {"default_generation_settings": {"n_ctx": 512}, "total_slots": 1}
            if self.v1_embeddings
            else {}
        )
        return as_json({**names, **more})

    # --- llamafiler ---

    def _llamafiler_chat(self, body: dict[str, Any]) -> Answer:
        for field in ("tools", "logprobs", "tool_choice", "parallel_tool_calls"):
            if field in body:
                return _refused(400, f"OpenAI {field} field not supported yet")
        if not isinstance(body.get("model"), str):
            return _refused(400, "JSON missing model string")
        if not all(isinstance(message["content"], str) for message in body["messages"]):
            return _refused(400, "message must have string content")
        form = body.get("response_format")
        if form and form["type"] == "json_schema":
            # it makes its grammar of the object around the schema
            if "schema" in form["json_schema"]:
                return _refused(400, "bad json schema")
            return self._stream([{"delta": {"content": '{"colour": "red"}'}}], body)
        return self._stream([{"delta": {"content": piece}} for piece in PIECES], body)

    def _llamafiler_text(self, body: dict[str, Any]) -> Answer:
        if not isinstance(body.get("model"), str):
            return _refused(400, "JSON missing model string")
        return self._stream([{"text": piece} for piece in PIECES], body)

    def _stream(self, choices: list[dict[str, Any]], body: dict[str, Any]) -> Answer:
        about = {"object": "chat.completion", "model": body["model"]}
        events = [
            {**about, "choices": [{"index": 0, "finish_reason": None, "logprobs": None, **each}]}
            for each in choices
        ]
        empty = {name: "" if name == "text" else {"content": ""} for name in choices[0]}
        last: dict[str, Any] = {
            **about,
            "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, **empty}],
        }
        if self.usage and (body.get("stream_options") or {}).get("include_usage"):
            last["usage"] = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        return _events(
            [*map(_event, [*events, last]), *([b"data: [DONE]\n\n"] if self.done else [])]
        )

    # --- embeddings ---

    def _embedding(self, body: dict[str, Any]) -> Answer:
        given: Any = body.get("content", "" if not self.is_llamafiler else None)
        if self.embedding == "none":
            return _refused(503, "Service Unavailable")
        if self.embedding == "single":
            return _embed_one(
                given,
                lambda used: {
                    "tokens_provided": len(given),
                    "tokens_used": used,
                    "embedding": VECTOR,
                },
            )
        if isinstance(given, str) or len(given) == 1:
            return as_json({"embedding": VECTOR})
        results = [{"embedding": VECTOR} for _ in given]
        return as_json(
            {"results": results} if self.embedding == "results" else ["results", results]
        )

    def _v1_embeddings(self, body: dict[str, Any]) -> Answer:
        given: Any = body.get("input")
        if self.embedding == "none":
            return _refused(503, "Service Unavailable")
        rows = [
            {"index": number, "embedding": VECTOR}
            for number, _ in enumerate([given] if isinstance(given, str) else given)
        ]
        if self.embedding == "single":
            return _embed_one(
                given,
                lambda used: {
                    "data": rows,
                    "usage": {"prompt_tokens": used, "total_tokens": len(str(given))},
                },
            )
        return as_json({"data": rows, "usage": {"prompt_tokens": 0, "total_tokens": 0}})


# --- llama-server, since 0.10 ---


def _llama_server(path: str, body: dict[str, Any]) -> Answer:
    settings = {"n_ctx": 512, "params": {}}
    rows = [
        {"index": number, "embedding": VECTOR} for number, _ in enumerate(body.get("input", ()))
    ]
    paths: dict[str, Callable[[], Answer]] = {
        "/v1/chat/completions": lambda: _llama_server_chat(body),
        "/completion": lambda: _llama_server_text(body),
        "/tokenize": lambda: _llama_cpp_tokens(body),
        "/apply-template": lambda: as_json(
            {"prompt": "".join(f"{each['role']}: {each['content']}" for each in body["messages"])}
        ),
        "/v1/embeddings": lambda: as_json(
            {"data": rows, "usage": {"prompt_tokens": 3, "total_tokens": 3}}
        ),
        "/v1/models": lambda: as_json(
            {"object": "list", "data": [{"id": "tiny", "object": "model"}]}
        ),
        "/props": lambda: as_json(
            {
                "default_generation_settings": settings,
                "total_slots": 1,
                "chat_template": "{{ messages }}",
            }
        ),
    }
    refusal = {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}
    return paths[path]() if path in paths else as_json(refusal, 404)


def _llama_server_failure(first: dict[str, Any]) -> Answer:
    error = {"error": {"code": 500, "message": REASON, "type": "server_error"}}
    return _events([_event(first), _event(error)])


def _llama_server_chat(body: dict[str, Any]) -> Answer:
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": None},
        *({"content": piece} for piece in PIECES),
    ]
    if body["messages"][-1]["content"] == FAIL:
        return _llama_server_failure(
            {"choices": [{"index": 0, "delta": deltas[1], "finish_reason": None}]}
        )
    if tools := body.get("tools"):
        function = {"name": tools[0]["function"]["name"], "arguments": "{"}
        deltas[1:] = [
            {"tool_calls": [{"index": 0, "id": "a1", "type": "function", "function": function}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]},
        ]
    probs = (
        {"logprobs": {"content": [{"token": "x", "logprob": -0.5, "top_logprobs": []}]}}
        if body.get("logprobs")
        else {}
    )
    events: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None, **probs}]}
        for delta in deltas
    ]
    events.append(
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if tools else "stop"}]}
    )
    if (body.get("stream_options") or {}).get("include_usage"):
        events.append(
            {
                "choices": [],
                "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
            }
        )
    return _events([*(_event({**event, "model": "tiny"}) for event in events), b"data: [DONE]\n\n"])


def _llama_server_text(body: dict[str, Any]) -> Answer:
    events: list[dict[str, Any]] = [
        {"index": 0, "content": piece, "tokens": [7], "stop": False} for piece in PIECES
    ]
    if body["prompt"] == FAIL:
        return _llama_server_failure(events[0])
    last = {"content": "", "stop": True, "stop_type": "eos", "model": "tiny", "truncated": False}
    counts = {
        "tokens_evaluated": 3,
        "tokens_predicted": 4,
        "tokens_cached": 7,
        "timings": {"cache_n": 0},
    }
    return _events([*map(_event, [*events, {**last, **counts}])])


def _llama_cpp_chat(body: dict[str, Any]) -> Answer:
    if not all(isinstance(message["content"], str) for message in body["messages"]):
        return _refused(
            500,
            (
                "500 Internal Server Error\n[json.exception.type_error.302] type must be string, "
                "but is array"
            ),
        )
    events = [
        {
            "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}],
            "model": "tiny",
        }
        for piece in PIECES
    ]
    if body["messages"][-1]["content"] == FAIL:
        return _events([_event(events[0]), _error_line()])
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "model": "tiny"}
    return _events([*map(_event, [*events, last])])


def _llama_cpp_text(body: dict[str, Any]) -> Answer:
    probs = (
        {"completion_probabilities": [{"content": "x", "probs": []}]} if body.get("n_probs") else {}
    )
    events: list[dict[str, Any]] = [{"content": piece, "stop": False, **probs} for piece in PIECES]
    if body["prompt"] == FAIL:
        return _events([_event(events[0]), _error_line()])
    last = {
        "content": "",
        "stop": True,
        "stopped_eos": True,
        "stopped_limit": False,
        "model": "tiny",
    }
    counts = {"tokens_evaluated": 3, "tokens_predicted": 4, "tokens_cached": 7, "truncated": False}
    return _events([*map(_event, [*events, {**last, **counts}])])


def _llama_cpp_tokens(body: dict[str, Any]) -> Answer:
    return as_json({"tokens": [ord(letter) for letter in body["content"]]})


def _llamafiler_tokens(body: dict[str, Any]) -> Answer:
    if not isinstance(body.get("prompt"), str):
        return _refused(400, 'JSON missing "prompt" key')
    special = body.get("add_special", True)
    return as_json(
        {
            "add_special": special,
            "parse_special": False,
            "tokens": [*(["<s>"] if special else []), *body["prompt"]],
        }
    )


def _embed_one(text: Any, answer: Callable[[int], dict[str, Any]]) -> Answer:
    if not isinstance(text, str):
        return _refused(400, "JSON missing content/prompt/input key")
    return as_json(answer(min(len(text), WINDOW)))


def _events(parts: list[bytes]) -> Answer:
    return Answer(parts, headers={"Content-Type": "text/event-stream"})


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def _error_line() -> bytes:
    return b"error: " + json.dumps({"content": REASON}).encode() + b"\n\n"


def _refused(status: int, words: str) -> Answer:
    return Answer([f"{words}\r\n".encode()], status, {"Content-Type": "text/plain; charset=utf-8"})


_V2: Final = "--server --v2"
VERSIONS: Final = [
    Version("0.4", embedding="pair", v1_embeddings=False),
    Version("0.6.1", embedding="pair", v1_embeddings=False),
    Version("0.6.2", v1_embeddings=False),
    Version("0.7"),
    Version("0.8.12"),
    Version("0.8.13", embedding="none"),
    Version("0.9.3", embedding="none"),
    Version("0.8.15", "llamafiler", embedding="single", text=False, models=False, done=False),
    Version("0.8.16", "llamafiler", embedding="single", text=False, models=False, done=False),
    Version("0.8.17", "llamafiler", embedding="single", models=False),
    Version("0.9.0", _V2, embedding="single", models=False),
    Version("0.9.1", _V2, embedding="single", models=False),
    Version("0.9.2", _V2, embedding="single", usage=True),
    Version("0.9.3", _V2, embedding="single", usage=True),
    Version("0.10", llama_server=True),
    Version("0.10.5", llama_server=True),
]
"""A version for each behavior that differs; those between two of them behave as the earlier one."""
