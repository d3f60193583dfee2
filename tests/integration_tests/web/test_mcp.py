"""`localllm mcp`: the documents for MCP clients, by the official client and by
langchain-mcp-adapters."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from langchain_core.language_models import FakeListChatModel
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from langchain_localllm.rag import LocalRAG
from langchain_localllm.web.documents import Documents, document_uri
from langchain_localllm.web.mcp_server import DocumentServer
from tests.integration_tests.cli.command import check_fault, in_process
from tests.integration_tests.web.conftest import COMMAND, serving
from tools.engines.separate_packages import MCP_ADAPTERS

PAGE = Path(__file__).parents[3] / "docs" / "mcp.md"
TOOLS = ["ask", "index", "list_documents", "read_passage", "search"]


@pytest.fixture(scope="module")
def server(rag: LocalRAG, folder: Path) -> DocumentServer:
    """The server, to which the official client connects in this process."""
    return DocumentServer(Documents(rag, [folder]))


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return dict(result.structured_content)


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)  # type: ignore[union-attr]  # errors are texts


async def test_mcp_tools_have_schemas_of_input_and_output_and_say_whether_they_write(
    server: DocumentServer,
) -> None:
    async with Client(server) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert sorted(tools) == TOOLS
        assert all(tool.output_schema and tool.description for tool in tools.values())
        assert [
            name
            for name, tool in tools.items()
            if not (tool.annotations and tool.annotations.read_only_hint)
        ] == ["index"]


async def test_mcp_ask_answers_with_checked_citations_and_read_passage_reads_on(
    server: DocumentServer,
) -> None:
    async with Client(server) as client:
        found = await call(client, "ask", question="Who is the warden?")
        (citation,) = found["citations"]
        assert "Odalys Fenn" in found["answer"]
        assert (citation["source"], citation["quote"]) == (
            "people.md",
            "Odalys Fenn is the warden.",
        )
        passage = next(each for each in found["passages"] if each["source"] == "people.md")
        assert citation["quote"] in passage["text"]
        read = await call(client, "read_passage", id=passage["id"], around=1)
        assert read["passage"]["text"] == passage["text"]
        assert read["before"] == []
        assert [each["source"] for each in read["after"]] == ["people.md"]


async def test_mcp_ask_marks_what_the_model_did_not_cite_and_what_no_passage_supports(
    rag: LocalRAG,
) -> None:
    llm = FakeListChatModel(responses=["Odalys Fenn is the warden. She has 3 boats."])
    with LocalRAG(llm, rag.store.embeddings, rag.store.folder) as silent:
        async with Client(DocumentServer(Documents(silent))) as client:
            found = await call(client, "ask", question="Who is the warden?")
            (citation,) = found["citations"]
            assert (
                found["answer"]
                == f"Odalys Fenn is the warden. [{citation['marker']}] She has 3 boats. [?]"
            )
            assert citation["inferred"]
            assert found["unsupported"] == ["She has 3 boats."]


async def test_mcp_search_returns_so_many_passages_with_their_places(
    server: DocumentServer,
) -> None:
    async with Client(server) as client:
        found = (await call(client, "search", query="How high is the hill?", limit=2))["passages"]
        assert len(found) == 2
        assert all(each["id"] and each["source"] and each["score"] > 0 for each in found)
        assert "greater than or equal to 1" in await refusal(
            client, "search", query="hill", limit=0
        )
        assert "empty" in await refusal(client, "search", query=" ")


async def test_mcp_documents_are_listed_page_by_page_and_read_as_resources(
    server: DocumentServer,
) -> None:
    async with Client(server) as client:
        listed = await call(client, "list_documents", offset=1, limit=2)
        assert (len(listed["documents"]), listed["total"]) == (2, 6)
        resources = (await client.list_resources()).resources
        assert [each.uri for each in resources] == [document_uri(each.name) for each in resources]
        text = (await client.read_resource(document_uri("people.md"))).contents[0].text  # type: ignore[union-attr]  # it is a text
        assert "Odalys Fenn" in text


async def test_mcp_index_reports_progress_and_takes_in_a_new_file(
    server: DocumentServer, folder: Path
) -> None:
    async with Client(server) as client:
        name = "über uns #1 100%.md"
        (folder / name).write_text("# Ships\n\nThe ferry Sula sails at noon.\n", encoding="utf-8")
        seen: list[tuple[float, float | None, str | None]] = []

        async def seen_now(progress: float, total: float | None, message: str | None) -> None:
            seen.append((progress, total, message))

        result = await client.call_tool("index", {"paths": [name]}, progress_callback=seen_now)
        assert result.structured_content is not None
        assert result.structured_content["added"] == 1
        assert seen
        assert [done for done, _, _ in seen] == sorted({done for done, _, _ in seen})
        assert seen[-1][0] == seen[-1][1]
        assert (
            "Sula"
            in (await call(client, "search", query="When does the ferry Sula sail?"))["passages"][
                0
            ]["text"]
        )
        text = (await client.read_resource(document_uri(name))).contents[0].text  # type: ignore[union-attr]  # it is a text
        assert "noon" in text
        (folder / name).unlink()
        assert (await call(client, "index"))["removed"] == 1


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is not among the documents."""
    path = tmp_path_factory.mktemp("private") / "secret.md"
    path.write_text("The code of the safe is 4711.", encoding="utf-8")
    return path


