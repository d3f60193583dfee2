"""`localllm prompt`: the exact text and tokens that a model receives."""

import contextlib
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_localllm.cli.chat_models import (
    MODEL_HELP,
    ChatTemplate,
    System,
    messages_of,
)
from langchain_localllm.cli.line_input import sanitize_stdin
from langchain_localllm.cli.output import AsJson, print_json
from langchain_localllm.cli.stderr import print_stderr

if TYPE_CHECKING:
    from langchain_localllm.base.chat import LocalChatModel


def prompt(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)],
    message: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="What is said to it.")
    ] = "Hello!",
    *,
    system: System = "",
    chat_template: ChatTemplate = "",
    as_json: AsJson = False,
) -> None:
    """Show the exact text that a model receives for a message, and its tokens.

    A model in a file is shown by its own chat template and tokenizer; a llama.cpp server is asked.
    Ollama writes prompts by a template of its own, which is shown instead.
    """
    from langchain_localllm.cli.model_args import chat_model
    from langchain_localllm.manage.resolve import resolve

    messages = messages_of(sanitize_stdin(message), sanitize_stdin(system))
    found = resolve(model, "text" if chat_template else "chat")
    with chat_model(found, chat_template, max_tokens=1) as llm:
        text = _text(llm, messages)
        tokens = _tokens(llm, text)
    if as_json:
        print_json({"model": model, "prompt": text, "tokens": tokens})
        return
    print(text)
    if tokens:
        print_stderr(f"{len(tokens)} tokens: {' '.join(map(str, tokens))}")
    else:
        print_stderr("This runtime offers no tokenizer.")


def _text(llm: "LocalChatModel", messages: list[tuple[str, str]]) -> str:
    from langchain_core.messages import convert_to_messages

    from langchain_localllm import ChatLlamafile, ChatOllama
    from langchain_localllm.base.chat_templated import TemplatedChatModel
    from langchain_localllm.base.messages import to_openai

    conversation = to_openai(convert_to_messages(messages))
    if isinstance(llm, TemplatedChatModel):
        return llm.prepare(conversation, [], {}).text
    if isinstance(llm, ChatOllama):
        return llm.show().template
    if isinstance(llm, ChatLlamafile):
        from langchain_localllm.runtimes.llamafile.api import ask

        return str(
            llm.client.run(ask(llm, "POST", "/apply-template", {"messages": conversation}))[
                "prompt"
            ]
        )
    # a fifth runtime would need its line here
    raise TypeError(f"the prompt of {type(llm).__name__} is unknown")


def _tokens(llm: "LocalChatModel", text: str) -> list[int]:
    from langchain_localllm.errors import LocalLLMError

    with contextlib.suppress(LocalLLMError):
        return llm.get_token_ids(text)
    return []
