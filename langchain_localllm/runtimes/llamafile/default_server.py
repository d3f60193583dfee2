"""Find the server that is asked where no address was given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from langchain_localllm.errors import ConnectionFailedError, WrongServerError
from langchain_localllm.transport.client import HttpClient
from langchain_localllm.transport.discovery import (
    DEFAULT_ADDRESSES,
    LLAMA_CPP,
    FoundServer,
    find_servers,
)
from langchain_localllm.transport.failover import Ask, T
from langchain_localllm.transport.operations import Plan
from langchain_localllm.transport.retry import RetryPolicy

DEFAULT_URL: Final = "http://localhost:8080"


@dataclass(frozen=True, slots=True)
class DefaultServer:
    """A backend that is looked for when it is asked, and again once it is gone.

    Attributes:
        found: The address that was found, by `DEFAULT_URL`.
        client_of: Returns the client of an address.
        hint: What an error suggests when there is no server.
    """

    found: dict[str, str]
    client_of: Callable[[str], HttpClient] = field(repr=False)
    hint: str

    def __len__(self) -> int:
        return 1

    def send(self, ask: Ask[T], retry_policy: RetryPolicy, *_: Any, **__: Any) -> Plan[T]:
        """Return what to do to ask the server; of the arguments of `BackendPool.send` two count.

        Raises:
            ConnectionFailedError: There is none.
        """
        if DEFAULT_URL not in self.found:
            self.found[DEFAULT_URL] = yield from _find_server(self.hint)
        try:
            return (yield from ask(self.client_of(self.found[DEFAULT_URL]), retry_policy))
        except ConnectionFailedError as error:
            if not isinstance(error, WrongServerError):
                # the next call looks for one that was started since
                self.found.pop(DEFAULT_URL, None)
            raise


def _find_server(hint: str) -> Plan[str]:
    """Return the address of the first llama.cpp server on this machine.

    Else that of another server at our default address.

    Raises:
        ConnectionFailedError: There is neither.
    """
    found = yield from find_servers(
        DEFAULT_ADDRESSES, is_enough=lambda first: any(map(_is_llama_cpp, first))
    )
    others = [each for each in found if each is not None]
    if llama_cpp := next(filter(_is_llama_cpp, others), None):
        return DEFAULT_URL if llama_cpp.url == DEFAULT_ADDRESSES[0].url else llama_cpp.url
    if others and others[0].url == DEFAULT_ADDRESSES[0].url:
        return DEFAULT_URL
    ports = ", ".join(str(place.port) for place in DEFAULT_ADDRESSES)
    running = "".join(
        f" {each.program or 'Another server'} answers at {each.url}: to use it, pass this as "
        "`base_url`."
        for each in others
        if not each.is_silent
    )
    silent = "".join(
        f" What listens at {each.url} does not answer." for each in others if each.is_silent
    )
    raise ConnectionFailedError(
        f"No llama.cpp server answers at {DEFAULT_URL} or at the other usual ports of this "
        f"machine ({ports}).{running}{silent} {hint}"
    )


def _is_llama_cpp(found: FoundServer | None) -> bool:
    return found is not None and found.program == LLAMA_CPP
