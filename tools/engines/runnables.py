"""Runnables that actors of Ray build, by their import path."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from langchain_core.runnables import Runnable, RunnableLambda


def shout(*, but_not: str = "", seconds: float = 0.0) -> Runnable[str, str]:
    """Upper case; one text fails."""

    def work(text: str) -> str:
        time.sleep(seconds)
        if text == but_not:
            raise ValueError(f"not {text}")
        return text.upper()

    return RunnableLambda(work)


def dies_at(text: str, once: str = "") -> Runnable[str, str]:
    """End its process at a text, as the system does for lack of memory.

    It does so once, if a file's path is given, else each time.
    """

    def work(given: str) -> str:
        if given == text and not (once and Path(once).exists()):
            if once:
                Path(once).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return given.upper()

    return RunnableLambda(work)


def joined() -> Runnable[dict[str, Any], str]:
    """Two columns in one text."""
    return RunnableLambda(lambda row: f"{row['one']} {row['two']}")


def described() -> Runnable[str, dict[str, Any]]:
    """Return what is not text as JSON."""
    return RunnableLambda(lambda text: {"text": text, "length": len(text)})


def no_runnable() -> object:
    """Return a function that makes something else."""
    return object()
