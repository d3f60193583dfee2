"""Commands that are imported when they are called, so that `--help` waits for none of them."""

import importlib
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from langchain_localllm.cli.command_table import ALIASES, COMMANDS

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter


class LazyGroup(TyperGroup):
    """`localllm` with the commands of `command_table.py`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = dict.fromkeys([*COMMANDS, *ALIASES])  # type: ignore[assignment]  # typer suggests near names from these, and no more

    @override
    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":
        return load(cmd_name) if cmd_name in COMMANDS else None

    @override
    def list_commands(self, ctx: "Context") -> list[str]:
        return list(COMMANDS)

    @override
    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def load(name: str) -> "Command":
    """Return the command of this name: the function or the `app` in the module of this name."""
    module = importlib.import_module(f"langchain_localllm.cli.commands.{name}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name)(getattr(module, name))
    command = typer.main.get_command(app)
    command.name = name
    return command
