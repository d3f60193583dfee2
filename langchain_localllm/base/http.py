"""Define the options of classes whose engine is a server."""

import ssl
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, InstanceOf, PrivateAttr, SecretStr, field_validator, model_validator
from typing_extensions import override

from langchain_localllm._deprecated import renamed_attribute
from langchain_localllm.base.closing import Closing
from langchain_localllm.base.option_roles import Connects, NotSent
from langchain_localllm.base.options import Options
from langchain_localllm.base.token_stream import StreamEvent
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.transport.address import Address
from langchain_localllm.transport.client import Decoder, HttpClient
from langchain_localllm.transport.connections import Connections
from langchain_localllm.transport.failover import Backend
from langchain_localllm.transport.operations import Plan
from langchain_localllm.transport.retry import RetryPolicy
from langchain_localllm.transport.tls import Verify, trusted


class ServerOptions(Options, Closing):
    """How to reach a server."""

    START_HINT: ClassVar[str]
    """What an error suggests when no server is there."""

    CREDENTIALS: ClassVar[tuple[str, ...]] = ("api_key", "headers")
    """Options with secrets, which are sent to this object's server only."""

    base_url: Annotated[str | list[str] | tuple[str, ...], NotSent]
    """The server's address. A user and password in it become an `Authorization` header. A call's
    own address is asked without this object's `api_key` and `headers`, unless the call gives them
    too."""
    api_key: Annotated[SecretStr | None, Connects] = None
    """Sent as a bearer token."""
    headers: Annotated[dict[str, str] | None, Connects] = Field(
        default=None, repr=False, exclude=True
    )
    """Headers to send with each request."""
    verify: Annotated[bool | str | InstanceOf[ssl.SSLContext] | None, Connects] = None
    """Which certificates of an `https` server are trusted: `True` for those of public authorities,
    a path for those in a PEM file or in a folder, `False` for any, which does not keep others from
    reading along. An `ssl.SSLContext`, which may hold a client's certificate, is used as it is.
    Default: what `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, `SSL_CERT_FILE` or
    `SSL_CERT_DIR` names, else `True`."""
    timeout: Annotated[float | None, Connects] = Field(default=None, gt=0)
    """Seconds of silence from the server after which a call fails. The default waits, since a
    prompt may take long to read."""
    max_retries: Annotated[int, Connects] = Field(default=1, ge=0)
    """How often a connection that fails before anything was answered is tried again."""
    wait_until_ready: Annotated[float, Connects] = Field(default=60.0, ge=0)
    """Seconds to wait for a server that is still loading its model."""

    _connections: Connections = PrivateAttr(default_factory=Connections)  # copies share it

    @property
    def lc_secrets(self) -> dict[str, str]:
        """What LangChain's `dumps` leaves out.

        `load(..., secrets_map={"LOCALLLM_API_KEY": ...})` puts the key in again.
        """
        return {"api_key": "LOCALLLM_API_KEY"}

    @field_validator("timeout", mode="before")
    @classmethod
    def _seconds_to_read(cls, timeout: Any) -> Any:
        """Return the seconds of silence in the forms that httpx and `langchain_openai` accept.

        They are an `httpx.Timeout`, and a tuple of the seconds to connect, to read and others.
        """
        if isinstance(timeout, tuple) and len(timeout) > 1:
            return timeout[1]
        return getattr(timeout, "read", timeout)

    @field_validator("max_retries", mode="before")
    @classmethod
    def _default_retries(cls, max_retries: Any) -> Any:
        """Return the default for `None`, which is the default of `langchain_openai`."""
        return cls.model_fields["max_retries"].default if max_retries is None else max_retries

    @field_validator("verify")
    @classmethod
    def _existing_certificates(cls, verify: Verify | None) -> Verify | None:
        return None if verify is None else trusted(verify)

    @model_validator(mode="after")
    def _hide_credentials(self) -> Self:
        urls, headers = _without_credentials(self.base_url, self.headers)
        if (self.base_url, dict(self.headers or {})) != (urls, headers):
            self.__dict__.update(base_url=urls, headers=headers)
        self._addresses()  # refuses a key that HTTP cannot carry
        return self

    @override
    def with_options(self, options: Mapping[str, Any]) -> Self:
        named = {name: self.ALIASES.get(name, name) for name in options}
        urls = next((options[name] for name in options if named[name] == "base_url"), None)
        if not isinstance(urls, (str, list, tuple)):
            return super().with_options(options)
        known = self._known_urls()
        elsewhere = any(Address.parse(url).url not in known for url in _each(urls))
        dropped = dict.fromkeys(self.CREDENTIALS) if elsewhere else {}
        others = {name: value for name, value in options.items() if named[name] != "base_url"}
        # last, since credentials in it go before others
        return super().with_options({**dropped, **others, "base_url": urls})

    def _known_urls(self) -> set[str]:
        """Return the addresses that get this object's credentials."""
        return set(_each(self.base_url))

    def sent_headers(self) -> dict[str, str]:
        """Return the headers that every request carries; they may hold secrets."""
        headers = dict(self.headers or {})
        # an empty key is how other clients say "none"
        if self.api_key is not None and self.api_key.get_secret_value().strip():
            headers["Authorization"] = f"Bearer {self.api_key.get_secret_value()}"
        return headers

    def _addresses(self) -> list[Address]:
        headers = self.sent_headers()
        return [Address.parse(url, headers, self.verify) for url in _each(self.base_url)]

    @property
    def client(self) -> HttpClient:
        """The connections to the server, or to the first of several.

        Objects made by `bind` or per-call options share them.
        """
        return self._connections.client(self._addresses()[0], self.START_HINT)

    @property
    def pool(self) -> Backend:
        """Where requests go that any of several servers may answer."""
        return self._connections.pool(self._addresses(), self.START_HINT)

    @property
    def retry_policy(self) -> RetryPolicy:
        """How long to retry."""
        return RetryPolicy(self.max_retries, self.wait_until_ready)

    patience = renamed_attribute("patience", "retry_policy")

    @override
    def close(self) -> None:
        """Close idle connections. The object can be used again."""
        self._connections.close()

    @override
    async def aclose(self) -> None:
        """Close the connections of this event loop, and those of sync code."""
        await self._connections.aclose()


