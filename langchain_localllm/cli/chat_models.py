"""Define the options of commands that ask a model, and print its answer."""

import re
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from langchain_localllm.base.repetition import RepetitionDetector
from langchain_localllm.cli.prompt_bar import progress_call
from langchain_localllm.cli.stderr import print_stderr

if TYPE_CHECKING:
    from langchain_localllm.base.chat import LocalChatModel
    from langchain_localllm.base.llm import LocalLLM

_PREFIXES: Final = (
    "ollama",
    "llamacpp",
    "gpt4all",
    "llamafile",
    "hf",
    "pip",
    "http",
    "https",
    "file",
)
_NAME: Final = re.compile(
    r"[a-z]+(-[a-z]+)*[-.]?\d[\w.-]*(:[\w.-]+)?|[\w.-]+:[a-z0-9][\w.-]*"
    r"|[\w.-]+(/[\w.-]+)+(:[\w.-]+)?"
    r"|(llama|mistral|mixtral|gemma|qwen|phi|deepseek|gpt-oss|codellama|tinyllama|smollm|granite"
    r"|command-r)[\w.-]*",
    re.ASCII,
)
"""How names of models look, such as llama3.2, mistral, qwen3:4b and owner/name. Prompts of one word
rarely do."""
REFERENCE_HELP: Final = (
    "A GGUF file, ollama:NAME, gpt4all:FILE, llamacpp:FILE, llamafile:FILE (a server for it), a "
    "server's http address, or a name that localllm models lists."
)
MODEL_HELP: Final = f"{REFERENCE_HELP} Default: the tiny chat model."
Model = Annotated[str, typer.Option("--model", "-m", help=MODEL_HELP, show_default=False)]
System = Annotated[
    str, typer.Option("--system", "-s", help="Instructions before the conversation.")
]
Temperature = Annotated[
    float | None,
    typer.Option("--temperature", "-t", min=0, help="Randomness. Default: the runtime's."),
]
ChatTemplate = Annotated[
    str,
    typer.Option(
        "--chat-template",
        help=(
            "For a model file without a chat template: the name of a format, such as chatml or "
            "vicuna, or a Jinja file."
        ),
        show_default=False,
    ),
]
MAX_TOKENS: Final = 2048
"""Longest answer of `run` and `chat`: a small model may otherwise continue until its context is
full."""
MaxTokens = Annotated[int, typer.Option("--max-tokens", min=1, help="Longest answer, in tokens.")]
AnswerTokens = Annotated[
    int | None,
    typer.Option(
        "--max-tokens",
        min=1,
        help=(
            "Longest answer, in tokens. Default: 512, but at most a quarter of the model's context."
        ),
    ),
]
RefusalQuantile = Annotated[
    float | None,
    typer.Option(
        "--refusal-quantile",
        min=0,
        max=1,
        help=(
            "The share of off-topic questions that are refused. With 0, none is. Default: about "
            "0.75, by the size of the index."
        ),
        show_default=False,
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="The same seed gives the same answer.")]


def is_model(word: str) -> bool:
    """Return whether a single word on the command line names a model, or looks so.

    Otherwise it is a prompt.
    """
    if not word or any(map(str.isspace, word)):
        return False
    runtime, colon, rest = word.partition(":")
    if re.search(r"\.(gguf|llamafile)$", word) or (colon and rest and runtime.lower() in _PREFIXES):
        return True
    if _NAME.fullmatch(word):
        return True
    from langchain_localllm.manage.resolve import is_installed

    return is_installed(word)


def print_answer(
    model: "LocalChatModel", messages: list[Any], *, silent: bool = False
) -> tuple[str, dict[str, Any]]:
    """Stream an answer to stdout, and return it with its response metadata.

    Args:
        model: The model.
        messages: The conversation.
        silent: Only return the answer.
    """

    def pieces() -> Generator[tuple[str, str, dict[str, Any]]]:
        config, options = (None, {}) if silent else progress_call(model)
        with closing(model.stream(messages, config, **options)) as stream:  # type: ignore[type-var]  # it is a generator
            for chunk in stream:
                yield (
                    chunk.text,
                    str(chunk.additional_kwargs.get("reasoning_content", "")),
                    chunk.response_metadata,
                )

    return _print_pieces(pieces(), silent=silent)


def print_completion(
    model: "LocalLLM", prompt: str, *, silent: bool = False
) -> tuple[str, dict[str, Any]]:
    """Stream what a model makes of a text to stdout.

    Arguments and result are those of `print_answer`.
    """
    from langchain_core.callbacks import BaseCallbackHandler

    info: dict[str, Any] = {}

    class Keeper(BaseCallbackHandler):
        def on_llm_end(self, response: Any, **_: Any) -> None:
            info.update(response.generations[0][0].generation_info or {})

    def pieces() -> Generator[tuple[str, str, dict[str, Any]]]:
        with closing(model.stream(prompt, {"callbacks": [Keeper()]})) as stream:
            yield from ((text, "", {}) for text in stream)
        yield "", "", info

    return _print_pieces(pieces(), silent=silent)


def _print_pieces(
    pieces: Generator[tuple[str, str, dict[str, Any]]], *, silent: bool
) -> tuple[str, dict[str, Any]]:
    """Print texts as they come, until they end or repeat themselves.

    Each has thoughts, which are not shown, and metadata.
    """
    answer = ""
    about: dict[str, Any] = {}
    repetition = RepetitionDetector()
    with closing(pieces):
        for text, thoughts, metadata in pieces:
            if not silent:
                print(text, end="", flush=True)
            answer += text
            about |= metadata
            if repetition.is_repeating(text or thoughts):
                about["finish_reason"] = "repetition"
                break
    if not silent:
        print()
    if about.get("finish_reason") == "repetition":
        print_stderr(
            "The answer repeated itself and was cut. Ask in other words, or try a larger model "
            "with --model."
        )
    if about.get("finish_reason") == "length":
        print_stderr(
            "The answer was cut at --max-tokens. Allow more with a larger --max-tokens, up to "
            "the model's context."
        )
    if not answer.strip():
        print_stderr(
            "The model gave no answer. Ask in other words, or try a larger model with --model."
        )
    return answer, about


def messages_of(prompt: str, system: str = "") -> list[tuple[str, str]]:
    """Return a conversation that begins."""
    return [*([("system", system)] if system else []), ("human", prompt)]
