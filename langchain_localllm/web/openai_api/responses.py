"""Send an answer, whole or as a stream, for as long as the client is there."""

import asyncio
import json
from collections.abc import Coroutine
from contextlib import aclosing, suppress
from typing import Any, Final, TypeVar
from urllib.parse import quote

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from langchain_localllm.web.openai_api.answer import DocumentAnswer
from langchain_localllm.web.openai_api.errors import error_content, error_response

T = TypeVar("T")

_DONE: Final = b"data: [DONE]\n\n"


async def until_disconnected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Run work, and cancel it if the client goes away.

    Raises:
        ClientDisconnect: The client went away.
    """
    doing, watching = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({doing, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientDisconnect
        return doing.result()
    finally:
        doing.cancel()
        watching.cancel()
        await asyncio.gather(doing, watching, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class AnswerResponse(Response):
    """The response with an answer.

    The model stops when the client goes away, and when the time is over.

    Args:
        answer: The answer to be made.
        seconds: The longest time.
    """

    def __init__(self, answer: DocumentAnswer, seconds: float) -> None:
        super().__init__()
        self._answer = answer
        self._seconds = seconds
        self._own_headers = {
            "X-Ignored-Parameters": quote(", ".join(answer.request.ignored), safe=", ")
        }
        self._started = False

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(ClientDisconnect):
            await until_disconnected(receive, self._respond(scope, receive, send))

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                if self._answer.request.stream:
                    await self._stream(send)
                    return
                async with aclosing(self._answer.pieces()) as pieces:
                    async for _ in pieces:
                        pass
                await JSONResponse(self._answer.completion(), headers=self._own_headers)(
                    scope, receive, send
                )
        except Exception as error:  # noqa: BLE001 - the client gets it, and the log what was not expected
            if not self._started:
                await error_response(error)(scope, receive, send)
            else:
                await self._send_event(send, error_content(error)[1])
                await send({"type": "http.response.body", "body": b""})

    async def _stream(self, send: Send) -> None:
        async with aclosing(self._answer.pieces()) as pieces:
            async for piece in pieces:
                role = not self._started
                await self._start(send)
                await self._send_event(send, self._answer.chunk(piece, role=role))
        await self._start(send)
        await self._send_event(send, self._answer.chunk())
        if (options := self._answer.request.stream_options) and options.include_usage:
            await self._send_event(send, self._answer.usage_chunk())
        await send({"type": "http.response.body", "body": _DONE})

    async def _start(self, send: Send) -> None:
        """Send the headers with the first piece, so that earlier errors have an HTTP status."""
        if self._started:
            return
        self._started = True
        headers = {"Content-Type": "text/event-stream; charset=utf-8", **self._own_headers}
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})

    @staticmethod
    async def _send_event(send: Send, event: dict[str, Any]) -> None:
        body = f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
        await send({"type": "http.response.body", "body": body, "more_body": True})
