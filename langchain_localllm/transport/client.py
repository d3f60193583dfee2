"""Run plans and streams, with `requests` from sync code and `aiohttp` from async code."""

import asyncio
import contextlib
import functools
import json
import logging
import os
import socket
import ssl
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Protocol, TypeVar

import aiohttp
import requests
import urllib3
from typing_extensions import override

from langchain_localllm.errors import InvalidOptionError, InvalidRequestError, ModelCallError
from langchain_localllm.transport.address import Address
from langchain_localllm.transport.connection_errors import (
    CONNECTION_FAULTS,
    connection_error,
    unreadable_encoding,
)
from langchain_localllm.transport.gather import agather, gather
from langchain_localllm.transport.operations import (
    FirstBytes,
    Gather,
    Plan,
    Read,
    Send,
    Sleep,
    Step,
)
from langchain_localllm.transport.proxy import proxy_url as _proxy_for
from langchain_localllm.transport.tls import ssl_context, trusted

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]  # it is a module elsewhere

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]  # a module elsewhere

T = TypeVar("T")
Item = TypeVar("Item")

_LOGGER: Final = logging.getLogger(__name__)
_CONNECT_SECONDS: Final = 10.0
"""A server on this machine or network takes a connection at once, even when it is busy."""
_READ_SIZE: Final = 65536
_POOL_SIZE: Final = 64
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "langchain-localllm"}
_PLAIN: Final = frozenset({"", "identity", "none", "binary", "utf-8", "utf8"})
"""What servers send as `Content-Encoding` of a body that is not compressed."""
_ENCODINGS: Final = frozenset({"gzip", "deflate"})
"""What both libraries can read without another package."""
_ANSWERED: Final = "%s %s%s: HTTP %d"
_JSON: Final = {"Content-Type": "application/json"}


class Decoder(Protocol[Item]):
    """Turns an answer's bytes into items. It does no I/O, so sync and async code share it."""

    def feed(self, data: bytes) -> list[Item]:
        """Return the items that are complete with these bytes."""

    def end(self) -> list[Item]:
        """Return the items left when the bytes have ended.

        Raise `StreamBrokenError` when the answer is not whole.
        """


