"""Keep the HTTP clients of an object and of its copies, so that they share connections."""

from collections.abc import Sequence

from langchain_localllm.transport.address import Address
from langchain_localllm.transport.client import HttpClient
from langchain_localllm.transport.failover import BackendPool


class Connections:
    """A client for each address that was asked, and a pool for each group of them."""

    def __init__(self) -> None:
        self._clients: dict[Address, HttpClient] = {}
        self._pools: dict[tuple[HttpClient, ...], BackendPool] = {}

    def client(self, address: Address, hint: str) -> HttpClient:
        """Return the client of a server.

        Args:
            address: The server.
            hint: What an error suggests when no server is there.
        """
        if (client := self._clients.get(address)) is None:
            client = self._clients.setdefault(address, HttpClient(address, hint))
        return client

    def pool(self, addresses: Sequence[Address], hint: str) -> BackendPool:
        """Return the pool of one or several servers; the arguments are those of `client`."""
        clients = tuple(self.client(address, hint) for address in addresses)
        if (pool := self._pools.get(clients)) is None:
            pool = self._pools.setdefault(clients, BackendPool(clients))
        return pool

    def close(self) -> None:
        """Close idle connections."""
        for client in list(self._clients.values()):
            client.close()

    async def aclose(self) -> None:
        """Close the connections of this event loop, and those of sync code."""
        for client in list(self._clients.values()):
            await client.aclose()
