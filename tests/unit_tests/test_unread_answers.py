"""An answer that llama.cpp's server could not read is continued from the received text."""

import asyncio
from collections.abc import AsyncGenerator, Generator

import pytest

from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent
from langchain_localllm.runtimes.llamacpp.unread_answers import (
    ContinuedWhereUnread,
    Given,
    Rest,
    UnreadAnswerError,
)


class Pieces:
    """A handle with these pieces, which may end with an error."""

    def __init__(self, *pieces: StreamEvent, fails: bool = False) -> None:
        self._pieces, self._fails = pieces, fails

    def events(self) -> Generator[StreamEvent]:
        yield from self._pieces
        if self._fails:
            raise UnreadAnswerError("unread")

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        for piece in self.events():
            yield piece


def _collected(handle: ContinuedWhereUnread, *, is_async: bool) -> list[StreamEvent]:
    if not is_async:
        return list(handle.events())

    async def collect() -> list[StreamEvent]:
        return [piece async for piece in handle.aevents()]

    return asyncio.run(collect())


@pytest.mark.parametrize("is_async", [False, True])
def test_unread_answer_is_continued_from_what_has_come(is_async: bool) -> None:
    asked: list[Given] = []

    def rest(given: Given) -> Rest:
        asked.append(given)
        return Rest(
            Pieces(
                StreamEvent(" "),
                StreamEvent(" <tool_call>add(1)"),
                StreamEvent("", CompletionInfo("stop", 12, 5)),
            ),
            2,
            after_space=True,
        )

    first = Pieces(
        StreamEvent("", reasoning="Hm."), StreamEvent("Wait"), StreamEvent(". "), fails=True
    )
    pieces = _collected(ContinuedWhereUnread(first, rest), is_async=is_async)
    assert asked == [Given("Hm.", "Wait. ")]
    assert "".join(piece.text for piece in pieces) == "Wait. <tool_call>add(1)"
    finish = pieces[-1].finish
    assert finish
    assert (finish.prompt_tokens, finish.completion_tokens) == (10, 7)


@pytest.mark.parametrize("is_async", [False, True])
def test_unread_answer_that_cannot_be_continued_raises(is_async: bool) -> None:
    first = Pieces(StreamEvent("", tool_calls=[{"index": 0, "name": "add"}]), fails=True)
    asked: list[Given] = []
    with pytest.raises(UnreadAnswerError):
        _collected(ContinuedWhereUnread(first, asked.append), is_async=is_async)
    assert [given.has_calls for given in asked] == [True]


@pytest.mark.parametrize("is_async", [False, True])
def test_answer_that_is_read_is_left_alone(is_async: bool) -> None:
    pieces = [StreamEvent("Hello"), StreamEvent("", CompletionInfo("stop", 1, 1))]
    handle = ContinuedWhereUnread(Pieces(*pieces), lambda _: pytest.fail("it was continued"))
    assert _collected(handle, is_async=is_async) == pieces
