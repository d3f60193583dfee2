"""Map any Runnable over a Ray dataset."""

import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from langchain_localllm.base.progress import ProgressBar
from langchain_localllm.errors import InvalidOptionError, MissingDependencyError, ModelCallError
from langchain_localllm.extras import pip_install
from langchain_localllm.scale.results import FORMATS, Format, Results, Writer
from langchain_localllm.scale.worker import Job, Worker

_QUIET: Final = {"RAY_USAGE_STATS_ENABLED": "0"}
"""No usage report is sent."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run has done.

    Attributes:
        rows: Rows that were done now, the failed ones included.
        errors: Rows that failed, and have an error in their column.
        skipped: Rows that an earlier run had done.
        seconds: How long it took.
    """

    rows: int
    errors: int
    skipped: int
    seconds: float


class RayMap:
    """Runs a Runnable, or embeddings, over the rows of a `ray.data.Dataset`.

    Each actor builds one engine of its own and gives it rows in batches. A row that fails has its
    error in a column. When an actor is killed, another takes its place and does its batch again.
    The cluster is the one that Ray is connected to, the one of RAY_ADDRESS, or else this machine.
    Ray's usage statistics are off.

    Args:
        runnable: Where the Runnable comes from: `package.module:name` of a class, or of a function
            that makes one. It must be importable on every machine.
        arguments: What that is called with; plain values, since they travel.
        input: The column that goes in, or several, which go in as a dict.
        output: The column for what comes out: text, a vector, or JSON for anything else.
        key: The column that names each row; needed to resume a run.
        workers: Actors. Default: as many as there are cores for, one core being left to read the
            rows.
        batch_size: Rows that an actor takes at a time, and writes as one file.
        num_cpus: Cores of an actor.
        num_gpus: GPUs of an actor.
        memory: Bytes of memory of an actor, so that Ray puts no more of them on a machine than fit.
        restarts: How often a dead actor is started again, before the run stops: one that is out of
            memory dies each time.

    Raises:
        MissingDependencyError: Ray is not installed.
        InvalidOptionError: An argument cannot be used.

    Example:
        ```python
        import ray.data
        from langchain_localllm.scale import RayMap

        rows = ray.data.read_parquet("questions/")  # with the columns id and input
        options = {"model_path": "model.gguf", "temperature": 0}
        llm = RayMap("langchain_localllm:LlamaCpp", options, workers=4, num_cpus=4)
        print(llm.run(rows, "answers/"))
        ```
    """

    def __init__(
        self,
        runnable: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        input: str | Sequence[str] = "input",  # noqa: A002 - what Runnables call it
        output: str = "output",
        key: str = "id",
        workers: int | None = None,
        batch_size: int = 64,
        num_cpus: float = 1.0,
        num_gpus: float | None = None,
        memory: int | None = None,
        restarts: int = 3,
    ) -> None:
        for name, value, least in (
            ("workers", workers, 1),
            ("batch_size", batch_size, 1),
            ("restarts", restarts, 0),
        ):
            if value is not None and value < least:
                raise InvalidOptionError(f"{name} must be at least {least}, not {value}.")
        self._job = Job(
            runnable,
            dict(arguments or {}),
            input if isinstance(input, str) else tuple(input),
            output,
        )
        self._key = key
        self._workers = workers
        self._batch_size = batch_size
        self._num_cpus = num_cpus
        self._given = {
            name: value
            for name, value in (("num_gpus", num_gpus), ("memory", memory))
            if value is not None
        }
        self._restarts = restarts
        _ray()

    def map(self, dataset: Any) -> Any:
        """Return the dataset with columns for the output and the error.

        Like all steps of Ray Data, it is lazy.
        """
        connect()
        self._check(dataset)
        return self._mapped(dataset, Worker, (self._job,))

    def run(
        self,
        dataset: Any,
        folder: str | Path,
        *,
        format: Format = "parquet",  # noqa: A002 - what others call it
        show_progress: bool = True,
    ) -> Summary:
        """Do the rows and write the results as they come, a file for each batch.

        A stopped run resumes when it is started again: rows whose key is among the results are
        skipped, those that failed included.

        Args:
            dataset: A `ray.data.Dataset`.
            folder: Where the results go: a path that all machines share, or a URI such as
                `s3://bucket/folder`.
            format: `parquet` or `jsonl`.
            show_progress: Whether progress is shown on stderr.

        Raises:
            InvalidOptionError: The Runnable cannot be built, columns are missing, or the folder
                holds other results.
            ModelCallError: The run stopped: no row can be done, or actors die again and again. What
                is done is kept.
        """
        connect()
        self._check(dataset)
        if format not in FORMATS:
            raise InvalidOptionError(f"format must be one of {', '.join(FORMATS)}, not {format!r}.")
        if self._key not in dataset.columns():
            raise InvalidOptionError(
                f"The rows have no column {self._key!r} that names them. Give its name as `key`."
            )
        place = str(folder) if "://" in str(folder) else str(Path(folder).absolute())
        results = Results(place, format, self._key)
        results.begin(self._job)
        return self._run(dataset, results, show_progress=show_progress)

    def _run(self, dataset: Any, results: Results, *, show_progress: bool) -> Summary:
        begun = time.monotonic()
        done = results.done()
        left = dataset
        if len(done):
            done_keys = _ray().put(done)
            left = dataset.map_batches(
                _without, fn_args=(done_keys, self._key), batch_format="pyarrow"
            )
        counts = self._mapped(left, Writer, (self._job, results))
        rows = errors = 0
        total = dataset.count() - len(done) if show_progress else 0
        with ProgressBar("rows", total) as bar, _plain_messages():
            for batch in counts.iter_batches(batch_size=None, batch_format="pyarrow"):
                new = sum(batch.column("rows").to_pylist())
                rows += new
                errors += sum(batch.column("errors").to_pylist())
                bar.add(new)
        return Summary(rows, errors, len(done), time.monotonic() - begun)

    def _mapped(self, dataset: Any, worker: type[Worker], arguments: tuple[Any, ...]) -> Any:
        import ray.data

        revived = {"max_restarts": self._restarts, "max_task_retries": self._restarts}
        with warnings.catch_warnings():
            # that Ray 2.64 takes `ray_remote_args_fn` out
            warnings.simplefilter("ignore", DeprecationWarning)
            mapped = dataset.map_batches(
                worker,
                fn_constructor_args=arguments,
                batch_size=self._batch_size,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(size=self._actors()),
                num_cpus=self._num_cpus,
                ray_remote_args_fn=lambda: revived,
                **self._given,
            )
        mapped.context.enable_progress_bars = False  # ours counts rows that are done
        return mapped

    def _actors(self) -> int:
        cores = _ray().cluster_resources().get("CPU", 0)
        most = int((cores - 1) / self._num_cpus) if self._num_cpus else self._workers or 1
        workers = self._workers or most
        if not 1 <= workers <= most:
            raise InvalidOptionError(
                f"{self._workers or 1} actors with num_cpus={self._num_cpus:g} would use all "
                f"{cores:g} cores of the cluster and leave none for reading the input, so the job "
                "would hang. Give a smaller `workers` or `num_cpus`."
            )
        return workers

    def _check(self, dataset: Any) -> None:
        wanted = (self._job.input,) if isinstance(self._job.input, str) else self._job.input
        known = dataset.columns() or []
        if missing := [name for name in wanted if name not in known]:
            raise InvalidOptionError(
                f"The rows have no column {missing[0]!r}, but {', '.join(known)}. Name it as "
                "`input`."
            )
        if taken := {self._job.output, self._job.error} & set(known):
            raise InvalidOptionError(
                f"The rows have a column {min(taken)!r} already. Give another name as "
                "`output`, or rename it."
            )


