"""Addresses, lines, plans and the table of faults, without any I/O."""

import contextlib
import errno
import itertools
import pickle
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from langchain_localllm import errors
from langchain_localllm.transport import reply
from langchain_localllm.transport.address import Address
from langchain_localllm.transport.client import HttpClient
from langchain_localllm.transport.connection_errors import connection_error
from langchain_localllm.transport.decoding import LineBuffer, parse_json
from langchain_localllm.transport.errors import status_error
from langchain_localllm.transport.operations import Plan, Read, Send, Sleep
from langchain_localllm.transport.retry import RetryPolicy, fetch_json, open_reply

# --- addresses ---


@pytest.mark.parametrize(
    ("given_as", "url"),
    [
        ("localhost:8080", "http://localhost:8080"),
        (" http://localhost:8080/ ", "http://localhost:8080"),
        ("HTTP://Host:8080//", "http://Host:8080"),
        ("https://host/llm/", "https://host/llm"),
        ("http://localhost:1234/v1", "http://localhost:1234"),
        ("http://localhost:1234/v1/", "http://localhost:1234"),
        ("https://host/llm/v1", "https://host/llm"),
        ("https://host/llm-v1", "https://host/llm-v1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://host?key=value#part", "http://host"),
        ("http://host:8080/v1/chat/completions", "http://host:8080"),
        ("http://host/llm/v1/completions/", "http://host/llm"),
        ("http://localhost:11434/api/generate", "http://localhost:11434"),
        ("http://localhost:11434/api/chat", "http://localhost:11434"),
        ("http://host:13305/api", "http://host:13305/api"),
        ("http://host:8000/v3", "http://host:8000/v3"),
        ("user:word@host:1", "http://host:1"),
    ],
)
def test_client_address_is_read_as_people_write_it(given_as: str, url: str) -> None:
    assert Address.parse(given_as).url == url


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("http://host", "/v1/models", "http://host/v1/models"),
        ("http://host/v3", "/v1/models", "http://host/v3/models"),  # OpenVINO Model Server
        ("http://host/v1-openai", "/v1/models", "http://host/v1-openai/models"),  # GPUStack
        ("http://host/v3", "/props", "http://host/v3/props"),
        ("http://host/vault", "/v1/models", "http://host/vault/v1/models"),
        ("http://v2", "/v1/models", "http://v2/v1/models"),
    ],
)
def test_client_address_endpoint_puts_another_version_in_the_place_of_v1(
    base: str, path: str, url: str
) -> None:
    assert Address.parse(base).endpoint(path) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://",
        "http:///",
        "ftp://host",
        "http://host:port",
        "http://host:0",
        "http://host:70000",
        "http://[::1",
        "://x",
    ],
)
def test_client_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidOptionError, match="is not a server's address"):
        Address.parse(text)


def test_client_credentials_become_a_header_and_are_not_shown() -> None:
    address = Address.parse("http://me%40home:p%3Ass@host", {"X-Key": "hidden"})
    assert dict(address.headers) == {"Authorization": "Basic bWVAaG9tZTpwOnNz", "X-Key": "hidden"}
    for secret in ("me%40home", "p%3Ass", "bWVA", "hidden"):
        assert secret not in repr(address)
    with pytest.raises(errors.InvalidOptionError) as caught:
        Address.parse("ftp://user:hidden@host")
    assert "hidden" not in str(caught.value)


def test_client_address_with_credentials_never_gets_those_of_another() -> None:
    for name in ("Authorization", "authorization"):
        assert dict(Address.parse("http://host", {name: "Bearer k"}).headers) == {
            "Authorization": "Bearer k"
        }
        assert dict(Address.parse("http://a:b@host", {name: "Bearer k"}).headers) == {
            "Authorization": "Basic YTpi"
        }


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\n"},
        {"X": "a\r\nY: b"},
        {"X\n": "a"},
        {"X": "ключ"},
        {"": "a"},
        {"X Y": "a"},
        {"X": "\0"},
    ],
)
def test_client_header_that_http_cannot_carry_is_refused_without_showing_it(
    headers: dict[str, str],
) -> None:
    with pytest.raises(errors.InvalidOptionError) as caught:
        Address.parse("http://host", {**headers, "Authorization": "hidden"})
    assert "ключ" not in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("model.localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("[::1]", True),
        ("0.0.0.0", True),  # noqa: S104 - the machine itself, where it is asked and not served
        ("[::]", True),
        ("192.168.1.2", False),
        ("localhost.example.org", False),
        ("example.org", False),
    ],
)
def test_client_loopback_is_known(host: str, loopback: bool) -> None:
    assert Address.parse(f"http://{host}:8080").is_loopback is loopback