class HttpClient:
    """A connection pool to one server, for threads and event loops.

    Nothing is opened before the first request.

    Attributes:
        address: The server.
        received: Set whenever something of an answer has come; the health check resets it.
    """

    def __init__(self, address: Address, hint: str) -> None:
        """Keep the address.

        Args:
            address: The server.
            hint: What an error suggests when no server is there.
        """
        self.address = address
        self.received = False
        self._hint = hint
        self._session: requests.Session | None = None
        self._pid = 0
        self._loops: dict[asyncio.AbstractEventLoop, _LoopPool] = {}
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def __reduce__(self) -> tuple[type["HttpClient"], tuple[Address, str]]:
        # a copy in another process opens connections of its own
        return HttpClient, (self.address, self._hint)

    def run(self, plan: Plan[T]) -> T:
        """Carry out a plan, on this server where its steps name none."""
        try:
            step = next(plan)
            while True:
                try:
                    result = self._do(step)
                except Exception as error:  # noqa: BLE001 - the plan decides what becomes of a failed step
                    step = plan.throw(error)
                else:
                    step = plan.send(result)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # StopIteration is not generic
        finally:
            plan.close()  # one that was interrupted releases what it holds

    async def arun(self, plan: Plan[T]) -> T:
        """Carry out a plan without blocking the event loop."""
        try:
            step = next(plan)
            while True:
                try:
                    result = await self._ado(step)
                except Exception as error:  # noqa: BLE001 - the plan decides what becomes of a failed step
                    step = plan.throw(error)
                else:
                    step = plan.send(result)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # StopIteration is not generic
        finally:
            plan.close()  # one that was interrupted releases what it holds

    def stream(self, opening: Plan[Any], decoder: Decoder[Item]) -> Generator[Item]:
        """Yield the items of an answer as they arrive.

        Closing the iterator closes the connection and ends the server's work.
        """
        reply = self.run(opening)
        client = reply.client
        try:
            with reply.answering():
                data = reply.first or reply.read()
                while data:
                    client.received = True
                    yield from decoder.feed(data)
                    data = reply.read()
                yield from decoder.end()
        finally:
            reply.close()  # an answer read to its end has given its connection back by now

    async def astream(self, opening: Plan[Any], decoder: Decoder[Item]) -> AsyncGenerator[Item]:
        """Work like `stream`, without blocking the event loop."""
        reply = await self.arun(opening)
        client = reply.client
        try:
            with reply.answering():
                data = reply.first or await reply.read()
                while data:
                    client.received = True
                    for item in decoder.feed(data):
                        yield item
                    data = await reply.read()
                for item in decoder.end():
                    yield item
        finally:
            reply.close()

    def close(self) -> None:
        """Close idle connections. The client can be used again."""
        if self._session is not None:
            self._session.close()
            self._session = None

    async def aclose(self) -> None:
        """Close the connections of this event loop, and those of sync code."""
        self.close()
        pool = self._loops.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.life.aclose()

    def abort_connections(self) -> None:
        """Close all connections, from any thread; pending requests raise an error at once."""
        for sock in list(self._sockets):
            with contextlib.suppress(OSError):  # closed already
                sock.shutdown(socket.SHUT_RDWR)

    def _do(self, step: Step) -> Any:
        match step:
            case Send():
                client: HttpClient = step.client or self
                with client.map_errors(answering=False):
                    return client._send(step)
            case Read(reply):
                with reply.answering(), contextlib.closing(reply):
                    return reply.read_all()
            case FirstBytes(reply):
                with reply.answering(), _closed_by_error(reply):
                    reply.first = reply.first or reply.read()
            case Sleep(seconds):
                time.sleep(seconds)
            case Gather():
                return gather(self.run, step)
        return None

    async def _ado(self, step: Step) -> Any:
        match step:
            case Send():
                client: HttpClient = step.client or self
                with client.map_errors(answering=False):
                    return await client._asend(step)
            case Read(reply):
                with reply.answering(), contextlib.closing(reply):
                    return await reply.read_all()
            case FirstBytes(reply):
                with reply.answering(), _closed_by_error(reply):
                    reply.first = reply.first or await reply.read()
            case Sleep(seconds):
                await asyncio.sleep(seconds)
            case Gather():
                return await agather(self.arun, step)
        return None

    @contextlib.contextmanager
    def map_errors(self, *, answering: bool) -> Iterator[None]:
        """Turn faults of the connection into our errors."""
        try:
            yield
        except ModelCallError:  # some of ours are OSErrors too
            raise
        except CONNECTION_FAULTS as fault:
            raise connection_error(
                fault, url=self.address.url, hint=self._hint, answering=answering
            ) from fault

    def _send(self, send: Send) -> "_SyncReply":
        session = self._session  # another thread may close the client meanwhile
        if (
            session is None or send.new_connection or self._pid != os.getpid()
        ):  # a forked child must not share sockets with its parent
            session = self._session = self._new_session()
            self._pid = os.getpid()
        with _content(send) as data:
            response = session.request(
                send.method,
                self.address.endpoint(send.path),
                data=data,
                headers=_JSON,
                timeout=(_connect_seconds(send), send.timeout),
                stream=True,
                allow_redirects=False,
            )
        _LOGGER.debug(_ANSWERED, send.method, self.address.url, send.path, response.status_code)
        return _SyncReply(self, response)

    def _new_session(self) -> requests.Session:
        _LOGGER.debug("Opening a connection pool for %s", self.address.url)
        session = requests.Session()
        # what the environment says is read by `proxy` and `tls`, for async code as well
        session.trust_env = False
        if proxy := _proxy_for(self.address):
            session.proxies = {"all": proxy}
        session.auth = _unchanged
        session.headers.update(_HEADERS)
        session.headers.update(dict(self.address.headers))
        context = ssl_context(self.address.verify) if self.address.is_secure else None
        session.verify = trusted(self.address.verify) if context else True
        adapter = _Adapter(self._sockets, context)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return session

    async def _asend(self, send: Send) -> "_AsyncReply":
        loop = asyncio.get_running_loop()
        pool = self._loops.get(loop) or await self._new_pool(loop)
        connector = pool.connector
        if send.new_connection:
            connector = _connector(weakref.ref(self), force_close=True)
            pool.others.add(connector)
        session = aiohttp.ClientSession(
            connector=connector, connector_owner=False, headers=pool.headers
        )
        try:
            with _content(send) as data:
                response = await session.request(
                    send.method,
                    self.address.endpoint(send.path),
                    data=data,
                    headers=_JSON,
                    proxy=pool.proxy,
                    ssl=pool.context or True,
                    timeout=aiohttp.ClientTimeout(
                        sock_connect=_connect_seconds(send), sock_read=send.timeout
                    ),
                    allow_redirects=False,
                )
        finally:
            # it costs little, and one that is kept complains when its event loop was never shut
            # down
            session.detach()
        _LOGGER.debug(_ANSWERED, send.method, self.address.url, send.path, response.status)
        return _AsyncReply(self, response)

    async def _new_pool(self, loop: asyncio.AbstractEventLoop) -> "_LoopPool":
        for other in [known for known in self._loops if known.is_closed()]:
            del self._loops[other]
        _LOGGER.debug("Opening a connection pool for %s in this event loop", self.address.url)
        others: weakref.WeakSet[_Connector] = weakref.WeakSet()
        life = _pool_life(weakref.ref(self), others)
        headers = {**_HEADERS, **dict(self.address.headers)}
        proxy = _proxy_for(self.address)
        context = ssl_context(self.address.verify) if self.address.is_secure else None
        pool = self._loops[loop] = _LoopPool(
            await anext(life), others, life, headers, proxy, context
        )
        return pool


