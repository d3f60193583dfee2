"""Connections on which no request arrives, on a real server."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from langchain_localllm.web import serving
from langchain_localllm.web.security import Guard, listen
from tests.integration_tests.cli.command import check_fault, in_process

KEY = "sesame"
MOST = 8
SOON = 0.3
HALF = b"GET /slow?token=sesame HTTP/1.1\r\nHost: localhost\r\nX-Half: "
WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sesame\r\n\r\n"
REFUSED = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf of a body"


async def _quick(_: Request) -> Response:
    return PlainTextResponse("quick")


async def _slow(_: Request) -> Response:
    await asyncio.sleep(4 * SOON)
    return PlainTextResponse("slow")


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server that waits `SOON` for a request, and keeps few connections."""
    monkeypatch.setattr(serving, "REQUEST_SECONDS", SOON)
    monkeypatch.setattr(serving, "IDLE_SECONDS", 60)
    app = Guard(
        Starlette(routes=[Route("/", _quick), Route("/slow", _slow)]), key=KEY, query_key="token"
    )
    sock = listen("127.0.0.1", 0)
    server = uvicorn.Server(serving.server_config(app, most_connections=MOST))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    yield sock.getsockname()[1]
    server.should_exit = True
    thread.join(timeout=60)


def opened(port: int, data: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(data)
    return connection


def read_until_closed(connection: socket.socket) -> bytes:
    found = b""
    try:
        while part := connection.recv(4096):
            found += part
    except ConnectionResetError:
        pass
    return found


def closed_while_sending(connection: socket.socket) -> bool:
    """Send a byte now and then, and return whether the server closes the connection."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            connection.sendall(b"x")
        except OSError:
            return True
        time.sleep(SOON / 5)
    return False


@pytest.mark.parametrize("data", [b"", HALF], ids=["nothing", "half a request"])
def test_serve_connection_without_a_request_is_closed_in_time(port: int, data: bytes) -> None:
    with opened(port, data) as connection:
        assert read_until_closed(connection) == b""


@pytest.mark.parametrize("before", [WHOLE, REFUSED], ids=["an answer", "a refusal"])
def test_serve_bytes_that_come_slowly_after_an_answer_do_not_hold_the_connection(
    port: int, before: bytes
) -> None:
    with opened(port, before) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 ")
        assert closed_while_sending(connection)


def test_serve_request_that_is_answered_slowly_is_not_closed(port: int) -> None:
    response = requests.get(f"http://127.0.0.1:{port}/slow", params={"token": KEY}, timeout=60)
    assert (response.status_code, response.text) == (200, "slow")


def test_serve_connections_that_wait_make_room_for_requests(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "REQUEST_SECONDS", 3600)
    with ExitStack() as held:
        waiting = [
            held.enter_context(opened(port, data)) for data in (b"", HALF) for _ in range(MOST)
        ]
        response = requests.get(f"http://127.0.0.1:{port}/", params={"token": KEY}, timeout=60)
        assert response.status_code == 200
        assert read_until_closed(waiting[0]) == b""


@pytest.mark.parametrize("command", [["ui"], ["mcp", "--http"], ["rag", "serve"]], ids=" ".join)
def test_serve_commands_listen_for_other_machines_only_with_a_key(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOCALLLM_API_KEY", raising=False)
    check_fault(in_process(*command, "--host", "0.0.0.0"), 2, "--api-key")  # noqa: S104 - it is refused
    assert list(tmp_path.iterdir()) == []