async def test_mcp_index_refuses_paths_outside_the_folders(
    server: DocumentServer, folder: Path, secret: Path
) -> None:
    async with Client(server) as client:
        link = folder / "link.md"
        link.symlink_to(secret)
        try:
            for path in (
                str(secret),
                f"../../{secret.parent.name}/secret.md",
                "link.md",
                str(link),
                "/",
                "..",
                f"{folder}/../x",
            ):
                assert "outside the folders" in await refusal(client, "index", paths=[path])
        finally:
            link.unlink()


async def test_mcp_links_that_lead_out_of_the_folders_are_not_indexed(
    server: DocumentServer, folder: Path, secret: Path
) -> None:
    links = [folder / "link.md", folder / "a folder [1]", folder / "loop"]
    links[0].symlink_to(secret)
    links[1].symlink_to(secret.parent)
    links[2].symlink_to(folder)
    async with Client(server) as client:
        try:
            done = await call(client, "index")
            assert done["added"] == 0
            assert [problem for problem in done["problems"] if "leads out" in problem] == [
                f"{link}: it is a link that leads out of the folders." for link in sorted(links[:2])
            ]
            assert "4711" not in str(
                await call(client, "search", query="What is the code of the safe?", limit=50)
            )
        finally:
            for link in links:
                link.unlink()
        assert (await call(client, "index"))["problems"] == []


async def test_mcp_only_the_index_can_be_read(
    server: DocumentServer, secret: Path, folder: Path
) -> None:
    async with Client(server) as client:
        for source in (
            str(secret),
            "../secret.md",
            "people.md/../people.md",
            ".localllm/catalogue.sqlite",
            "",
            "\0",
            str(folder / "people.md"),
        ):
            with pytest.raises(MCPError):
                await client.read_resource(document_uri(source))
        for uri in (
            secret.as_uri(),
            "document:///%2e%2e/secret.md",
            "https://tracer.invalid/",
            "document://other/people.md",
        ):
            with pytest.raises(MCPError):
                await client.read_resource(uri)
        for key in (str(secret), "people.md", "", "' OR 1=1 --"):
            assert "no passage" in await refusal(client, "read_passage", id=key)


async def test_mcp_read_only_server_without_a_model_has_no_index_and_no_ask(rag: LocalRAG) -> None:
    with LocalRAG(None, rag.store.embeddings, rag.store.folder) as plain:
        async with Client(DocumentServer(Documents(plain), read_only=True)) as client:
            assert sorted(tool.name for tool in (await client.list_tools()).tools) == [
                "list_documents",
                "read_passage",
                "search",
            ]


async def test_mcp_answers_say_that_the_index_is_being_updated(rag: LocalRAG, folder: Path) -> None:
    documents = Documents(rag, [folder])
    notes: list[str | None] = []
    documents.index(on_progress=lambda _: notes.append(documents.indexing_note))
    assert "6 of 6 files are done" in str(notes[-1])
    assert documents.indexing_note is None


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with one document, and no index yet."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "people.md").write_text(
        "# People\n\nOdalys Fenn is the warden.\n", encoding="utf-8"
    )
    return tmp_path / "notes"


async def test_mcp_command_over_stdio_indexes_the_folder_and_answers(own: Path) -> None:
    parameters = StdioServerParameters(
        command=COMMAND[0], args=[*COMMAND[1:], "mcp", str(own)], env={**os.environ}
    )
    async with Client(parameters) as client:
        first = await call(client, "search", query="warden")  # at once, while it is being indexed
        assert first["passages"] or first["note"]
        await call(client, "index")  # waits for the other update
        found = await call(client, "search", query="warden")
        assert found["note"] is None
        assert "Odalys Fenn" in found["passages"][0]["text"]
        assert "Odalys Fenn" in (await call(client, "ask", question="Who is the warden?"))["answer"]


def configurations() -> dict[str, list[dict[str, Any]]]:
    """The servers in the configurations of docs/mcp.md, by `stdio` and `http`."""
    found: dict[str, list[dict[str, Any]]] = {"stdio": [], "http": []}
    for text in re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        whole = json.loads(text)
        for server in (whole.get("mcpServers") or whole["servers"]).values():
            found["stdio" if "command" in server else "http"].append(server)
    return found


