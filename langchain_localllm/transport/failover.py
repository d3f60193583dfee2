"""Balance requests over several servers with the same model, and retry on another one.

Those that fail are ejected. All but the watch is without I/O: `BackendPool.send` makes a plan, so
it is written once for sync and async code.
"""

import logging
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from langchain_localllm.errors import (
    CallTimeoutError,
    ConnectionFailedError,
    InvalidOptionError,
    ModelCallError,
    RateLimitError,
    ServerError,
    StreamBrokenError,
    WrongServerError,
)
from langchain_localllm.transport.client import HttpClient
from langchain_localllm.transport.operations import FirstBytes, Plan, Read, Send
from langchain_localllm.transport.retry import RetryPolicy

T = TypeVar("T")

Ask = Callable[[HttpClient, RetryPolicy], Plan[T]]
"""Makes the plan of a request to the server of this client."""
Identify = Callable[[HttpClient, RetryPolicy], Plan[str | None]]
"""Makes the plan that asks a server which model it runs; `None` from a server that does not report
it."""


class Backend(Protocol):
    """Where requests go."""

    def __len__(self) -> int:
        """Return how many servers there are."""

    def send(
        self, ask: Ask[T], retry_policy: RetryPolicy, identify: Identify, *, streamed: bool = False
    ) -> Plan[T]:
        """Return what to do to have a request answered."""


_SERVERS_OWN: Final = (CallTimeoutError, ConnectionFailedError, RateLimitError, ServerError)
"""Errors that another server may not have; all others are the request's own."""
_BROKEN_OFF: Final = (CallTimeoutError, StreamBrokenError)
"""Errors in the middle of an answer after which another server may give a whole one."""
_LOGGER: Final = logging.getLogger(__name__)
_LOOK_EVERY: Final = 1.0
_PROBE_SECONDS: Final = 5.0
_PROBES: Final = 2
"""A server that is silent on every connection, and to this many questions for its health in a row,
is frozen."""
_SHORTEST_BREAK: Final = 1.0
_LONGEST_BREAK: Final = 30.0
_FAILURE: Final = 500


class Server:
    """One of several servers.

    Attributes:
        client: Its connections.
        busy: Our requests that it works on.
        turn: When it was last asked, counted in requests.
        model: The model that it runs, if it reports one.
        ejected: Whether it is left out, since it failed.
        verified: Whether its model was compared with that of the others since it last failed.
    """

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self.busy = 0
        self.turn = 0
        self.model: str | None = None
        self.ejected = False
        self.verified = False
        self._break = _SHORTEST_BREAK
        self._back_at = 0.0
        self._lock = threading.Lock()
        self._watch: threading.Thread | None = None

    def take(self, owner: "BackendPool") -> None:
        """Count a request, and watch over the server until it has none."""
        with self._lock:
            self.busy += 1
            if self._watch is None or not self._watch.is_alive():  # a fork has none
                self._watch = threading.Thread(
                    target=_watch, args=(self, weakref.ref(owner)), daemon=True
                )
                self._watch.start()

    def release(self, error: Exception | None = None) -> None:
        """Count a request as ended."""
        with self._lock:
            self.busy -= 1
        if isinstance(error, _SERVERS_OWN):
            self.eject()

    def track(self, reply: Any, *, others: int) -> None:
        """Count a request until its reply has ended.

        An error then says how many others could answer it.
        """
        with self._lock:
            self.busy += 1

        def ended(error: Exception | None) -> None:
            if isinstance(error, _BROKEN_OFF):
                error.other_servers = others
            self.release(error)

        reply.on_close = ended

    def eject(self) -> None:
        """Eject the server: for a second at first, and longer each time it soon fails again."""
        with self._lock:
            self.verified = False  # another model may come up at its address
            if not self.ejected:
                self.ejected = True
                self._back_at = time.monotonic() + self._break
                _LOGGER.info(
                    "%s failed: no requests are sent to it for %.0f s",
                    self.client.address.url,
                    self._break,
                )
                self._break = min(2 * self._break, _LONGEST_BREAK)

    def succeeded(self) -> None:
        """Note that the server works."""
        self._break = _SHORTEST_BREAK

    def is_idle(self) -> bool:
        """Return whether there is nothing to watch any more."""
        with self._lock:
            if self.busy or self.ejected:
                return False
            self._watch = None
            return True

    def check_health(self, silent: int) -> int:
        """Check the server once: cut its connections if frozen, readmit it if healthy.

        Args:
            silent: How often in a row it was silent before.

        Returns:
            The same, now.
        """
        received, self.client.received = self.client.received, False
        if self.ejected and time.monotonic() < self._back_at:
            return silent
        status = None if received and not self.ejected else self._health()
        if received or status is not None:
            was_ejected = self.ejected
            self.ejected = self.ejected and (status is None or status >= _FAILURE)
            if was_ejected and not self.ejected:
                _LOGGER.info("%s answers again: requests are sent to it", self.client.address.url)
            return 0
        if silent + 1 >= _PROBES:
            _LOGGER.info("%s is silent: its connections are closed", self.client.address.url)
            self.eject()
            self.client.abort_connections()
        return silent + 1

    def _health(self) -> int | None:
        """Return the status with which the server answers.

        Any will do, since not all have such a path.
        """
        probe = HttpClient(self.client.address, "")
        try:
            return probe.run(_status())
        except ModelCallError:
            return None
        finally:
            probe.close()


