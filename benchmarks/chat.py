"""Measure what chat costs in addition to the engine.

That is: streaming against langchain_ollama, rendering a template, and reading an answer.

`python -m benchmarks.chat` prints three tables. Streaming reads ready chunks from a loopback
server, as `benchmarks.http` does; its budget is half of langchain_ollama's time per token. A
template of 20 messages with a tool is to be rendered within a millisecond. The time is the
processor's.
"""

import asyncio
import importlib
import statistics
import threading
import time
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import Any, Final

from benchmarks.http import ROUNDS, TOKENS, _async, _Ready, _sync
from langchain_localllm import ChatOllama
from langchain_localllm.base.response_parser import AnswerReader
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent
from langchain_localllm.gguf.header import check_gguf
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.templates.chat_template import ChatTemplate, _compiled
from langchain_localllm.templates.thinking import ThinkSplitter
from langchain_localllm.templates.tool_calls import HERMES, ToolCallParser

_TIMES: Final = 200
_TOOL: Final = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two integers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}


def _streaming() -> dict[str, tuple[float, float]]:
    """Microseconds a token, sync and async."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Ready)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    models: dict[str, Any] = {"ChatOllama": ChatOllama(base_url=url, model="tiny")}
    try:
        models["langchain_ollama ChatOllama"] = importlib.import_module(
            "langchain_ollama"
        ).ChatOllama(base_url=url, model="tiny")
    except ImportError:
        print("langchain_ollama is not installed, so there is nothing to compare with.")
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in models}
    with asyncio.Runner() as runner:
        for _ in range(ROUNDS):
            for name, model in models.items():
                times[name][0].append(_sync(lambda model=model: model.stream("x")))  # type: ignore[misc]  # the default binds it
                times[name][1].append(_async(runner, lambda model=model: model.astream("x")))  # type: ignore[misc]  # as above
    server.shutdown()
    return {
        name: (statistics.median(both[0]), statistics.median(both[1]))
        for name, both in times.items()
    }


def _median(run: Callable[[], object], times: int) -> float:
    spent = []
    for _ in range(times):
        started = time.process_time_ns()
        run()
        spent.append((time.process_time_ns() - started) / 1000)
    return statistics.median(spent)


def _rendering() -> dict[str, float]:
    """Microseconds for a conversation of 20 messages."""
    template = ChatTemplate(check_gguf(tiny_chat_model()).metadata["tokenizer.chat_template"])
    messages = [
        {"role": role, "content": "Some words that a message may hold."}
        for role in ("user", "assistant") * 10
    ]

    def first() -> None:
        _compiled.cache_clear()
        template.render(messages, tools=[_TOOL])

    return {
        "the first time, with compiling": _median(first, 20),
        "after that": _median(lambda: template.render(messages, tools=[_TOOL]), _TIMES),
    }


def _reading() -> dict[str, float]:
    """Microseconds a token."""

    def read(reader: AnswerReader) -> int:
        pieces = [
            *(StreamEvent(f" w{n}") for n in range(TOKENS)),
            StreamEvent("", CompletionInfo("stop")),
        ]
        return sum(1 for piece in pieces for _ in reader.read(piece))

    return {
        "nothing to look for": _median(lambda: read(AnswerReader()), 20) / TOKENS,
        "thoughts": _median(lambda: read(AnswerReader(ThinkSplitter())), 20) / TOKENS,
        "thoughts and calls": _median(
            lambda: read(AnswerReader(ThinkSplitter(), ToolCallParser(HERMES, ["add"]))), 20
        )
        / TOKENS,
    }


def main() -> None:
    """Print the tables."""
    streaming = _streaming()
    least = streaming["ChatOllama"]
    print(f"{'streaming, µs a token':<40}{'sync':>10}{'async':>10}{'':>4}ours is")
    for name, (sync, by_async) in streaming.items():
        print(
            f"{name:<40}{sync:>10.1f}{by_async:>10.1f}{'':>4}{least[0] / sync:.2f} and "
            f"{least[1] / by_async:.2f} of it"
        )
    for title, times in (
        ("rendering 20 messages, µs", _rendering()),
        ("reading an answer, µs a token", _reading()),
    ):
        print(f"\n{title}")
        for name, value in times.items():
            print(f"{name:<40}{value:>10.2f}")


if __name__ == "__main__":
    main()
