"""`localllm serve`: the local server of a model file."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from langchain_localllm.cli.interrupt import cleaning_up
from langchain_localllm.cli.output import AsJson, print_json
from langchain_localllm.cli.stderr import note

_LOOKING: float = 0.5


def serve(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A GGUF file, a llamafile, ollama:NAME, or a name that localllm models lists.")
    ],
    *,
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="Port on 127.0.0.1; 0 is a free one.")] = 8080,
    context: Annotated[int | None, typer.Option("--context", "-c", min=1, help="Tokens of context for each request.")] = None,
    parallel: Annotated[int, typer.Option("--parallel", min=1, help="Requests answered at the same time.")] = 1,
    embedding: Annotated[bool, typer.Option("--embedding", help="Serve embeddings instead of answers.")] = False,
    as_json: AsJson = False,
) -> None:
    """Serve a model on this machine with OpenAI's API, until Ctrl-C.

    Programs find it at http://127.0.0.1:8080/v1. Other machines cannot reach it. Set LLAMA_API_KEY to require a key.
    """
    from langchain_localllm import LocalServer
    from langchain_localllm.errors import InvalidOptionError, ServerStartError
    from langchain_localllm.manage.resolve import resolve

    found, key = resolve(model, file=True), os.environ.get("LLAMA_API_KEY")
    if found.embeddings and not embedding:
        raise InvalidOptionError(f"{model} is an embedding model: it makes vectors and no text. Pass --embedding.")
    path = Path(found.name)
    with (
        cleaning_up(),
        LocalServer(path, n_ctx=context, n_parallel=parallel, embedding=embedding, api_key=key, port=port) as server,
    ):
        if as_json:
            print_json({"address": server.base_url, "openai": f"{server.base_url}/v1", "pid": server.pid, "model": str(path)})
        else:
            print(f"{server.base_url}/v1", flush=True)
            note(f"{path.name} is served at {server.base_url}. Ctrl-C ends it.")
        while server.is_alive:
            time.sleep(_LOOKING)
        raise ServerStartError(f"The server of {path} ended. Last log line: {server.log_tail().strip().splitlines()[-1:]}")
