"""A measured subject in a process of its own, so that its peak memory is its own."""

import multiprocessing
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_TIMEOUT: Final = 180.0
"""Seconds for one call. A bare loop next to busy processes can take minutes."""


class SubjectError(RuntimeError):
    """A subject could not be set up or measured; the text is the reason that the page gives."""


class Isolated:
    """An object that lives in a process of its own.

    Args:
        make: Makes the object there. A function of a module, so that a new process can import it.
        *args: For it.
    """

    def __init__(self, make: Callable[..., object], *args: Any) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, make, args), daemon=True)
        self._process.start()
        theirs.close()  # so that a crash of the process is the end of the pipe
        self._received()

    def call(self, method: str, *args: Any) -> Any:
        """Call a method of the object and return its result.

        Raises:
            SubjectError: It failed, took too long, or its process ended.
        """
        self._pipe.send((method, args))
        return self._received()

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()

    def _received(self) -> Any:
        if not self._pipe.poll(_TIMEOUT):
            self.end()
            raise SubjectError(f"a call took longer than {_TIMEOUT:.0f} seconds")
        try:
            result, reason = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise SubjectError(f"the process ended with status {self._process.exitcode}") from None
        if reason:
            self.end()
            raise SubjectError(reason)
        return result


def peak_memory(pid: int | str = "self") -> float:
    """Return the most memory that a process has had resident so far, in MB. Linux only."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1000 if found else float("nan")


def _serve(pipe: Any, make: Callable[..., object], args: tuple[Any, ...]) -> None:
    try:
        subject = make(*args)
        pipe.send((None, ""))
        while True:
            method, arguments = pipe.recv()
            pipe.send((getattr(subject, method)(*arguments), ""))
    except EOFError:  # the benchmark has ended
        return
    except Exception as error:  # noqa: BLE001 - whatever it is, the page says it
        traceback.print_exc()
        first = str(error).strip().partition("\n")[0]
        pipe.send((None, f"{type(error).__name__}: {first[:300]}"))
