"""From a fault of the connection, or a status that every HTTP server uses alike, to an error of our tree."""

import http.client
from typing import Final

import aiohttp
import requests
import urllib3

from langchain_localllm.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConnectionFailedError,
    InvalidRequestError,
    ModelCallError,
    ModelMissingError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StreamBrokenError,
    WrongServerError,
)

CONNECTION_FAULTS: Final = (requests.RequestException, urllib3.exceptions.HTTPError, aiohttp.ClientError, OSError)
"""All that the two libraries raise when a connection fails. `TimeoutError` is an `OSError`."""

_TIMEOUTS: Final = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
_NOT_TAKEN: Final = (requests.ConnectTimeout, aiohttp.ConnectionTimeoutError)
"""Nobody took the connection, as when a machine is off."""
_NOT_SECURE: Final = (requests.exceptions.SSLError, aiohttp.ClientSSLError)

_STATUS: Final[dict[int, type[ModelCallError]]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: ModelMissingError,
    413: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitError,
}
_REDIRECTS: Final = range(300, 400)


def connection_error(fault: Exception, *, url: str, hint: str, answering: bool) -> ModelCallError:
    """The error for a fault of the connection.

    Args:
        fault: What `requests`, `urllib3`, `aiohttp` or the socket raised.
        url: The server's address, without credentials.
        hint: What to do when no server is there.
        answering: Whether the answer had begun.
    """
    if (isinstance(fault, _TIMEOUTS) or _was_timeout(fault)) and not isinstance(fault, _NOT_TAKEN):
        return CallTimeoutError(f"The server at {url} was silent for longer than `timeout`. Raise it, or set it to None.")
    if answering:
        return StreamBrokenError(f"The server at {url} broke off its answer. See the server's log for the reason.")
    if isinstance(fault, _NOT_SECURE):
        return WrongServerError(f"No secure connection to {url} could be made. Is it `http`, or is its certificate not trusted?")
    if _was_no_http(fault):
        return WrongServerError(f"What answers at {url} does not speak HTTP. Is `base_url` right?")
    return ConnectionFailedError(f"No server answers at {url}. {hint}")


def _was_timeout(fault: Exception) -> bool:
    """`requests` wraps a timeout that happens while the body is read in its `ConnectionError`."""
    return any(isinstance(arg, urllib3.exceptions.TimeoutError) for arg in fault.args)


def _was_no_http(fault: BaseException | None) -> bool:
    """The two libraries tell it in ways of their own; a connection that was closed is an `HTTPException` as well."""
    while fault is not None:
        closed = isinstance(fault, ConnectionError)
        if isinstance(fault, (http.client.HTTPException, aiohttp.ClientResponseError)) and not closed:
            return True
        fault = fault.__cause__ or fault.__context__
    return False


def status_error(status: int, reason: str, *, url: str) -> ModelCallError:
    """The error for an HTTP status, with the server's own words when it gave any.

    Args:
        status: The HTTP status, other than a success.
        reason: The server's words, or an empty string.
        url: The server's address, without credentials.
    """
    if status in _REDIRECTS:
        return WrongServerError(f"The server at {url} redirects elsewhere ({status}). Give `base_url` its final address.")
    kind = _STATUS.get(status, ServerError)
    advice = " Give its key as `api_key`." if kind is AuthenticationError else ""
    return kind(f"The server at {url} answered {status}: {reason or 'no reason given'}.{advice}")
