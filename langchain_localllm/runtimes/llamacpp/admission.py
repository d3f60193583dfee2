"""Decide which requests wait for a slot, and which are answered together."""

from collections import deque
from collections.abc import Sequence

from langchain_localllm.base.local_engine.stream import ResponseQueue
from langchain_localllm.runtimes.llamacpp.request import Answer, Request


class Admission:
    """The requests that wait, in the order in which they came.

    Args:
        parallel: How many requests are answered together at most.
        cells: Tokens that the cache holds for all of them.
        n_ctx: Tokens that a prompt and its answer can have.
        lora: Scales of the LoRA adapters of a request that names none.
    """

    def __init__(self, parallel: int, cells: int, n_ctx: int, lora: tuple[float, ...]) -> None:
        self._parallel, self._cells, self._n_ctx, self._lora = parallel, cells, n_ctx, lora
        self._waiting: deque[tuple[Request, ResponseQueue]] = deque()

    def __bool__(self) -> bool:
        """Whether a request waits."""
        return bool(self._waiting)

    def add(self, request: Request, box: ResponseQueue) -> None:
        """Let a request wait for its turn."""
        self._waiting.append((request, box))

    def fail_all(self, failure: Exception) -> None:
        """Fail all requests that wait."""
        while self._waiting:
            self._waiting.popleft()[1].put(failure)

    def lora_scales(self, request: Request) -> tuple[float, ...]:
        """Return the scales of the LoRA adapters that a request is answered with."""
        return self._lora if request.lora is None else request.lora

    def admit(self, answers: Sequence[Answer]) -> tuple[Request, ResponseQueue, int] | None:
        """Remove the next request that fits, and return it with its limit of new tokens.

        It is one that can be answered together with others. Requests whose consumer is gone are
        dropped. The others are admitted in order, so a long one is not overtaken.

        Args:
            answers: The answers that are being made.

        Returns:
            The request, its response queue, and how many tokens its answer may have, or `None`
            where none can be admitted.
        """
        while self._waiting and len(answers) < self._parallel:
            request, box = self._waiting[0]
            if box.cancelled:
                self._waiting.popleft()
                continue
            limit = self._limit(request)
            if (answers and self._excludes(answers[0].request, request)) or not self._has_room(
                request, limit, answers
            ):
                return None
            self._waiting.popleft()
            return request, box, limit
        return None

    def _limit(self, request: Request) -> int:
        """Return how many tokens an answer may have."""
        room = self._n_ctx - request.tokens()
        return (
            room
            if request.max_tokens is None or request.max_tokens < 0
            else min(room, request.max_tokens)
        )

    def _has_room(self, request: Request, limit: int, answers: Sequence[Answer]) -> bool:
        """Return whether the cache has room for the longest forms of the request and answers."""
        return sum(answer.room for answer in answers) + request.tokens() + limit <= self._cells

    def _excludes(self, running: Request, request: Request) -> bool:
        """Return whether a request cannot be computed together with one that is being answered."""
        return (
            running.isolated
            or request.isolated
            or self.lora_scales(request) != self.lora_scales(running)
        )
