"""Texts that are being embedded: batches, vectors so far, checks and error messages.

It does no I/O. Its workers are plans (see `transport.operations`): generators that yield the steps
of the engine's own plans, so that sync and async code, over HTTP and in this process, share all of
it.
"""

import itertools
import math
from collections.abc import Callable, Generator, Iterator, MutableMapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

from langchain_localllm.base.progress import ProgressBar
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidOptionError,
    InvalidRequestError,
    ModelCallError,
    ModelLoadingError,
    ServerError,
)

T = TypeVar("T")
Plan = Generator[Any, Any, T]
Vectors = list[list[float]]

_OF_A_TEXT: Final = (ContextLengthError, InvalidRequestError, ServerError)
"""Errors that one text of a batch may be the reason of."""
_BYTES_PER_TOKEN: Final = 3
"""UTF-8 bytes of a token, by a rough rule that does not count too few: English has four, Chinese
three."""
_AS_LONG: Final = 1e-6
"""How far from 1 a length may be: engines compute with 32 bits."""


class Postprocessor(Protocol):
    """Checks a vector, and makes it what the caller wants."""

    def finish(self, vector: list[float]) -> list[float]:
        """Return the vector as the caller wants it."""


@dataclass(frozen=True, slots=True)
class VectorPostprocessor:
    """What vectors are to be like.

    Attributes:
        normalize: Whether they get length 1.
        dimensions: How many numbers are kept; `None` keeps all.
        known: The lengths of the engine's vectors, by what they depend on.
        key: What they depend on here.
    """

    normalize: bool
    dimensions: int | None
    known: MutableMapping[Any, int]
    key: Any

    def finish(self, vector: list[float]) -> list[float]:
        """Return the vector as the caller wants it.

        Raises:
            ServerError: It is empty, holds what is not a number, only zeros, or another count of
                numbers than before.
            InvalidOptionError: It has less than `dimensions`.
        """
        if not vector:
            raise ServerError(
                "the engine returned an empty vector. Is the text empty, or does this model "
                "not make embeddings?"
            )
        known = self.known.setdefault(self.key, len(vector))
        if known != len(vector):
            raise ServerError(
                f"its vector has {len(vector)} numbers, and those before had {known}. Was the "
                "model replaced? Make a new object."
            )
        if self.dimensions is not None and self.dimensions > len(vector):
            raise InvalidOptionError(
                f"`dimensions` is {self.dimensions}, but the model's vectors have "
                f"{len(vector)} numbers."
            )
        kept = vector if self.dimensions is None else vector[: self.dimensions]
        try:
            length = math.hypot(*kept)
        except TypeError:  # JSON has null for NaN, and some gateways write numbers as texts
            kept = [_as_number(value) for value in kept]
            length = math.hypot(*kept)
        if not (length > 0 and math.isfinite(length)):
            raise ServerError(
                "the engine returned a zero or non-finite vector. Does this model make embeddings?"
            )
        if self.normalize and abs(length - 1) > _AS_LONG:
            return [value / length for value in kept]
        return list(map(float, kept))


def _as_number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


