"""Retry requests: while a server loads its model, and when a connection fails."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from langchain_localllm.errors import ConnectionFailedError, ModelLoadingError, WrongServerError
from langchain_localllm.transport.decoding import json_or_text
from langchain_localllm.transport.operations import ErrorReader, Plan, Read, Send, Sleep

_LOGGER: Final = logging.getLogger(__name__)
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
_SUCCESS: Final = frozenset({200, 201})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a call retries before anything was answered.

    Attributes:
        max_retries: How often a connection that fails is tried again.
        wait_until_ready: Seconds to wait for a server that says that it is still loading its model.
    """

    max_retries: int = 1
    wait_until_ready: float = 60.0


def open_reply(send: Send, retry_policy: RetryPolicy, read_error: ErrorReader) -> Plan[Any]:
    """Send a request until it is answered with success.

    The result is the reply, its body unread.
    """
    retries = retry_policy.max_retries
    waited = 0.0
    for pause in _pauses():
        sent = time.monotonic()
        try:
            reply = yield send
            if reply.status in _SUCCESS:
                return reply
            raise read_error(reply.status, json_or_text((yield Read(reply))))
        except ModelLoadingError:
            waited += time.monotonic() - sent  # some servers hold a request before they refuse it
            if waited >= retry_policy.wait_until_ready:
                raise
            _LOGGER.info(
                "The server is still loading its model: retrying %s %s in %.2f s",
                send.method,
                send.path,
                pause,
            )
        except ConnectionFailedError as error:
            if retries == 0 or isinstance(error, WrongServerError):
                raise
            retries -= 1
            _LOGGER.info("Retrying %s %s: %s", send.method, send.path, error)
            send = replace(send, new_connection=True)
        yield Sleep(pause)
        waited += pause
    raise AssertionError  # the pauses never end


def fetch_json(send: Send, retry_policy: RetryPolicy, read_error: ErrorReader) -> Plan[Any]:
    """Send a request; the result is its answer as parsed JSON."""
    reply = yield from open_reply(send, retry_policy, read_error)
    data = json_or_text((yield Read(reply)))
    if isinstance(data, str):
        raise WrongServerError(
            f"{send.path} was answered with something that is not JSON. Is `base_url` right?"
        )
    return data


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 2, _LONGEST_PAUSE)
