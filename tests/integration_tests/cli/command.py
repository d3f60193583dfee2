"""`localllm` as a person runs it: a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

COMMAND: Final = [sys.executable, "-m", "langchain_localllm.cli"]
Done = subprocess.CompletedProcess[str]


def localllm(*arguments: str | Path, given: str | None = None, **environment: str) -> Done:
    """Run the command to its end, with a text on stdin."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, check=False, encoding="utf-8", timeout=120, input=given, env={**os.environ, **environment}
    )


def told(done: Done) -> str:
    """What it printed, when nothing went wrong."""
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
