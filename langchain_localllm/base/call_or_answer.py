"""Tools together with a form of the answer: a call, or else an answer that has the form."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from dataclasses import dataclass

from langchain_localllm.base.token_stream import StreamEvent, TokenStream


@dataclass(frozen=True, slots=True)
class CallOrAnswer:
    """A handle for a request with tools and a `response_format`.

    A grammar of the form alone would leave the tools out of reach, and one of both makes models call tools without end, since
    otherwise they would answer in plain text. So the model answers freely first; if it makes no call, that text is dropped and the
    form is enforced.

    Attributes:
        free: The answer with the tools, without the form.
        answer: Opens the answer with the form, without calls.
    """

    free: TokenStream
    answer: Callable[[], TokenStream]

    def events(self) -> Generator[StreamEvent]:
        """Yield the events of the answer."""
        held: list[StreamEvent] = []
        with closing(self.free.events()) as events:
            for event in events:
                held.append(event)
                if event.tool_calls:
                    yield from held
                    yield from events
                    return
        yield from self.answer().events()

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        """Yield the events of the answer, in async code."""
        held: list[StreamEvent] = []
        called = False
        async with aclosing(self.free.aevents()) as events:
            async for event in events:
                held.append(event)
                if called or event.tool_calls:
                    called = True
                    for part in held:
                        yield part
                    held = []
        if not called:
            async with aclosing(self.answer().aevents()) as events:
                async for event in events:
                    yield event
