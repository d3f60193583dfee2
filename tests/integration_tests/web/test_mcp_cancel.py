"""The tool `ask` of `localllm mcp`: the model stops when the client cancels the call, or goes
away."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
import uvicorn
from langchain_core.embeddings import DeterministicFakeEmbedding
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from langchain_localllm.rag import LocalRAG
from langchain_localllm.web.documents import Documents
from langchain_localllm.web.mcp_server import DocumentServer
from langchain_localllm.web.security import Guard, address_of, listen
from langchain_localllm.web.serving import server_config
from tests.integration_tests.web.endless import Endless

PATIENCE = 60
ROOT = Path(__file__).parents[3]
STDIO_SERVER = """
import sys
from pathlib import Path
from tests.integration_tests.web.test_mcp_cancel import FileFlag, server_of
folder = Path(sys.argv[1])
with server_of(folder, FileFlag(folder / "begun"), FileFlag(folder / "stopped")) as server:
    server.run("stdio")
"""


class FileFlag:
    """An event that another process sees: a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def set(self) -> None:
        self._path.touch()

    async def wait(self) -> None:
        with anyio.fail_after(PATIENCE):
            while not self._path.exists():  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(0.01)


@contextmanager
def server_of(folder: Path, begun: Any, stopped: Any) -> Iterator[DocumentServer]:
    """A server whose model does not end by itself."""
    llm = Endless(begun=begun, stopped=stopped)
    with LocalRAG(
        llm, DeterministicFakeEmbedding(size=8), folder / ".localllm", vectors="sqlite"
    ) as rag:
        rag.index(folder)
        yield DocumentServer(Documents(rag, [folder]))


@asynccontextmanager
async def over_http(server: DocumentServer) -> AsyncIterator[tuple[Client, httpx2.AsyncClient]]:
    """A client of the server over HTTP, and what carries it."""
    sock = listen("127.0.0.1", 0)
    app = Guard(server.streamable_http_app(), key="sesame")
    running = uvicorn.Server(server_config(app))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [sock]})
    thread.start()
    http = httpx2.AsyncClient(headers={"Authorization": "Bearer sesame"}, timeout=PATIENCE)
    try:
        client = Client(streamable_http_client(f"{address_of(sock)}/mcp", http_client=http))
        async with http, client:
            yield client, http
    finally:
        running.should_exit = True
        await asyncio.to_thread(thread.join, PATIENCE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "boats.md").write_text("The boat is blue.", encoding="utf-8")
    return tmp_path


@pytest.fixture
def flags(folder: Path) -> tuple[FileFlag, FileFlag]:
    return FileFlag(folder / "begun"), FileFlag(folder / "stopped")


async def cancelled_ask(client: Client, begun: FileFlag) -> None:
    """Ask, and cancel the call when the model has begun."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_tool, "ask", {"question": "Is the boat blue?"})
        await begun.wait()
        tasks.cancel_scope.cancel()


async def check_server_goes_on(client: Client) -> None:
    result = await client.call_tool("search", {"query": "Is the boat blue?"})
    assert "The boat is blue." in str(result.structured_content)


async def test_mcp_ask_cancelled_over_stdio_stops_the_model(
    folder: Path, flags: tuple[FileFlag, FileFlag]
) -> None:
    begun, stopped = flags
    server = StdioServerParameters(
        command=sys.executable,
        args=["-c", STDIO_SERVER, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    async with Client(server) as client:
        await cancelled_ask(client, begun)
        await stopped.wait()
        await check_server_goes_on(client)


async def test_mcp_ask_cancelled_over_http_stops_the_model(
    folder: Path, flags: tuple[FileFlag, FileFlag]
) -> None:
    begun, stopped = flags
    with server_of(folder, begun, stopped) as server:
        async with over_http(server) as (client, _):
            await cancelled_ask(client, begun)
            await stopped.wait()
            await check_server_goes_on(client)


async def test_mcp_client_that_goes_away_during_ask_stops_the_model(
    folder: Path, flags: tuple[FileFlag, FileFlag]
) -> None:
    begun, stopped = flags

    async def leave(server: DocumentServer) -> None:
        async with over_http(server) as (client, http), anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "ask", {"question": "Is the boat blue?"})
            await begun.wait()
            await http.aclose()  # the connection ends, and nothing is sent that says so
            await stopped.wait()
            raise ConnectionAbortedError

    with server_of(folder, begun, stopped) as server:
        with pytest.raises(ExceptionGroup):  # what the client makes of it
            await leave(server)
        await stopped.wait()
