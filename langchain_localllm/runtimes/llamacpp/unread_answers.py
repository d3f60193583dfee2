"""Answers that llama.cpp's server cannot read as the model's family writes them: it ends them with an error."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from dataclasses import dataclass, replace
from typing import NamedTuple

from langchain_localllm.base.token_stream import StreamEvent, TokenStream
from langchain_localllm.errors import ServerError


class UnreadAnswerError(ServerError):
    """The server could not read an answer, such as one with a call that is not JSON."""


class Given(NamedTuple):
    """What has come of an answer."""

    reasoning: str = ""
    text: str = ""
    has_calls: bool = False

    def plus(self, event: StreamEvent) -> "Given":
        """Return the same with another event."""
        return Given(self.reasoning + event.reasoning, self.text + event.text, self.has_calls or bool(event.tool_calls))


@dataclass(slots=True)
class Rest:
    """How an answer goes on.

    Attributes:
        handle: What follows.
        given: Tokens of what has come, which the engine counts as part of the prompt.
        after_space: Whether white space that the engine was not given has come, so that it makes it again.
    """

    handle: TokenStream
    given: int
    after_space: bool

    def adapt(self, event: StreamEvent) -> StreamEvent:
        """Return an event without what has come, and with its tokens counted as part of the answer."""
        if self.after_space and event.text:
            event.text = event.text.lstrip()
            self.after_space = not event.text
        if (finish := event.finish) and finish.prompt_tokens is not None and finish.completion_tokens is not None:
            prompt, completion = finish.prompt_tokens - self.given, finish.completion_tokens + self.given
            event.finish = replace(finish, prompt_tokens=prompt, completion_tokens=completion)
        return event


@dataclass(frozen=True, slots=True)
class ContinuedWhereUnread:
    """A handle whose answer is continued as text where the server could not read it; no text is lost.

    Attributes:
        handle: The answer as the server reads it.
        rest: Opens what follows the part that has come, or returns `None` where it cannot be continued.
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
