"""Run a function in a forked process, so that this one survives whatever the function does."""

import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

_FAILED: Final = 3
_LAST_BYTES: Final = 40_000
_MEMORY: Final = 12 << 30
"""Bytes of address space, so that a fault does not take the memory of the machine."""


@dataclass(frozen=True)
class Outcome:
    """What became of a function.

    Attributes:
        result: What it returned; empty if it did not.
        fault: How it failed; empty if it returned.
        output: The last lines of what it and the engines printed.
    """

    result: str = ""
    fault: str = ""
    output: str = ""


def run_isolated(function: Callable[[], str], seconds: float) -> Outcome:
    """Run a function in a fork of this process, which must not have threads.

    Args:
        function: Returns a short text.
        seconds: How long it may take.

    Returns:
        Its result. A crash, a hang and an exception are faults.
    """
    with tempfile.TemporaryFile() as output:
        reading, writing = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if not child:
            os.close(reading)
            _run(function, writing, output.fileno())
        os.close(writing)
        result, fault = _wait(child, reading, seconds)
        output.seek(max(0, output.seek(0, os.SEEK_END) - _LAST_BYTES))
        return Outcome(result, fault, output.read().decode("utf-8", "replace"))


def _run(function: Callable[[], str], writing: int, output: int) -> None:
    """Run it, send its result, and end this process."""
    code = _FAILED
    try:
        os.setpgid(0, 0)  # with what it starts, so that all of it can be ended
        for number in (1, 2):
            os.dup2(output, number)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.write(writing, function().encode("utf-8", "replace"))
        code = 0
    except BaseException:  # noqa: BLE001 - the parent reports it
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _wait(child: int, reading: int, seconds: float) -> tuple[str, str]:
    """Return the result and the fault of a child process, and end what it left."""
    end = time.monotonic() + seconds
    received = b""
    while ready := select.select([reading], [], [], max(0.0, end - time.monotonic()))[0]:
        data = os.read(ready[0], 1 << 16)
        if not data:
            break
        received += data
    os.close(reading)
    is_late = not ready
    with suppress(ProcessLookupError, PermissionError):
        if is_late:
            os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    if is_late:
        return "", f"hangs: it did not end within {seconds:.0f} seconds"
    if os.WIFSIGNALED(status):
        return "", f"crashes: {signal.Signals(os.WTERMSIG(status)).name}"
    if status := os.WEXITSTATUS(status):
        return "", "raises" if status == _FAILED else f"ends the process with status {status}"
    return received.decode("utf-8", "replace"), ""
