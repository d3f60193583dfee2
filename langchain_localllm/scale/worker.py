"""Run an actor: build one engine, and give it rows in batches. Ray is not needed here."""

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from langchain_core.embeddings import Embeddings
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel

from langchain_localllm.errors import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidOptionError,
    MissingDependencyError,
    ModelCallError,
    ModelMissingError,
)

_MAX_CONCURRENCY: Final = 32
"""Rows of a batch that are with the engine at the same time."""
_NO_ROWS_FAULT: Final = (
    AuthenticationError,
    ConnectionFailedError,
    MissingDependencyError,
    ModelMissingError,
)
"""Errors that all later rows would meet too."""


@dataclass(frozen=True)
class Job:
    """What is done with each row.

    Attributes:
        runnable: Where the Runnable or the embeddings come from: `package.module:name` of a class
            or function.
        arguments: What that is called with: plain values, which reach other machines as they are.
        input: The column that goes in, or several, which go in as a dict.
        output: The column for what comes out.
        error: The column for the error; null for rows without one.
    """

    runnable: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    input: str | tuple[str, ...] = "input"
    output: str = "output"
    error: str = "error"

    def __post_init__(self) -> None:
        if not all(self.runnable.partition(":")):
            raise InvalidOptionError(
                f"{self.runnable!r} is not an import path. Give one such as "
                "'my_package.chains:make_chain'."
            )

    def build(self) -> Any:
        """Make the engine.

        Raises:
            InvalidOptionError: It cannot be made; the message has the reason.
        """
        module, _, name = self.runnable.partition(":")
        if not (module and name):
            raise InvalidOptionError(
                f"runnable={self.runnable!r} is not an import path. Give one such as "
                "'my_package.chains:make_chain'."
            )
        try:
            made = importlib.import_module(module)
            for part in name.split("."):
                made = getattr(made, part)
            engine = made(**self.arguments)  # type: ignore[operator]  # calling is the point
        except Exception as error:
            raise InvalidOptionError(
                f"{self.runnable} cannot be built in the actor: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(engine, Runnable | Embeddings):
            raise InvalidOptionError(
                f"{self.runnable} gives a {type(engine).__name__}, which is neither a Runnable "
                "nor Embeddings."
            )
        return engine


class Worker:
    """Does tables of rows with one engine."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._engine = job.build()

    def __call__(self, table: Any) -> Any:
        """Return the table (pyarrow) with columns for what came out and for the error."""
        import pyarrow as pa

        if isinstance(self._job.input, str):
            inputs = table.column(self._job.input).to_pylist()
        else:
            inputs = table.select(list(self._job.input)).to_pylist()
        results = answers(self._engine, inputs)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures and len(failures) == len(results) and isinstance(failures[0], _NO_ROWS_FAULT):
            raise ModelCallError(
                f"No row can be processed, so the run stops: {failures[0]}"
            ) from failures[0]
        kind = pa.list_(pa.float32()) if isinstance(self._engine, Embeddings) else pa.string()
        outputs = [None if isinstance(result, Exception) else plain(result) for result in results]
        errors = [
            f"{type(result).__name__}: {result}" if isinstance(result, Exception) else None
            for result in results
        ]
        return table.append_column(self._job.output, pa.array(outputs, kind)).append_column(
            self._job.error, pa.array(errors, pa.string())
        )


def answers(engine: Any, inputs: Sequence[Any]) -> list[Any]:
    """Return what the engine makes of each input: its answer, or its exception."""
    if isinstance(engine, Runnable):
        return engine.batch(
            list(inputs), {"max_concurrency": _MAX_CONCURRENCY}, return_exceptions=True
        )
    try:
        return list(engine.embed_documents(list(inputs)))
    except Exception as error:  # noqa: BLE001 - it goes into a column
        if len(inputs) == 1:
            return [error]
    return [answer for each in inputs for answer in answers(engine, [each])]


def plain(value: Any) -> Any:
    """Return a value as a column can hold it: text, vectors, a message's text, else JSON."""
    if isinstance(value, BaseMessage):
        return value.text
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    if isinstance(value, str) or (
        isinstance(value, list) and value and isinstance(value[0], float)
    ):
        return value
    return json.dumps(value, ensure_ascii=False, default=plain)
