"""`localllm models`: what is on this machine."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langchain_localllm.cli.output import AsJson, print_json, print_table, size
from langchain_localllm.cli.stderr import print_stderr

if TYPE_CHECKING:
    from langchain_localllm.manage.inventory import ListedModel

Name = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A path or a name from the list, without its folder and .gguf if it is the only one.",
    ),
]
app = typer.Typer(name="models", add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def models(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the models on this machine, of all runtimes together; show or remove one."""
    if context.invoked_subcommand is None:
        _list(as_json=as_json)
    elif as_json:
        context.default_map = {context.invoked_subcommand: {"as_json": True}}


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the models: GGUF files, those of Ollama and those of running servers.

    GGUF files are found in the usual folders and in the current one.
    """
    _list(as_json=as_json)


@app.command()
def show(model: Name, *, as_json: AsJson = False) -> None:
    """Show one model: what its file or its server says."""
    from langchain_localllm.errors import ConnectionFailedError, InvalidOptionError, ModelFileError
    from langchain_localllm.manage.inventory import of_server
    from langchain_localllm.manage.resolve import resolve

    found = resolve(model)
    if "://" in found.name:
        found = of_server(found.name, found.place)
        if found.problem:
            raise ConnectionFailedError(found.problem)
    if found.problem:
        raise (InvalidOptionError if found.path is None else ModelFileError)(found.problem)
    facts = {**asdict(found), **_more(found)}
    if as_json:
        print_json(_with_old_names(facts))
        return
    facts["size"] = size(found.size) if found.size else ""
    for name, value in facts.items():
        if value not in ("", None):
            print(f"{name.replace('_', ' ')}: {_words(value)}")


@app.command()
def rm(
    model: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove one model from the disk, after asking."""
    from langchain_localllm.errors import InvalidOptionError
    from langchain_localllm.manage.remove import remove
    from langchain_localllm.manage.resolve import resolve

    found = resolve(model)
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidOptionError(
                f"Refusing to remove {found.name} without confirmation: pass --yes."
            )
        question = f"Remove {found.name}" + (f", {size(found.size)}?" if found.size else "?")
        if not typer.confirm(question, err=True):
            print_stderr("Nothing was removed.")
            raise typer.Exit(1)
    remove(found)
    if as_json:
        print_json({"removed": found.name, "size": found.size})
    else:
        print_stderr(f"Removed {found.name}.")


def _list(*, as_json: bool) -> None:
    from langchain_localllm.manage.inventory import installed

    found = installed(print_stderr)
    if as_json:
        print_json([_with_old_names(asdict(model)) for model in found])
        return
    if not found:
        print_stderr("There is no model here yet. `localllm pull` lists some.")
        return
    columns = ("model", "size", "quantization", "family", "context", "tools", "embeddings", "where")
    print_table(columns, map(_row, found), right=(1, 4))
    for model in found:
        if model.problem:
            print_stderr(f"{model.name} cannot be used. {model.problem}")


def _row(model: "ListedModel") -> list[str]:
    context = f"{model.context:,}" if model.context else ""
    amount = size(model.size) if model.size else ""
    facts = [
        model.quantization,
        model.family,
        context,
        _words(model.tools),
        _words(model.embeddings),
    ]
    return [model.name, amount, *facts, model.place]


def _with_old_names(facts: dict[str, Any]) -> dict[str, Any]:
    """Repeat values under their British names, which scripts may read; removed in 0.3."""
    old = {"quantization": "quantisation", "license": "licence"}
    return facts | {old[name]: value for name, value in facts.items() if name in old}


def _words(value: object) -> str:
    return (
        {True: "yes", False: "no", None: ""}.get(value, str(value))
        if isinstance(value, bool | None)
        else str(value)
    )


def _more(model: "ListedModel") -> dict[str, Any]:
    """Return what is printed beyond the list."""
    if model.name.startswith("ollama:"):
        from langchain_localllm import Ollama

        card = Ollama(model="none").show(model.name.removeprefix("ollama:"))
        return {
            "parameters": card.parameters,
            "capabilities": ", ".join(card.capabilities),
            "system": card.system,
        }
    path = model.path
    if path is None or model.problem:
        return {}
    from langchain_localllm.gguf.header import check_gguf
    from langchain_localllm.gguf.kv_cache import Architecture

    info = check_gguf(path)
    values = info.metadata
    return {
        "title": values.get("general.name", ""),
        "license": values.get("general.license", ""),
        "layers": Architecture(info).count,
        "vocabulary": info.list_lengths.get("tokenizer.ggml.tokens", 0),
        "chat_template": "tokenizer.chat_template" in values,
    }
