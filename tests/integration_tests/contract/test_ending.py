"""Rule 7: closing a stream, cancelling a call or leaving a loop ends the engine's work."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from langchain_core.callbacks import BaseCallbackHandler

from langchain_localllm import ChatLlamafile, Llamafile, LocalServer
from langchain_localllm.models import tiny_chat_model

LONG = {"temperature": 0, "max_tokens": 5000, "ignore_eos": True}
PROMPT = "Once"


def _slot(server: LocalServer) -> dict[str, Any]:
    slots: list[dict[str, Any]] = requests.get(f"{server.base_url}/slots", timeout=60).json()
    return slots[0]


def _busy(server: LocalServer) -> bool:
    return bool(_slot(server)["is_processing"])


def _ended_early(server: LocalServer) -> bool:
    """Whether the server stops working on an answer that had more to come."""
    while _busy(server):
        time.sleep(0.01)
    return bool(_slot(server)["next_token"][0]["has_next_token"])


@pytest.fixture(scope="module")
def endless() -> Iterator[LocalServer]:
    """A server whose context is large enough that an answer goes on for long."""
    with LocalServer(tiny_chat_model(), n_ctx=2048) as server:
        yield server


@pytest.fixture(params=[Llamafile, ChatLlamafile])
def model(request: pytest.FixtureRequest, endless: LocalServer) -> Any:
    return request.param(base_url=endless.base_url, **LONG)


def test_stream_complete_answer_is_not_an_early_end(model: Any, endless: LocalServer) -> None:
    for _ in model.stream(PROMPT):
        pass
    assert not _ended_early(endless)


def test_stream_left_loop_ends_the_work(model: Any, endless: LocalServer) -> None:
    for count, _ in enumerate(model.stream(PROMPT)):
        if count == 3:
            assert _busy(endless)
            break
    assert _ended_early(endless)


def test_stream_close_ends_the_work(model: Any, endless: LocalServer) -> None:
    stream = model.stream(PROMPT)
    next(stream)
    stream.close()
    assert _ended_early(endless)


def test_stream_cancelled_call_ends_the_work(model: Any, endless: LocalServer) -> None:
    async def cancel() -> None:
        task = asyncio.ensure_future(model.ainvoke(PROMPT))
        while not await asyncio.to_thread(_busy, endless):
            pass
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert _ended_early(endless)


def test_stream_left_async_loop_ends_the_work(model: Any, endless: LocalServer) -> None:
    async def leave() -> bool:
        async for _ in model.astream(PROMPT):
            break
        await asyncio.sleep(0.1)
        return await asyncio.to_thread(_ended_early, endless)

    assert asyncio.run(leave())


def test_stream_interrupt_in_a_handler_ends_a_batch(model: Any, endless: LocalServer) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    class Interrupting(BaseCallbackHandler):
        raise_error = True
        on_llm_new_token = interrupt

    with pytest.raises(KeyboardInterrupt):
        model.batch([PROMPT, PROMPT], {"callbacks": [Interrupting()]})
    assert _ended_early(endless)
