"""Streams that end early."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from langchain_localllm.web.streaming import JSONLinesResponse


async def test_stream_work_ends_when_the_client_disconnects() -> None:
    sent: list[dict[str, Any]] = []
    ended = asyncio.Event()
    first = asyncio.Event()

    async def events() -> AsyncIterator[dict[str, Any]]:
        try:
            yield {"answer": "a\nb"}
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def send(message: Any) -> None:
        sent.append(message)
        if message.get("body"):
            first.set()

    async def receive() -> Any:
        await first.wait()
        return {"type": "http.disconnect"}

    await JSONLinesResponse(events)({"type": "http"}, receive, send)
    assert ended.is_set()
    assert json.loads(sent[1]["body"]) == {"answer": "a\nb"}
