"""`localllm compare`: one prompt over several models, side by side."""

import sys
import threading
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langchain_localllm.cli.chat_models import (
    MAX_TOKENS,
    MODEL_HELP,
    MaxTokens,
    Seed,
    System,
    Temperature,
    messages_of,
)
from langchain_localllm.cli.line_input import sanitize_stdin
from langchain_localllm.cli.output import AsJson, console, print_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from langchain_localllm.base.chat import LocalChatModel

_NARROWEST = 30
"""The fewest columns per answer for printing them side by side."""
_PER_SECOND = 8


@dataclass(slots=True)
class _Answer:
    model: str
    answer: str = ""
    tokens_per_second: float | None = None
    fault: str = ""


def compare(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What to ask, in quotes.")],
    *,
    model: Annotated[
        list[str], typer.Option("--model", "-m", help=f"{MODEL_HELP} Give it once for each model.")
    ],
    system: System = "",
    temperature: Temperature = None,
    max_tokens: MaxTokens = MAX_TOKENS,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Ask several models the same, and stream their answers side by side.

    They answer at the same time, so the speeds that are shown are those of sharing this machine.
    One that fails says why, and the others continue; the exit code is then 1.
    """
    messages = messages_of(sanitize_stdin(prompt), sanitize_stdin(system))
    answers = [_Answer(name) for name in model]
    options = {"temperature": temperature, "max_tokens": max_tokens, "seed": seed}
    with ExitStack() as stack:
        # here, since imports in threads can deadlock
        opened = [(answer, _open(answer, stack, options)) for answer in answers]
        if sys.stdout.isatty() and not as_json:
            from rich.live import Live

            live = Live(
                get_renderable=lambda: _side_by_side(answers),
                console=console(),
                refresh_per_second=_PER_SECOND,
            )
            stack.enter_context(live)
        threads = [
            threading.Thread(target=_ask, args=(answer, llm, messages), daemon=True)
            for answer, llm in opened
            if llm
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if as_json:
        print_json({"prompt": prompt, "answers": [asdict(answer) for answer in answers]})
    elif not sys.stdout.isatty():
        print(
            "\n\n".join(f"{_title(answer)}\n{answer.answer or answer.fault}" for answer in answers)
        )
    if any(answer.fault for answer in answers):
        raise typer.Exit(1)


def _open(answer: _Answer, stack: ExitStack, options: dict[str, Any]) -> "LocalChatModel | None":
    """Open a model until the stack ends.

    `None` where it cannot be opened, with the reason in the answer.
    """
    from langchain_localllm.cli.model_args import chat_model
    from langchain_localllm.errors import LocalLLMError
    from langchain_localllm.manage.resolve import resolve

    try:
        return stack.enter_context(chat_model(resolve(answer.model, "chat"), **options))
    except LocalLLMError as error:
        answer.fault = str(error)
        return None


def _ask(answer: _Answer, llm: "LocalChatModel", messages: list[Any]) -> None:
    from langchain_localllm.errors import LocalLLMError

    try:
        for chunk in llm.stream(messages):
            answer.answer += chunk.text
            answer.tokens_per_second = chunk.response_metadata.get("timings", {}).get(
                "tokens_per_second"
            )
    except LocalLLMError as error:
        answer.fault = str(error)


def _title(answer: _Answer) -> str:
    speed = f" ({answer.tokens_per_second:.1f} tokens/s)" if answer.tokens_per_second else ""
    runtime, colon, _ = answer.model.rpartition("/")[0].partition(":")
    return f"{runtime if colon else ''}{colon} {Path(answer.model).name}{speed}".strip()


def _side_by_side(answers: list[_Answer]) -> "RenderableType":
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    panels = [
        Panel(Text(answer.answer or answer.fault), title=Text(_title(answer))) for answer in answers
    ]
    if console().width < _NARROWEST * len(panels):
        return Group(*panels)
    table = Table.grid(expand=True)
    for _ in panels:
        table.add_column(ratio=1)
    table.add_row(*panels)
    return table
