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

    def pieces(self) -> Generator[StreamEvent]:
        """The pieces, from sync code."""
        held: list[StreamEvent] = []
        with closing(self.free.pieces()) as pieces:
            for piece in pieces:
                held.append(piece)
                if piece.tool_calls:
                    yield from held
                    yield from pieces
                    return
        yield from self.answer().pieces()

    async def apieces(self) -> AsyncGenerator[StreamEvent]:
        """The pieces, from async code."""
        held: list[StreamEvent] = []
        called = False
        async with aclosing(self.free.apieces()) as pieces:
            async for piece in pieces:
                held.append(piece)
                if called or piece.tool_calls:
                    called = True
                    for part in held:
                        yield part
                    held = []
        if not called:
            async with aclosing(self.answer().apieces()) as pieces:
                async for piece in pieces:
                    yield piece
