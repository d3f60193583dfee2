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
from typing import Any, Final

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells report it."""
_RESET: Final = "\x1b[?25h\x1b[?2004l"
"""Shows the cursor, and ends the mode in which a terminal marks pasted text."""


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


class _Terminal:
    attributes: list[Any] | None = None
    """The terminal's settings before a line was edited; `None` while none is edited."""


@contextmanager
def editing_a_line() -> Iterator[None]:
    """Let Ctrl-C restore the terminal where it exits within this block."""
    import termios

    _Terminal.attributes = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        _Terminal.attributes = None


def _exit(*_: object) -> None:
    """Exit, with a terminal as it was before a bar was drawn or a line was edited."""
    with suppress(OSError, ValueError):
        if sys.stderr.isatty():
            os.write(sys.stderr.fileno(), f"\n{_RESET}".encode())
    if _Terminal.attributes:
        _restore(_Terminal.attributes)
    os._exit(INTERRUPTED)


def _restore(attributes: list[Any]) -> None:
    import termios

    # it would stop a process that was put into the background
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    with suppress(OSError, ValueError, termios.error):
        termios.tcsetattr(sys.stdin, termios.TCSANOW, attributes)


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
