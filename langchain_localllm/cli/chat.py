"""`localllm chat`: a conversation in the terminal."""

import sys
from typing import Annotated, Any

import typer

from langchain_localllm.cli.answering import (
    MAX_TOKENS,
    MODEL_HELP,
    MaxTokens,
    Model,
    Seed,
    System,
    Temperature,
    chat_model,
    from_terminal,
    print_answer,
)
from langchain_localllm.cli.notes import note
from langchain_localllm.cli.output import AsJson, print_json


def chat(
    name: Annotated[str, typer.Argument(metavar="[MODEL]", help=MODEL_HELP, show_default=False)] = "",
    *,
    model: Model = "",
    system: System = "",
    temperature: Temperature = None,
    max_tokens: MaxTokens = MAX_TOKENS,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Talk with a model; it sees the whole conversation. An empty line or Ctrl-D ends it.

    Lines from a pipe are taken as what you say, one after another. With --json each answer is one line of JSON.
    """
    messages: list[Any] = [("system", from_terminal(system))] if system else []
    with chat_model(model or name, temperature=temperature, max_tokens=max_tokens, seed=seed) as llm:
        if sys.stdin.isatty():
            note("An empty line or Ctrl-D ends the conversation.")
        while said := _listen():
            messages.append(("human", said))
            if as_json:
                answer = str(llm.invoke(messages).text)
                print_json({"said": said, "answer": answer})
            else:
                answer, _ = print_answer(llm, messages)
            messages.append(("ai", answer))


def _listen() -> str:
    """What a person says next; nothing at the end."""
    if sys.stdin.isatty():
        print("> ", end="", file=sys.stderr, flush=True)
    return from_terminal(sys.stdin.readline()).strip()
