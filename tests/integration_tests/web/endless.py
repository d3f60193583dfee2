"""A model whose answer does not end by itself."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from langchain_localllm.errors import ServerError


class Endless(BaseChatModel):
    """A model that never ends, unless it fails; it notes that it was stopped."""

    fails_after: int = 0
    begun: Any = None
    stopped: Any = None

    @property
    def _llm_type(self) -> str:
        return "endless"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        try:
            count = 0
            while not self.fails_after or count < self.fails_after:
                yield ChatGenerationChunk(message=AIMessageChunk(content=f"{count} "))
                count += 1
                self.begun.set()
                await asyncio.sleep(0.01)
            raise ServerError("The engine failed: out of memory.")
        finally:
            self.stopped.set()
