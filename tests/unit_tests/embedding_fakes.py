"""Embedding classes over HTTP whose server is a function: no socket is opened, and what was asked
is kept."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import PrivateAttr
from typing_extensions import override

from langchain_localllm import LlamafileEmbeddings, OllamaEmbeddings
from langchain_localllm.base.embedding_batches import Plan, T
from langchain_localllm.runtimes.llamafile.default_server import DEFAULT_URL
from langchain_localllm.transport.operations import Read, Send, Sleep

Answer = tuple[int, Any]
"""A status, and what is the body as JSON."""


@dataclass(frozen=True)
class Reply:
    """The head of an answer, together with its body."""

    status: int
    body: bytes


def carry_out(plan: Plan[T], server: Callable[[Send], Answer]) -> T:
    """Run a plan with a function for a server."""
    try:
        step = next(plan)
        while True:
            result: Any = None
            if isinstance(step, Send):
                status, body = server(step)
                result = Reply(status, json.dumps(body).encode())
            elif isinstance(step, Read):
                result = step.reply.body
            else:
                assert isinstance(step, Sleep)
            step = plan.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # StopIteration is not generic


class Answered:
    """What the classes below share; `asked` are the requests for vectors, `server` answers
    those."""

    _asked: list[Send]
    _server: Any

    @property
    def asked(self) -> list[Send]:
        return self._asked

    def answering(self, server: Callable[[Send], Answer]) -> Any:
        """This object, with a server for its vectors."""
        self._server = server
        return self

    def _run(self, plan: Plan[T]) -> T:
        return carry_out(plan, self._reply)

    async def _arun(self, plan: Plan[T]) -> T:
        await asyncio.sleep(0)
        return carry_out(plan, self._reply)

    def _reply(self, send: Send) -> Answer:
        if (known := self._known(send)) is not None:
            return known
        self._asked.append(send)
        return self._server(send) if self._server else self._vectors_for(send)

    def _known(self, send: Send) -> Answer | None:
        """The answer to a question about the model."""
        raise NotImplementedError

    def _vectors_for(self, send: Send) -> Answer:
        raise NotImplementedError


class FakeLlamafile(Answered, LlamafileEmbeddings):
    """Vectors of length five, unless another server is set."""

    _asked: list[Send] = PrivateAttr(default_factory=list)
    _server: Any = PrivateAttr(default=None)
    _default_server: dict[str, str] = PrivateAttr(
        default_factory=lambda: {DEFAULT_URL: DEFAULT_URL}
    )

    @override
    def _known(self, send: Send) -> Answer | None:
        return (200, {"data": [{"id": "/models/tiny.gguf"}]}) if send.path == "/v1/models" else None

    @override
    def _vectors_for(self, send: Send) -> Answer:
        return openai_answer([[3.0, 4.0]] * len(inputs(send)))


class FakeOllama(Answered, OllamaEmbeddings):
    """The same on Ollama."""

    _asked: list[Send] = PrivateAttr(default_factory=list)
    _server: Any = PrivateAttr(default=None)

    @override
    def _known(self, send: Send) -> Answer | None:
        facts = {"model_info": {"bert.context_length": 512}, "capabilities": ["embedding"]}
        return (200, facts) if send.path == "/api/show" else None

    @override
    def _vectors_for(self, send: Send) -> Answer:
        return 200, {"embeddings": [[3.0, 4.0]] * len(inputs(send))}


def body_of(send: Send) -> dict[str, Any]:
    """What was sent."""
    assert send.body is not None
    return send.body


def inputs(send: Send) -> list[Any]:
    """The texts of a request."""
    found: list[Any] = body_of(send)["input"]
    return found


def openai_answer(vectors: list[Any]) -> Answer:
    """How `/v1/embeddings` answers; in another order, as it may."""
    return 200, {
        "data": [{"index": number, "embedding": vector} for number, vector in enumerate(vectors)][
            ::-1
        ]
    }
