"""Time per streamed token over HTTP, without a model: a loopback server sends ready chunks as fast as it can.

`python -m benchmarks.http` prints a table. "bare" is the client library's own loop with `json.loads` (`requests`, `aiohttp`);
"core" is langchain-core's `stream` fed by that loop, which is the least that any LangChain class costs; then our class, and those
of langchain_community where it is installed. All in one run, in turn, the median of several rounds.
"""

import asyncio
import json
import statistics
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import aiohttp
import requests
from langchain_core.language_models import BaseLLM
from langchain_core.outputs import GenerationChunk, LLMResult

from langchain_localllm import ChatLlamafile, Llamafile

TOKENS = 2000
ROUNDS = 7


def _sse(event: dict[str, Any]) -> bytes:
    data = b"data: " + json.dumps(event).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


COMPLETION = [
    *(
        _sse(
            {
                "index": 0,
                "content": f" w{n}",
                "tokens": [n],
                "stop": False,
                "id_slot": 0,
                "tokens_predicted": n,
                "tokens_evaluated": 8,
            }
        )
        for n in range(TOKENS)
    ),
    _sse({"content": "", "stop": True, "stop_type": "limit", "tokens_predicted": TOKENS, "tokens_evaluated": 8, "timings": {}}),
    b"0\r\n\r\n",
]
CHAT = [
    *(_sse({"choices": [{"index": 0, "finish_reason": None, "delta": {"content": f" w{n}"}}]}) for n in range(TOKENS)),
    _sse({"choices": [{"index": 0, "finish_reason": "stop", "delta": {}}]}),
    _sse({"choices": [], "usage": {"prompt_tokens": 8, "completion_tokens": TOKENS, "total_tokens": TOKENS + 8}}),
    b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
]


class _Ready(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"".join(CHAT if "chat" in self.path else COMPLETION))

    def log_message(self, *_: Any) -> None:
        pass


def bare_sync(url: str) -> Iterator[str]:
    """The least that sync code can do: the client's lines and `json.loads`."""
    with requests.post(f"{url}/completion", json={}, stream=True, timeout=60) as response:
        for line in response.iter_lines(chunk_size=None):
            if line.startswith(b"data: "):
                yield json.loads(line[6:])["content"]


async def bare_async(url: str) -> AsyncIterator[str]:
    """The same for async code."""
    async with aiohttp.ClientSession() as session, session.post(f"{url}/completion", json={}) as response:
        async for line in response.content:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])["content"]


class Core(BaseLLM):
    """langchain-core's own `stream` and nothing else."""

    url: str

    @property
    def _llm_type(self) -> str:
        return "core"

    def _generate(self, prompts: list[str], *_: Any, **__: Any) -> LLMResult:
        raise NotImplementedError

    def _stream(self, prompt: str, stop: Any = None, run_manager: Any = None, **_: Any) -> Iterator[GenerationChunk]:
        for text in bare_sync(self.url):
            yield GenerationChunk(text=text)

    async def _astream(self, prompt: str, stop: Any = None, run_manager: Any = None, **_: Any) -> AsyncIterator[GenerationChunk]:
        async for text in bare_async(self.url):
            yield GenerationChunk(text=text)


def _sync(stream: Callable[[], Iterator[Any]]) -> float:
    started = time.perf_counter()
    count = sum(1 for _ in stream())
    if count < TOKENS:
        raise RuntimeError(f"{count} tokens came of {TOKENS}")
    return (time.perf_counter() - started) / TOKENS * 1e6


def _async(stream: Callable[[], AsyncIterator[Any]]) -> float:
    async def run() -> int:
        return len([None async for _ in stream()])

    started = time.perf_counter()
    if asyncio.run(run()) < TOKENS:
        raise RuntimeError("tokens are missing")
    return (time.perf_counter() - started) / TOKENS * 1e6


def _cases(url: str) -> dict[str, Callable[[], float]]:
    core = Core(url=url)
    text, chat = Llamafile(base_url=url), ChatLlamafile(base_url=url)
    cases: dict[str, Callable[[], float]] = {
        "sync: bare requests": lambda: _sync(lambda: bare_sync(url)),
        "sync: langchain-core on it": lambda: _sync(lambda: core.stream("x")),
        "sync: Llamafile": lambda: _sync(lambda: text.stream("x")),
        "sync: ChatLlamafile": lambda: _sync(lambda: chat.stream("x")),
        "async: bare aiohttp": lambda: _async(lambda: bare_async(url)),
        "async: langchain-core on it": lambda: _async(lambda: core.astream("x")),
        "async: Llamafile": lambda: _async(lambda: text.astream("x")),
        "async: ChatLlamafile": lambda: _async(lambda: chat.astream("x")),
    }
    try:
        from langchain_community.llms import Llamafile as Community
    except ImportError:
        return cases
    old = Community(base_url=url, streaming=True)
    cases["sync: langchain_community Llamafile"] = lambda: _sync(lambda: old.stream("x"))
    cases["async: langchain_community Llamafile"] = lambda: _async(lambda: old.astream("x"))
    return cases


def main() -> None:
    """Print the table."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Ready)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cases = _cases(f"http://127.0.0.1:{server.server_port}")
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, run in cases.items():
            times[name].append(run())
    server.shutdown()
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{'µs a token, median of ' + str(ROUNDS):<40}{'':>8}{'over core':>12}{'x core':>8}")
    for name, value in medians.items():
        base = medians[f"{name.split(':')[0]}: langchain-core on it"]
        print(f"{name:<40}{value:>8.1f}{value - base:>+12.1f}{value / base:>8.2f}")


if __name__ == "__main__":
    main()
