"""Run an ASGI application until Ctrl-C, on a socket that listens already."""

import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

_SECONDS_TO_END = 2
"""Seconds that answers in progress have left after Ctrl-C."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def serve_app(app: ASGIApp, sock: socket.socket, *, on_ready: Callable[[], None], most_connections: int = 100) -> None:
    """Serve an application until Ctrl-C or SIGTERM. Requests are not logged, since their addresses may have the key.

    Args:
        app: The application, usually a `Guard`.
        sock: The listening socket, as `listen` returns it.
        on_ready: Called when requests are answered.
        most_connections: Open connections above which requests get status 503.
    """
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=most_connections,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    _Server(config, on_ready).run(sockets=[sock])
