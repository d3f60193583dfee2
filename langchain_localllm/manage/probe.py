"""Probe the usual ports for servers of language models on this machine."""

import contextlib
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from langchain_localllm.transport.address import Address
from langchain_localllm.transport.client import HttpClient
from langchain_localllm.transport.discovery import (
    DEFAULT_ADDRESSES,
    FoundServer,
    find_server,
    find_servers,
)

__all__ = ["SERVERS", "RunningServer", "answers", "ask_server", "location", "running_servers"]

SERVERS: Final = {f"http://127.0.0.1:{place.port}": place.program for place in DEFAULT_ADDRESSES}
"""The usual addresses of servers, and what often runs there."""
_SECONDS: Final = 0.5
_PORTS: Final = {"http": 80, "https": 443}
_FORWARDERS: Final = frozenset(
    {
        "autossh",
        "cloudflared",
        "frpc",
        "kubectl",
        "plink",
        "rinetd",
        "socat",
        "ssh",
        "stunnel",
        "tailscaled",
    }
)
"""Programs that listen here for a server on another machine."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers.

    Attributes:
        url: Its base URL.
        program: The program by what it answers; else what often runs there, with `a program where
            ... often is`.
        models: The names of its models.
        problem: Why its models are unknown; empty if they are known.
        version: Its version, if it reports one.
        location: `on this machine`, or where else it is, as words.
        on_this_machine: Whether it is on this machine.
        is_silent: Whether it accepts connections and did not answer.
    """

    url: str
    program: str
    models: tuple[str, ...] = ()
    problem: str = ""
    version: str = ""
    location: str = ""
    on_this_machine: bool = True
    is_silent: bool = False


def running_servers() -> list[RunningServer]:
    """Probe the default addresses of all known programs at once, and return the servers.

    Only those that answer are returned. It takes two seconds at most, with servers that accept a
    connection and do not answer too.
    """
    client = HttpClient(Address.parse(DEFAULT_ADDRESSES[0].url), "")
    found = client.run(find_servers(DEFAULT_ADDRESSES))
    return [
        _described(server, place.program)
        for place, server in zip(DEFAULT_ADDRESSES, found, strict=True)
        if server
    ]


def ask_server(url: str) -> RunningServer | None:
    """Ask the server at an address which program it is; `None` where nothing listens."""
    found = HttpClient(Address.parse(url), "").run(find_server(url))
    return _described(found, "") if found else None


def location(url: str) -> tuple[str, bool]:
    """Say where the server of an address is, and whether that is this machine.

    A port of this machine can lead to another one; the programs that do so are recognized where
    psutil is installed.
    """
    address = Address.parse(url)
    parts = urlsplit(address.url)
    if not address.is_loopback:
        return f"on {parts.hostname}, another machine", False
    forwarder = _listener(parts.port or _PORTS[parts.scheme])
    if forwarder in _FORWARDERS:
        return f"on another machine, through {forwarder}", False
    return "on this machine", True


def answers(url: str) -> bool:
    """Return whether a server accepts connections at an address, within half a second."""
    parts = urlsplit(url)
    with (
        contextlib.suppress(OSError),
        socket.create_connection(
            (parts.hostname or "", parts.port or _PORTS[parts.scheme]), _SECONDS
        ),
    ):
        return True
    return False


def _described(found: FoundServer, expected: str) -> RunningServer:
    program = found.program or (f"a program where {expected} often is" if expected else "a server")
    where = location(found.url)
    return RunningServer(
        found.url,
        program,
        found.models,
        found.problem,
        found.version,
        *where,
        is_silent=found.is_silent,
    )


def _listener(port: int) -> str:
    """Return the name of the program that listens at a port of this machine.

    Empty if that cannot be learned.
    """
    try:
        import psutil
    except ImportError:
        return ""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and getattr(connection.laddr, "port", None) == port
                and connection.pid
            ):
                return psutil.Process(connection.pid).name().removesuffix(".exe")
    return ""
