"""Thoughts that are ended while an answer is streamed, on the real server."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any, Final

import pytest

from langchain_localllm import ChatLlamafile, LocalServer
from langchain_localllm.errors import WrongServerError
from langchain_localllm.runtimes.llamafile import reasoning_control
from tools.engines.thinking_model import ANSWER, thinking_model

from .scripted import Answer, ScriptedServer

LENGTH: Final = 700
"""Tokens of a thought: many more than the server writes while it is asked to end them."""
TEXT: Final = "".join(ANSWER)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    thought = [f" t{number}" for number in range(LENGTH)]
    path = thinking_model(tmp_path_factory.mktemp("model") / "thinks.gguf", thought=thought)
    with LocalServer(path, n_ctx=2048, n_parallel=2) as server:
        yield server


def thoughts(message: Any) -> int:
    return sum(
        len(block["reasoning"].split())
        for block in message.content_blocks
        if block["type"] == "reasoning"
    )


def test_end_reasoning_thoughts_of_a_stream_are_ended(server: LocalServer) -> None:
    chat = ChatLlamafile(
        base_url=server.base_url, temperature=0, reasoning=True, reasoning_control=True
    )
    other = ChatLlamafile(
        base_url=server.base_url, temperature=0, reasoning=True, reasoning_control=True
    )
    whole, ended = None, 0
    for chunk in chat.stream("Two and two?"):
        whole = chunk if whole is None else whole + chunk
        if not ended and chunk.content_blocks:
            assert other.end_reasoning() == 0, "these are not its own"
            ended = chat.end_reasoning()
    assert ended == 1
    assert whole is not None
    assert whole.text == TEXT
    assert 0 < thoughts(whole) < LENGTH
    assert chat.end_reasoning() == 0


async def test_end_reasoning_thoughts_of_an_async_call_are_ended(server: LocalServer) -> None:
    chat = ChatLlamafile(base_url=server.base_url, temperature=0, reasoning=True)
    call = asyncio.ensure_future(chat.ainvoke("Two and two?", reasoning_control=True))
    ended = 0
    while not ended and not call.done():
        await asyncio.sleep(0.005)
        ended = await chat.aend_reasoning()
    answer = await call
    assert (ended, answer.text) == (1, TEXT)
    assert thoughts(answer) < LENGTH


def test_end_reasoning_thoughts_of_a_call_without_control_are_not_ended(
    server: LocalServer,
) -> None:
    chat = ChatLlamafile(base_url=server.base_url, temperature=0, reasoning=True, max_tokens=40)
    stream: Any = chat.stream("Two and two?")
    next(stream)
    assert chat.end_reasoning() == 0
    stream.close()
    gc.collect()
    assert not reasoning_control._running


def test_end_reasoning_server_without_the_path_is_named() -> None:
    first = b'data: {"id": "c", "choices": [{"delta": {"content": "a"}}]}\n\n'
    last = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
    events = Answer([first, last], headers={"Content-Type": "text/event-stream"})
    with ScriptedServer(
        lambda request: events if request.path == "/v1/chat/completions" else Answer([b"no"], 404)
    ) as server:
        chat = ChatLlamafile(base_url=server.base_url, reasoning_control=True)
        stream = chat.stream("Hi")
        assert next(stream).text == "a"
        with pytest.raises(WrongServerError, match=r"/control|404"):
            chat.end_reasoning()