async def test_mcp_configurations_of_the_docs_start_the_server_or_reach_it(own: Path) -> None:
    servers = configurations()
    assert (len(servers["stdio"]), len(servers["http"])) == (2, 2)
    for server in servers["stdio"]:
        assert Path(server["command"]).name == "localllm"
        arguments = [
            re.sub(r"^/home/me/notes$|^\$\{workspaceFolder\}/docs$", str(own), each)
            for each in server["args"]
        ]
        assert str(own) in arguments
        parameters = StdioServerParameters(
            command=COMMAND[0], args=[*COMMAND[1:], *arguments], env={**os.environ}
        )
        async with Client(parameters) as client:
            assert sorted(tool.name for tool in (await client.list_tools()).tools) == TOOLS
    with serving("mcp", own, "--http", LOCALLLM_API_KEY="choose-a-long-one") as (about, _):
        for server in servers["http"]:
            headers = {
                name: value.replace("${input:key}", "choose-a-long-one")
                for name, value in server["headers"].items()
            }
            url = server["url"].replace(
                "http://127.0.0.1:8765", about["address"].removesuffix("/mcp")
            )
            async with (
                httpx2.AsyncClient(headers=headers, timeout=60) as http,
                Client(streamable_http_client(url, http_client=http)) as client,
            ):
                assert sorted(tool.name for tool in (await client.list_tools()).tools) == TOOLS


def test_mcp_stdout_has_protocol_messages_only_although_everything_is_logged(
    own: Path, tmp_path: Path
) -> None:
    code = (
        "import logging, sys; logging.basicConfig(level=logging.DEBUG); from "
        f"langchain_localllm.cli.app import run; sys.exit(run(['mcp', {str(own)!r}]))"
    )
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    requests: list[dict[str, Any]] = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {
            "jsonrpc": "2.0",
            "id": 2,
            "method": "tools/call",
            "params": {"name": "index", "arguments": {}},
        },
    ]
    with (
        (tmp_path / "errors").open("w+", encoding="utf-8") as errors,
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=PIPE, stdout=PIPE, stderr=errors, encoding="utf-8"
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        process.stdin.write(
            "this is not JSON\n" + "".join(f"{json.dumps(each)}\n" for each in requests)
        )
        process.stdin.flush()
        messages = []
        for line in process.stdout:
            messages.append(json.loads(line))
            if messages[-1].get("id") == 2:
                process.stdin.close()  # at which the server ends
        assert process.wait(timeout=120) == 0
        assert "DEBUG" in (tmp_path / "errors").read_text(encoding="utf-8")
    assert all(message["jsonrpc"] == "2.0" for message in messages)
    assert {1, 2} <= {message.get("id") for message in messages}


async def test_mcp_command_over_http_needs_its_key_and_refuses_web_pages(own: Path) -> None:
    with serving("mcp", own, "--http", LOCALLLM_API_KEY="sesame") as (about, _):
        url = about["address"]
        good = {"Authorization": "Bearer sesame"}
        in_container = {**good, "Host": f"host.docker.internal:{urlsplit(url).port}"}
        async with (
            httpx2.AsyncClient(headers=good, timeout=60) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            assert sorted(tool.name for tool in (await client.list_tools()).tools) == TOOLS
            assert (await call(client, "index"))["problems"] == []
            assert (
                "Odalys Fenn"
                in (await call(client, "ask", question="Who is the warden?"))["answer"]
            )
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Bearer guess"}, 401),
            ({**good, "Origin": "https://evil.example"}, 403),
            ({**good, "Host": "evil.example"}, 403),
            (in_container, 400),  # it is answered, and the body is no message
        ):
            assert httpx2.post(url, headers=headers, json={}, timeout=60).status_code == status, (
                headers
            )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([".", "--http", "--host", "0.0.0.0"], "--api-key"),  # noqa: S104 - it is refused
        (["--store", "none"], "There is no index"),
        (["no-such-folder"], "is not a folder"),
    ],
)
def test_mcp_command_refuses_what_it_cannot_serve(
    arguments: list[str], words: str, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own)
    check_fault(in_process("mcp", *arguments), 2 if arguments[-1] != "none" else 1, words)


@pytest.mark.skipif(
    not MCP_ADAPTERS.exists(), reason="langchain-mcp-adapters is not installed: make test does"
)
def test_mcp_our_agent_uses_the_tools_through_langchain_mcp_adapters(
    own: Path, tmp_path: Path
) -> None:
    script = Path(__file__).with_name("mcp_agent.py")
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, script, tmp_path, own],
        capture_output=True,
        check=False,
        encoding="utf-8",
        env={
            **os.environ,
            "PYTHONPATH": f"{MCP_ADAPTERS}{os.pathsep}{root}",
            "SERVER_PYTHONPATH": str(root),
        },
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["mcp"].startswith("1.")
    assert found["tools"] == TOOLS
    assert "Odalys Fenn is the warden." in found["result"]
    assert found["answer"] == "Odalys Fenn is the warden, says the handbook."
