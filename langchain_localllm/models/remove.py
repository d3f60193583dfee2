"""Taking a model off the disk."""

import re
from pathlib import Path

from langchain_localllm.errors import InvalidOptionError, ModelFileError
from langchain_localllm.models.listing import ListedModel, ollama_server

__all__ = ["remove"]


def remove(model: ListedModel) -> None:
    """Remove a model: its file or files, in the hub's cache also what they point to, or what Ollama keeps of it.

    Raises:
        InvalidOptionError: It is a server, whose models are not on this disk as far as is known.
        ModelFileError: A file cannot be removed.
    """
    if model.place == "this package":
        raise InvalidOptionError(f"{model.name} belongs to this package, which needs it.")
    if model.name.startswith("ollama:") and (server := ollama_server()):
        server.delete(model.name.removeprefix("ollama:"))
    elif model.path is not None:
        for path in _parts(model.path):
            _remove(path)
    else:
        raise InvalidOptionError(f"{model.name} is a server: remove the model where it keeps it.")


def _parts(path: Path) -> list[Path]:
    if not re.search(r"-00001-of-\d{5}\.gguf$", path.name):
        return [path]
    return sorted(path.parent.glob(re.sub(r"-00001-of-", "-[0-9][0-9][0-9][0-9][0-9]-of-", path.name)))


def _remove(path: Path) -> None:
    try:
        if path.is_symlink() and path.resolve().parent.name == "blobs":  # the hub's cache keeps the content there
            path.resolve().unlink(missing_ok=True)
        path.unlink()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be removed: {error.strerror}.") from None
