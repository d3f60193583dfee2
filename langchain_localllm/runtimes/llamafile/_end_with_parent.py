"""Runs a command that cannot outlive the program that started it, however that one ends.

    python -I -S _end_with_parent.py COMMAND [ARGUMENT]...

The starter holds the write end of a pipe on stdin. When that closes (on purpose, or because the
starter was killed), a small watcher process ends the command's process group: SIGTERM, up to three
seconds, SIGKILL. The command itself takes the place of this process, so that it has the process id
and the exit status that the starter sees. Needs POSIX.
"""

import contextlib
import errno
import os
import select
import signal
import sys
import time

GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL."""


def main(command: list[str]) -> None:
    """Start the watcher and become the command."""
    starter_lives = os.dup(0)  # not inherited by the command
    server = os.getpid()
    if os.getpgrp() != server:
        os.setpgrp()  # never end the starter's own group
    if os.fork() == 0:
        _watch(starter_lives, server)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # Python ignores it; a program expects the default
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        _become(command)
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


def _become(command: list[str]) -> None:
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell is what is wanted
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        os.execv("/bin/sh", ["sh", *command])  # noqa: S606 - how a shell starts a llamafile that the kernel does not know


def _watch(starter_lives: int, server: int) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.getppid() == server and not select.select([starter_lives], [], [], 1.0)[0]:
        pass
    with contextlib.suppress(OSError):  # macOS refuses where one of the group has ended
        os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while os.getppid() == server and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(0, signal.SIGKILL)  # this process too


if __name__ == "__main__":
    if len(sys.argv) < 2:  # noqa: PLR2004 - the script and a command
        sys.exit("usage: python -I -S _end_with_parent.py COMMAND [ARGUMENT]...")
    main(sys.argv[1:])
