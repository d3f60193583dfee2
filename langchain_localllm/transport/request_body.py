"""Write the body, the headers and the time limits of a request, as both libraries send them."""

import contextlib
import json
import logging
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from langchain_localllm.errors import InvalidOptionError, InvalidRequestError
from langchain_localllm.transport.address import Address
from langchain_localllm.transport.operations import Send

_LOGGER: Final = logging.getLogger(__name__)
_CONNECT_SECONDS: Final = 10.0
"""A server on this machine or network takes a connection at once, even when it is busy."""
HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "langchain-localllm"}
JSON_HEADERS: Final = {"Content-Type": "application/json"}


def connect_seconds(send: Send) -> float:
    """Return how long a connection may take to open."""
    limits = (_CONNECT_SECONDS, send.timeout, send.connect_timeout)
    return min(limit for limit in limits if limit is not None)


@contextlib.contextmanager
def body_of(send: Send) -> Iterator[bytes | BinaryIO | None]:
    """Give the body as both libraries send it."""
    if send.file is None:
        yield _json(send.body)
        return
    with send.file.open("rb") as file:
        yield file


def _json(body: dict[str, Any] | None) -> bytes | None:
    """Return the body as JSON."""
    try:
        return (
            None if body is None else json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
        )
    except UnicodeEncodeError as error:
        shown = error.object[max(0, error.start - 20) : error.end]
        raise InvalidRequestError(
            f"The text holds half of a surrogate pair, which is not a character: {shown!r}."
        ) from None
    except (TypeError, ValueError) as error:
        raise InvalidOptionError(f"The request cannot be written as JSON: {error}.") from None


def log_answer(address: Address, send: Send, status: int) -> None:
    """Log that the head of an answer has come."""
    _LOGGER.debug("%s %s%s: HTTP %d", send.method, address.url, send.path, status)
