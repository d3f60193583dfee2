"""Notices that an older Ollama dropped the first messages of a conversation that is longer than the context.

It reports nothing of it (ollama/ollama#4967). Newer versions refuse such a conversation, since they are sent `truncate: false`.
"""

import json
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any, Final

from langchain_localllm.base.http import HttpHandle
from langchain_localllm.base.token_stream import StreamEvent, TokenStream
from langchain_localllm.errors import ContextLengthError, ModelCallError
from langchain_localllm.runtimes.ollama.api import fetch, token_count
from langchain_localllm.runtimes.ollama.context import prompt_bytes, refuses_long
from langchain_localllm.runtimes.ollama.options import OllamaOptions
from langchain_localllm.transport.operations import Plan

_AROUND_A_MESSAGE: Final = 64
"""Tokens that a template writes around a message, and some more."""
_MOST_OF_AN_IMAGE: Final = 5000
"""More tokens than a model makes of an image."""

Message = dict[str, Any]


def whole_conversation(handle: HttpHandle, options: OllamaOptions, payload: dict[str, Any]) -> TokenStream:
    """Return an answer's handle that raises `ContextLengthError` at its end where the server dropped messages.

    Args:
        handle: The answer.
        options: The server and the model.
        payload: The request, with `messages`.
    """
    fits = prompt_bytes(options, payload) <= options.context_tokens  # which is 0 before the first answer
    return handle if fits or options.truncate else _CheckedHandle(handle, options, payload)


@dataclass(frozen=True, slots=True)
class _CheckedHandle:
    """An answer whose last event comes when it is known that the server read the whole conversation."""

    handle: HttpHandle
    options: OllamaOptions
    payload: dict[str, Any]

    def events(self) -> Generator[StreamEvent]:
        """Yield the events of the answer."""
        with closing(self.handle.events()) as events:
            for event in events:
                if event.finish:
                    self.handle.client.run(_check(self.options, self.payload, event.finish.prompt_tokens))
                yield event

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        """Yield the events of the answer, in async code."""
        async with aclosing(self.handle.aevents()) as events:
            async for event in events:
                if event.finish:
                    await self.handle.client.arun(_check(self.options, self.payload, event.finish.prompt_tokens))
                yield event


def _check(options: OllamaOptions, payload: dict[str, Any], prompt_tokens: int | None) -> Plan[None]:
    """Raise where the count of the prompt stays the same without the first message, which then was not read.

    That is asked only where it is possible: Ollama drops a message that, with all that comes after it, is longer than the context.
    """
    *earlier, _ = payload["messages"]
    trained = options.facts.trained_context if options.facts else None
    context = min(options.context_tokens, trained or options.context_tokens)
    first = next((message for message in earlier if message["role"] != "system"), None)
    if not (context and prompt_tokens and first) or prompt_tokens + max(map(_most_tokens, earlier)) <= context:
        return
    if (yield from refuses_long(options)):
        return
    without = {
        "shift": False,
        "truncate": False,
        **payload,
        "stream": False,
        "messages": [message for message in payload["messages"] if message is not first],
        "options": {**payload.get("options", {}), "num_predict": 1},
    }
    body = options.request_body(without, options.num_ctx or options.state.raised)
    try:
        answer = yield from fetch(options, "POST", "/api/chat", body)
    except ModelCallError:  # the answer itself has come
        return
    if token_count(answer, "prompt_eval_count") == prompt_tokens:
        raise ContextLengthError(
            f"The conversation is longer than the context of {context} tokens, and Ollama dropped its first messages. "
            "Shorten it, as `trim_messages` does, or raise `num_ctx`.",
            context_tokens=context,
        )


def _most_tokens(message: Message) -> int:
    """Return more tokens than a message can have: a token is at least a byte."""
    images = message.get("images") or ()
    written = json.dumps({**message, "images": ()}, ensure_ascii=False).encode("utf-8", "replace")
    return len(written) + _AROUND_A_MESSAGE + _MOST_OF_AN_IMAGE * len(images)
