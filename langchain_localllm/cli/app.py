"""Register the commands, and report errors.

An error is one sentence on stderr and an exit code, never a traceback.
"""

import errno
import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from langchain_localllm import __version__
from langchain_localllm.cli.command_table import expand, option_hint
from langchain_localllm.cli.interrupt import INTERRUPTED
from langchain_localllm.cli.lazy import LazyGroup
from langchain_localllm.cli.stderr import print_stderr

FAILED: Final = 1
USAGE: Final = 2
OUTPUT_CLOSED: Final = 141
"""Exit code where what reads the output closed it, such as `head`: 128 + SIGPIPE, as shells report
it."""
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

app = typer.Typer(
    name="localllm",
    cls=LazyGroup,
    help="Local language models, on your own machine.",
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would double the time of --help
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"localllm {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-v",
            "-V",
            help="Print the version and exit.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Local language models, on your own machine."""
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(USAGE)


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a name that the terminal cannot show is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    try:
        result = app(expand(arguments), prog_name="localllm", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:  # wrong usage, found by typer
        context = getattr(error, "ctx", None)
        message = error.format_message()
        end = "" if message.endswith((".", "?")) else "."
        hint = option_hint(getattr(error, "option_name", ""))
        print_stderr(
            f"{message}{end} {hint} See: {context.command_path if context else 'localllm'} --help"
        )
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort) as error:  # the latter where a question is not answered
        return FAILED if isinstance(error.__context__, EOFError) else INTERRUPTED
    except BrokenPipeError:
        return _output_closed()
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # typer exits with 1 then
            return _output_closed()
        raise
    except Exception as error:  # noqa: BLE001 - what is not ours is raised again; naming ours here would slow --help
        return _report_error(error)
    return result if isinstance(result, int) else 0


def _output_closed() -> int:
    _discard_output()
    return OUTPUT_CLOSED


def _discard_output() -> None:
    """Drop what is still buffered: the interpreter flushes stdout once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_closed_streams() -> None:
    """Give commands something to read from and write to where the shell closed it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - for as long as the process lives


def _name(file: object) -> str:
    return os.fsdecode(file) if isinstance(file, str | bytes | os.PathLike) else f"File {file}"


def _folder_exists() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd() is the same
    except FileNotFoundError:
        return False
    return True


def _report_error(error: Exception) -> int:
    """Report a failure in a sentence.

    What neither this package nor the system raises is a bug, and its traceback is wanted.
    """
    from langchain_localllm.errors import InvalidOptionError, LocalLLMError

    if isinstance(error, LocalLLMError):
        print_stderr(str(error))
    elif isinstance(error, OSError) and error.errno in _NO_SPACE and not error.filename:
        _discard_output()
        print_stderr(
            f"The output cannot be written: {error.strerror}. Free space on the disk, and run "
            "the command again."
        )
    elif isinstance(error, OSError) and error.filename:
        print_stderr(f"{_name(error.filename)} cannot be used: {error.strerror}.")
    elif isinstance(error, FileNotFoundError) and not _folder_exists():
        print_stderr(
            "The working directory does not exist any more. Change to another one, and run the "
            "command again."
        )
    elif isinstance(error, MemoryError):
        print_stderr("There is not enough memory. Close other programs, or use a smaller model.")
    else:
        raise error
    return USAGE if isinstance(error, InvalidOptionError) else FAILED
