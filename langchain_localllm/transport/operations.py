"""What is done over HTTP, without doing it.

A plan is a generator that yields steps and is sent their results; `client` runs it with `requests` or `aiohttp`. So retries,
waiting and the reading of answers are written once for sync and async code.
"""

import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from langchain_localllm.errors import ConnectionFailedError, ModelCallError, ModelLoadingError, WrongServerError
from langchain_localllm.transport.decoding import json_or_text

T = TypeVar("T")

_LOGGER: Final = logging.getLogger(__name__)
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
_SUCCESS: Final = frozenset({200, 201})


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; the result is a `Reply` whose body is still to be read.

    Attributes:
        method: `GET`, `HEAD`, `POST` or `DELETE`.
        path: Path below the server's base URL, with a leading slash.
        body: What is sent as JSON, or `None`. llama.cpp's server wants a list at one path.
        timeout: Seconds of silence from the server after which the call fails; `None` waits forever.
        client: The client of the server that it goes to; `None` is the one that runs the plan.
        new_connection: Whether it needs a new connection: one that was kept may be closed by the server at this moment.
        file: A file whose bytes are sent instead of a body.
    """

    method: str
    path: str
    body: dict[str, Any] | None = None
    timeout: float | None = None
    client: Any = field(default=None, compare=False, repr=False)
    new_connection: bool = False
    file: Path | None = None


class Reply(Protocol):
    """The head of an answer."""

    @property
    def status(self) -> int:
        """The HTTP status."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read a reply's body to its end; the result is its bytes."""

    reply: Any


@dataclass(frozen=True, slots=True)
class FirstBytes:
    """Wait for the first bytes of a reply's body; the reply's reader gets them first."""

    reply: Any


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait."""

    seconds: float


Step = Send | Read | FirstBytes | Sleep
Plan = Generator[Step, Any, T]
ErrorReader = Callable[[int, Any], ModelCallError]
"""Takes a status and a body (parsed JSON, or text), gives the error."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a call retries before anything was answered.

    Attributes:
        max_retries: How often a connection that fails is tried again.
        wait_until_ready: Seconds to wait for a server that says that it is still loading its model.
    """

    max_retries: int = 1
    wait_until_ready: float = 60.0


def open_reply(send: Send, patience: RetryPolicy, read_error: ErrorReader) -> Plan[Any]:
    """Send a request until it is answered with success; the result is the reply, its body unread."""
    retries = patience.max_retries
    waited = 0.0
    for pause in _pauses():
        try:
            reply = yield send
            if reply.status in _SUCCESS:
                return reply
            raise read_error(reply.status, json_or_text((yield Read(reply))))
        except ModelLoadingError:
            if waited >= patience.wait_until_ready:
                raise
            _LOGGER.info("The server is still loading its model: retrying %s %s in %.2f s", send.method, send.path, pause)
        except ConnectionFailedError as error:
            if retries == 0 or isinstance(error, WrongServerError):
                raise
            retries -= 1
            _LOGGER.info("Retrying %s %s: %s", send.method, send.path, error)
            send = replace(send, new_connection=True)
        yield Sleep(pause)
        waited += pause
    raise AssertionError  # the pauses never end


def fetch_json(send: Send, patience: RetryPolicy, read_error: ErrorReader) -> Plan[Any]:
    """Send a request; the result is its answer as parsed JSON."""
    reply = yield from open_reply(send, patience, read_error)
    data = json_or_text((yield Read(reply)))
    if isinstance(data, str):
        raise WrongServerError(f"{send.path} was answered with something that is not JSON. Is `base_url` right?")
    return data


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 2, _LONGEST_PAUSE)
