"""Stream JSON lines to a client, and stop the work as soon as the client is gone."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override


class JSONLinesResponse(Response):
    """Send each event of an async generator as a line of JSON.

    The generator is closed when the client is gone.

    Args:
        events: A function that returns the generator.
    """

    media_type = "application/x-ndjson"

    def __init__(self, events: Callable[[], AsyncIterator[dict[str, Any]]]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._events = events

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        sending = asyncio.ensure_future(self._send(send))
        watching = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({sending, watching}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, watching):
                if not task.done():
                    task.cancel()
            await asyncio.wait({sending, watching})
        if not sending.cancelled() and (error := sending.exception()):
            raise error

    async def _send(self, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        async with aclosing(self._events()) as events:  # type: ignore[type-var]  # it is a generator
            async for event in events:
                line = json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
                await send({"type": "http.response.body", "body": line + b"\n", "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
