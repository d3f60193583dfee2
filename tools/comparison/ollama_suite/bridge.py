"""Connect our classes, which use HTTP, and the suite, which mocks the client.

It is a plugin for pytest; the client is that of the `ollama` package. Ollama's address is that of a
server here. It calls the mocked client with what came over HTTP, and answers with what the mock
returns. Requests of tests that mock nothing go to the real Ollama.
"""

import asyncio
import inspect
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from unittest.mock import NonCallableMock

import ollama
import pytest
import requests

from langchain_localllm.models import tiny_chat_model
from tools.comparison.ollama_suite.excluded import reason_for
from tools.engines import ollama as engine
from tools.engines.models import go_template

MODULES: Final = {
    "chat": "langchain_ollama.chat_models",
    "generate": "langchain_ollama.llms",
    "embed": "langchain_ollama.embeddings",
}
MODEL: Final = {
    "model_info": {"test.context_length": 512},
    "capabilities": ["completion", "tools", "thinking", "embedding"],
}
PARAMETERS: Final = {"num_ctx": 2048, "num_thread": 1, "repeat_penalty": 1, "seed": 1, "top_k": 1}
THINKERS: Final = frozenset({"deepseek-r1:1.5b", "gpt-oss:20b"})
"""Models that think. None is small enough, so their lines are written here, as the real server
writes them."""


class _Server(BaseHTTPRequestHandler):
    real: str | None = None

    def do_GET(self) -> None:
        self._forward()

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.path.removeprefix("/api/")
        mocks = [mock for name in ("Client", "AsyncClient") if (mock := _mocked(kind, name))]
        if kind == "show" and (
            checks := [mock for other in MODULES if (mock := _mocked(other, "validate_model"))]
        ):
            checks[0]()
            self._answer(MODEL)
        elif not mocks and json.loads(self.body or b"{}").get("model") in THINKERS:
            self._answer(*([MODEL] if kind == "show" else _thoughtful(json.loads(self.body))))
        elif not mocks and not any(
            _mocked(other, name) for other in MODULES for name in ("Client", "AsyncClient")
        ):
            self._forward()
        elif kind == "show":
            self._answer(MODEL)
        else:
            self._call(mocks, kind)

    def _call(self, mocks: list[Any], kind: str) -> None:
        body = json.loads(self.body)
        known = inspect.signature(getattr(ollama.Client, kind)).parameters.keys() - {"self"}
        for mock in mocks:
            answers = getattr(mock(), kind)(**{name: body.get(name) for name in known})
            if inspect.isawaitable(answers):
                answers = asyncio.run(_collected(answers))
            if isinstance(answers, NonCallableMock):  # the test set up the other client
                continue
            self._answer(*([answers] if isinstance(answers, dict) else answers))
            return
        self._answer()

    def _answer(self, *lines: Any) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def _forward(self) -> None:
        if self.real is None:
            self.send_error(500, "no Ollama for this test")
            return
        data = getattr(self, "body", None)
        with requests.request(
            self.command, self.real + self.path, data=data, stream=True, timeout=120
        ) as reply:
            self.send_response(reply.status_code)
            self.send_header("Content-Type", reply.headers.get("Content-Type", ""))
            self.end_headers()
            for chunk in reply.iter_content(None):
                self.wfile.write(chunk)
                self.wfile.flush()

    def log_message(self, *_: Any) -> None: ...


def _thoughtful(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the lines of a model that thinks if asked to, and calls the first tool."""
    chat = "messages" in body
    called = chat and any(message["role"] == "tool" for message in body["messages"])
    parts: list[dict[str, Any]] = (
        [{"thinking": "Three times "}, {"thinking": "nine."}] if body.get("think") else []
    )
    if body.get("tools") and not called:
        function = body["tools"][0]["function"]
        arguments = dict.fromkeys(function["parameters"]["properties"], "San Francisco, CA")
        parts.append(
            {"tool_calls": [{"function": {"name": function["name"], "arguments": arguments}}]}
        )
    else:
        parts += [{"text": "Twenty-"}, {"text": "seven."}]
    for part in [*parts, {}]:
        text = part.pop("text", "")
        shown = (
            {"message": {"role": "assistant", "content": text, **part}}
            if chat
            else {"response": text, **part}
        )
        yield {"model": body["model"], "created_at": "2025-01-01T00:00:00Z", "done": False, **shown}
    yield {
        "model": body["model"],
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 5,
        "eval_count": 4,
        **shown,
    }


async def _collected(answers: Any) -> Any:
    found = await answers
    return [answer async for answer in found] if hasattr(found, "__aiter__") else found


def _mocked(kind: str, name: str) -> Any:
    module = sys.modules.get(MODULES.get(kind, ""))
    found = getattr(module, name, None)
    return found if isinstance(found, NonCallableMock) else None


@pytest.fixture(scope="session", autouse=True)
def _ollama() -> Iterator[None]:
    """Return the address that our classes take where none is given."""
    with ExitStack() as stack:
        if os.environ.get("SUITE_NEEDS_OLLAMA"):
            _Server.real = stack.enter_context(
                engine.serve(Path(stack.enter_context(tempfile.TemporaryDirectory())))
            )
            engine.create(
                _Server.real,
                "llama3.1",
                tiny_chat_model(),
                template=go_template(),
                parameters=PARAMETERS,
            )
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        os.environ["OLLAMA_HOST"] = f"127.0.0.1:{server.server_port}"
        yield
        server.shutdown()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `excluded` names."""
    left_out = [item for item in items if reason_for(item.nodeid)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
