"""Load the low-level functions of llama-cpp-python, and keep llama.cpp's log."""

import ctypes
import logging
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from langchain_localllm.runtimes.llamacpp.backend import missing_backend

try:
    import llama_cpp.llama_cpp as _functions
except ImportError as error:
    raise missing_backend("llama-cpp-python", error) from error

lib: Final[Any] = _functions

_LOGGER: Final = logging.getLogger(__name__)
_WARNING, _ERROR = 3, 4


class Log:
    """What llama.cpp says.

    It is silent unless asked, and its last warnings and errors are kept for our own errors.

    Attributes:
        shown: Whether all of it goes to stderr.
    """

    def __init__(self) -> None:
        self.shown = False
        self._kept: deque[str] = deque(maxlen=400)

    def hear(self, level: int, text: bytes, _: object) -> None:
        """Record a line of the log; llama.cpp calls this from any thread."""
        line = text.decode("utf-8", "replace")
        if level in {_WARNING, _ERROR}:
            self._kept.append(line)
        # its errors too: a batch that the engine aborts on purpose is one of them
        _LOGGER.debug("%s", line.rstrip())
        if self.shown:
            sys.stderr.write(line)

    def clear(self) -> None:
        """Forget what was kept."""
        self._kept.clear()

    def text(self) -> str:
        """Return what was kept since it was cleared."""
        return "".join(self._kept)

    def last(self) -> str:
        """Return the last line that was kept, without the name of the function that said it."""
        lines = self.text().strip().splitlines()
        return lines[-1].partition(": ")[2] or lines[-1] if lines else "llama.cpp does not say why"


LOG: Final = Log()
hear: Final = lib.llama_log_callback(LOG.hear)  # kept, since llama.cpp holds no reference
lib.llama_log_set(hear, ctypes.c_void_p(0))
lib.llama_backend_init()


def load_in_thread(work: Callable[[], Any], free: Callable[[Any], object]) -> Any:
    """Run a function of llama.cpp that loads something, in a thread of its own.

    An interrupt that Python raises in a callback is lost, and while it loads, llama.cpp calls back
    with each line of its log. So the caller's thread only waits.

    Args:
        work: Loads something and returns its pointer, or `None`.
        free: Frees what was loaded for a caller that was interrupted.
    """
    with ThreadPoolExecutor(1, "llama.cpp loading") as pool:
        loading = pool.submit(work)
        try:
            return loading.result()
        except BaseException:
            loading.add_done_callback(
                lambda done: done.exception() or (done.result() and free(done.result()))
            )
            raise


def start_numa(strategy: bool | int) -> None:
    """Tell llama.cpp how to use memory that is nearer to some cores than to others."""
    lib.llama_numa_init(lib.GGML_NUMA_STRATEGY_DISTRIBUTE if strategy is True else strategy)


def supports_gpu() -> bool:
    """Return whether llama-cpp-python was built for a GPU."""
    return bool(lib.llama_supports_gpu_offload())