def _status() -> Plan[int]:
    reply = yield Send("GET", "/health", timeout=_PROBE_SECONDS)
    yield Read(reply)
    return int(reply.status)


def _watch(server: Server, owner: "weakref.ref[BackendPool]") -> None:
    """Run in a thread of its own while the server is busy or left out."""
    silent = 0
    while owner() is not None and not server.is_idle():
        time.sleep(_LOOK_EVERY)
        silent = server.check_health(silent)


class BackendPool:
    """Send requests to one of several servers with one model; eject failing ones, and retry.

    There may also be one server only.
    """

    def __init__(self, clients: Sequence[HttpClient]) -> None:
        self._servers = [Server(client) for client in clients]
        self._turns = 0
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type["BackendPool"], tuple[list[HttpClient]]]:
        # a copy in another process counts for itself
        return BackendPool, ([server.client for server in self._servers],)

    def __len__(self) -> int:
        return len(self._servers)

    def send(
        self, ask: Ask[T], retry_policy: RetryPolicy, identify: Identify, *, streamed: bool = False
    ) -> Plan[T]:
        """Return what to do to ask the least busy server, and another one if that fails at once.

        Args:
            ask: What is asked.
            retry_policy: How long to retry; of several servers only the last one is waited for
                while it loads its model.
            identify: How one of several servers is asked for its model.
            streamed: Whether the result is a reply whose body is still to be read. Of several
                servers, the first bytes are waited for.

        Raises:
            ConnectionFailedError: None of them answers.
            InvalidOptionError: They run different models.
        """
        if len(self) == 1:
            return ask(self._servers[0].client, retry_policy)
        return self._send_to_any(ask, retry_policy, identify, streamed=streamed)

    def _send_to_any(
        self, ask: Ask[T], retry_policy: RetryPolicy, identify: Identify, *, streamed: bool
    ) -> Plan[T]:
        tried: set[Server] = set()
        while True:
            server = self.take(tried)
            tried.add(server)
            last = len(tried) == len(self)
            try:
                yield from self.compare(server, identify, retry_policy)
                # A connection that was kept open may be closed by now, so each server is tried as
                # often as a single one.
                policy = retry_policy if last else RetryPolicy(retry_policy.max_retries, 0)
                result: Any = yield from ask(server.client, policy)
                if streamed:
                    server.track(result, others=len(self) - 1)
                    yield FirstBytes(result)
                    if not result.first:
                        result.close()
                        raise StreamBrokenError(
                            f"The server at {server.client.address.url} sent nothing."
                        )
            except WrongServerError:
                raise  # no fault that passes
            except _SERVERS_OWN as error:
                server.eject()
                if last:
                    raise self.all_failed_error(error) from error
            else:
                server.succeeded()
                return result  # type: ignore[no-any-return]  # it is `ask`'s
            finally:
                server.release()

    def take(self, tried: set[Server]) -> Server:
        """Return the server to ask next: not tried yet, well, least busy, longest not asked.

        To be released.
        """
        with self._lock:
            server = min(
                self._servers,
                key=lambda server: (server in tried, server.ejected, server.busy, server.turn),
            )
            self._turns += 1
            server.turn = self._turns
            server.take(self)
            return server

    def compare(self, server: Server, identify: Identify, retry_policy: RetryPolicy) -> Plan[None]:
        """Ask a server that is new, or back, for its model.

        Raises:
            InvalidOptionError: It is not that of the others.
        """
        if server.verified:
            return
        model = yield from identify(server.client, retry_policy)
        for other in self._servers:
            if (
                other.verified
                and model is not None
                and other.model is not None
                and other.model != model
            ):
                raise InvalidOptionError(
                    "The servers in `base_url` must run the same model: "
                    f"{other.client.address.url} runs {other.model!r}, "
                    f"{server.client.address.url} runs {model!r}."
                )
        server.model, server.verified = model, True

    def all_failed_error(self, error: ModelCallError) -> ModelCallError:
        """Return the error when the last server has failed too."""
        if not isinstance(error, (CallTimeoutError, ConnectionFailedError)):
            return error
        urls = ", ".join(server.client.address.url for server in self._servers)
        return ConnectionFailedError(
            f"None of the {len(self)} servers answers ({urls}). The last one: {error}"
        )
