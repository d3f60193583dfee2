"""A small HTTP server on 127.0.0.1 whose answers a test writes, byte by byte."""

import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

_HANG: Final = 20.0
"""Seconds after which a silence ends, so that a failing test ends too."""


@dataclass(frozen=True)
class Wait:
    """Say nothing for so long; end when the client has gone."""

    seconds: float = _HANG


class Cut:
    """Break the connection off."""


Part = bytes | Wait | Cut


@dataclass(frozen=True)
class Answer:
    """What a request is answered with.

    Attributes:
        parts: The body's bytes, one chunk each, with pauses and cuts between them.
        status: The HTTP status.
        headers: More headers.
        raw: Whether `parts` are sent as they are, in place of an HTTP answer.
    """

    parts: Sequence[Part] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bool = False


@dataclass(frozen=True)
class Request:
    """A request that was received.

    Attributes:
        method: `GET`, `POST` and so on.
        path: The path with its query.
        headers: Its headers, their names in lower case.
        body: Its parsed JSON, or `None`.
        turn: Which it is on its connection, from 1.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    turn: int


Script = Callable[[Request], Answer]


def as_json(body: Any, status: int = 200) -> Answer:
    """An answer that holds JSON."""
    return Answer([json.dumps(body).encode()], status, {"Content-Type": "application/json"})


def in_turn(answers: Iterable[Answer]) -> Script:
    """A script that gives each request the next answer, and the last one forever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def setup(self) -> None:
        super().setup()
        self.turn = 0
        self.server.owner.connections += 1

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def do_PATCH(self) -> None:
        self.do_POST()

    def _answer(self, body: Any) -> None:
        owner = self.server.owner
        self.turn += 1
        request = Request(
            self.command,
            self.path,
            {name.lower(): value for name, value in self.headers.items()},
            body,
            self.turn,
        )
        left = owner.left
        if (aside := owner.asides.get(urlsplit(self.path).path)) is not None:
            answer = aside
        else:
            owner.requests.append(request)
            answer = owner.script(request)
        try:
            if not answer.raw:
                begin = (
                    self.send_response_only if "Server" in answer.headers else self.send_response
                )
                begin(answer.status)
                for name, value in ({"Transfer-Encoding": "chunked"} | answer.headers).items():
                    self.send_header(name, value)
                self.end_headers()
            if all(self._send(part, raw=answer.raw) for part in answer.parts) and not answer.raw:
                self.wfile.write(b"0\r\n\r\n")
        except (_GoneError, ConnectionError):
            left.append(request)
            self.close_connection = True
        if answer.raw:
            self.close_connection = True

    def _send(self, part: Part, *, raw: bool) -> bool:
        if isinstance(part, Cut):
            self.close_connection = True
            return False
        if isinstance(part, Wait):
            self._wait(part.seconds)
        elif raw:
            self.wfile.write(part)
        elif part:  # an empty chunk would end the body
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        return True

    def _wait(self, seconds: float) -> None:
        """Wait, unless the client closes the connection or the test ends."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.server.owner.closing.is_set():
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.02))
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                raise _GoneError

    def log_message(self, *args: Any) -> None:
        """Say nothing on stderr."""


class _GoneError(Exception):
    pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    owner: "ScriptedServer"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes is not an error of the server."""


class ScriptedServer:
    """Answers each request as `script` says.

    Attributes:
        script: From a request to its answer; a test may change it.
        asides: Answers by path to additional requests; such requests are not among `requests`.
        requests: The requests so far.
        left: The requests whose client went before the answer's end.
        connections: How many connections were taken.
    """

    def __init__(self, script: Script | Answer, tls: ssl.SSLContext | None = None) -> None:
        self.reset(script)
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._server.owner = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def reset(self, script: Script | Answer) -> None:
        """Start again with another script."""
        self.script: Script = (lambda _: script) if isinstance(script, Answer) else script
        self.asides: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self.left: list[Request] = []
        self.connections = 0

    @property
    def base_url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def was_asked(self) -> bool:
        """Whether a request came, or comes soon."""
        return soon(lambda: bool(self.requests))

    def was_left(self) -> bool:
        """Whether a client went before its answer's end, or does so soon."""
        return soon(lambda: bool(self.left))

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def soon(happened: Callable[[], bool], within: float = 60.0) -> bool:
    """Whether something has happened, or happens within so many seconds."""
    end = time.monotonic() + within
    while not happened() and time.monotonic() < end:
        time.sleep(0.005)
    return happened()
