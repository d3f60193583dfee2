"""Ctrl-C."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from langchain_localllm.cli import INTERRUPTED


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process at once within this block; servers that it started end with it.

    LangChain calls the model from a thread, and KeyboardInterrupt would wait until that thread has its next token.
    """
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
