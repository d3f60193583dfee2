"""Build the content blocks of a stream with `output_version="v1"`."""

from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from langchain_localllm.base.token_stream import StreamEvent


class BlockNumbers:
    """Give the chunks of one answer their content blocks, numbered in order of their beginning.

    LangChain's own numbers of blocks and those of calls meet at 0, so that it merges the first call
    into the thoughts.
    """

    __slots__ = ("_calls", "_kind", "_last")

    def __init__(self) -> None:
        self._last = -1
        self._kind = ""
        self._calls: dict[int, int] = {}  # the number of each call's block

    def put(self, chunk: ChatGenerationChunk, piece: StreamEvent) -> None:
        """Set the content of a chunk's message to the blocks of its piece."""
        message = chunk.message
        calls = message.tool_call_chunks if isinstance(message, AIMessageChunk) else ()
        blocks: list[str | dict[str, Any]] = []
        if piece.reasoning:
            blocks.append(
                {
                    "type": "reasoning",
                    "reasoning": piece.reasoning,
                    "index": self._number("reasoning"),
                }
            )
        if piece.text:
            blocks.append({"type": "text", "text": piece.text, "index": self._number("text")})
        blocks += [
            {**part, "type": "tool_call_chunk", "index": self._number_of_call(part["index"])}
            for part in calls
        ]
        message.content = blocks
        message.response_metadata["output_version"] = "v1"

    def _number(self, kind: str) -> int:
        if kind != self._kind:
            self._kind, self._last = kind, self._last + 1
        return self._last

    def _number_of_call(self, call: int | None) -> int:
        key = -1 if call is None else call
        if key not in self._calls:
            self._kind = f"call {key}"
            self._last += 1
            self._calls[key] = self._last
        return self._calls[key]


def without_numbers(result: ChatResult) -> ChatResult:
    """Take the numbers off the content blocks of a whole answer, and return it."""
    for content in (generation.message.content for generation in result.generations):
        for block in content if isinstance(content, list) else ():
            if isinstance(block, dict):
                block.pop("index", None)
    return result
