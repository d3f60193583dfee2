"""A chat model for a command, from the name that a person gives, and its answer on the screen."""

import importlib.util
import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from langchain_localllm.cli.interrupt import ending_at_once
from langchain_localllm.cli.notes import note
from langchain_localllm.cli.repetition import RepetitionDetector
from langchain_localllm.cli.serving import check_chat_model, serving

if TYPE_CHECKING:
    from langchain_localllm.base.chat import LocalChatModel

_RUNTIMES: Final = ("ollama", "llamacpp", "gpt4all", "llamafile")
MODEL_HELP: Final = (
    "A GGUF file, ollama:NAME, gpt4all:FILE, llamacpp:FILE, llamafile:FILE (a server for it), a server's http address, "
    "or a name that localllm models lists. Default: the tiny chat model."
)
Model = Annotated[str, typer.Option("--model", "-m", help=MODEL_HELP, show_default=False)]
System = Annotated[str, typer.Option("--system", "-s", help="Instructions that stand before the conversation.")]
Temperature = Annotated[float | None, typer.Option("--temperature", "-t", min=0, help="Randomness. Default: the runtime's.")]
MAX_TOKENS: Final = 2048
"""Longest answer of `run` and `chat`: a small model may otherwise go on until its context is full."""
MaxTokens = Annotated[int, typer.Option("--max-tokens", min=1, help="Longest answer, in tokens.")]
Seed = Annotated[int | None, typer.Option("--seed", help="The same seed gives the same answer.")]


@contextmanager
def chat_model(name: str, **options: Any) -> "Iterator[LocalChatModel]":
    """The chat model of this name, freed or ended with the block.

    Args:
        name: As `MODEL_HELP` says; empty for the tiny one.
        **options: Options of the class; those that are `None` are left out.

    Raises:
        ModelMissingError: There is no such model; the message names near ones.
    """
    from langchain_localllm import ChatLlamafile, init_chat_model

    chosen = {key: value for key, value in options.items() if value is not None}
    runtime, colon, rest = _resolved(name).partition(":")
    if runtime not in {"http", "https", "ollama"}:
        check_chat_model(Path(rest).expanduser())
    with ExitStack() as stack:
        if runtime in {"http", "https"}:
            yield ChatLlamafile(base_url=f"{runtime}:{rest}", **chosen)
        elif runtime == "llamafile":
            yield ChatLlamafile(base_url=stack.enter_context(serving(rest)), **chosen)
        else:
            model = init_chat_model(f"{runtime}{colon}{rest}", **chosen)
            stack.callback(_close, model)
            yield model


def is_model(word: str) -> bool:
    """Return whether a single word on the command line names a model rather than being a prompt."""
    if not word or any(map(str.isspace, word)):
        return False
    runtime, colon, rest = word.partition(":")
    if re.search(r"\.(gguf|llamafile)$", word) or (colon and rest and runtime in {*_RUNTIMES, "http", "https"}):
        return True
    from langchain_localllm.errors import LocalLLMError
    from langchain_localllm.models.listing import find

    try:
        return bool(find(word))
    except LocalLLMError:
        return False


def _close(model: Any) -> None:
    model.close()


def _resolved(name: str) -> str:
    """The name with its runtime before it."""
    from langchain_localllm.models import tiny_chat_model

    runtime, colon, rest = name.partition(":")
    if colon and (runtime in {"http", "https"} or (runtime in _RUNTIMES and rest)):
        return name
    path = Path(name).expanduser() if name else tiny_chat_model()
    if not path.exists():
        from langchain_localllm.models.listing import find

        found = find(name)
        if found.path is None:
            return found.name
        path = found.path
    return f"{_runtime_for(path)}:{path.absolute()}"


def _runtime_for(path: Path) -> str:
    """The best runtime that is installed for a file."""
    if path.suffix != ".llamafile" and importlib.util.find_spec("llama_cpp"):
        return "llamacpp"
    return "llamafile"


def print_answer(model: "LocalChatModel", messages: list[Any]) -> tuple[str, dict[str, Any]]:
    """Stream an answer to stdout, and return it with what is known of how it was made."""
    answer = ""
    about: dict[str, Any] = {}
    repetition = RepetitionDetector()
    with ending_at_once(), closing(model.stream(messages)) as stream:  # type: ignore[type-var]  # it is a generator
        for chunk in stream:
            print(chunk.text, end="", flush=True)
            answer += chunk.text
            about = {**about, **chunk.response_metadata}
            if repetition.is_repeating(chunk.text or str(chunk.additional_kwargs.get("reasoning_content", ""))):
                about["finish_reason"] = "repetition"
                break
    print()
    if about.get("finish_reason") == "repetition":
        note("The answer repeated itself and was cut. Ask in other words, or try a larger model with --model.")
    if about.get("finish_reason") == "length":
        note("The answer was cut: it reached the longest length. Allow more with --max-tokens, as far as the model's context goes.")
    if not answer.strip():
        note("The model gave no answer. Ask in other words, or try a larger model with --model.")
    return answer, about


def messages_of(prompt: str, system: str = "") -> list[tuple[str, str]]:
    """A conversation that begins."""
    return [*([("system", system)] if system else []), ("human", prompt)]


def from_terminal(text: str) -> str:
    """The text without bytes that are none, which a terminal may hand over."""
    return text.encode(errors="replace").decode()
