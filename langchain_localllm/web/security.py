"""Protect a local HTTP server.

It limits who may use it, from which web page, and how large and how slow a request may be. A server
on 127.0.0.1 is reachable by every program of every user of the machine, and by every web page that
a browser has open. So each request needs the key; a request from another web page is refused
(`Origin`, `Sec-Fetch-Site`), and so is one to another name than that of this machine (`Host`: a
page can let its own name resolve to 127.0.0.1, which is called DNS rebinding).
"""

import asyncio
import hmac
import ipaddress
import re
import secrets
import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from langchain_localllm.errors import InvalidOptionError

LOOPBACK: Final = "127.0.0.1"
"""The address on which servers listen by default: no other machine reaches it."""
SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Headers of every response, unless the application sets others."""
_KEY: Final = re.compile(r"[!-~]+")
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")
_HOSTS_OF_CONTAINERS: Final = frozenset(
    ["host.docker.internal", "gateway.docker.internal", "host.containers.internal"]
)
"""What containers call the machine they run on; no public name ends in `.internal`."""
_ORIGIN: Final = re.compile(r"^https?://")
_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    408: "timeout_error",
    413: "request_too_large",
}


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limit the body of a request: `max_bytes`, and the `seconds` within which it must arrive."""

    max_bytes: int = 1 << 20
    seconds: float = 60.0


DEFAULT_LIMITS: Final = RequestLimits()


