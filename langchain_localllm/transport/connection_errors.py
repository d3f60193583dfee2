"""Convert connection failures to the errors of this package."""

import errno
import http.client
import socket
import sys
from collections.abc import Iterator
from typing import Final

import requests
import urllib3

from langchain_localllm.errors import (
    CallTimeoutError,
    ConnectionFailedError,
    ModelCallError,
    StreamBrokenError,
    WrongServerError,
)

_TIMEOUTS: Final = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)

_NO_MORE_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE})

ErrorTypes = tuple[type[Exception], ...]


def connection_faults() -> ErrorTypes:
    """Return all that the libraries raise when a connection fails.

    `TimeoutError` is an `OSError`.
    """
    libraries = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
    return (*libraries, *_aiohttp("ClientError"))


def _aiohttp(*names: str, module: str = "aiohttp") -> ErrorTypes:
    """Return errors of aiohttp, or none where no async code has imported it yet."""
    loaded = sys.modules.get(module)
    return tuple(getattr(loaded, name) for name in names) if loaded else ()


def connection_error(fault: Exception, *, url: str, hint: str, answering: bool) -> ModelCallError:
    """Return the error for a fault of the connection.

    Args:
        fault: What `requests`, `urllib3`, `aiohttp` or the socket raised.
        url: The server's address, without credentials.
        hint: What to do when no server is there.
        answering: Whether the answer had begun.
    """
    if (isinstance(fault, _TIMEOUTS) or _was_timeout(fault)) and not _was_not_accepted(fault):
        return CallTimeoutError(
            f"The server at {url} was silent for longer than `timeout`. Raise it, or set it to "
            "None."
        )
    if answering:
        return StreamBrokenError(
            f"The server at {url} broke off its answer. See the server's log for the reason."
        )
    return (
        _unreachable(fault, url)
        or _wrong_server(fault, url)
        or ConnectionFailedError(f"No server answers at {url}. {hint}")
    )


def _unreachable(fault: Exception, url: str) -> ConnectionFailedError | None:
    """Return the error where it is known why no connection was opened."""
    if any(getattr(each, "errno", None) in _NO_MORE_FILES for each in _causes(fault)):
        return ConnectionFailedError(
            f"No connection to {url} could be opened: too many files are open. Send fewer requests "
            "at once, or raise the limit (`ulimit -n`)."
        )
    proxies = _aiohttp("ClientProxyConnectionError", "ClientHttpProxyError")
    if isinstance(fault, (requests.exceptions.ProxyError, *proxies)):
        return ConnectionFailedError(
            "The proxy that the environment names (HTTP_PROXY, HTTPS_PROXY or ALL_PROXY) does "
            f"not lead to {url}. Add the server's host to NO_PROXY, or correct the proxy."
        )
    if any(isinstance(each, socket.gaierror) for each in _causes(fault)):
        return ConnectionFailedError(
            f"No address is known for the host in {url}. Check its spelling in `base_url`, and "
            "this machine's name resolution (DNS)."
        )
    return None


def _wrong_server(fault: Exception, url: str) -> WrongServerError | None:
    """Return the error for something that answers but is not the server that was expected.

    `None` where nothing answers.
    """
    if isinstance(fault, (requests.exceptions.SSLError, *_aiohttp("ClientSSLError"))):
        return _insecure(fault, url)
    encoding_errors = _aiohttp("ContentEncodingError", module="aiohttp.http_exceptions")
    if any(isinstance(each, encoding_errors) for each in _causes(fault)):
        return unreadable_encoding("an encoding that is not installed", url)
    if _was_no_http(fault):
        return WrongServerError(f"What answers at {url} does not speak HTTP. Is `base_url` right?")
    return None


def _was_not_accepted(fault: Exception) -> bool:
    """Return whether the connection was not accepted, as when a machine is off."""
    return isinstance(fault, (requests.ConnectTimeout, *_aiohttp("ConnectionTimeoutError")))


def _was_timeout(fault: Exception) -> bool:
    """Return whether `requests` wrapped a timeout of reading in its `ConnectionError`."""
    return any(isinstance(arg, urllib3.exceptions.TimeoutError) for arg in fault.args)


def _was_no_http(fault: Exception) -> bool:
    """Return whether the answer was not HTTP.

    A closed connection, which is an `HTTPException` too, does not count.
    """
    kinds: ErrorTypes = (http.client.HTTPException, *_aiohttp("ClientResponseError"))
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
