"""Convert connection failures to the errors of this package."""

import errno
import http.client
from collections.abc import Iterator
from typing import Final

import aiohttp
import requests
import urllib3
from aiohttp.http_exceptions import ContentEncodingError

from langchain_localllm.errors import (
    CallTimeoutError,
    ConnectionFailedError,
    ModelCallError,
    StreamBrokenError,
    WrongServerError,
)

CONNECTION_FAULTS: Final = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    aiohttp.ClientError,
    OSError,
)
"""All that the two libraries raise when a connection fails. `TimeoutError` is an `OSError`."""

_TIMEOUTS: Final = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
_NOT_TAKEN: Final = (requests.ConnectTimeout, aiohttp.ConnectionTimeoutError)
"""The connection was not accepted, as when a machine is off."""
_NO_MORE_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE})
_NOT_SECURE: Final = (requests.exceptions.SSLError, aiohttp.ClientSSLError)
_PROXY: Final = (
    requests.exceptions.ProxyError,
    aiohttp.ClientProxyConnectionError,
    aiohttp.ClientHttpProxyError,
)


def connection_error(fault: Exception, *, url: str, hint: str, answering: bool) -> ModelCallError:
    """Return the error for a fault of the connection.

    Args:
        fault: What `requests`, `urllib3`, `aiohttp` or the socket raised.
        url: The server's address, without credentials.
        hint: What to do when no server is there.
        answering: Whether the answer had begun.
    """
    if (isinstance(fault, _TIMEOUTS) or _was_timeout(fault)) and not isinstance(fault, _NOT_TAKEN):
        return CallTimeoutError(
            f"The server at {url} was silent for longer than `timeout`. Raise it, or set it to "
            "None."
        )
    if answering:
        return StreamBrokenError(
            f"The server at {url} broke off its answer. See the server's log for the reason."
        )
    return _wrong_server(fault, url) or ConnectionFailedError(f"No server answers at {url}. {hint}")


def _wrong_server(fault: Exception, url: str) -> ModelCallError | None:
    """Return the error for something that answers but is not the server that was expected.

    `None` where nothing answers.
    """
    if any(getattr(each, "errno", None) in _NO_MORE_FILES for each in _causes(fault)):
        return ConnectionFailedError(
            f"No connection to {url} could be opened: too many files are open. Send fewer requests "
            "at once, or raise the limit (`ulimit -n`)."
        )
    if isinstance(fault, _PROXY):
        return ConnectionFailedError(
            "The proxy that the environment names (HTTP_PROXY, HTTPS_PROXY or ALL_PROXY) does "
            f"not lead to {url}. Add the server's host to NO_PROXY, or correct the proxy."
        )
    if isinstance(fault, _NOT_SECURE):
        return _insecure(fault, url)
    if any(isinstance(each, ContentEncodingError) for each in _causes(fault)):
        return unreadable_encoding("an encoding that is not installed", url)
    if _was_no_http(fault):
        return WrongServerError(f"What answers at {url} does not speak HTTP. Is `base_url` right?")
    return None


def _was_timeout(fault: Exception) -> bool:
    """Return whether `requests` wrapped a timeout of reading in its `ConnectionError`."""
    return any(isinstance(arg, urllib3.exceptions.TimeoutError) for arg in fault.args)


def _was_no_http(fault: Exception) -> bool:
    """Return whether the answer was not HTTP.

    A closed connection, which is an `HTTPException` too, does not count.
    """
    kinds = (http.client.HTTPException, aiohttp.ClientResponseError)
    return any(
        isinstance(each, kinds) and not isinstance(each, ConnectionError) for each in _causes(fault)
    )


def _insecure(fault: Exception, url: str) -> WrongServerError:
    """Return the error for a connection that TLS refused."""
    reason = next(
        (each.verify_message for each in _causes(fault) if hasattr(each, "verify_message")), None
    )
    if reason is None:
        return WrongServerError(
            f"No secure connection to {url} could be made. Does the server speak http, not https?"
        )
    return WrongServerError(
        f"The certificate of {url} is not trusted: {reason}. Give the file of its certificate "
        "authority as `verify`, or in the environment as SSL_CERT_FILE."
    )


def _causes(fault: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes.

    The libraries keep them as its cause, as its context or among its arguments.
    """
    while fault is not None:
        yield fault
        reasons = (*fault.args, getattr(fault, "reason", None))
        inner = next((reason for reason in reasons if isinstance(reason, BaseException)), None)
        fault = fault.__cause__ or fault.__context__ or inner


def unreadable_encoding(encoding: str, url: str) -> WrongServerError:
    """Return the error for an unrequested compression that cannot be read."""
    return WrongServerError(
        f"The server at {url} compressed its answer with {encoding}, though no compression was "
        "asked for. Switch compression off in the server, or in the gateway before it."
    )
