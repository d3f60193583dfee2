"""A model as a person names it: a file, or the address of a server that runs."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from langchain_localllm.errors import InvalidOptionError

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from langchain_localllm import Ollama
    from langchain_localllm.base.chat import LocalChatModel

ANSWER_TOKENS: Final = 512
"""Longest answer about files: a small model may otherwise go on until its context is full."""
AnswerTokens = Annotated[
    int | None,
    typer.Option(
        "--max-tokens", min=1, help="Longest answer, in tokens. Default: 512, but at most a quarter of the model's context."
    ),
]
REFERENCE_HELP: Final = (
    "A GGUF file, a llamafile, ollama:NAME, a server's http address, or a name that localllm models lists. "
    "Default: the tiny chat model."
)


def check_model(model: str, option: str, *, embedding: bool = False) -> str:
    """Find a model before any work is done.

    Args:
        model: A file, an http address, `ollama:NAME` or a name that `localllm models` lists.
        option: The option it was given with, for the message.
        embedding: Whether it must make embeddings; otherwise it must chat.

    Returns:
        The model's absolute path, its address or `ollama:NAME`, which mean the same from any folder.

    Raises:
        InvalidOptionError: There is no such model, or it is of another kind.
    """
    if "://" in model:
        from langchain_localllm.transport.address import Address

        Address.parse(model)
        return model
    if model.startswith("ollama:") and model != "ollama:":
        return model
    path = Path(model).expanduser()
    if not path.exists():
        from langchain_localllm.errors import ModelMissingError
        from langchain_localllm.models.listing import find

        try:
            found = find(model)
        except ModelMissingError as error:
            raise InvalidOptionError(f"{option}: {error}") from None
        if found.path is None:
            return found.name
        path = found.path
    (check_embedding_model if embedding else check_chat_model)(path)
    return str(path.absolute())


@contextmanager
def answering(model: str, max_tokens: int | None) -> "Iterator[LocalChatModel]":
    """Open the chat model for `ask` and `rag`, at temperature 0.

    Args:
        model: As `check_model` returns it.
        max_tokens: Longest answer, in tokens; `None` for the default, which leaves room for passages in a small context.
    """
    from langchain_localllm import ChatLlamafile, ChatOllama

    def limit(llm: "LocalChatModel") -> int:
        return max_tokens or _default_tokens(llm)

    if model.startswith("ollama:"):
        name = model.removeprefix("ollama:")
        yield ChatOllama(model=name, temperature=0, max_tokens=limit(ChatOllama(model=name)))
        return
    with serving(model) as url:
        yield ChatLlamafile(base_url=url, temperature=0, max_tokens=limit(ChatLlamafile(base_url=url)))


def _default_tokens(llm: "LocalChatModel") -> int:
    from langchain_localllm.prompts.look import look

    context = look(llm).context
    return min(ANSWER_TOKENS, max(context // 4, 1)) if context else ANSWER_TOKENS


@contextmanager
def embedding_with(model: str) -> "Iterator[Embeddings]":
    """Open the embedding model for `ask` and `rag`, as `check_model` returns it."""
    from langchain_localllm import LlamafileEmbeddings, OllamaEmbeddings

    if model.startswith("ollama:"):
        yield OllamaEmbeddings(model=model.removeprefix("ollama:"))
        return
    with serving(model, embedding=True) as url:
        yield LlamafileEmbeddings(base_url=url)


def check_chat_model(path: Path) -> None:
    """Refuse a file that cannot chat: one that makes embeddings, or a base model.

    Raises:
        InvalidOptionError: The file is of another kind, which the message names.
    """
    if not path.is_file() or path.suffix != ".gguf":
        return
    check_text_model(path)
    from langchain_localllm.models.gguf_check import check_gguf

    if "tokenizer.chat_template" not in check_gguf(path).metadata:
        raise InvalidOptionError(
            f"{path.name} is a base model: it has no chat template, so it completes text and does not answer. "
            "Use the instruct version of the model, or complete text in Python with LlamaCpp(model_path=...)."
        )


def check_text_model(path: Path) -> None:
    """Refuse a file that makes embeddings.

    Raises:
        InvalidOptionError: It does.
    """
    from langchain_localllm.models.listing import of_file

    if of_file(path, "").embeddings:
        raise InvalidOptionError(f"{path.name} is an embedding model: it makes vectors and no text. Pass a chat model.")


def check_embedding_model(path: Path) -> None:
    """Refuse a file that makes text.

    Raises:
        InvalidOptionError: It does.
    """
    from langchain_localllm.models.listing import of_file

    found = of_file(path, "")
    if not found.problem and not found.embeddings and "embed" not in path.name.lower():
        raise InvalidOptionError(f"{path.name} is not an embedding model: it makes text. Pass an embedding model.")


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
