"""Explain from a server's log why it did not start, and what to do."""

import re
import signal
from pathlib import Path
from typing import Final

from langchain_localllm.errors import LocalLLMError, ServerStartError
from langchain_localllm.extras import pip_install
from langchain_localllm.gguf.load_errors import load_error

__all__ = ["is_unknown_argument", "log_reason", "port_in_use", "start_error"]

# What engines write, old and new -> the error and its sentence. {0} is the file, {1} the pattern's
# group. First match wins.
_KNOWN: Final[list[tuple[str, type[LocalLLMError], str]]] = [
    (
        (
            r"bad_alloc|[Oo]ut of memory|[Cc]annot allocate memory|(?:failed|unable) to allocate"
            r"|OutOfDeviceMemory|ENOMEM"
        ),
        ServerStartError,
        (
            "There is not enough memory for {0}: use a smaller n_ctx or n_parallel, a smaller "
            "model, or close other programs."
        ),
    ),
    (
        r"No module named 'xllamacpp'|cannot import xllamacpp",
        ServerStartError,
        f"The server in the xllamacpp package cannot be loaded: {pip_install('server')}.",
    ),
]

_PORT_IN_USE: Final = re.compile(
    r"couldn't bind|[Aa]ddress already in use|EADDRINUSE|failed to bind"
)

# Lines that say only that something went wrong, not what.
_EMPTY: Final = re.compile(
    r"failed to (?:load|init|create)|exiting due to|cleaning up|main loop|^\s*$|^usage:|^Traceback"
    r"|^  |unable to load model|fit params|please check the input"
)

# What comes before the words of a line: a timestamp and level, the part of the engine, the
# function.
_PREFIX: Final = re.compile(
    r"^(?:[\d.:]+ [A-Z] )?(?:(?:srv|cmn|slot|que) +)?"
    r"(?:(?:~?\w+\(\)|\w*_\w+|main|init|start): +)*(?:error(?: loading model)?: )*"
)


def start_error(path: Path, port: int, status: int, log: str) -> LocalLLMError:
    """Return the error for a server that ended with this exit status before it was ready."""
    if port_in_use(log):
        return ServerStartError(
            f"Port {port} on 127.0.0.1 is in use: stop what uses it, or leave `port` out for a "
            "free one."
        )
    if error := load_error(path, log):
        return error
    for pattern, kind, sentence in _KNOWN:
        if match := re.search(pattern, log):
            return kind(sentence.format(path, *match.groups()))
    if status == -signal.SIGKILL:
        return ServerStartError(
            f"The system ended the server of {path} while it started, most likely for lack of "
            "memory: use a smaller n_ctx, a smaller model, or close other programs."
        )
    how = (
        f"was ended by {signal.Signals(-status).name}"
        if status < 0
        else f"ended with exit status {status}"
    )
    reason = log_reason(log)
    return ServerStartError(
        f"The server of {path} {how}: {reason}"
        if reason
        else f"The server of {path} {how}, saying nothing."
    )


def port_in_use(log: str) -> bool:
    """Whether the log says that the port was taken."""
    return _PORT_IN_USE.search(log) is not None


def is_unknown_argument(log: str, argument: str) -> bool:
    """Whether the log says that the server does not know an argument."""
    return (
        re.search(
            rf"(?:invalid|unknown|unrecognized) (?:argument|option):? .?{re.escape(argument)}\b",
            log,
        )
        is not None
    )


def log_reason(log: str) -> str:
    """Return the last line of a log that says something, without its timestamp and decoration.

    Empty if there is none.
    """
    lines = [line for line in log.splitlines() if not _EMPTY.search(line)]
    if not lines:
        return ""
    line = _PREFIX.sub("", lines[-1]).strip()
    return line if len(line) <= 300 else f"{line[:300]}..."  # noqa: PLR2004 - a sentence, not a dump
