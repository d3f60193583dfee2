"""Parse and check the address of a server."""

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.transport.tls import Verify

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"([!-~]([\t -~]*[!-~])?)?")
_ENDPOINT: Final = re.compile(
    r"/v1/(chat/completions|completions|embeddings|models)$"  # OpenAI's API
    r"|/api/(chat|generate|embed|embeddings|tags)$"  # Ollama's
)
"""A path that the requests here add by themselves."""
_VERSION: Final = re.compile(r"(?<=[^/])/v\d[\w.-]*$")
"""The version of an API at the end of a URL, such as `/v3` of OpenVINO Model Server and
`/v1-openai` of GPUStack."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server's base URL, and the headers that every request to it carries.

    The URL has no trailing slash and no credentials.

    Attributes:
        url: `http://host:port` or `https://...`, with a path when the server is behind one.
        headers: Pairs of name and value; kept out of `repr` because they may hold keys.
        verify: Which certificates are trusted, as the option `verify` says; `None` leaves it to the
            environment.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    verify: Verify | None = None

    @classmethod
    def parse(
        cls, base_url: str, headers: dict[str, str] | None = None, verify: Verify | None = None
    ) -> "Address":
        """Read a base URL as people write it.

        Examples are `localhost:8080`, `http://host:8080/v1/` and `https://user:password@host/llm`.
        A `/v1` at its end is dropped, since OpenAI's clients want it there and the paths here begin
        with it where they need it. So is the path of a request, such as `/v1/chat/completions`.

        Raises:
            InvalidOptionError: The text is not an http(s) URL, or HTTP cannot carry a header.
        """
        text = base_url.strip()
        parts = _split(text if "://" in text else f"http://{text}")
        sent = {_header_name(name): value for name, value in (headers or {}).items()}
        if parts.username is not None:
            sent["Authorization"] = basic_auth(
                unquote(parts.username), unquote(parts.password or "")
            )
        for name, value in sent.items():
            _check_header(name, value)
        location = parts.netloc.rpartition("@")[2]
        path = _ENDPOINT.sub("", parts.path.rstrip("/")).removesuffix("/v1").rstrip("/")
        return cls(
            urlunsplit((parts.scheme, location, path, "", "")), tuple(sorted(sent.items())), verify
        )

    def endpoint(self, path: str) -> str:
        """Return the URL of a path.

        Another version at the end of this address takes the place of the `/v1` of the path.

        Example:
            >>> Address("http://host:8000/v3").endpoint("/v1/chat/completions")
            'http://host:8000/v3/chat/completions'
        """
        if path.startswith("/v1/") and _VERSION.search(self.url):
            path = path.removeprefix("/v1")
        return self.url + path

    @property
    def is_secure(self) -> bool:
        """Whether the server is reached by `https`."""
        return self.url.startswith("https:")

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine, so that no proxy may come between."""
        host = urlsplit(self.url).hostname or ""
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")
        return ip.is_loopback or ip.is_unspecified  # 0.0.0.0 reaches this machine


def _header_name(name: str) -> str:
    """Header names have no case; one spelling of this one keeps it from being sent twice."""
    return "Authorization" if name.lower() == "authorization" else name


def _check_header(name: str, value: str) -> None:
    """Check a header here.

    The HTTP libraries differ in what they refuse, and one shows the value, which may be a key.
    """
    if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
        raise InvalidOptionError(
            f"HTTP cannot carry the header {name!r}: it has a line end, a space at an end, or a "
            "letter that is not ASCII. Is a line end left in a key that was read from a file?"
        )


def basic_auth(user: str, password: str) -> str:
    """Return the `Authorization` header for a user and a password (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        shown = url.rpartition("@")[2]
        raise InvalidOptionError(
            f"{shown!r} is not a server's address. Give one such as 'http://localhost:8080'."
        )
    return parts
