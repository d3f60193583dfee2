"""Which proxy of the environment a request goes through, by the same rules for sync and async code."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from requests.utils import get_environ_proxies, select_proxy

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.transport.address import Address

_SCHEMES: Final = frozenset({"http", "https"})


def proxy_url(address: Address) -> str | None:
    """Return the proxy from `HTTP_PROXY`, `HTTPS_PROXY` or `ALL_PROXY` for a server, or `None`.

    A server on this machine is always reached directly, and so is one that `NO_PROXY` names: by its host, by a domain that it
    belongs to, by its address, or by a network such as `10.0.0.0/8` or `fd00::/8`.

    Args:
        address: The server.

    Raises:
        InvalidOptionError: The proxy is not an HTTP proxy.
    """
    if address.is_loopback or _in_network(urlsplit(address.url).hostname or "", getproxies().get("no", "")):
        return None
    proxy = select_proxy(address.url, get_environ_proxies(address.url))
    if not proxy:
        return None
    url = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(url).scheme not in _SCHEMES:
        raise InvalidOptionError(
            f"The environment names a {urlsplit(url).scheme} proxy for {address.url}; only http and https proxies are supported. "
            "Name an HTTP proxy, or add the server's host to NO_PROXY."
        )
    return url


def _in_network(host: str, no_proxy: str) -> bool:
    """Return whether `NO_PROXY` lists a network that holds the host; requests knows IPv4 networks only (psf/requests#3640)."""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(ip in network for entry in no_proxy.split(",") if (network := _network(entry.strip())) is not None)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None
