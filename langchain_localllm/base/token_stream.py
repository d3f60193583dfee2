"""The seam between LangChain's side and a runtime: a request is opened, pieces come out."""

from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Timings:
    """How long an engine worked on a request, in seconds; `None` where the engine does not report it.

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
    """How an answer ended; the last piece carries it.

    Attributes:
        reason: `stop` (the model ended, or a stop sequence was met), `length` (the limit of tokens or the context's end)
            or `tool_calls`.
        prompt_tokens: Tokens of the prompt, or `None` if the engine does not say; the same below.
        completion_tokens: Tokens generated.
        cached_tokens: Tokens of the prompt that were in the engine's cache and not read again.
        timings: How long it took.
        model: The model's name as the engine gives it.
        context: The tokens of prompt and answer, from an engine that goes on from them.
        native: What the engine reports besides, under its own names, such as Ollama's `eval_count`.
        reasoning_tokens: How many of the generated tokens are thoughts.
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


@dataclass(slots=True)
class StreamEvent:
    """A piece of an answer, usually a token.

    Attributes:
        text: Text to add to the answer; may be empty.
        finish: How the answer ended, on the last piece.
        reasoning: Text that a reasoning model thinks before it answers.
        tool_calls: Parts of tool calls, each with `index` and any of `id`, `name` and `args` (JSON text).
        logprobs: What the engine reports of the token's probabilities.
    """

    text: str
    finish: CompletionInfo | None = None
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] | None = None
    logprobs: list[dict[str, Any]] | None = None


class TokenStream(Protocol):
    """An answer that is being made. It is read once, either way; closing it, or its iterator, ends the engine's work."""

    def pieces(self) -> Generator[StreamEvent]:
        """The pieces, the last one with `finish`."""

    def apieces(self) -> AsyncGenerator[StreamEvent]:
        """The same for async code."""
