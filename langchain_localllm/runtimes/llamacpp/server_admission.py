"""Decide when llama.cpp's server in this process begins a request: with others, or alone."""

import contextlib
import threading
from collections.abc import Iterator


class Turns:
    """Compute requests together, and isolated ones alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = self._isolated_waiting = 0
        self._isolated_runs = False

    @contextlib.contextmanager
    def take(self, *, isolated: bool) -> Iterator[None]:
        """Wait for a turn, and hold it within this block.

        One that is isolated comes before others that wait.
        """
        with self._changed:
            self._isolated_waiting += isolated
            self._changed.wait_for(self._is_idle if isolated else self._may_join)
            self._isolated_waiting -= isolated
            self._running += 1
            self._isolated_runs = isolated
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._isolated_runs = False
                self._changed.notify_all()

    def _is_idle(self) -> bool:
        return self._running == 0

    def _may_join(self) -> bool:
        return not self._isolated_runs and not self._isolated_waiting
