"""Continue answers that llama.cpp's server cannot parse and ends with an error."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from dataclasses import dataclass, replace
from typing import NamedTuple

from langchain_localllm.base.token_stream import StreamEvent, TokenStream
from langchain_localllm.errors import ServerError


class UnreadAnswerError(ServerError):
    """The server could not parse an answer, such as one with a call that is not JSON."""


class Given(NamedTuple):
    """Hold the part of an answer that was received."""

    reasoning: str = ""
    text: str = ""
    has_calls: bool = False

    def plus(self, event: StreamEvent) -> "Given":
        """Return the part with another event added."""
        return Given(
            self.reasoning + event.reasoning,
            self.text + event.text,
            self.has_calls or bool(event.tool_calls),
        )


@dataclass(slots=True)
class Rest:
    """Describe how an answer continues.

    Attributes:
        handle: The stream of the rest.
        given: Tokens of the received part, which the engine counts as prompt tokens.
        after_space: Whether the received part ended in white space, which the engine then repeats.
    """

    handle: TokenStream
    given: int
    after_space: bool

    def adapt(self, event: StreamEvent) -> StreamEvent:
        """Return an event without repeated white space, counting received tokens in the answer."""
        if self.after_space and event.text:
            event.text = event.text.lstrip()
            self.after_space = not event.text
        if (
            (finish := event.finish)
            and finish.prompt_tokens is not None
            and finish.completion_tokens is not None
        ):
            prompt, completion = (
                finish.prompt_tokens - self.given,
                finish.completion_tokens + self.given,
            )
            event.finish = replace(finish, prompt_tokens=prompt, completion_tokens=completion)
        return event


@dataclass(frozen=True, slots=True)
class ContinuedWhereUnread:
    """Stream an answer, and continue it as text if the server cannot parse it; no text is lost.

    Attributes:
        handle: The answer as the server reads it.
        rest: Opens the rest after the received part, or returns `None` if it cannot be continued.
    """

    handle: TokenStream
    rest: Callable[[Given], Rest | None]

    def events(self) -> Generator[StreamEvent]:
        """Yield the events of the answer."""
        given = Given()
        try:
            with closing(self.handle.events()) as events:
                for event in events:
                    given = given.plus(event)
                    yield event
        except UnreadAnswerError:
            if (rest := self.rest(given)) is None:
                raise
        else:
            return
        with closing(rest.handle.events()) as events:
            for event in events:
                yield rest.adapt(event)

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        """Yield the events of the answer, in async code."""
        given = Given()
        try:
            async with aclosing(self.handle.aevents()) as events:
                async for event in events:
                    given = given.plus(event)
                    yield event
        except UnreadAnswerError:
            if (rest := self.rest(given)) is None:
                raise
        else:
            return
        async with aclosing(rest.handle.aevents()) as events:
            async for event in events:
                yield rest.adapt(event)
