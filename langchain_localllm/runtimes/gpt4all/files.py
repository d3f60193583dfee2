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


def model_file(model: str, *, allow_download: bool = False) -> Path:
    """The file of a model: a path as it is, a bare name here or in the package's folder; `.gguf` may be left out.

    Args:
        model: A path or a name.
        allow_download: Whether one that is not there is fetched from gpt4all.io.

    Raises:
        ConnectionFailedError: gpt4all.io does not answer.
        ModelFileError: It has no such model.
    """
    path = Path(model).expanduser()
    is_name = path.parent == Path()
    folders = [path.parent, models_folder()] if is_name else [path.parent]
    for folder in folders:
        for name in (path.name, f"{path.name}.gguf"):
            if (folder / name).is_file():
                return folder / name
    return _fetch(path.name, folders[-1]) if allow_download else path


def _fetch(name: str, folder: Path) -> Path:
    binding()
    import gpt4all
    import requests

    folder.mkdir(parents=True, exist_ok=True)
    try:
        return Path(gpt4all.GPT4All.retrieve_model(name, model_path=folder, allow_download=True)["path"])
    except requests.RequestException as error:
        raise ConnectionFailedError(
            f"gpt4all.io cannot be reached to fetch {name} ({type(error).__name__}). Fetch a GGUF file yourself and give its path."
        ) from None
    except ValueError as error:
        raise ModelFileError(f"gpt4all.io did not give {name}: {error}. Is the name right?") from None


def refuse_embedding_model(path: Path, info: GGUFInfo) -> None:
    """Raises `ModelFileError` for a model that makes vectors and no text."""
    if info.architecture in _EMBEDDING_ARCHITECTURES:
        raise ModelFileError(f"{path} makes embeddings and no text: use it with GPT4AllEmbeddings.")