# --- lines ---


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in parts, cut at these places."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(
    lines=st.lists(st.text()), rest=st.text(), places=st.lists(st.integers(min_value=0), max_size=8)
)
def test_client_lines_are_the_same_wherever_they_are_cut(
    lines: list[str], rest: str, places: list[int]
) -> None:
    lines = [line.replace("\n", " ") for line in lines]
    rest = rest.replace("\n", " ")
    buffer = LineBuffer()
    data = "".join(f"{line}\n" for line in lines) + rest
    found = [
        line.decode()
        for part in cut(data.encode("utf-8", "replace"), places)
        for line in buffer.feed(part)
    ]
    assert found == [line.encode("utf-8", "replace").decode() for line in lines]
    assert buffer.end().decode() == rest.encode("utf-8", "replace").decode()
    assert buffer.end() == b""


@pytest.mark.parametrize("line", [b"{", b"", b'"\xff"', b"\xff\xfe{}", b'{"a":}'])
def test_client_line_that_is_not_json_is_a_broken_stream(line: bytes) -> None:
    with pytest.raises(errors.StreamBrokenError, match="what is not JSON"):
        parse_json(line)


def test_client_web_page_is_another_server() -> None:
    with pytest.raises(errors.WrongServerError, match="base_url"):
        parse_json(b" <!DOCTYPE html>")


def test_client_long_line_is_not_shown_whole() -> None:
    with pytest.raises(errors.StreamBrokenError) as caught:
        parse_json(b"x" * 10_000)
    assert len(str(caught.value)) < 300


# --- plans ---


@dataclass
class FakeReply:
    status: int
    body: bytes = b""


def read_error(status: int, body: Any) -> errors.ModelCallError:
    if status == 503:
        return errors.ModelLoadingError("loading")
    return status_error(status, str(body), url="http://host")


class Driver:
    """Runs a plan by hand: each `Send` gets the next outcome, and the pauses are counted instead of
    waited for."""

    def __init__(self, *outcomes: FakeReply | Exception) -> None:
        self._outcomes = list(outcomes)
        self.sent = 0
        self.waited = 0.0

    def run(self, plan: Plan[Any]) -> Any:
        step = next(plan)
        while True:
            try:
                if isinstance(step, Send):
                    self.sent += 1
                    outcome = (
                        self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
                    )
                    step = (
                        plan.throw(outcome)
                        if isinstance(outcome, Exception)
                        else plan.send(outcome)
                    )
                elif isinstance(step, Read):
                    step = plan.send(step.reply.body)
                else:
                    assert isinstance(step, Sleep)
                    self.waited += step.seconds
                    step = plan.send(None)
            except StopIteration as end:
                return end.value


SEND = Send("POST", "/completion", {"prompt": "a"})
DOWN = errors.ConnectionFailedError("down")
LOADING = FakeReply(503, b"{}")
OK = FakeReply(200, b'{"a": 1}')


def test_client_success_is_sent_once() -> None:
    driver = Driver(OK)
    assert driver.run(open_reply(SEND, RetryPolicy(), read_error)) is OK
    assert (driver.sent, driver.waited) == (1, 0)


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_client_connection_is_retried_up_to_the_limit(retries: int) -> None:
    driver = Driver(DOWN)
    with pytest.raises(errors.ConnectionFailedError):
        driver.run(open_reply(SEND, RetryPolicy(max_retries=retries), read_error))
    assert driver.sent == retries + 1


def test_client_second_attempt_that_succeeds_counts() -> None:
    driver = Driver(DOWN, OK)
    assert driver.run(open_reply(SEND, RetryPolicy(max_retries=1), read_error)) is OK


