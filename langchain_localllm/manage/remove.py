"""Remove a model from the disk."""

from pathlib import Path
from typing import Final

from langchain_localllm.errors import InvalidOptionError, ModelFileError
from langchain_localllm.gguf.split_files import SPLIT_FILE
from langchain_localllm.manage.inventory import ListedModel, ollama_server
from langchain_localllm.models import tiny_chat_model

__all__ = ["remove"]

_MODEL_FILES: Final = frozenset({".gguf", ".llamafile"})


def remove(model: ListedModel) -> None:
    """Remove a model: its files, their content in the Hugging Face cache, or Ollama's model.

    Args:
        model: The model, as `resolve` returns it.

    Raises:
        InvalidOptionError: It is not a model file, it is only one part of a split model, or it is a
            server.
        ModelFileError: A file cannot be removed.
    """
    if model.path and model.path.resolve().parent == tiny_chat_model().resolve().parent:
        raise InvalidOptionError(f"{model.name} is part of this package and cannot be removed.")
    if model.name.startswith("ollama:") and (server := ollama_server()):
        server.delete(model.name.removeprefix("ollama:"))
    elif model.path is not None:
        for path in _parts(model.path):
            _remove(path)
    else:
        raise InvalidOptionError(
            f"{model.name} is a server. Remove the model on the server itself."
        )


def _parts(path: Path) -> list[Path]:
    """Return all files of the model whose first or only file this is."""
    if path.suffix not in _MODEL_FILES:
        raise InvalidOptionError(
            f"{path} is not a model's file: its name does not end in .gguf or .llamafile. Nothing "
            "was removed."
        )
    first = SPLIT_FILE.fullmatch(path.name)
    if first is None:
        return [path]
    if int(first["number"]) != 1:
        raise InvalidOptionError(
            f"{path} is one part of a model in {int(first['count'])} files. Name its first part "
            "to remove all."
        )
    same = (first["name"], first["count"])
    matches = {each: SPLIT_FILE.fullmatch(each.name) for each in path.parent.iterdir()}
    return sorted(
        each for each, part in matches.items() if part and (part["name"], part["count"]) == same
    )


def _remove(path: Path) -> None:
    try:
        content = _hub_content(path)
        path.unlink()
        if content is not None and not _linked(content):
            content.unlink(missing_ok=True)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be removed: {error.strerror}.") from None


def _hub_content(path: Path) -> Path | None:
    """Return the file behind a link in the hub's cache, or `None` for any other file or link.

    Other links are not followed: a link that the user made can lead to a file of another program,
    such as a blob of Ollama.
    """
    content = path.resolve()
    snapshots = content.parent.parent / "snapshots"
    is_hub_link = (
        path.is_symlink()
        and content.parent.name == "blobs"
        and path.parent.resolve().is_relative_to(snapshots)
    )
    return content if is_hub_link else None


def _linked(content: Path) -> bool:
    """Return whether another revision in the hub's cache still uses the content of a file."""
    snapshots = content.parent.parent / "snapshots"
    return any(link.resolve() == content for link in snapshots.rglob("*") if link.is_symlink())
