"""`localllm chat`: a conversation in the terminal."""

import sys
from typing import Annotated, Any, Final

import typer

from langchain_localllm.cli.answering import (
    MAX_TOKENS,
    MODEL_HELP,
    ChatTemplate,
    MaxTokens,
    Model,
    Seed,
    System,
    Temperature,
    from_terminal,
    print_answer,
)
from langchain_localllm.cli.notes import note
from langchain_localllm.cli.output import AsJson, print_json

_ENDS: Final = ("/bye", "/exit")
"""What ends a conversation in `ollama run`, and here."""


def chat(
    name: Annotated[str, typer.Argument(metavar="[MODEL]", help=MODEL_HELP, show_default=False)] = "",
    *,
    model: Model = "",
    system: System = "",
    temperature: Temperature = None,
    max_tokens: MaxTokens = MAX_TOKENS,
    seed: Seed = None,
    chat_template: ChatTemplate = "",
    as_json: AsJson = False,
) -> None:
    """Talk with a model; it sees the whole conversation. An empty line, /bye or Ctrl-D ends it.

    Lines from a pipe are taken as what you say, one after another. With --json each answer is one line of JSON.
    """
    from langchain_localllm.cli.open_model import chat_model
    from langchain_localllm.models.resolve import resolve

    messages: list[Any] = [("system", from_terminal(system))] if system else []
    found = resolve(model or name, "text" if chat_template else "chat")
    with chat_model(found, chat_template, temperature=temperature, max_tokens=max_tokens, seed=seed) as llm:
        if sys.stdin.isatty():
            note("An empty line, /bye or Ctrl-D ends the conversation.")
        while said := _listen():
            messages.append(("human", said))
            answer, _ = print_answer(llm, messages, silent=as_json)
            if as_json:
                print_json({"said": said, "answer": answer})
            messages.append(("ai", answer))


def _listen() -> str:
    """What a person says next; nothing at the end."""
    if sys.stdin.isatty():
        print("> ", end="", file=sys.stderr, flush=True)
    said = from_terminal(sys.stdin.readline()).strip()
    return "" if said in _ENDS else said