class _Connector(aiohttp.TCPConnector):
    def __del__(self, *_: Any) -> None:
        """Emit no warning: connections end with their event loop, or are closed here.

        They are closed with their sockets where the loop was just left.
        """


def _connector(owner: "weakref.ref[HttpClient]", **options: Any) -> _Connector:
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


async def _pool_life(
    owner: "weakref.ref[HttpClient]", others: "weakref.WeakSet[_Connector]"
) -> AsyncGenerator[_Connector]:
    """Yield connections that end with their event loop.

    A loop closes the async generators that are still open.
    """
    loop = asyncio.get_running_loop()
    connector = _connector(owner)
    try:
        yield connector
    finally:
        if (client := owner()) is not None:
            client._loops.pop(loop, None)  # noqa: SLF001 - it is of this file
        for each in (connector, *others):
            await each.close()


@dataclass(frozen=True, slots=True)
class _LoopPool:
    """The connections of one event loop: those that are kept, and those for one request."""

    connector: _Connector
    others: "weakref.WeakSet[_Connector]"
    life: AsyncGenerator[_Connector]
    headers: dict[str, str]
    proxy: str | None
    context: ssl.SSLContext | None


def _connect_seconds(send: Send) -> float:
    limits = (_CONNECT_SECONDS, send.timeout, send.connect_timeout)
    return min(limit for limit in limits if limit is not None)


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep our headers.

    Without an `auth`, `requests` would replace the key by a password from .netrc.
    """
    return request


@contextlib.contextmanager
def _content(send: Send) -> Iterator[bytes | BinaryIO | None]:
    """Give the body as both libraries send it."""
    if send.file is None:
        yield _json(send.body)
        return
    with send.file.open("rb") as file:
        yield file


def _json(body: dict[str, Any] | None) -> bytes | None:
    """Return the body as JSON."""
    try:
        return (
            None if body is None else json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
        )
    except UnicodeEncodeError as error:
        shown = error.object[max(0, error.start - 20) : error.end]
        raise InvalidRequestError(
            f"The text holds half of a surrogate pair, which is not a character: {shown!r}."
        ) from None
    except (TypeError, ValueError) as error:
        raise InvalidOptionError(f"The request cannot be written as JSON: {error}.") from None


@contextlib.contextmanager
def _closed_by_error(reply: "OpenReply") -> Iterator[None]:
    try:
        yield
    except BaseException:
        reply.close()
        raise


class _Adapter(requests.adapters.HTTPAdapter):
    """Checks certificates with a context of ours, and notes the sockets that it opens."""

    def __init__(
        self, sockets: "weakref.WeakSet[socket.socket]", context: ssl.SSLContext | None
    ) -> None:
        self._sockets, self._context = sockets, context
        super().__init__(pool_maxsize=_POOL_SIZE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        self._note(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs, ssl_context=self._context)
        self._note(manager)
        return manager

    def _note(self, manager: Any) -> None:
        kinds = urllib3.poolmanager.pool_classes_by_scheme
        manager.pool_classes_by_scheme = {
            scheme: _noting(kind, self._sockets) for scheme, kind in kinds.items()
        }


def _noting(kind: Any, sockets: "weakref.WeakSet[socket.socket]") -> Any:
    """Return the class of urllib3's pools, with connections that note their socket."""

    class Connection(kind.ConnectionCls):  # type: ignore[misc]  # which one, urllib3 knows
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)
            # unverified only by `verify=False`, and urllib3 would warn of that on every request
            self.is_verified = True

    return type(kind.__name__, (kind,), {"ConnectionCls": Connection})


