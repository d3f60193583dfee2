"""Describe HTTP operations without performing them (sans-I/O).

A plan is a generator that yields steps and is sent their results; `client` runs it with `requests`
or `aiohttp`. So retries, waiting and the reading of answers are written once for sync and async
code. `retry` sends a request until it is answered.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from langchain_localllm.errors import ModelCallError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; the result is a `Reply` whose body is still to be read.

    Attributes:
        method: `GET`, `HEAD`, `POST` or `DELETE`.
        path: Path below the server's base URL, with a leading slash.
        body: What is sent as JSON, or `None`. llama.cpp's server wants a list at one path.
        timeout: Seconds of silence from the server after which the call fails; `None` waits
            forever.
        client: The client of the server that it goes to; `None` is the one that runs the plan.
        new_connection: Whether it needs a new connection: one that was kept may be closed by the
            server at this moment.
        file: A file whose bytes are sent instead of a body.
        connect_timeout: Seconds for the connection, where that is less than for others.
    """

    method: str
    path: str
    body: dict[str, Any] | None = None
    timeout: float | None = None
    client: Any = field(default=None, compare=False, repr=False)
    new_connection: bool = False
    file: Path | None = None
    connect_timeout: float | None = None


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


@dataclass(frozen=True, slots=True)
class Gather:
    """Run plans at the same time; the result is a dict of what they returned, by their positions.

    A plan that is not done when the time is up is left out. The first error of a plan is raised.

    Attributes:
        plans: The plans.
        seconds: How long to wait for all of them together.
        is_enough: Says of the results so far whether the others need not be waited for.
    """

    plans: Sequence[Generator[Any, Any, Any]]
    seconds: float
    is_enough: Callable[[Mapping[int, Any]], bool] = field(
        default=lambda _: False, compare=False, repr=False
    )


Step = Send | Read | FirstBytes | Sleep | Gather
Plan = Generator[Step, Any, T]
ErrorReader = Callable[[int, Any], ModelCallError]
"""Takes a status and a body (parsed JSON, or text), gives the error."""
