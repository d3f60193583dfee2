"""Run a server process that ends with this one, and keep its log."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

from langchain_localllm.runtimes.llamafile._end_with_parent import GRACE

__all__ = ["Child"]

_GUARD = Path(__file__).with_name("_end_with_parent.py")
_TAIL = 64 * 1024


class Child:
    """Runs a command until `stop()`, or until this process ends in any way.

    Its output goes to a file without a name, which never blocks it as a full pipe would and
    vanishes with the processes.

    Raises:
        OSError: The command cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._owner = os.getpid()
        self._final_log: str | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        # On Windows, where nothing of this is tried, the command runs unguarded.
        guarded = (
            [sys.executable, "-I", "-S", str(_GUARD), *command]
            if os.name == "posix"
            else list(command)
        )
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a list, no shell
                guarded,
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                env=environment,
                # Ctrl-C in a terminal ends the program, which then ends the server
                start_new_session=True,
            )
        except BaseException:
            self._log.close()
            raise
        _running.add(self)

    @property
    def pid(self) -> int:
        """The process id, which is also that of its process group."""
        return self._process.pid

    def exit_status(self) -> int | None:
        """Return the exit status, `-N` after signal N, or `None` while the process runs."""
        return self._process.poll()

    def log_tail(self) -> str:
        """Return the last 64 KiB of what the process wrote, also after its end."""
        if self._final_log is not None:
            return self._final_log
        number = self._log.fileno()
        start = max(0, os.fstat(number).st_size - _TAIL)
        if hasattr(os, "pread"):  # moving the file's position would move it for the process too
            return os.pread(number, _TAIL, start).decode(errors="replace")
        self._log.seek(start)  # Windows: reads to the end, where the process goes on writing
        return self._log.read().decode(errors="replace")

    def stop(self) -> None:
        """End the process and all that it started: within about three seconds, whatever they do.

        Twice is not an error.
        """
        if os.getpid() != self._owner or self._final_log is not None:
            return
        self.forget()  # the watcher sees it, and ends the group
        try:
            if os.name != "posix":
                self._process.terminate()
            self._process.wait(GRACE + 2)
        except subprocess.TimeoutExpired:  # the watcher itself is gone
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        finally:
            self._final_log = self.log_tail()
            self._log.close()

    def forget(self) -> None:
        """Lets go of the pipe that keeps the process alive. In the owner that ends it.

        In a fork it leaves it to the owner.
        """
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()


_running: weakref.WeakSet[Child] = weakref.WeakSet()


def _forget_all() -> None:
    for child in list(_running):
        child.forget()


# a forked worker must not keep a server alive that its parent left behind
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
