"""A loaded GPT4All model, and the one thread that works with it: two threads on one model abort the process."""

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from langchain_localllm.errors import ServerError
from langchain_localllm.runtimes.gpt4all.binding import load_model
from langchain_localllm.runtimes.gpt4all.seeds import Seeds
from langchain_localllm.runtimes.gpt4all.vocabulary import Vocabulary


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
        busy: Whether the thread is at work on a job.
        ending: Whether the memory is wanted back: jobs should end as soon as they can.
    """

    model: Any
    name: str
    n_ctx: int
    vocabulary: Vocabulary | None
    seeds: Seeds | None
    load_time: float
    busy: bool = False
    ending: bool = False

    def check_wanted(self) -> None:
        """Raises `ServerError` when the memory is wanted back."""
        if self.ending:
            raise ServerError("The model was freed before its work was done.")


Job = Callable[[Loaded], None]
"""What the thread is to do. It hands over its result, or its error, by itself."""


class GPT4AllEngine:
    """A model file in memory. When nobody holds it any more, its thread ends and the memory is freed.

    Attributes:
        loaded: The model; only the thread may work with it.
    """

    def __init__(self, path: Path, *, n_ctx: int, ngl: int, device: str | None) -> None:
        started = time.perf_counter()
        model = load_model(path, n_ctx=n_ctx, ngl=ngl, device=device)
        self.loaded = Loaded(model, path.name, n_ctx, Vocabulary.load(path), Seeds.of(model), time.perf_counter() - started)
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        # The thread must not hold the engine, which would then never be forgotten.
        thread = threading.Thread(target=_work, args=(self.loaded, self._jobs), name=f"GPT4All {path.name}", daemon=True)
        thread.start()
        self._finalizer = weakref.finalize(self, _end, self.loaded, self._jobs, thread)  # runs at exit, too

    def submit(self, job: Job) -> None:
        """Have a job done after those before it; does not wait."""
        self.loaded.check_wanted()
        self._jobs.put(job)

    @property
    def busy(self) -> bool:
        """Whether the thread is at work, or has work to do."""
        return self.loaded.busy or not self._jobs.empty()

    def free(self) -> None:
        """End the thread and free the memory; jobs that are not done fail."""
        self._finalizer()


def _work(loaded: Loaded, jobs: SimpleQueue[Job | None]) -> None:
    while (job := jobs.get()) is not None:
        loaded.busy = True
        job(loaded)
        loaded.busy = False
        del job  # it may hold much while the thread waits
    loaded.model.close()


def _end(loaded: Loaded, jobs: SimpleQueue[Job | None], thread: threading.Thread) -> None:
    """End the work within a token, or a batch of the prompt, and free the model."""
    loaded.ending = True
    jobs.put(None)
    if thread is not threading.current_thread():
        thread.join()
