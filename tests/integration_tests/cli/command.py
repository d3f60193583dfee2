"""`localllm` as a person runs it: a process of its own."""

import io
import os
import pty
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final

from langchain_localllm.cli.app import run

COMMAND: Final = [sys.executable, "-m", "langchain_localllm.cli"]
Done = subprocess.CompletedProcess[str]


def localllm(*arguments: str | Path, given: str | None = None, **environment: str) -> Done:
    """Run the command to its end, with a text on stdin."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=120,
        input=given,
        env={**os.environ, **environment},
    )


def in_process(*arguments: str | Path) -> Done:
    """The same in this process, for the many faults that need no process each; stdin is empty."""
    words = [str(argument) for argument in arguments]
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO())
    try:
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = run(words)
    finally:
        sys.stdin = before
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


@contextmanager
def quick(seconds: float) -> Iterator[None]:
    """Fail where the block takes longer, unless this machine is busy: then 20 times the processor's
    time is allowed."""
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    yield
    taken, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert taken < max(seconds, 20 * (after.ru_utime - before.ru_utime)), taken


def stdout_of(done: Done) -> str:
    """Return what the command printed; fail if it failed."""
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_fault(done: Done, code: int, *words: str) -> None:
    """Nothing but one sentence on stderr, with these words."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("localllm: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in last


def on_a_terminal(columns: str, *arguments: str) -> str:
    """What the command writes to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": columns, "NO_COLOR": "1", "TERM": "xterm"}
    with subprocess.Popen(
        [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = b"".join(_all_of(ours))
        process.wait(timeout=60)
    os.close(ours)
    return shown.decode()


def _all_of(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(terminal, 65_536)
        except OSError:  # its other end is closed
            return
        if not data:
            return
        yield data
