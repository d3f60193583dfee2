"""Measure the time per streamed token over HTTP, without a model.

A loopback server sends ready chunks as fast as it can.

`python -m benchmarks.http` prints a table for each server's language. "bare" is the client
library's own loop with `json.loads` (`requests`, `aiohttp`); "core" is langchain-core's `stream`
fed by that loop, which is the least that any LangChain class costs; then our classes, and those of
langchain_community and langchain_ollama where they are installed. All in one run, in turn, the
median of several rounds. The time is the processor's, of all threads, so that other programs on the
machine count little.
"""

import asyncio
import importlib
import json
import statistics
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import aiohttp
import requests
from langchain_core.language_models import BaseLLM
from langchain_core.outputs import GenerationChunk, LLMResult

from langchain_localllm import ChatLlamafile, ChatOllama, Llamafile, Ollama

TOKENS: Final = 2000
ROUNDS: Final = 7
Run = Callable[[], float]

# --- what the server sends ---


def _sse(event: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def _ndjson(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode() + b"\n"


def _chunked(lines: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(line), line) for line in lines) + b"0\r\n\r\n"


def _completion(n: int) -> dict[str, Any]:
    counts = {"tokens_predicted": n, "tokens_evaluated": 8}
    return {"index": 0, "content": f" w{n}", "tokens": [n], "stop": False, "id_slot": 0, **counts}


def _chat(n: int) -> dict[str, Any]:
    return {"choices": [{"index": 0, "finish_reason": None, "delta": {"content": f" w{n}"}}]}


def _ollama(**content: Any) -> dict[str, Any]:
    return {
        "model": "tiny",
        "created_at": "2026-11-21T06:30:43.177489884Z",
        **content,
        "done": False,
    }


_OLLAMA_END: Final = {
    "done": True,
    "done_reason": "length",
    "total_duration": 9,
    "load_duration": 1,
    "prompt_eval_count": 8,
    "prompt_eval_duration": 1,
    "eval_count": TOKENS,
    "eval_duration": 7,
}
_COMPLETION_END: Final = {
    "content": "",
    "stop": True,
    "stop_type": "limit",
    "tokens_predicted": TOKENS,
    "tokens_evaluated": 8,
    "tokens_cached": TOKENS + 8,
}
_CHAT_END: Final = (
    {"choices": [{"index": 0, "finish_reason": "stop", "delta": {}}]},
    {
        "choices": [],
        "usage": {"prompt_tokens": 8, "completion_tokens": TOKENS, "total_tokens": TOKENS + 8},
    },
)
ANSWERS: Final = {
    "/completion": _chunked(
        [*(_sse(_completion(n)) for n in range(TOKENS)), _sse(_COMPLETION_END)]
    ),
    "/v1/chat/completions": _chunked(
        [
            *(_sse(_chat(n)) for n in range(TOKENS)),
            *(_sse(event) for event in _CHAT_END),
            b"data: [DONE]\n\n",
        ]
    ),
    "/api/show": _chunked(
        [
            _ndjson(
                {
                    "model_info": {"llama.context_length": 8192},
                    "capabilities": ["completion", "tools"],
                }
            )
        ]
    ),
    "/api/generate": _chunked(
        [
            *(_ndjson(_ollama(response=f" w{n}")) for n in range(TOKENS)),
            _ndjson({**_ollama(response=""), **_OLLAMA_END}),
        ]
    ),
    "/api/chat": _chunked(
        [
            *(
                _ndjson(_ollama(message={"role": "assistant", "content": f" w{n}"}))
                for n in range(TOKENS)
            ),
            _ndjson({**_ollama(message={"role": "assistant", "content": ""}), **_OLLAMA_END}),
        ]
    ),
}


class _Ready(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = ANSWERS.get(self.path)
        self.send_response(404 if answer is None else 200)
        if answer is None:  # what a class asks in addition, such as /props
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_header(
            "Content-Type",
            "text/event-stream" if "api" not in self.path else "application/x-ndjson",
        )
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: Any) -> None:
        pass


# --- what reads it ---


@dataclass(frozen=True)
class Language:
    """How a server of a kind is read with the client library alone.

    Attributes:
        path: What is asked.
        prefix: What comes before the JSON of a line.
        field: What holds the text.
    """

    path: str
    prefix: bytes
    field: str

    def sync(self, url: str) -> Iterator[str]:
        """Return the least that sync code can do: the client's lines and `json.loads`."""
        skipped = len(self.prefix)
        with requests.post(url + self.path, json={}, stream=True, timeout=60) as response:
            for line in response.iter_lines(chunk_size=None):
                if line and line.startswith(self.prefix):
                    yield json.loads(line[skipped:])[self.field]

    async def by_async(self, url: str) -> AsyncIterator[str]:
        """Return the same for async code."""
        skipped = len(self.prefix)
        async with (
            aiohttp.ClientSession() as session,
            session.post(url + self.path, json={}) as response,
        ):
            async for line in response.content:
                if line.startswith(self.prefix):
                    yield json.loads(line[skipped:])[self.field]


class Core(BaseLLM):
    """langchain-core's own `stream` and nothing else."""

    url: str
    language: Any

    @property
    def _llm_type(self) -> str:
        return "core"

    def _generate(self, prompts: list[str], *_: Any, **__: Any) -> LLMResult:
        raise NotImplementedError

    def _stream(
        self, prompt: str, stop: Any = None, run_manager: Any = None, **_: Any
    ) -> Iterator[GenerationChunk]:
        for text in self.language.sync(self.url):
            yield GenerationChunk(text=text)

    async def _astream(
        self, prompt: str, stop: Any = None, run_manager: Any = None, **_: Any
    ) -> AsyncIterator[GenerationChunk]:
        async for text in self.language.by_async(self.url):
            yield GenerationChunk(text=text)


LANGUAGES: Final = {
    "llama.cpp's server": Language("/completion", b"data: ", "content"),
    "Ollama": Language("/api/generate", b"", "response"),
}
OURS: Final[dict[str, tuple[Any, ...]]] = {
    "llama.cpp's server": (Llamafile, ChatLlamafile),
    "Ollama": (Ollama, ChatOllama),
}
OTHERS: Final[dict[str, tuple[tuple[str, str, dict[str, Any]], ...]]] = {
    "llama.cpp's server": (("langchain_community.llms", "Llamafile", {"streaming": True}),),
    "Ollama": (
        ("langchain_community.llms", "Ollama", {}),
        ("langchain_ollama", "OllamaLLM", {"model": "tiny"}),
        ("langchain_ollama", "ChatOllama", {"model": "tiny"}),
    ),
}


def _others(language: str, url: str) -> dict[str, Any]:
    """Return the classes of other packages that are installed."""
    found = {}
    for module, name, settings in OTHERS[language]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                found[f"{module.partition('.')[0]} {name}"] = getattr(
                    importlib.import_module(module), name
                )(base_url=url, **settings)
        except ImportError:
            continue
    return found


def _cases(language: str, url: str, runner: asyncio.Runner) -> dict[str, tuple[Run, Run]]:
    bare = LANGUAGES[language]
    models = {"langchain-core on it": Core(url=url, language=bare)}
    models |= {model.__name__: model(base_url=url) for model in OURS[language]} | _others(
        language, url
    )
    cases = {
        "bare client": (
            lambda: _sync(lambda: bare.sync(url)),
            lambda: _async(runner, lambda: bare.by_async(url)),
        )
    }
    for name, model in models.items():
        cases[name] = (
            lambda model=model: _sync(lambda: model.stream("x")),  # type: ignore[misc]  # the default binds the loop's value
            lambda model=model: _async(runner, lambda: model.astream("x")),  # type: ignore[misc]  # as above
        )
    return cases


def _sync(stream: Callable[[], Iterator[Any]]) -> float:
    started = time.process_time()
    count = sum(1 for _ in stream())
    if count < TOKENS:
        raise RuntimeError(f"{count} tokens came of {TOKENS}")
    return (time.process_time() - started) / TOKENS * 1e6


def _async(runner: asyncio.Runner, stream: Callable[[], AsyncIterator[Any]]) -> float:
    async def run() -> int:
        return len([None async for _ in stream()])

    started = time.process_time()
    if runner.run(run()) < TOKENS:
        raise RuntimeError("tokens are missing")
    return (time.process_time() - started) / TOKENS * 1e6


def main() -> None:
    """Print the tables."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Ready)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # one event loop for all: langchain_ollama's classes fail in a second one
    with asyncio.Runner() as runner:
        for language in LANGUAGES:
            cases = _cases(language, f"http://127.0.0.1:{server.server_port}", runner)
            times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in cases}
            for _ in range(ROUNDS):
                for name, runs in cases.items():
                    for run, spent in zip(runs, times[name], strict=True):
                        spent.append(run())
            _print(
                language,
                {name: tuple(map(statistics.median, both)) for name, both in times.items()},
            )
    server.shutdown()


def _print(language: str, medians: dict[str, tuple[float, ...]]) -> None:
    print(f"\n{language}: µs a token, median of {ROUNDS}")
    print(
        f"{'':<32}{'sync':>8}{'over core':>11}{'x core':>8}   "
        f"{'async':>8}{'over core':>11}{'x core':>8}"
    )
    core = medians["langchain-core on it"]
    for name, both in medians.items():
        cells = (
            f"{value:>8.1f}{value - base:>+11.1f}{value / base:>8.2f}"
            for value, base in zip(both, core, strict=True)
        )
        print(f"{name:<32}" + "   ".join(cells))


if __name__ == "__main__":
    main()
