"""`localllm run`: one prompt, one answer."""

import sys
from typing import Annotated

import typer

from langchain_localllm.cli.answering import (
    MAX_TOKENS,
    MaxTokens,
    Model,
    Seed,
    System,
    Temperature,
    chat_model,
    from_terminal,
    is_model,
    messages_of,
)
from langchain_localllm.cli.answering import print_answer as print_streamed
from langchain_localllm.cli.output import AsJson, print_json

_EXAMPLE = 'localllm run "Why is the sky blue?", or: cat notes.txt | localllm run "Summarise this:"'


def run(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL] PROMPT",
            help="What to ask, in quotes, after the model if you name one. Text from a pipe follows the prompt.",
            show_default=False,
        ),
    ] = None,
    *,
    model: Model = "",
    system: System = "",
    temperature: Temperature = None,
    max_tokens: MaxTokens = MAX_TOKENS,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Answer one prompt, from the command line or a pipe."""
    model, prompt = _parse(words or [], model)
    if model and not prompt and sys.stdin.isatty():
        from langchain_localllm.cli.chat import chat

        chat(model, system=system, temperature=temperature, max_tokens=max_tokens, seed=seed, as_json=as_json)
        return
    text = _with_pipe(from_terminal(prompt))
    with chat_model(model, temperature=temperature, max_tokens=max_tokens, seed=seed) as llm:
        messages = messages_of(text, from_terminal(system))
        if not as_json:
            print_streamed(llm, messages)
            return
        answer = llm.invoke(messages)
        print_json({"prompt": text, "answer": answer.text, **answer.response_metadata})


def _parse(words: list[str], model: str) -> tuple[str, str]:
    """Return the model and the prompt: of two words or more the first is the model, and so is a single one that names one."""
    if not model and words and (len(words) > 1 or is_model(words[0])):
        return words[0], " ".join(words[1:])
    return model, " ".join(words)


def _with_pipe(prompt: str) -> str:
    given = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read().decode(errors="replace")
    text = "\n\n".join(filter(str.strip, (prompt, given)))
    if not text:
        from langchain_localllm.errors import InvalidOptionError

        raise InvalidOptionError(f"There is no prompt. Write one in quotes: {_EXAMPLE}")
    return text
