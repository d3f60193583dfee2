"""Define an answer whose head has arrived: what sync and async code have in common."""

import asyncio
import contextlib
import socket
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from langchain_localllm.errors import ModelCallError
from langchain_localllm.transport.address import Address
from langchain_localllm.transport.connection_errors import unreadable_encoding

_PLAIN: Final = frozenset({"", "identity", "none", "binary", "utf-8", "utf8"})
"""What servers send as `Content-Encoding` of a body that is not compressed."""
_ENCODINGS: Final = frozenset({"gzip", "deflate"})
"""What both libraries can read without another package."""
SECONDS_TO_FINISH: Final = 0.5
"""How long the end of a body is waited for when the answer in it has ended."""


class Client(Protocol):
    """What an answer needs of the client of its server; see `HttpClient`."""

    address: Address
    received: bool
    loops: dict[asyncio.AbstractEventLoop, Any]
    sockets: weakref.WeakSet[socket.socket]

    def map_errors(self, *, answering: bool) -> AbstractContextManager[None]:
        """Turn faults of the connection into our errors."""


class OpenReply:
    """The head of an answer, whose body is still to be read or closed.

    Attributes:
        client: The client of the server that answers.
        server: Its header `Server`; empty if it has none.
        first: The body's first bytes, where they were waited for.
        on_close: Called once with how the reply ended: the error, or `None`.
    """

    client: Client
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


def is_compressed(address: Address, headers: Mapping[str, str]) -> bool:
    """Return whether the body is compressed, as gateways do though it was not asked for.

    Raises where it cannot be read.
    """
    encoding = headers.get("Content-Encoding", "").lower()
    if encoding in _PLAIN:
        return False
    if encoding not in _ENCODINGS:
        raise unreadable_encoding(encoding, address.url)
    return True
