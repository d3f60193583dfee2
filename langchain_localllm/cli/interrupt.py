"""Ctrl-C: every command exits at once, with exit code 130.

KeyboardInterrupt would come too late where a thread or a C library computes, and would be lost in a
callback from C. Python runs signal handlers in the main thread only, which sleeps on where the
signal came just before it began to wait: therefore a thread of its own reads Python's wakeup
descriptor. Nothing is left behind by exiting: servers end with the process that started them, an
index and a download resume, and locks are the system's.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells report it."""
_SHOW_CURSOR: Final = "\x1b[?25h"


def exit_on_interrupt() -> None:
    """Let Ctrl-C exit this process at once, unless its parent has interrupts ignored.

    `nohup` and shell scripts do so.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _exit)
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        threading.Thread(target=_exit_at_interrupt, args=(reader,), daemon=True).start()


def _exit_at_interrupt(wakeups: int) -> None:
    """Exit at the first interrupt, unless something else handles interrupts by then."""
    while number := os.read(wakeups, 1):
        if number[0] == signal.SIGINT and signal.getsignal(signal.SIGINT) is _exit:
            _exit(number[0], None)


def _exit(*_: object) -> None:
    """Exit, with a terminal on which a bar or columns were drawn as it was before."""
    with suppress(OSError, ValueError):
        if sys.stderr.isatty():
            os.write(sys.stderr.fileno(), f"\n{_SHOW_CURSOR}".encode())
    os._exit(INTERRUPTED)


@contextmanager
def cleaning_up() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt within this block, for work that has to undo something."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