def new_key() -> str:
    """Return a random key that cannot be guessed, of letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(32)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address or a name.

    Example:
        >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost")]
        [True, True, True]
        >>> [is_loopback(host) for host in ("0.0.0.0", "192.168.1.5", "example.org")]
        [False, False, False]
    """
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def check_host(host: str, key: str) -> None:
    """Refuse to listen for other machines without a key, and a key that a header cannot carry.

    Args:
        host: The address or name on which a server is about to listen.
        key: The key that the user gave, or an empty string.

    Raises:
        InvalidOptionError: The server would be open to other machines without a key, or the key is
            unusable.
    """
    if key and not _KEY.fullmatch(key):
        raise InvalidOptionError(
            "The key may have ASCII letters, digits and punctuation only, and no spaces."
        )
    if not key and not is_loopback(host):
        raise InvalidOptionError(
            f"{host} can be reached from other machines. Give a key that they must send, with "
            f"--api-key, or listen on {LOOPBACK}."
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Args:
        host: An address or name of this machine.
        port: The port; 0 is a free one.

    Raises:
        InvalidOptionError: The port is in use, or the address is not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:  # a name that cannot be encoded
        raise InvalidOptionError(
            f"Cannot listen on {host}: {getattr(error, 'strerror', None) or error}."
        ) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise InvalidOptionError(
            f"Cannot listen on {host}, port {port}: {error.strerror}. Choose another port with "
            "--port, or 0 for a free one."
        ) from error
    return sock


def address_of(sock: socket.socket) -> str:
    """Return the http address of a listening socket.

    For one that listens on all addresses, the loopback one.
    """
    host, port = sock.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = LOOPBACK if sock.family == socket.AF_INET else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Guard:
    """Let only requests pass that have the key and come from this application.

    It is an ASGI middleware for HTTP.

    Refusals are JSON in the form of OpenAI's API: `{"error": {"message": ..., "type": ..., "code":
    ...}}`. All responses get `SECURITY_HEADERS`. WebSockets are refused.

    Args:
        app: The application to protect.
        key: The key, which a request sends as `Authorization: Bearer KEY`.
        host: The address or name on which the server listens. On a loopback one, `Host` must be a
            loopback name.
        query_key: The query parameter that may have the key instead, such as `token`, for addresses
            that a browser opens.
        public: Paths that need no key, without secrets. One that ends with `/` includes all paths
            below.
        limits: Of the body of each request.
        path_limits: Of paths that have others.
        headers: Headers of every response, in addition to `SECURITY_HEADERS` or instead of them.
        refusal: Makes the response to a refused request from its scope and the error. Default:
            `refuse`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        key: str,
        host: str = LOOPBACK,
        query_key: str = "",
        public: Collection[str] = (),
        limits: RequestLimits = DEFAULT_LIMITS,
        path_limits: Mapping[str, RequestLimits] | None = None,
        headers: Mapping[str, str] | None = None,
        refusal: Callable[[Scope, HTTPException], Response] | None = None,
    ) -> None:
        if not key:
            raise InvalidOptionError("A server needs a key; new_key() makes one.")
        self._app = app
        self._key = key.encode()
        self._host = host.lower()
        self._query_key = query_key
        self._public = tuple(public)
        self._limits = limits
        self._path_limits = path_limits or {}
        self._headers = {**SECURITY_HEADERS, **(headers or {})}
        self._refusal = refusal or (lambda _, error: refuse(error))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        limits = self._path_limits.get(scope["path"], self._limits)
        try:
            self._check(scope, Headers(scope=scope), limits)
            await self._app(scope, _limited(receive, limits), send_with_headers)
        except HTTPException as refusal:
            if started:
                raise
            await self._refusal(scope, refusal)(scope, receive, send_with_headers)

    def _check(self, scope: Scope, headers: Headers, limits: RequestLimits) -> None:
        host = headers.get("host", "")
        if not self._is_this_machine(host):
            raise HTTPException(403, f"This server does not answer for the host {host[:100]!r}.")
        if not _is_same_site(headers, scope["method"]):
            raise HTTPException(403, "Requests from other web pages are refused.")
        if not self._is_public(scope["path"]) and not self._has_key(scope, headers):
            raise HTTPException(401, "The key is missing or wrong.", {"WWW-Authenticate": "Bearer"})
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > limits.max_bytes:
            raise _too_large(limits)

    def _is_this_machine(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if not match:
            return False
        name = match["name"].strip("[]").lower()
        if is_loopback(name) or name == self._host or name in _HOSTS_OF_CONTAINERS:
            return True
        listens_on = _address(self._host)
        if listens_on is None or not listens_on.is_unspecified:
            return False
        own = socket.gethostname().lower()
        # a page can rebind its own name, and not an address or a name of the local network
        return _address(name) is not None or "." not in name or name in {own, f"{own}.local"}

    def _is_public(self, path: str) -> bool:
        return any(
            path == each or (each.endswith("/") and path.startswith(each)) for each in self._public
        )

    def _has_key(self, scope: Scope, headers: Headers) -> bool:
        kind, _, key = headers.get("authorization", "").partition(" ")
        given = key.strip() if kind.lower() == "bearer" else ""
        if not given and self._query_key:
            given = parse_qs(scope["query_string"].decode("latin-1")).get(self._query_key, [""])[0]
        return hmac.compare_digest(given.encode(), self._key)


def refuse(refusal: HTTPException) -> Response:
    """Return the response for an error, in the form of OpenAI's API.

    Example:
        >>> import json
        >>> response = refuse(HTTPException(404, "There is no such document."))
        >>> json.loads(response.body)["error"]["message"]
        'There is no such document.'
    """
    kind = _TYPES.get(
        refusal.status_code,
        "invalid_request_error" if refusal.status_code < 500 else "server_error",  # noqa: PLR2004 - HTTP
    )
    content = {"error": {"message": refusal.detail, "type": kind, "code": refusal.status_code}}
    return JSONResponse(content, refusal.status_code, refusal.headers)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_same_site(headers: Headers, method: str) -> bool:
    """Return whether a request is from this application's page, no page, or a new window.

    In the last case it opens a page in a window of its own.
    """
    if (origin := headers.get("origin")) is not None and _ORIGIN.sub(
        "", origin.lower()
    ) != headers.get("host", "").lower():
        return False
    if headers.get("sec-fetch-site", "none") in {"none", "same-origin"}:
        return True
    return (
        method in {"GET", "HEAD"}
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _too_large(limits: RequestLimits) -> HTTPException:
    return HTTPException(
        413, f"The request is larger than {limits.max_bytes:,} bytes.", {"Connection": "close"}
    )


def _limited(receive: Receive, limits: RequestLimits) -> Receive:
    """Raise `HTTPException` where the body is too large or too slow."""
    end = time.monotonic() + limits.seconds
    received, complete = 0, False

    async def limited() -> Message:
        nonlocal received, complete
        if complete:  # what comes now is the end of the connection
            return await receive()
        try:
            async with asyncio.timeout(max(0.0, end - time.monotonic())):
                message = await receive()
        except TimeoutError:
            reason = f"The request did not arrive within {limits.seconds:g} seconds."
            raise HTTPException(408, reason, {"Connection": "close"}) from None
        received += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if received > limits.max_bytes:
            raise _too_large(limits)
        return message

    return limited