def _socket_for(owner: "weakref.ref[HttpClient]") -> Callable[[Any], socket.socket]:
    """Return how aiohttp opens a socket, and the client notes it."""

    def opened(info: Any) -> socket.socket:
        sock = socket.socket(*info[:3])
        if (client := owner()) is not None:
            client._sockets.add(sock)  # noqa: SLF001 - it is of this file
        return sock

    return opened


class OpenReply:
    """The head of an answer, whose body is still to be read or closed.

    Attributes:
        client: The client of the server that answers.
        server: Its header `Server`; empty if it has none.
        first: The body's first bytes, where they were waited for.
        on_close: Called once with how the reply ended: the error, or `None`.
    """

    client: "HttpClient"
    status: int
    server: str = ""
    first: bytes = b""
    on_close: Callable[[Exception | None], None] | None = None

    def hold(self, whole: bytes) -> None:
        """Keep the body, which was read as a whole, for the stream's reader."""
        self.first = whole

    def ended(self, error: Exception | None = None) -> None:
        """Report the end to `on_close`."""
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            on_close(error)

    def close(self) -> None:
        """Close it; what was not read is lost."""
        self.ended()

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """While the body is read: faults of the connection become our errors."""
        try:
            with self.client.map_errors(answering=True):
                yield
        except ModelCallError as error:
            self.ended(error)
            raise


def _is_compressed(address: Address, headers: Mapping[str, str]) -> bool:
    """Return whether the body is compressed, as gateways do though it was not asked for.

    Raises where it cannot be read.
    """
    encoding = headers.get("Content-Encoding", "").lower()
    if encoding in _PLAIN:
        return False
    if encoding not in _ENCODINGS:
        raise unreadable_encoding(encoding, address.url)
    return True


class _SyncReply(OpenReply):
    def __init__(self, client: HttpClient, response: requests.Response) -> None:
        self.client = client
        self.status = response.status_code
        self.content_type = response.headers.get("Content-Type", "")
        self.server = response.headers.get("Server", "")
        self._response = response
        raw, packed = response.raw, _is_compressed(client.address, response.headers)
        # Both return what has arrived; the first, which only reads chunks, takes half the time of
        # the second for each.
        parts = (
            raw.read_chunked(decode_content=packed)
            if raw.chunked
            else iter(lambda: raw.read1(_READ_SIZE, packed), b"")
        )
        self.read: Callable[[], bytes] = functools.partial(next, parts, b"")

    @override
    def hold(self, whole: bytes) -> None:
        super().hold(whole)
        self.read = bytes

    def read_all(self) -> bytes:
        return self._response.content

    def close(self) -> None:
        self._response.close()
        super().close()


async def _nothing_more() -> bytes:
    return b""


class _AsyncReply(OpenReply):
    def __init__(self, client: HttpClient, response: aiohttp.ClientResponse) -> None:
        self.client = client
        self.status = response.status
        self.content_type = response.headers.get("Content-Type", "")
        self.server = response.headers.get("Server", "")
        # refuses encodings that aiohttp would not decode
        _is_compressed(client.address, response.headers)
        self.read: Callable[[], Awaitable[bytes]] = response.content.readany
        self.read_all = response.read
        self._response = response

    @override
    def hold(self, whole: bytes) -> None:
        super().hold(whole)
        self.read = _nothing_more

    def close(self) -> None:
        self._response.close()
        super().close()
