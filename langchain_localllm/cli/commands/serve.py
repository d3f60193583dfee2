"""`localllm serve`: the local server of a model file, or of several."""

import inspect
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from langchain_localllm.cli.interrupt import cleaning_up
from langchain_localllm.cli.output import AsJson, print_json
from langchain_localllm.cli.stderr import print_stderr
from langchain_localllm.runtimes.llamafile.server_options import ALIASES, OPTIONS, ServerOption

_LOOKING: float = 0.5
_TYPES: Final[dict[str, Any]] = {
    "int": int,
    "float": float,
    "switch": bool,
    "pair": bool,
    "file": Path,
    "folder": Path,
    "lora": list[str],
}
"""The kind of an option to its type on the command line; others are texts."""
_OTHER_FLAGS: Final = frozenset({"gpu_layers", "model_draft", "n_predict", "reranking"})
"""Aliases that are flags of llama-server too."""


def _with_server_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options of llama.cpp's server, which it gets as keyword arguments."""
    signature = inspect.signature(function)
    own = [
        each
        for each in signature.parameters.values()
        if each.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    more = {option.name: _parameter(option) for option in OPTIONS.values()}
    about = "LoRA adapters with their scales, each as FILE:SCALE."
    more["lora_scaled"] = _keyword(
        "lora_scaled", list[str], typer.Option("--lora-scaled", help=about)
    )
    function.__signature__ = signature.replace(parameters=[*own, *more.values()])  # type: ignore[attr-defined]  # typer reads it
    function.__annotations__ |= {name: parameter.annotation for name, parameter in more.items()}
    return function


def _parameter(option: ServerOption) -> inspect.Parameter:
    names = (
        option.name,
        *(
            alias
            for alias, name in ALIASES.items()
            if name == option.name and alias in _OTHER_FLAGS
        ),
    )
    flags = dict.fromkeys([*(f"--{name.replace('_', '-')}" for name in names), option.switch])
    if option.kind == "pair":
        flags = {f"{flag}/--no-{flag[2:]}": None for flag in flags}
    about = (
        f"{option.about} One of {', '.join(option.words)}."
        if option.words and option.kind == "word"
        else option.about
    )
    return _keyword(option.name, _TYPES.get(option.kind, str), typer.Option(*flags, help=about))


def _keyword(name: str, kind: Any, option: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )


@_with_server_options
def serve(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help=(
                "A GGUF file, a llamafile, ollama:NAME, or a name that localllm models lists. "
                "Leave it out with --models-dir or --models-preset."
            ),
        ),
    ] = None,
    *,
    port: Annotated[
        int,
        typer.Option("--port", "-p", min=0, max=65535, help="Port on 127.0.0.1; 0 is a free one."),
    ] = 8080,
    context: Annotated[
        int | None,
        typer.Option(
            "--context", "--ctx-size", "-c", min=1, help="Tokens of context for each request."
        ),
    ] = None,
    parallel: Annotated[
        int, typer.Option("--parallel", min=1, help="Requests answered at the same time.")
    ] = 1,
    threads: Annotated[
        int | None, typer.Option("--threads", "-t", min=1, help="Threads to compute with.")
    ] = None,
    embedding: Annotated[
        bool,
        typer.Option("--embedding", "--embeddings", help="Serve embeddings instead of answers."),
    ] = False,
    launcher: Annotated[
        str | None,
        typer.Option(
            "--launcher",
            help=(
                "What serves a GGUF file: llama-server, the path of one, or xllamacpp. Default: "
                "the first installed."
            ),
        ),
    ] = None,
    as_json: AsJson = False,
    **options: Any,
) -> None:
    """Serve a model on this machine with OpenAI's API, until Ctrl-C.

    Programs find it at http://127.0.0.1:8080/v1. Other machines cannot reach it. Set LLAMA_API_KEY
    to require a key. All options after --launcher have the names of llama-server flags.
    """
    from langchain_localllm import LocalServer
    from langchain_localllm.errors import ServerStartError

    chosen = {name: value for name, value in options.items() if value not in (None, [])}
    if adapters := _adapters(chosen.pop("lora", []), chosen.pop("lora_scaled", [])):
        chosen["lora"] = adapters
    path = _file_of(model, embedding=embedding, rerank=bool(chosen.get("rerank")))
    key = os.environ.get("LLAMA_API_KEY")
    with (
        cleaning_up(),
        LocalServer(
            path,
            n_ctx=context,
            n_parallel=parallel,
            threads=threads,
            embedding=embedding,
            api_key=key,
            port=port,
            launcher=launcher,
            **chosen,
        ) as server,
    ):
        served = str(path or chosen.get("models_dir") or chosen.get("models_preset"))
        if as_json:
            print_json(
                {
                    "address": server.base_url,
                    "openai": f"{server.base_url}/v1",
                    "pid": server.pid,
                    "model": served,
                }
            )
        else:
            print(f"{server.base_url}/v1", flush=True)
            print_stderr(f"{Path(served).name} is served at {server.base_url}. Ctrl-C ends it.")
        while server.is_alive:
            time.sleep(_LOOKING)
        raise ServerStartError(
            f"The server of {served} ended. Last log line: "
            f"{server.log_tail().strip().splitlines()[-1:]}"
        )


def _file_of(model: str | None, *, embedding: bool, rerank: bool) -> Path | None:
    """Return the file of a model, which is of the kind that is served."""
    if model is None:
        return None
    from langchain_localllm.errors import InvalidOptionError
    from langchain_localllm.manage.resolve import resolve

    found = resolve(model, file=True)
    if found.ranks and not rerank:
        raise InvalidOptionError(
            f"{model} is a reranker: it scores pairs of texts and makes no text. Pass --rerank."
        )
    if found.embeddings and not (embedding or rerank):
        raise InvalidOptionError(
            f"{model} is an embedding model: it makes vectors and no text. Pass --embedding."
        )
    return Path(found.name)


def _adapters(plain: list[str], scaled: list[str]) -> list[Any]:
    """Parse LoRA adapters as llama-server does: files, with or without scales.

    Several are separated by commas.
    """
    from langchain_localllm.errors import InvalidOptionError

    adapters: list[Any] = [path for text in plain for path in text.split(",")]
    for text in (part for each in scaled for part in each.split(",")):
        path, _, scale = text.rpartition(":")
        try:
            adapters.append((path, float(scale)))
        except ValueError:
            raise InvalidOptionError(
                f"--lora-scaled needs FILE:SCALE, such as adapter.gguf:0.5, not {text!r}."
            ) from None
    return adapters