def connect() -> None:
    """Connect to the cluster of RAY_ADDRESS, or start Ray on this machine, unless that is done."""
    ray = _ray()
    if not ray.is_initialized():
        local = {} if os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
        ray.init(log_to_driver=False, logging_level="ERROR", **local)


def _ray() -> Any:
    os.environ.update({name: value for name, value in _QUIET.items() if name not in os.environ})
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingDependencyError(f"This needs Ray: {pip_install('ray')}.") from error
    return ray


def _without(table: Any, done: Any, key: str) -> Any:
    """Return the rows that are not done."""
    import pyarrow.compute as pc

    keys = table.column(key)
    return table.filter(pc.invert(pc.is_in(keys, _ray().get(done).cast(keys.type))))


@contextmanager
def _plain_messages() -> Iterator[None]:
    """Rephrase Ray's errors.

    Ray wraps those of an actor several times, and shows all of their tracebacks.
    """
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        text = str(error)
        for kind in (InvalidOptionError, MissingDependencyError, ModelCallError):
            _, found, reason = text.rpartition(f"{kind.__module__}.{kind.__name__}: ")
            if found:
                raise kind(reason.strip().splitlines()[0]) from error
        raise ModelCallError(_why(text)) from error


def _why(text: str) -> str:
    last = next(
        (line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason given"
    )
    if "died" in text.lower() or "out of memory" in text.lower() or "oom" in text.lower():
        return (
            f"Actors died again and again, and the run stopped: {last} Most often memory is the "
            "reason: give `memory` what an actor needs, fewer `workers`, a smaller model or a "
            "smaller n_ctx. Finished rows are kept; start it again to resume."
        )
    return f"The run stopped: {last} Finished rows are kept; start it again to resume."
