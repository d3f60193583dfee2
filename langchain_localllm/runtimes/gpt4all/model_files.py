"""Find the files of models, and download one where that was asked for."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import requests

from langchain_localllm.base.progress import ProgressBar
from langchain_localllm.errors import ConnectionFailedError, ModelFileError, ModelMissingError
from langchain_localllm.gguf.download import Digest, Progress, download_file
from langchain_localllm.gguf.header import GGUFInfo
from langchain_localllm.runtimes.gpt4all.backend import EMBEDDING_ARCHITECTURES

SITE: Final = "https://gpt4all.io/models"
_SECONDS: Final = 30


def models_folder() -> Path:
    """Where the gpt4all package keeps models."""
    return Path.home() / ".cache" / "gpt4all"


def model_file(model: str) -> Path:
    """Return the file of a model: a path as it is, a bare name here or in the package's folder.

    `.gguf` may be left out.
    """
    path = Path(model).expanduser()
    for folder in _folders(path):
        for name in (path.name, f"{path.name}.gguf"):
            if (folder / name).is_file():
                return folder / name
    return path


def _folders(path: Path) -> list[Path]:
    return [path.parent, models_folder()] if path.parent == Path() else [path.parent]


def check_there(path: Path) -> None:
    """Raise `ModelFileError` for a bare name without a file, with what can be done."""
    if path.parent == Path() and not path.exists():
        raise ModelFileError(
            f"There is no model file {path}, neither here nor in {models_folder()}. Give the path "
            "of a GGUF file, or allow_download=True to fetch it from gpt4all.io."
        )


def fetch(model: str, progress: Progress | None = None) -> None:
    """Fetch a model of GPT4All's catalog to where `model_file` finds it.

    Args:
        model: Its file name; `.gguf` may be left out.
        progress: Is given the bytes that are there, and of how many. Default: a bar on stderr.

    Raises:
        ConnectionFailedError: The site cannot be reached, or broke off.
        ModelFileError: It has no such model, or what came is not what the catalog announces.
    """
    path = Path(model).expanduser()
    name = path.name if path.suffix == ".gguf" else f"{path.name}.gguf"
    catalog = _catalog(name)
    entry = catalog.get(name, {})
    digest: Digest | None = ("md5", str(entry["md5sum"]).lower()) if entry.get("md5sum") else None
    try:
        download_file(
            entry.get("url") or f"{SITE}/gguf/{name}",
            _folders(path)[-1] / name,
            digest,
            progress or _Bar(),
        )
    except ModelMissingError:
        near = get_close_matches(name, catalog, n=3)
        hint = f"Similar names: {', '.join(near)}." if near else "Is the name right?"
        raise ModelFileError(f"gpt4all.io has no model {name}. {hint}") from None


def _catalog(wanted: str) -> dict[str, dict[str, Any]]:
    """GPT4All's models by file name."""
    try:
        reply = requests.get(f"{SITE}/models3.json", timeout=_SECONDS)
        reply.raise_for_status()
        return {entry["filename"]: entry for entry in reply.json()}
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise ConnectionFailedError(
            f"gpt4all.io cannot be reached to fetch {wanted} ({type(error).__name__}). "
            "Fetch a GGUF file yourself and give its path."
        ) from None


class _Bar:
    """Show how much of a file was received; the check at the end is not shown."""

    def __init__(self) -> None:
        self._bar: ProgressBar | None = None
        self._done = 0

    def __call__(self, done: int, total: int) -> None:
        bar = self._bar = self._bar or ProgressBar("bytes", total)
        if done > self._done:
            bar.add(done - self._done)
            self._done = done
            if done == total:
                bar.__exit__()


def check_kind(path: Path, info: GGUFInfo, *, embeds: bool) -> None:
    """Raise `ModelFileError` if an embedding model is used for text, or a text model to embed."""
    if embeds and not (info.embeds or info.architecture in EMBEDDING_ARCHITECTURES):
        raise ModelFileError(
            f"{path} is a model for text ({info.architecture}), not for embeddings: use it "
            "with GPT4All."
        )
    if not embeds and info.architecture in EMBEDDING_ARCHITECTURES:
        raise ModelFileError(f"{path} makes embeddings and no text: use it with GPT4AllEmbeddings.")
