"""A model as a person names it: a file, or the address of a server that runs."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_localllm.errors import InvalidOptionError

if TYPE_CHECKING:
    from langchain_localllm import Ollama


def check_model(model: str, option: str) -> None:
    """Refuse a name that is neither a file nor an http address, before any work is done.

    Args:
        model: What the person gave.
        option: The option it was given with, for the message.

    Raises:
        InvalidOptionError: There is no such file, or it is no address.
    """
    if "://" in model:
        from langchain_localllm.transport.address import Address

        Address.parse(model)
    elif not Path(model).expanduser().exists():
        raise InvalidOptionError(
            f"{option}: There is no file {model}. Give a GGUF file, a llamafile, or a server's address that begins with http://."
        )


@contextmanager
def serving(model: str, *, embedding: bool = False) -> Iterator[str]:
    """The address of a server for the model; for a file, one is started and ended with the block.

    Args:
        model: A GGUF file, a llamafile, or an http address.
        embedding: Whether the server must make embeddings.

    Yields:
        The address, such as `http://127.0.0.1:8080`.
    """
    if "://" in model:
        yield model
        return
    from langchain_localllm.runtimes.llamafile.server import LocalServer

    with LocalServer(model, embedding=embedding) as server:
        yield server.base_url


def ollama(model: str = "none") -> "Ollama":
    """Ollama at `OLLAMA_HOST`, else on this machine, for one of its models or for its list of them."""
    from langchain_localllm import Ollama

    return Ollama(model=model)


def model_file(name: str) -> Path:
    """The file of a model: a path, or a name that `localllm models` lists, Ollama's too; the tiny chat model for an empty one.

    Raises:
        ModelMissingError: There is none; the message names near ones.
        InvalidOptionError: The model is no file.
    """
    from langchain_localllm.models import tiny_chat_model
    from langchain_localllm.models.listing import find

    path = Path(name).expanduser() if name else tiny_chat_model()
    if path.exists():
        return path
    found = find(name)
    file = _ollama_file(found.name) if found.name.startswith("ollama:") else found.path
    if file is None:
        raise InvalidOptionError(f"{found.name} has no file here, and a file is needed.")
    return file


def _ollama_file(name: str) -> Path | None:
    """The GGUF file that Ollama keeps for a model, where it is on this disk and open to us."""
    told = re.search(r"^FROM (/.*|[A-Z]:.*)$", ollama().show(name.removeprefix("ollama:")).modelfile, re.MULTILINE)
    path = Path(told[1]) if told else None
    return path if path and os.access(path, os.R_OK) else None
