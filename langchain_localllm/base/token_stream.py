"""Define the protocol between LangChain classes and runtimes: a request returns events."""

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Timings:
    """Hold how long an engine worked on a request, in seconds.

    `None` where the engine does not report it.

    Attributes:
        load: Loading the model.
        prompt: Reading the prompt.
        generation: Generating the answer.
        draft_n: Tokens that were drafted (speculative decoding).
        draft_n_accepted: How many of them were right.
    """

    load: float | None = None
    prompt: float | None = None
    generation: float | None = None
    draft_n: int | None = None
    draft_n_accepted: int | None = None


@dataclass(frozen=True, slots=True)
class CompletionInfo:
    """Describe how an answer ended. The last event carries it.

    Attributes:
        reason: `stop` (the model ended, or a stop sequence was met), `length` (the limit of tokens
            or the context's end) or `tool_calls`.
        prompt_tokens: Tokens of the prompt, or `None` if the engine does not say; the same below.
        completion_tokens: Tokens generated.
        cached_tokens: Tokens of the prompt that were in the engine's cache and not read again.
        timings: How long it took.
        model: The model's name as the engine gives it.
        context: The token ids of prompt and answer, from an engine that can continue from them
            (Ollama).
        native: Further fields that the engine reports, under its own names, such as Ollama's
            `eval_count`.
        reasoning_tokens: How many of the generated tokens are reasoning.
        other_answers: The events of further answers to the same prompt, where several were
            requested.
    """

    reason: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    timings: Timings = field(default_factory=Timings)
    model: str | None = None
    context: list[int] | None = None
    native: Mapping[str, Any] = field(default_factory=dict)
    reasoning_tokens: int | None = None
    other_answers: "Sequence[list[StreamEvent]]" = ()


@dataclass(slots=True)
class StreamEvent:
    """Hold one part of an answer, usually a token.

    Attributes:
        text: Text to add to the answer; may be empty.
        finish: How the answer ended; set on the last event only.
        reasoning: Text that a reasoning model thinks before it answers.
        tool_calls: Parts of tool calls, each with `index` and any of `id`, `name` and `args` (JSON
            text).
        logprobs: Log probabilities of the token, as the engine reports them.
        progress: How much of the prompt the engine has read; such an event holds nothing else.
    """

    text: str
    finish: CompletionInfo | None = None
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] | None = None
    logprobs: list[dict[str, Any]] | None = None
    progress: Mapping[str, Any] | None = None


class TokenStream(Protocol):
    """Stream one answer. Read it once, in sync or async code.

    Closing the iterator ends the engine's work.
    """

    def events(self) -> Generator[StreamEvent]:
        """Yield the events, the last one with `finish`."""

    def aevents(self) -> AsyncGenerator[StreamEvent]:
        """Yield the same events in async code."""


@dataclass(frozen=True, slots=True)
class Replay:
    """An answer whose events have come already."""

    received: list[StreamEvent]

    def events(self) -> Generator[StreamEvent]:
        """Yield the events in sync code."""
        yield from self.received

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        """Yield the same events in async code."""
        for event in self.received:
            yield event