@pytest.mark.parametrize(
    "fault",
    [
        errors.WrongServerError("w"),
        errors.CallTimeoutError("t"),
        FakeReply(400),
        FakeReply(401),
        FakeReply(429),
        FakeReply(500),
    ],
)
def test_client_permanent_error_is_not_retried(fault: FakeReply | Exception) -> None:
    driver = Driver(fault)
    with pytest.raises(errors.ModelCallError):
        driver.run(open_reply(SEND, RetryPolicy(max_retries=5), read_error))
    assert driver.sent == 1


def test_client_loading_server_is_waited_for() -> None:
    driver = Driver(LOADING, LOADING, LOADING, OK)
    assert driver.run(open_reply(SEND, RetryPolicy(max_retries=0), read_error)) is OK
    assert driver.sent == 4


@pytest.mark.parametrize("limit", [0.0, 0.3, 10.0])
def test_client_waiting_for_a_loading_server_ends(limit: float) -> None:
    driver = Driver(LOADING)
    with pytest.raises(errors.ModelLoadingError):
        driver.run(open_reply(SEND, RetryPolicy(wait_until_ready=limit), read_error))
    assert limit <= driver.waited <= limit + 1


def test_client_time_that_a_loading_server_holds_requests_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = itertools.count(0, 20)
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    driver = Driver(LOADING)
    with pytest.raises(errors.ModelLoadingError):
        driver.run(open_reply(SEND, RetryPolicy(wait_until_ready=60), read_error))
    assert driver.sent == 3


def test_client_no_step_is_written_for_a_redirect_or_an_empty_success() -> None:
    for status in (204, 301, 307):
        driver = Driver(FakeReply(status))
        with pytest.raises(errors.ModelCallError):
            driver.run(open_reply(SEND, RetryPolicy(), read_error))


def test_client_fetching_parses_and_refuses_what_is_not_json() -> None:
    assert Driver(OK).run(fetch_json(SEND, RetryPolicy(), read_error)) == {"a": 1}
    for body in (b"<html>", b"", b'"text"', b"\xff"):
        with pytest.raises(errors.WrongServerError):
            Driver(FakeReply(200, body)).run(fetch_json(SEND, RetryPolicy(), read_error))


# --- faults ---

ReadTimeout = urllib3.exceptions.ReadTimeoutError(
    urllib3.HTTPConnectionPool("host"), "/", "Read timed out."
)
SILENT = [
    requests.ReadTimeout("t"),
    requests.ConnectionError(ReadTimeout),
    ReadTimeout,
    TimeoutError("t"),
    aiohttp.SocketTimeoutError("t"),
    aiohttp.ServerTimeoutError("t"),
]
BROKEN = [
    requests.ConnectionError("c"),
    requests.exceptions.ChunkedEncodingError("c"),
    urllib3.exceptions.ProtocolError("c"),
    ConnectionResetError("c"),
    BrokenPipeError("c"),
    aiohttp.ClientPayloadError("c"),
    aiohttp.ServerDisconnectedError("c"),
]
UNREACHED = [requests.ConnectTimeout("t"), aiohttp.ConnectionTimeoutError("t")]


def mapped(fault: Exception, *, answering: bool) -> errors.ModelCallError:
    return connection_error(fault, url="http://host", hint="Start it.", answering=answering)


@pytest.mark.parametrize("fault", SILENT, ids=lambda fault: type(fault).__name__)
def test_client_silent_server_is_a_timeout(fault: Exception) -> None:
    for answering in (False, True):
        assert type(mapped(fault, answering=answering)) is errors.CallTimeoutError


@pytest.mark.parametrize("fault", BROKEN, ids=lambda fault: type(fault).__name__)
def test_client_broken_connection_differs_from_no_connection(fault: Exception) -> None:
    before = mapped(fault, answering=False)
    assert type(before) is errors.ConnectionFailedError
    assert str(before) == "No server answers at http://host. Start it."
    assert type(mapped(fault, answering=True)) is errors.StreamBrokenError


