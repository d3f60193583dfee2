"""`localllm run`: one prompt, one answer."""

import sys
from typing import Annotated

import typer

from langchain_localllm.cli.answering import MaxTokens, Model, Seed, System, Temperature, chat_model, from_terminal, messages_of
from langchain_localllm.cli.answering import print_answer as print_streamed
from langchain_localllm.cli.output import AsJson, print_json

_EXAMPLE = 'localllm run "Why is the sky blue?", or: cat notes.txt | localllm run "Summarise this:"'


def run(
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="What to ask, in quotes; what comes from a pipe stands below it.")
    ] = "",
    *,
    model: Model = "",
    system: System = "",
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Answer one prompt, from the command line or a pipe."""
    text = _with_pipe(from_terminal(prompt))
    with chat_model(model, temperature=temperature, max_tokens=max_tokens, seed=seed) as llm:
        messages = messages_of(text, from_terminal(system))
        if not as_json:
            print_streamed(llm, messages)
            return
        answer = llm.invoke(messages)
        print_json({"prompt": text, "answer": answer.text, **answer.response_metadata})


def _with_pipe(prompt: str) -> str:
    given = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read().decode(errors="replace")
    text = "\n\n".join(filter(str.strip, (prompt, given)))
    if not text:
        from langchain_localllm.errors import InvalidOptionError

        raise InvalidOptionError(f"There is no prompt. Write one in quotes: {_EXAMPLE}")
    return text
