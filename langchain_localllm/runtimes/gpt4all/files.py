"""Where the files of models are, and fetching one where that was asked for."""

from pathlib import Path
from typing import Final

from langchain_localllm.errors import ConnectionFailedError, ModelFileError
from langchain_localllm.models.gguf_check import GGUFInfo
from langchain_localllm.runtimes.gpt4all.binding import binding

_EMBEDDING_ARCHITECTURES: Final = frozenset({"bert", "nomic-bert"})


def models_folder() -> Path:
    """Where the gpt4all package keeps models."""
    return Path.home() / ".cache" / "gpt4all"


def model_file(model: str) -> Path:
    """The file of a model: a path as it is, a bare name here or in the package's folder; `.gguf` may be left out."""
    path = Path(model).expanduser()
    for folder in _folders(path):
        for name in (path.name, f"{path.name}.gguf"):
            if (folder / name).is_file():
                return folder / name
    return path


def _folders(path: Path) -> list[Path]:
    return [path.parent, models_folder()] if path.parent == Path() else [path.parent]


def check_there(path: Path) -> None:
    """Raises `ModelFileError` for a bare name without a file, with what can be done."""
    if path.parent == Path() and not path.exists():
        raise ModelFileError(
            f"There is no model file {path}, neither here nor in {models_folder()}. Give the path of a GGUF file, or "
            "allow_download=True to fetch it from gpt4all.io."
        )


def fetch(model: str) -> None:
    """Fetch a model from gpt4all.io to where `model_file` finds it.

    Raises:
        ConnectionFailedError: gpt4all.io does not answer.
        ModelFileError: It has no such model.
    """
    binding()
    import gpt4all
    import requests

    path = Path(model).expanduser()
    folder = _folders(path)[-1]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        gpt4all.GPT4All.retrieve_model(path.name, model_path=folder, allow_download=True)
    except requests.RequestException as error:
        raise ConnectionFailedError(
            f"gpt4all.io cannot be reached to fetch {path.name} ({type(error).__name__}). "
            "Fetch a GGUF file yourself and give its path."
        ) from None
    except ValueError as error:
        raise ModelFileError(f"gpt4all.io did not give {path.name}: {error}. Is the name right?") from None


def check_kind(path: Path, info: GGUFInfo, *, embeds: bool) -> None:
    """Raises `ModelFileError` where vectors are wanted of a model that makes text, or the other way round."""
    if (info.architecture in _EMBEDDING_ARCHITECTURES) is embeds:
        return
    if embeds:
        known = " and ".join(sorted(_EMBEDDING_ARCHITECTURES))
        raise ModelFileError(f"{path} is a model for text ({info.architecture}), and GPT4All embeds with {known} only.")
    raise ModelFileError(f"{path} makes embeddings and no text: use it with GPT4AllEmbeddings.")