class EmbeddingJob:
    """The work of one call.

    Args:
        texts: The texts, with their prefix.
        embed: The engine's plan for a batch.
        shape: What the vectors are to be like.
        batches: Where batches begin and end.
        bar: Shows how far it is.
        query: Whether the text is a query, which has no number.
        together_with: What the engine reads together with each text, for errors about its length.
    """

    def __init__(
        self,
        texts: list[str],
        embed: Callable[[list[str]], Plan[Vectors]],
        shape: Postprocessor,
        batches: list[tuple[int, int]],
        bar: ProgressBar,
        *,
        query: bool = False,
        together_with: str = "",
    ) -> None:
        self._texts, self._embed, self._shape, self._bar, self._query = (
            texts,
            embed,
            shape,
            bar,
            query,
        )
        self._together_with = together_with
        self._done: dict[int, list[float]] = {}
        self._count = len(batches)
        self._waiting = iter(batches)  # the workers share it
        self._failed = False

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.__exit__()
        if isinstance(error, ModelCallError):
            error.done = dict(self._done)
            if len(self._texts) > 1:
                error.args = (
                    (
                        f"{error} Done: {len(error.done):,} of {len(self._texts):,} texts, see "
                        "`done` of this error."
                    ),
                )

    def workers(self, most: int) -> list[Plan[None]]:
        """Return plans to run concurrently.

        Each embeds the next batch that no other plan has begun.
        """
        return [self._lane() for _ in range(min(most, self._count))]

    def _lane(self) -> Plan[None]:
        try:
            for start, end in self._waiting:
                if self._failed:
                    return
                yield from self._part(start, end)
        except BaseException:
            self._failed = True  # the other workers can stop
            raise

    def vectors(self) -> Vectors:
        """Return all vectors, in the order of the texts."""
        return [self._done[number] for number in range(len(self._texts))]

    def _part(self, start: int, end: int) -> Plan[None]:
        try:
            vectors = yield from self._embed(self._texts[start:end])
        except _OF_A_TEXT as error:
            if isinstance(error, ModelLoadingError) or error.blames_server:
                raise
            if end - start == 1:
                raise self._named(error, start) from None
        else:
            self._keep(start, end, vectors)
            return
        # by halves, the text that fails is found soon, and the others get their vectors
        middle = (start + end) // 2
        yield from self._part(start, middle)
        yield from self._part(middle, end)

    def _keep(self, start: int, end: int, vectors: Vectors) -> None:
        if len(vectors) != end - start:
            raise ServerError(
                f"{end - start} texts were sent to the engine, {len(vectors)} vectors came back."
            )
        for number, vector in enumerate(vectors, start):
            try:
                self._done[number] = self._shape.finish(vector)
            except ServerError as error:
                raise self._named(error, number) from None
        self._bar.add(end - start)

    def _named(self, error: ModelCallError, number: int) -> ModelCallError:
        """Return the error, with the text that it is about."""
        name = "The query" if self._query else f"Text {number} of {len(self._texts)}"
        if isinstance(error, ContextLengthError):
            together_with = f" with {self._together_with}" if self._together_with else ""
            error.args = (
                (
                    f"{name}{together_with} {_too_long(error)} Split it, or set `truncate=True` to "
                    "cut its end."
                ),
            )
        else:
            error.args = (f"{name}: {error}",)
        error.failed_text = number
        return error


def _too_long(error: ContextLengthError) -> str:
    tokens, most = error.prompt_tokens, error.context_tokens
    if most is None:
        return "has more tokens than the model takes."
    return (
        f"has {tokens:,} tokens, and the model takes {most:,}."
        if tokens
        else f"has more tokens than the {most:,} that the model accepts."
    )


def split(texts: list[str], most_texts: int, most_tokens: int) -> Iterator[tuple[int, int]]:
    """Yield where batches begin and end, each with at most so many texts and about so many tokens.

    A longer text is a batch.
    """
    start, tokens = 0, 0
    for number, text in enumerate(texts):
        length = len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN + 1
        if number > start and (number - start == most_texts or tokens + length > most_tokens):
            yield start, number
            start, tokens = number, 0
        tokens += length
    if texts:
        yield start, len(texts)


def truncate_tokens(tokens: list[int], empty_text_tokens: list[int], most: int) -> list[int]:
    """Return the tokens without the end of the text, but with those that end every text.

    The model requires the latter.

    Args:
        tokens: The tokens of the text.
        empty_text_tokens: The tokens of an empty text, which are those that the model wants around
            a text.
        most: How many may stay.
    """
    pairs = zip(reversed(tokens), reversed(empty_text_tokens), strict=False)
    closing = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return tokens[: most - closing] + tokens[len(tokens) - closing :]
