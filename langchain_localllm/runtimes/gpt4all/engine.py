"""Run a loaded GPT4All model in one thread: two threads on a model abort the process."""

import logging
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from langchain_localllm.base.local_engine.thread import EngineThread, engine_closed_error
from langchain_localllm.runtimes.gpt4all.binding import load_model
from langchain_localllm.runtimes.gpt4all.rng import Seeds
from langchain_localllm.runtimes.gpt4all.vocabulary import Vocabulary

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Loaded:
    """A model in memory, as the thread works with it.

    Attributes:
        model: The package's `LLModel`.
        name: The file's name.
        n_ctx: Context in tokens.
        vocabulary: The tokenizer, or `None` where the platform's library has none to offer.
        seeds: Sets the seed, or `None` where the library does not let it.
        load_time: Seconds that loading took.
        ending: Whether the memory is wanted back: jobs should end as soon as they can.
    """

    model: Any
    name: str
    n_ctx: int
    vocabulary: Vocabulary | None
    seeds: Seeds | None
    load_time: float
    ending: bool = False

    def check_wanted(self) -> None:
        """Raise `ServerError` when the memory is wanted back."""
        if self.ending:
            raise engine_closed_error()


Job = Callable[[Loaded], None]
"""A job for the thread. It delivers its own result or error."""


class GPT4AllEngine:
    """A model file in memory.

    When no reference to it is left, its thread ends and the memory is freed.

    Attributes:
        loaded: The model; only the thread may work with it.
    """

    def __init__(self, path: Path, *, n_ctx: int, ngl: int, device: str | None) -> None:
        started = time.perf_counter()
        model = load_model(path, n_ctx=n_ctx, ngl=ngl, device=device)
        self.loaded = Loaded(
            model,
            path.name,
            n_ctx,
            Vocabulary.load(path),
            Seeds.of(model),
            time.perf_counter() - started,
        )
        _LOGGER.info(
            "Loaded %s in %.2f s: a context of %d tokens", path.name, self.loaded.load_time, n_ctx
        )
        self._worker = _Worker(self.loaded)
        self._finalizer = weakref.finalize(self, self._worker.thread.end)  # runs at exit, too

    def submit(self, job: Job) -> None:
        """Have a job done after those before it; does not wait.

        Raises:
            ServerError: The engine was freed.
        """
        self._worker.thread.submit(job)

    @property
    def busy(self) -> bool:
        """Whether the thread is at work, or has work to do."""
        return bool(self._worker.thread.pending)

    def free(self) -> None:
        """End the thread and free the memory; jobs that are not done fail."""
        self._finalizer()


class _Worker:
    """The thread. It knows nothing of the `GPT4AllEngine`, so that a forgotten one can go."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.thread: EngineThread[Job] = EngineThread(
            f"GPT4All {loaded.name}", self._run, self._interrupt
        )
        self.thread.start()

    def _interrupt(self) -> None:
        """End the work within a token, or a batch of the prompt."""
        self._loaded.ending = True

    def _run(self) -> None:
        for job in self.thread.items():
            job(self._loaded)
            del job
        self._loaded.model.close()
