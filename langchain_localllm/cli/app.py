"""The commands together, and how a fault is told: one sentence on stderr and an exit code, never a traceback."""

import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from langchain_localllm import __version__
from langchain_localllm.cli import INTERRUPTED
from langchain_localllm.cli.ask import ask
from langchain_localllm.cli.notes import note
from langchain_localllm.errors import InvalidOptionError, LocalLLMError

FAILED: Final = 1
USAGE: Final = 2

app = typer.Typer(
    name="localllm",
    help="Local language models, on your own machine.",
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would double the time of --help
)
app.command()(ask)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"localllm {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Local language models, on your own machine."""
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(USAGE)


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to fail
    try:
        result = app(list(arguments), prog_name="localllm", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:  # wrong usage, found by typer
        context = getattr(error, "ctx", None)
        note(f"{error.format_message().rstrip('.')}. See: {context.command_path if context else 'localllm'} --help")
        return error.exit_code
    except InvalidOptionError as error:
        note(str(error))
        return USAGE
    except LocalLLMError as error:
        note(str(error))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes stdout once more at exit
        return FAILED  # as typer does, where the pipe closes earlier
    return result if isinstance(result, int) else 0
