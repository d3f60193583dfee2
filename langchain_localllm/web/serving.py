"""Run an ASGI application until Ctrl-C, on a listening socket, without idle connections."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS: Final = 10
"""Seconds in which the first line and the headers of a request must arrive on an open
connection."""
IDLE_SECONDS: Final = 5
"""Seconds after which a connection is closed on which an answer was sent and nothing has come
since."""
_SECONDS_TO_END: Final = 2
"""Seconds that answers in progress have left after Ctrl-C."""


class _Connection(H11Protocol):
    """A connection that is closed when no request arrives on it in time.

    uvicorn limits only the time between an answer and the first byte of the next request. A client
    that sends nothing, or half a request, would hold the connection forever, and enough of them the
    server. Where there are too many connections, the one that has waited longest is closed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self.waiting_since = time.monotonic()

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._limit_wait()
        self._make_room()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._limit_wait()

    @override
    def on_response_complete(self) -> None:
        self.waiting_since = time.monotonic()
        super().on_response_complete()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_timer()

    @property
    def is_waiting(self) -> bool:
        """Whether no request is in progress."""
        return self.cycle is None or self.cycle.response_complete

    def _limit_wait(self) -> None:
        """Begin to measure the wait for a request; more bytes of it do not make the time longer."""
        if not self.is_waiting or self.transport.is_closing():
            self._stop_timer()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        if self.is_waiting:
            self.transport.abort()

    def _stop_timer(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _make_room(self) -> None:
        limit = self.limit_concurrency
        others = [
            each for each in self.connections if isinstance(each, _Connection) and each is not self
        ]
        waiting = sorted(
            (each for each in others if each.is_waiting), key=lambda each: each.waiting_since
        )
        while limit is not None and len(self.connections) >= limit and waiting:
            oldest = waiting.pop(0)
            self.connections.discard(oldest)
            oldest.transport.abort()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def server_config(app: ASGIApp, *, most_connections: int = 100) -> uvicorn.Config:
    """Return how an application is served.

    Requests are not logged, since their addresses may have the key.

    Args:
        app: The application, usually a `Guard`.
        most_connections: Open connections; where there are more, those that wait are closed, or
            else requests get status 503.
    """
    return uvicorn.Config(
        app,
        http=_Connection,
        ws="none",
        loop="asyncio",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=most_connections,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )


def serve_app(app: ASGIApp, sock: socket.socket, *, on_ready: Callable[[], None]) -> None:
    """Serve an application until Ctrl-C or SIGTERM.

    Args:
        app: The application, usually a `Guard`.
        sock: The listening socket, as `listen` returns it.
        on_ready: Called when requests are answered.
    """
    _Server(server_config(app), on_ready).run(sockets=[sock])