@pytest.mark.parametrize("fault", UNREACHED, ids=lambda fault: type(fault).__name__)
def test_client_connection_that_is_not_accepted_is_not_a_read_timeout(fault: Exception) -> None:
    assert type(mapped(fault, answering=False)) is errors.ConnectionFailedError


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.EMFILE, "Too many open files"),
        requests.ConnectionError(
            urllib3.exceptions.ProtocolError("c", OSError(errno.EMFILE, "Too many open files"))
        ),
        aiohttp.ClientOSError(errno.ENFILE, "Too many open files in system"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_connection_error_too_many_files_names_the_limit(fault: Exception) -> None:
    error = mapped(fault, answering=False)
    assert type(error) is errors.ConnectionFailedError
    assert "too many files are open" in str(error)
    assert "ulimit -n" in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, errors.WrongServerError),
        (307, errors.WrongServerError),
        (400, errors.InvalidRequestError),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDeniedError),
        (404, errors.ModelMissingError),
        (413, errors.InvalidRequestError),
        (418, errors.ServerError),
        (422, errors.InvalidRequestError),
        (429, errors.RateLimitError),
        (500, errors.ServerError),
        (502, errors.ServerError),
    ],
)
def test_client_status_has_its_error(status: int, kind: type[Exception]) -> None:
    error = status_error(status, "The reason", url="http://host")
    assert type(error) is kind
    assert str(status) in str(error)
    assert "no reason given" in str(status_error(500, "", url="http://host"))


# --- an answer is closed, however it ends ---


CLIENT = HttpClient(Address.parse("http://host"), "Start it.")


class OpenReply(reply.OpenReply):
    """An answer of two lines, or one that breaks; it notes that it was closed."""

    client = CLIENT
    status = 200

    def __init__(self, *parts: bytes | Exception) -> None:
        self._parts = [*parts, b""]
        self.closed = False

    def read(self) -> bytes:
        part = self._parts.pop(0)
        if isinstance(part, Exception):
            raise part
        return part

    def close(self) -> None:
        self.closed = True


class AsyncOpenReply(OpenReply):
    async def read(self) -> bytes:  # type: ignore[override]  # the other library's form
        return super().read()


class Lines:
    """Gives each part as it comes; one named `bad` cannot be read."""

    is_complete = False

    def feed(self, data: bytes) -> list[bytes]:
        if data == b"bad":
            raise errors.StreamBrokenError("bad")
        return [data]

    def end(self) -> list[bytes]:
        return []


def opened(reply: OpenReply) -> Plan[OpenReply]:
    return reply
    yield  # it takes no step


ENDS: dict[str, tuple[tuple[bytes | Exception, ...], type[Exception] | None]] = {
    "whole": ((b"a", b"b"), None),
    "unreadable": ((b"a", b"bad"), errors.StreamBrokenError),
    "broken": ((b"a", ConnectionResetError("c")), errors.StreamBrokenError),
    "silent": ((b"a", TimeoutError("t")), errors.CallTimeoutError),
}


@pytest.mark.parametrize("name", ENDS)
def test_client_answer_is_closed_however_it_ends(name: str) -> None:
    parts, error = ENDS[name]
    reply = OpenReply(*parts)
    with pytest.raises(error) if error else contextlib.nullcontext():
        list(CLIENT.stream(opened(reply), Lines()))
    assert reply.closed


@pytest.mark.parametrize("name", ENDS)
async def test_client_answer_is_closed_however_it_ends_in_async_code(name: str) -> None:
    parts, error = ENDS[name]
    reply = AsyncOpenReply(*parts)
    with pytest.raises(error) if error else contextlib.nullcontext():
        _ = [item async for item in CLIENT.astream(opened(reply), Lines())]
    assert reply.closed


async def test_client_answer_that_is_left_is_closed() -> None:
    reply = OpenReply(b"a", b"b")
    stream = CLIENT.stream(opened(reply), Lines())
    assert next(stream) == b"a"
    assert not reply.closed
    stream.close()
    assert reply.closed
    areply = AsyncOpenReply(b"a", b"b")
    astream = CLIENT.astream(opened(areply), Lines())
    assert await anext(astream) == b"a"
    assert not areply.closed
    await astream.aclose()
    assert areply.closed


# --- the client, unopened ---


def test_client_can_be_pickled_when_it_was_used() -> None:
    used = HttpClient(Address.parse("http://host", {"X": "y"}), "Start it.")
    used._session = used._new_session()
    copied = pickle.loads(pickle.dumps(used))  # noqa: S301 - our own bytes
    assert (copied.address, copied._hint, copied._session) == (used.address, "Start it.", None)


def test_client_close_without_a_connection_raises_nothing() -> None:
    HttpClient(Address.parse("http://host"), "").close()
