"""`localllm ui`: your documents in a page."""

import os
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langchain_localllm.cli.chat_models import AnswerTokens, Model
from langchain_localllm.cli.model_args import answering_model
from langchain_localllm.cli.model_args import embedding_model as opened_embedding_model
from langchain_localllm.cli.open_rag import STORE, EmbeddingModel, Remote
from langchain_localllm.cli.stderr import print_stderr
from langchain_localllm.extras import pip_install

if TYPE_CHECKING:
    from langchain_localllm.manage.inventory import ListedModel

_PACKAGES = ("starlette", "uvicorn", "filelock")


def ui(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]",
            help="Files and folders to index. More can be added in the page.",
            show_default=False,
        ),
    ] = None,
    *,
    store: Annotated[
        Path, typer.Option("--store", help="The folder of the index and of the conversations.")
    ] = STORE,
    model: Model = "",
    embedding_model: EmbeddingModel = "",
    max_tokens: AnswerTokens = None,
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, help="Port; 0 is a free one.")
    ] = 0,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen on. Other machines can reach the page only with a key.",
        ),
    ] = "127.0.0.1",
    api_key: Annotated[
        str,
        typer.Option(
            "--api-key",
            envvar="LOCALLLM_API_KEY",
            help="The token in the page's address. Default: a random one.",
            show_default=False,
        ),
    ] = "",
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
    allow_remote: Remote = False,
) -> None:
    """Open a page in the browser, to ask questions about your documents, until Ctrl-C.

    Add files and folders, watch them being indexed, and get answers whose citations open the
    passage that they come from. Nothing leaves this machine: the page is at 127.0.0.1, and its
    address has a token without which it does not answer.
    """
    _check_packages()
    from langchain_localllm.rag.answer.privacy import silence_process
    from langchain_localllm.rag.ingest.discover import check_path
    from langchain_localllm.web.app import page_address, ui_app
    from langchain_localllm.web.history import History
    from langchain_localllm.web.library import Library, ModelOpeners
    from langchain_localllm.web.security import address_of, check_host, listen, new_key
    from langchain_localllm.web.serving import serve_app

    check_host(host, api_key)
    silence_process()
    given = [path.expanduser().absolute() for path in paths or []]
    for path in given:
        check_path(path)
    chat, embeddings = _models(store, model, embedding_model)

    def open_chat(chosen: "ListedModel") -> Any:
        return answering_model(chosen, max_tokens, allow_remote=allow_remote)

    openers = ModelOpeners(_resolve, open_chat, opened_embedding_model)
    library = Library(store, openers, chat=chat, embeddings=embeddings, allow_remote=allow_remote)
    token = api_key or new_key()
    with ExitStack() as parts:
        sock = parts.enter_context(listen(host, port))
        address = page_address(address_of(sock), token)

        def on_ready() -> None:
            library.start(given)
            print(address, flush=True)
            print_stderr("Open this address in a browser on this machine. Ctrl-C ends it.")
            if open_page and sys.stdout.isatty() and _has_display():
                parts.enter_context(opened_in_browser(address, store))

        parts.callback(library.close)
        app = ui_app(
            library,
            History(store / "conversations"),
            token=token,
            host=host,
            allow_remote=allow_remote,
        )
        serve_app(app, sock, on_ready=on_ready)


def _check_packages() -> None:
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        from langchain_localllm.errors import MissingDependencyError

        raise MissingDependencyError(f"The page needs {', '.join(missing)}: {pip_install('ui')}")


def _resolve(reference: str, purpose: str) -> "ListedModel":
    from langchain_localllm.manage.resolve import resolve

    return resolve(reference, "embeddings" if purpose == "embeddings" else "chat")


def _models(store: Path, model: str, embedding_model: str) -> "tuple[ListedModel, ListedModel]":
    """Return the chat model and the embedding model; by default the latter is that of the index."""
    from langchain_localllm.rag import Store

    index = Store(store)
    known = index.setting("embedding_source") if index.exists else ""
    index.close()
    return _resolve(model, "chat"), _resolve(embedding_model or known or "", "embeddings")


def _has_display() -> bool:
    return sys.platform in {"darwin", "win32"} or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


@contextmanager
def opened_in_browser(address: str, folder: Path) -> Iterator[None]:
    """Open an address in the browser, by a file that redirects to it.

    The file is deleted at the end of the block. Other users can see the arguments of a browser's
    process, and only the owner can read the file. It is not in the folder for temporary files,
    which browsers that are installed as a snap cannot read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".html", prefix="open-", dir=folder) as file:
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(address)}">')
        file.flush()
        webbrowser.open(Path(file.name).absolute().as_uri())
        yield