def _each(urls: str | Sequence[str]) -> Sequence[str]:
    return (urls,) if isinstance(urls, str) else urls


def _without_credentials(
    urls: str | Sequence[str], headers: dict[str, str] | None
) -> tuple[str | tuple[str, ...], dict[str, str]]:
    """Return the shown address or addresses, and the headers with a hidden credential.

    The latter is what was hidden in a single address.
    """
    if isinstance(urls, str):
        address = Address.parse(urls, headers)
        return address.url, dict(address.headers)
    addresses = [Address.parse(url) for url in urls]
    if not addresses or any(address.headers for address in addresses):
        raise InvalidOptionError(
            "Give `api_key` or `headers` for several addresses, not a user and password in one of "
            "them."
            if addresses
            else "`base_url` is an empty list. Give the address of a server."
        )
    distinct = dict.fromkeys(address.url for address in addresses)
    return tuple(distinct), dict(Address.parse(urls[0], headers).headers)


@dataclass(frozen=True, slots=True)
class HttpHandle:
    """An answer that comes over HTTP."""

    client: HttpClient
    opening: Plan[Any]
    decoder: Decoder[StreamEvent]

    def events(self) -> Generator[StreamEvent]:
        """Yield the events of the answer."""
        return self.client.stream(self.opening, self.decoder)

    def aevents(self) -> AsyncGenerator[StreamEvent]:
        """Yield the events of the answer, in async code."""
        return self.client.astream(self.opening, self.decoder)
