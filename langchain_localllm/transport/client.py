"""Run plans and streams: with `requests` from sync code, by `async_http` from async code."""

import asyncio
import contextlib
import functools
import logging
import os
import socket
import ssl
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import requests
import urllib3
from typing_extensions import override

from langchain_localllm.errors import ModelCallError
from langchain_localllm.transport.address import Address
from langchain_localllm.transport.connection_errors import (
    connection_error,
    connection_faults,
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
from langchain_localllm.transport.reply import SECONDS_TO_FINISH, OpenReply, is_compressed
from langchain_localllm.transport.request_body import (
    HEADERS,
    JSON_HEADERS,
    body_of,
    connect_seconds,
    log_answer,
)
from langchain_localllm.transport.tls import ssl_context

if TYPE_CHECKING:
    from langchain_localllm.transport.async_http import LoopPool

T = TypeVar("T")
Item = TypeVar("Item")

_LOGGER: Final = logging.getLogger(__name__)
_READ_SIZE: Final = 65536
_POOL_SIZE: Final = 64


class Decoder(Protocol[Item]):
    """Turns an answer's bytes into items. It does no I/O, so sync and async code share it."""

    @property
    def is_complete(self) -> bool:
        """Whether the answer has ended, whatever else the server sends."""

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
        loops: The connections of each event loop.
        sockets: All open sockets.
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
        self.loops: dict[asyncio.AbstractEventLoop, LoopPool] = {}
        self.sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

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

        Closing the iterator closes the connection and ends the server's work. An answer that has
        ended is whole, also where the server then breaks the connection or leaves it open.
        """
        reply = self.run(opening)
        client = reply.client
        try:
            with reply.answering():
                data = reply.first or reply.read()
                while data:
                    client.received = True
                    yield from decoder.feed(data)
                    if decoder.is_complete:
                        reply.finish()
                        break
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
                    if decoder.is_complete:
                        await reply.finish()
                        break
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
        pool = self.loops.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.connections.aclose()

    def abort_connections(self) -> None:
        """Close all connections, from any thread; pending requests raise an error at once."""
        for sock in list(self.sockets):
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
        except connection_faults() as fault:
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
        with body_of(send) as data:
            response = session.request(
                send.method,
                self.address.endpoint(send.path),
                data=data,
                headers=JSON_HEADERS,
                timeout=(connect_seconds(send), send.timeout),
                stream=True,
                allow_redirects=False,
            )
        log_answer(self.address, send, response.status_code)
        return _SyncReply(self, response)

    def _new_session(self) -> requests.Session:
        _LOGGER.debug("Opening a connection pool for %s", self.address.url)
        session = requests.Session()
        # what the environment says is read by `proxy` and `tls`, for async code as well
        session.trust_env = False
        if proxy := _proxy_for(self.address):
            session.proxies = {"all": proxy}
        session.auth = _unchanged
        session.headers.update(HEADERS)
        session.headers.update(dict(self.address.headers))
        context = ssl_context(self.address.verify) if self.address.is_secure else None
        session.verify = context is None or context.verify_mode != ssl.CERT_NONE
        adapter = _Adapter(self.sockets, context)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return session

    async def _asend(self, send: Send) -> OpenReply:
        # aiohttp takes as long to import as the rest of the package, and sync code needs none of it
        from langchain_localllm.transport.async_http import send_async

        return await send_async(self, send)


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep our headers.

    Without an `auth`, `requests` would replace the key by a password from .netrc.
    """
    return request


@contextlib.contextmanager
def _closed_by_error(reply: OpenReply) -> Iterator[None]:
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
        self.sockets, self._context = sockets, context
        super().__init__(pool_maxsize=_POOL_SIZE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        self._note(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs, ssl_context=self._context)
        self._note(manager)
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the check to the context; `requests` would add certificates to it."""
        if self._context is None:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]  # in requests' stubs
        elif not self._context.check_hostname:
            conn.assert_hostname = False  # urllib3 would check it instead

    def _note(self, manager: Any) -> None:
        kinds = urllib3.poolmanager.pool_classes_by_scheme
        manager.pool_classes_by_scheme = {
            scheme: _noting(kind, self.sockets) for scheme, kind in kinds.items()
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


class _SyncReply(OpenReply):
    def __init__(self, client: HttpClient, response: requests.Response) -> None:
        self.client = client
        self.status = response.status_code
        self.content_type = response.headers.get("Content-Type", "")
        self.server = response.headers.get("Server", "")
        self._response = response
        raw, packed = response.raw, is_compressed(client.address, response.headers)
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

    def finish(self) -> None:
        """Read on to where the body ends, so that the connection can be used again.

        The socket belongs to the reply alone where the connection ends with it.
        """
        sock = getattr(self._response.raw.connection, "sock", None)
        if sock is None:
            return
        with contextlib.suppress(*connection_faults()):
            sock.settimeout(SECONDS_TO_FINISH)
            while self.read():
                pass

    def close(self) -> None:
        self._response.close()
        super().close()
