"""`localllm mcp`: your documents for MCP clients."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from langchain_localllm.cli.chat_models import AnswerTokens, ChatTemplate, Model, RefusalQuantile
from langchain_localllm.cli.open_rag import (
    STORE,
    EmbeddingModel,
    Passages,
    Remote,
    RerankerModel,
    open_rag,
)
from langchain_localllm.cli.stderr import print_stderr
from langchain_localllm.cli.web_args import AsJson, Host, Key, Port, require_modules, serve_with_key
from langchain_localllm.errors import InvalidOptionError


def mcp(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            help=(
                "The folder of your documents, which is indexed when the server starts. Default: "
                "the index that is there."
            ),
            show_default=False,
        ),
    ] = None,
    *,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", help="The folder of the index. Default: .localllm in FOLDER, else here."
        ),
    ] = None,
    model: Model = "",
    embedding_model: EmbeddingModel = "",
    passages: Passages = None,
    max_tokens: AnswerTokens = None,
    chat_template: ChatTemplate = "",
    reranker: RerankerModel = "",
    refusal_quantile: RefusalQuantile = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Leave out the tool that updates the index.")
    ] = False,
    http: Annotated[
        bool,
        typer.Option("--http", help="Serve over HTTP, with a key, instead of stdin and stdout."),
    ] = False,
    host: Host = "127.0.0.1",
    port: Port = 0,
    api_key: Key = "",
    allow_remote: Remote = False,
    as_json: AsJson = False,
) -> None:
    """Offer your documents to an MCP client, such as Claude Desktop, VS Code or LM Studio.

    The client starts this command and talks with it over stdin and stdout. With --http it is a
    server, whose address is printed. Its tools search the documents, read passages, and let a local
    model answer with citations. Nothing outside FOLDER is read.
    """
    require_modules("mcp", "mcp", "starlette", "uvicorn")
    from langchain_localllm.web.background import BackgroundIndexing
    from langchain_localllm.web.documents import Documents
    from langchain_localllm.web.mcp_server import DocumentServer
    from langchain_localllm.web.security import check_host

    if http:
        check_host(host, api_key)  # before the models are loaded
    if folder is not None and not folder.is_dir():
        raise InvalidOptionError(f"{folder} is not a folder.")
    with ExitStack() as parts:
        rag = parts.enter_context(
            open_rag(
                store or (folder / STORE if folder else STORE),
                model,
                embedding_model,
                allow_remote=allow_remote,
                max_tokens=max_tokens,
                chat_template=chat_template,
                k=passages,
                reranker=reranker,
                refusal_quantile=refusal_quantile,
            )
        )
        if folder is None:
            rag.store.catalog.counts()  # raises if there is no index
        documents = Documents(rag, [folder] if folder else [])
        if folder is not None:
            parts.enter_context(BackgroundIndexing(documents, print_stderr))
        server = DocumentServer(documents, read_only=read_only)
        if http:
            from mcp.server.transport_security import TransportSecuritySettings

            # its own check knows fewer names of this machine than the one of the key
            app = server.streamable_http_app(
                transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False)
            )
            serve_with_key(app, "/mcp", host=host, port=port, api_key=api_key, as_json=as_json)
        else:
            server.run("stdio")
