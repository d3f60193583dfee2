"""`localllm run`: one prompt, one answer."""

import sys
from typing import Annotated, Any

import typer

from langchain_localllm.cli.chat_models import (
    MAX_TOKENS,
    ChatTemplate,
    MaxTokens,
    Model,
    Seed,
    System,
    Temperature,
    is_model,
    messages_of,
    print_answer,
    print_completion,
)
from langchain_localllm.cli.line_input import sanitize_stdin
from langchain_localllm.cli.output import AsJson, print_json
from langchain_localllm.cli.stderr import print_stderr

_EXAMPLE = 'localllm run "Why is the sky blue?", or: cat notes.txt | localllm run "Summarize this:"'


def run(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL] PROMPT",
            help=(
                "What to ask, in quotes, after the model if you name one. Text from a pipe "
                "follows the prompt."
            ),
            show_default=False,
        ),
    ] = None,
    *,
    model: Model = "",
    system: System = "",
    temperature: Temperature = None,
    max_tokens: MaxTokens = MAX_TOKENS,
    seed: Seed = None,
    chat_template: ChatTemplate = "",
    as_json: AsJson = False,
) -> None:
    """Answer one prompt, from the command line or a pipe.

    A base model, which has no chat template, completes the prompt as a text.
    """
    options: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens, "seed": seed}
    model, prompt = _parse(words or [], model)
    if model and not prompt and sys.stdin.isatty():
        from langchain_localllm.cli.commands.chat import chat

        chat(model, system=system, chat_template=chat_template, as_json=as_json, **options)
        return
    from langchain_localllm.cli.model_args import chat_model, text_model
    from langchain_localllm.manage.resolve import resolve

    found = resolve(model, "text")
    text = _with_pipe(sanitize_stdin(prompt))
    if found.chat is False and not chat_template:
        _refuse_system(found.short_name, system)
        print_stderr(
            f"{found.short_name} is a base model, without a chat template: it completes the "
            "prompt as a text."
        )
        with text_model(found, **options) as llm:
            answer, about = print_completion(llm, text, silent=as_json)
    else:
        with chat_model(found, chat_template, **options) as chatting:
            answer, about = print_answer(
                chatting, messages_of(text, sanitize_stdin(system)), silent=as_json
            )
    if as_json:
        print_json({"prompt": text, "answer": answer, **about})


def _refuse_system(name: str, system: str) -> None:
    if system:
        from langchain_localllm.errors import InvalidOptionError

        raise InvalidOptionError(
            f"{name} is a base model, without a chat template, so it reads no instructions: leave "
            "--system out and begin the text that it is to complete, or pass --chat-template if "
            "you know its template."
        )


def _parse(words: list[str], model: str) -> tuple[str, str]:
    """Return the model and the prompt.

    Of two words or more the first is the model, and so is a single one that names one. A prompt of
    `-` is the text from the pipe alone.
    """
    if not model and words and (len(words) > 1 or is_model(words[0])):
        _check_name(words[0], words)
        model, words = words[0], words[1:]
    return model, "" if words == ["-"] else " ".join(words)


def _check_name(name: str, words: list[str]) -> None:
    """Refuse what cannot be a model's name.

    That is nothing, as from an unset variable, or the first word of a prompt without quotes.
    """
    from langchain_localllm.errors import InvalidOptionError

    if not name.strip():
        raise InvalidOptionError(
            f"The model's name is empty. Name one, or leave it out: {_EXAMPLE}"
        )
    if len(words) > 2 and not is_model(name):  # noqa: PLR2004 - a model, and more than one word
        raise InvalidOptionError(
            f"{name} is not a model on this machine. If it begins the prompt, put the prompt in "
            f"quotes: {_EXAMPLE}"
        )


def _with_pipe(prompt: str) -> str:
    given = (
        ""
        if sys.stdin is None or sys.stdin.isatty()
        else sys.stdin.buffer.read().decode(errors="replace")
    )
    text = "\n\n".join(filter(str.strip, (prompt, given)))
    if not text:
        from langchain_localllm.errors import InvalidOptionError

        raise InvalidOptionError(f"There is no prompt. Write one in quotes: {_EXAMPLE}")
    return text
