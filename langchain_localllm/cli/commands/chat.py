"""`localllm chat`: a conversation in the terminal."""

import sys
from typing import Annotated, Any, Final

import typer

from langchain_localllm.cli.chat_models import (
    MAX_TOKENS,
    MODEL_HELP,
    ChatTemplate,
    MaxTokens,
    Model,
    Seed,
    System,
    Temperature,
    print_answer,
)
from langchain_localllm.cli.line_input import more_is_typed, read_line, sanitize_stdin
from langchain_localllm.cli.output import AsJson, print_json
from langchain_localllm.cli.stderr import print_stderr

_ENDS: Final = ("/bye", "/exit", "/quit")
"""What ends a conversation in `ollama run`, and here."""
_CLEAR: Final = "/clear"
_HINTS: Final = {
    "/set": "Options are given when the conversation begins, such as --system and --temperature.",
    "/show": "`localllm show MODEL` shows a model.",
    "/load": "`localllm chat MODEL` begins a conversation with another model.",
    "/save": "Conversations are not saved.",
    **dict.fromkeys(
        ("/?", "/help"),
        "/clear forgets the conversation, /bye ends it, and text of several lines is written "
        'between """ and """.',
    ),
}
"""Commands of `ollama run` that are answered with what to do; they are not sent to the model."""
_QUOTES: Final = '"""'


def chat(
    name: Annotated[
        str, typer.Argument(metavar="[MODEL]", help=MODEL_HELP, show_default=False)
    ] = "",
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

    Lines from a pipe are taken as what you say, one after another. Text of several lines is written
    between three double quotes, and /clear forgets the conversation. With --json each answer is one
    line of JSON.
    """
    from langchain_localllm.cli.model_args import chat_model
    from langchain_localllm.manage.resolve import resolve

    messages: list[Any] = [("system", sanitize_stdin(system))] if system else []
    found = resolve(model or name, "text" if chat_template else "chat")
    with chat_model(
        found, chat_template, temperature=temperature, max_tokens=max_tokens, seed=seed
    ) as llm:
        if sys.stdin.isatty():
            print_stderr("An empty line, /bye or Ctrl-D ends the conversation.")
        while said := _listen():
            if said == _CLEAR:
                messages = messages[:1] if system else []
                print_stderr("The conversation is forgotten.")
                continue
            if hint := _HINTS.get(said.split()[0]):
                print_stderr(hint)
                continue
            messages.append(("human", said))
            answer, _ = print_answer(llm, messages, silent=as_json)
            if as_json:
                print_json({"said": said, "answer": answer})
            messages.append(("ai", answer))


def _listen() -> str:
    """Return what a person says next; nothing at the end."""
    line = read_line("> ")
    while line is not None and not line.strip() and more_is_typed():
        line = read_line()  # an empty line within a pasted text does not end the conversation
    said = (line or "").strip()
    if said.startswith(_QUOTES):
        return _read_quoted(said.removeprefix(_QUOTES)).strip()
    return "" if said in _ENDS else said


def _read_quoted(text: str) -> str:
    """Read on until the closing quotes, or the end of the input."""
    while not text.rstrip().endswith(_QUOTES) and (line := read_line()) is not None:
        text = f"{text}\n{line.rstrip()}"
    return text.rstrip().removesuffix(_QUOTES)
