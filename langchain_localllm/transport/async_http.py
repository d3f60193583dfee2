"""Send requests from async code, with `aiohttp`."""

import asyncio
import contextlib
import logging
import socket
import sys
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final, cast

import aiohttp
from typing_extensions import override

from langchain_localllm.transport.connection_errors import connection_faults
from langchain_localllm.transport.operations import Send
from langchain_localllm.transport.proxy import proxy_url
from langchain_localllm.transport.reply import (
    SECONDS_TO_FINISH,
    Client,
    OpenReply,
    is_compressed,
)
from langchain_localllm.transport.request_body import (
    HEADERS,
    JSON_HEADERS,
    body_of,
    connect_seconds,
    log_answer,
)
from langchain_localllm.transport.tls import ssl_context

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]  # a module elsewhere

_LOGGER: Final = logging.getLogger(__name__)


async def send_async(client: Client, send: Send) -> "AsyncReply":
    """Send a request on a connection of the running event loop."""
    loop = asyncio.get_running_loop()
    pool = client.loops.get(loop) or _new_pool(client, loop)
    connector = pool.connections.kept
    if send.new_connection:
        connector = _connector(weakref.ref(client), force_close=True)
        pool.connections.others.add(connector)
    session = aiohttp.ClientSession(
        connector=connector, connector_owner=False, headers=pool.headers
    )
    try:
        with body_of(send) as data:
            response = await session.request(
                send.method,
                client.address.endpoint(send.path),
                data=data,
                headers=JSON_HEADERS,
                proxy=pool.proxy,
                ssl=pool.context or True,
                timeout=aiohttp.ClientTimeout(
                    sock_connect=connect_seconds(send), sock_read=send.timeout
                ),
                allow_redirects=False,
            )
    finally:
        # it costs little, and one that is kept complains when its event loop was never shut
        # down
        session.detach()
    log_answer(client.address, send, response.status)
    return AsyncReply(client, response)


def _new_pool(client: Client, loop: asyncio.AbstractEventLoop) -> "LoopPool":
    for other in [known for known in client.loops if known.is_closed()]:
        del client.loops[other]
    _LOGGER.debug("Opening a connection pool for %s in this event loop", client.address.url)
    pool = client.loops[loop] = LoopPool(client, loop)
    return pool


class _Connector(aiohttp.TCPConnector):
    def __del__(self, *_: Any) -> None:
        """Emit no warning: connections end with their event loop, or are closed here.

        They are closed with their sockets where the loop was just left.
        """


def _connector(owner: "weakref.ref[Client]", **options: Any) -> _Connector:
    limit = _connection_limit()
    return _Connector(limit=limit, socket_factory=_socket_for(owner), **options)


def _connection_limit() -> int:
    """Return how many connections an event loop may have open to a server; 0 is no limit.

    Further requests wait. Each connection is a file, of which a process on macOS may open 256. One
    that was closed is a file until the event loop's next turn, and others want some too.
    """
    if resource is None:
        return 0
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if files == resource.RLIM_INFINITY else max(files // 4, 1)


class _Connections:
    """The connections of one event loop, which end with it.

    When an event loop ends, it calls `aclose` of the async generators that are still open, so this
    is registered as one. A generator proper would leave a coroutine when it is forgotten, of which
    Python 3.13 complains unless its event loop is shut down.
    """

    def __init__(self, owner: "weakref.ref[Client]", loop: asyncio.AbstractEventLoop) -> None:
        self._owner = owner
        self._loop = loop
        self.kept = _connector(owner)
        self.others: weakref.WeakSet[_Connector] = weakref.WeakSet()
        """Those for one request each."""
        if register := sys.get_asyncgen_hooks().firstiter:
            register(cast("AsyncGenerator[None]", self))

    async def aclose(self) -> None:
        """Close the connections."""
        if (client := self._owner()) is not None:
            client.loops.pop(self._loop, None)
        for each in (self.kept, *self.others):
            await each.close()

    def close_soon(self) -> None:
        """Close the connections in their event loop, from any thread, unless they are closed."""
        if not self.kept.closed:
            with contextlib.suppress(RuntimeError):  # the event loop is closed
                self._loop.call_soon_threadsafe(self._begin_to_close)

    def _begin_to_close(self) -> None:
        # `asyncio.run` cancels all tasks at its end, also those that have not begun
        self._loop.create_task(self.aclose()).add_done_callback(
            lambda task: self.close_soon() if task.cancelled() else None
        )


class LoopPool:
    """What requests of one event loop share.

    Attributes:
        connections: The connections; they are closed when this is forgotten.
        headers: HTTP headers of every request.
        proxy: The URL of the proxy, if there is one.
        context: How the server's certificate is checked, if it has one.
    """

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop) -> None:
        self.connections = _Connections(weakref.ref(client), loop)
        self.headers = {**HEADERS, **dict(client.address.headers)}
        self.proxy = proxy_url(client.address)
        self.context = ssl_context(client.address.verify) if client.address.is_secure else None
        weakref.finalize(self, self.connections.close_soon).atexit = False


def _socket_for(owner: "weakref.ref[Client]") -> Callable[[Any], socket.socket]:
    """Return how aiohttp opens a socket, and the client notes it."""

    def opened(info: Any) -> socket.socket:
        sock = socket.socket(*info[:3])
        if (client := owner()) is not None:
            client.sockets.add(sock)
        return sock

    return opened


async def _nothing_more() -> bytes:
    return b""


class AsyncReply(OpenReply):
    """An answer of aiohttp."""

    def __init__(self, client: Client, response: aiohttp.ClientResponse) -> None:
        self.client = client
        self.status = response.status
        self.content_type = response.headers.get("Content-Type", "")
        self.server = response.headers.get("Server", "")
        # refuses encodings that aiohttp would not decode
        is_compressed(client.address, response.headers)
        self.read: Callable[[], Awaitable[bytes]] = response.content.readany
        self.read_all = response.read
        self._response = response

    @override
    def hold(self, whole: bytes) -> None:
        super().hold(whole)
        self.read = _nothing_more

    async def finish(self) -> None:
        """Read on to where the body ends, so that the connection can be used again."""
        with contextlib.suppress(*connection_faults()):
            async with asyncio.timeout(SECONDS_TO_FINISH):
                while await self.read():
                    pass

    @override
    def close(self) -> None:
        self._response.close()
        super().close()
