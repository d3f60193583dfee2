"""Choose the proxy of a request from the environment, by the same rules for sync and async code."""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from requests.utils import get_environ_proxies, select_proxy

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.transport.address import Address

_PORTS: Final = {"http": 80, "https": 443}
_WITH_PORT: Final = re.compile(r"(\[.*\]|[^:]+):(\d+)")


def proxy_url(address: Address) -> str | None:
    """Return the proxy from `HTTP_PROXY`, `HTTPS_PROXY` or `ALL_PROXY` for a server, or `None`.

    A server on this machine is always reached directly, and so is one that `NO_PROXY` names: by its
    host, by a domain that it belongs to, by its address, or by a network such as `10.0.0.0/8` or
    `fd00::/8`; each may be followed by a port.

    Args:
        address: The server.

    Raises:
        InvalidOptionError: The proxy is not an HTTP proxy.
    """
    if address.is_loopback or _is_excluded(address.url, getproxies().get("no", "")):
        return None
    proxy = select_proxy(address.url, get_environ_proxies(address.url))
    if not proxy:
        return None
    url = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(url).scheme not in _PORTS:
        raise InvalidOptionError(
            f"The environment names a {urlsplit(url).scheme} proxy for {address.url}; only http "
            "and https proxies are supported. Name an HTTP proxy, or add the server's host to "
            "NO_PROXY."
        )
    return url


def _is_excluded(url: str, no_proxy: str) -> bool:
    """Return whether `NO_PROXY` lists the server in a form that requests does not know.

    See psf/requests#3640; curl and Go know it.
    """
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    for entry in no_proxy.replace(",", " ").split():
        place = _WITH_PORT.fullmatch(entry)
        name, only_port = (place[1], int(place[2])) if place else (entry, port)
        if only_port == port and _covers(name, parts.hostname or ""):
            return True
    return False


def _covers(name: str, host: str) -> bool:
    """Return whether an entry is the host, a network that holds it, or a parent domain."""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        domain = name.lower().removeprefix("*").strip(".")
        return bool(domain) and f".{host.rstrip('.')}".endswith(f".{domain}")
    return (network := _network(name)) is not None and ip in network


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None
