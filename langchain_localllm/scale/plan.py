"""Plan how many machines a job needs: a simple calculation, and a simulation to check it.

Example:
    >>> from langchain_localllm.scale import ActorThroughput, plan_capacity
    >>> one = ActorThroughput(
    ...     prompt_tokens_per_second=200,
    ...     answer_tokens_per_second=20,
    ...     cores_per_actor=4,
    ...     memory_per_actor=2e9,
    ... )
    >>> need = plan_capacity(
    ...     1_000_000, one, prompt_tokens=400, answer_tokens=60, hours=24, cores=32, memory=64e9
    ... )
    >>> need.actors_per_machine, need.machines
    (7, 10)
"""

import heapq
import math
import random
from dataclasses import dataclass
from typing import Final

from langchain_localllm.errors import InvalidOptionError

_HOUR: Final = 3600.0
_FLOAT: Final = 4
_INDEX_FACTOR: Final = 1.5
"""Qdrant's own rule: vectors x dimension x 4 bytes x 1.5, for the vectors with their graph (its
"Capacity Planning")."""
_KEPT_FREE: Final = 0.8
"""Share of a machine's memory that an index may fill."""


@dataclass(frozen=True, slots=True)
class ActorThroughput:
    """What one actor does, as measured on one machine of the kind that is planned.

    Attributes:
        prompt_tokens_per_second: Tokens that it reads.
        answer_tokens_per_second: Tokens that it generates, over all of its parallel requests.
        cores_per_actor: Cores that it keeps busy.
        memory_per_actor: Bytes that it takes, with its model and all of its slots.
    """

    prompt_tokens_per_second: float
    answer_tokens_per_second: float
    cores_per_actor: float
    memory_per_actor: float

    def seconds_per_document(self, prompt_tokens: float, answer_tokens: float) -> float:
        """Return how long an actor takes for a document."""
        return (
            prompt_tokens / self.prompt_tokens_per_second
            + answer_tokens / self.answer_tokens_per_second
        )


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """What a plan needs.

    Attributes:
        machines: Machines that work through the documents.
        actors_per_machine: Actors on each.
        documents_per_hour: What one machine does.
        hours: How long all of them take.
        index_bytes: Memory for the index, over all machines of Qdrant.
        index_machines: Machines of the same kind for the index.
    """

    machines: int
    actors_per_machine: int
    documents_per_hour: float
    hours: float
    index_bytes: float
    index_machines: int


def plan_capacity(
    documents: int,
    measured: ActorThroughput,
    *,
    prompt_tokens: float,
    answer_tokens: float,
    hours: float,
    cores: float,
    memory: float,
    busy: float = 0.9,
    dimension: int = 0,
    bytes_per_number: float = _FLOAT,
) -> CapacityPlan:
    """Return how many machines work through so many documents in so many hours.

    Args:
        documents: Documents, or passages of them; one prompt each.
        measured: What one actor does.
        prompt_tokens: Tokens of a prompt, the document in it.
        answer_tokens: Tokens of an answer; 0 for embeddings.
        hours: The time there is.
        cores: Cores of a machine; one is left to the system and to reading.
        memory: Bytes of memory of a machine.
        busy: Share of the time that actors work; the rest is lost to starts, failures and the end
            of the run.
        dimension: Numbers of a vector; 0 for no index.
        bytes_per_number: 4, or 1 with Qdrant's scalar quantization.

    Raises:
        InvalidOptionError: Not one actor fits on such a machine, or a number makes no sense.
    """
    if documents < 0 or min(hours, cores, memory) <= 0 or not 0 < busy <= 1:
        raise InvalidOptionError(
            "documents must be 0 or more, busy above 0 and at most 1, and all else above 0."
        )
    actors = min(
        math.floor((cores - 1) / measured.cores_per_actor),
        math.floor(memory / measured.memory_per_actor),
    )
    if actors < 1:
        raise InvalidOptionError(
            f"No actor of {measured.cores_per_actor:g} cores and "
            f"{measured.memory_per_actor / 1e9:.1f} GB fits next to the system on a machine of "
            f"{cores:g} cores and {memory / 1e9:.1f} GB."
        )
    per_hour = actors * busy * _HOUR / measured.seconds_per_document(prompt_tokens, answer_tokens)
    needed = max(1, math.ceil(documents / (per_hour * hours)))
    index = documents * dimension * bytes_per_number * _INDEX_FACTOR
    return CapacityPlan(
        needed,
        actors,
        per_hour,
        documents / (per_hour * needed),
        index,
        math.ceil(index / (memory * _KEPT_FREE)),
    )


def simulate(
    documents: int,
    actors: int,
    seconds_per_document: float,
    *,
    batch_size: int = 64,
    spread: float = 0.6,
    start_seconds: float = 60.0,
    hours_between_failures: float = 200.0,
    seed: int = 0,
) -> float:
    """Simulate a run with random lengths, starts and failures.

    Documents have different lengths, and actors start, fail and repeat their batch.

    Args:
        documents: How many there are.
        actors: How many work at the same time.
        seconds_per_document: How long one takes on average.
        batch_size: Documents that an actor takes at a time.
        spread: Standard deviation of a document's time, as a share of the average.
        start_seconds: How long an actor takes to start, and to start again.
        hours_between_failures: How long an actor works on average until it dies.
        seed: Makes chance repeat.

    Returns:
        Hours until the last document is done.

    Example:
        >>> 1.0 < simulate(36_000, 10, 1.0) < 1.2
        True
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation
    failures = 1 / (hours_between_failures * _HOUR)
    free = [start_seconds] * actors  # when each is free next
    left, end = documents, 0.0
    while left:
        size = min(batch_size, left)
        left -= size
        now = heapq.heappop(free)
        seconds = max(0.0, chance.gauss(1, spread / math.sqrt(size))) * size * seconds_per_document
        while failures and (failure := chance.expovariate(failures)) < seconds:
            now += failure + start_seconds  # it begins again
        heapq.heappush(free, now + seconds)
        end = max(end, now + seconds)
    return end / _HOUR
