"""Who may use a local HTTP server, and how large and slow a request may be."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.web.security import (
    SECURITY_HEADERS,
    Guard,
    RequestLimits,
    check_host,
    new_key,
)

KEY = "a-secret-key"
BEARER = {"Authorization": f"Bearer {KEY}"}


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


def guarded(**options: Any) -> Guard:
    routes = [
        Route(path, echo, methods=["GET", "POST"])
        for path in ("/", "/private", "/assets/{name}", "/upload")
    ]
    defaults: dict[str, Any] = {
        "query_key": "token",
        "public": ["/assets/"],
        "limits": RequestLimits(max_bytes=100),
        "path_limits": {"/upload": RequestLimits(max_bytes=2000)},
    }
    return Guard(Starlette(routes=routes), key=KEY, **(defaults | options))


def client(base_url: str = "http://127.0.0.1:8000", **options: Any) -> TestClient:
    return TestClient(guarded(**options), base_url)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/private", BEARER, 200),
        ("/private", {"Authorization": f"bearer  {KEY} "}, 200),
        (f"/?token={KEY}", {}, 200),
        ("/assets/page.css", {}, 200),
        ("/private", {}, 401),
        ("/private", {"Authorization": KEY}, 401),
        ("/private", {"Authorization": f"Basic {KEY}"}, 401),
        ("/private", {"Authorization": "Bearer "}, 401),
        ("/private", {"Authorization": f"Bearer {KEY}x"}, 401),
        ("/private", {"Authorization": "Bearer schl\u00fcssel".encode("latin-1")}, 401),
        ("/private", {"Cookie": f"token={KEY}"}, 401),
        ("/?token=", {}, 401),
        ("/?token=wrong", {}, 401),
        ("/?token=%ff%00", {}, 401),
        (f"/?key={KEY}", {}, 401),
        ("/assets", {}, 401),
        ("/assets/../private", {}, 401),
    ],
)
def test_guard_request_needs_the_key(path: str, headers: dict[str, Any], status: int) -> None:
    response = client().get(path, headers=headers)
    assert response.status_code == status
    assert (
        response.headers.items()
        >= {name.lower(): value for name, value in SECURITY_HEADERS.items()}.items()
    )
    if status != 200:
        assert response.json()["error"] == {
            "message": "The key is missing or wrong.",
            "type": "authentication_error",
            "code": 401,
        }
        assert KEY not in response.text


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:80", "127.0.0.1", "localhost:5", "LOCALHOST", "[::1]:99", "127.1.2.3",
        "host.docker.internal:8090", "host.containers.internal",
    ],
)  # fmt: skip
def test_guard_names_of_this_machine_are_answered(host: str) -> None:
    assert client().get("/", headers={**BEARER, "Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "127.0.0.1.evil.example", "localhost.evil.example",
        "127.0.0.1@evil.example", "evil.example:80@127.0.0.1", "0.0.0.0:80", "192.168.1.5",
        "[::ffff:8.8.8.8]", "[::1", "", " ", "127.0.0.1 evil", "127.0.0.1/x", "2130706433.evil",
        "host.docker.internal.evil.example", "other.internal", "localllm",
    ],
)  # fmt: skip
def test_guard_other_hosts_are_refused(host: str) -> None:
    response = client().get("/assets/x", headers={**BEARER, "Host": host})
    assert response.status_code == 403
    assert "does not answer for the host" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("listens_on", "host", "status"),
    [
        ("192.168.1.5", "192.168.1.5:80", 200),
        ("192.168.1.5", "192.168.1.6", 403),
        ("192.168.1.5", "evil.example", 403),
        ("0.0.0.0", "10.0.0.7:80", 200),  # noqa: S104 - the address of a test
        ("0.0.0.0", "evil.example", 403),  # noqa: S104 - the same
        ("0.0.0.0", "localllm:8090", 200),  # noqa: S104 - the same
        ("study.lan", "STUDY.lan", 200),
        ("study.lan", "evil.lan", 403),
    ],
)
def test_guard_server_for_other_machines_answers_for_its_own_names(
    listens_on: str, host: str, status: int
) -> None:
    assert client(host=listens_on).get("/", headers={**BEARER, "Host": host}).status_code == status


NAVIGATION = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://127.0.0.1:8000"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        (NAVIGATION, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:8001"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "http://localhost:8000"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Origin": "file://"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({**NAVIGATION, "Sec-Fetch-Dest": "iframe"}, 403),
        ({**NAVIGATION, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
    ],
)
def test_guard_requests_of_other_web_pages_are_refused(
    headers: dict[str, str], status: int
) -> None:
    assert client().get("/", headers={**BEARER, **headers}).status_code == status


def test_form_of_another_web_page_is_refused() -> None:
    assert client().post("/", headers={**BEARER, **NAVIGATION}).status_code == 403


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [("/", 100, 200), ("/", 101, 413), ("/upload", 2000, 200), ("/upload", 2001, 413)],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_guard_body_that_is_too_large_is_refused(
    path: str, size: int, status: int, *, chunked: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 50):
            yield b"x" * min(50, size - start)

    body: Any = (
        (b"x" * min(50, size - start) for start in range(0, size, 50)) if chunked else b"x" * size
    )
    assert client().post(path, content=body, headers=BEARER).status_code == status


@pytest.mark.parametrize("length", ["-1", "1e9", "0x10", "9" * 40, "\u0661"])
def test_guard_length_out_of_range_is_refused(length: str) -> None:
    headers: Any = {**BEARER, "Content-Length": length.encode()}
    assert client().post("/", headers=headers).status_code == 413


async def test_guard_body_that_does_not_arrive_is_refused() -> None:
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {KEY}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    await guarded(limits=RequestLimits(seconds=0))(scope, never, send)
    assert sent[0]["status"] == 408


def test_guard_websocket_is_refused() -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), client().websocket_connect(f"/?token={KEY}"):
        pass


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "study.lan", ""])  # noqa: S104 - the addresses of a test
def test_guard_other_machines_need_a_key(host: str) -> None:
    with pytest.raises(InvalidOptionError, match="--api-key"):
        check_host(host, "")
    check_host(host, KEY)


def test_this_machine_needs_no_key_of_the_user() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        check_host(host, "")


@pytest.mark.parametrize("key", ["two words", "schl\u00fcssel", "line\nbreak", " "])
def test_guard_key_that_a_header_cannot_carry_is_refused(key: str) -> None:
    with pytest.raises(InvalidOptionError, match="ASCII"):
        check_host("127.0.0.1", key)


def test_guard_keys_are_random() -> None:
    assert len({new_key() for _ in range(100)}) == 100
    assert min(len(new_key()) for _ in range(100)) >= 43


def test_guard_empty_key_is_refused() -> None:
    with pytest.raises(InvalidOptionError):
        Guard(Starlette(), key="")
