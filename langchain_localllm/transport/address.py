"""Where a server is."""

import base64
import ipaddress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from langchain_localllm.errors import InvalidOptionError


@dataclass(frozen=True, slots=True)
class Address:
    """A server's base URL without trailing slash or credentials, and the headers that every request to it carries.

    Attributes:
        url: `http://host:port` or `https://...`, with a path when the server is behind one.
        headers: Pairs of name and value; kept out of `repr` because they may hold keys.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, base_url: str, headers: dict[str, str] | None = None) -> "Address":
        """Read a base URL as people write it: `localhost:8080`, `http://host:8080/`, `https://user:password@host/llm`.

        Raises:
            InvalidOptionError: The text is no http(s) URL.
        """
        text = base_url.strip()
        parts = _split(text if "://" in text else f"http://{text}")
        sent = dict(headers or {})
        if parts.username is not None:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            sent.setdefault("Authorization", "Basic " + base64.b64encode(credentials.encode()).decode())
        location = parts.netloc.rpartition("@")[2]
        return cls(urlunsplit((parts.scheme, location, parts.path.rstrip("/"), "", "")), tuple(sorted(sent.items())))

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine, so that no proxy may come between."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        shown = url.rpartition("@")[2]
        raise InvalidOptionError(f"{shown!r} is not a server's address. Give one such as 'http://localhost:8080'.")
    return parts
