"""Detect that an older Ollama dropped the first messages of a conversation.

It does so if the conversation is longer than the context. It reports nothing of it
(ollama/ollama#4967), or fails while it answers. Newer versions refuse such a conversation, since
they are sent `truncate: false`.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any, Final

from langchain_localllm.base.http import HttpHandle
from langchain_localllm.base.token_stream import StreamEvent, TokenStream
from langchain_localllm.errors import (
    ContextLengthError,
    ModelCallError,
    ServerError,
    StreamBrokenError,
)
from langchain_localllm.runtimes.ollama.answer_decoder import token_count
from langchain_localllm.runtimes.ollama.api import fetch
from langchain_localllm.runtimes.ollama.context import prompt_bytes, refuses_long
from langchain_localllm.runtimes.ollama.options import OllamaOptions
from langchain_localllm.runtimes.ollama.token_count import count_long_messages
from langchain_localllm.transport.operations import Plan

_AROUND_A_MESSAGE: Final = 64
"""Tokens that a template writes around a message, and some more."""
_MOST_OF_AN_IMAGE: Final = 5000
"""More tokens than a model makes of an image."""
_MOST_COUNTED: Final = 32
"""Bytes per token of context up to which a prompt that is too long is counted; that takes as long
as reading it."""
_COUNT_LIMITS: Final = {"max_retries": 0, "wait_until_ready": 0}
_MAY_BE_TOO_LONG: Final = (ContextLengthError, ServerError, StreamBrokenError)

Message = dict[str, Any]


def whole_conversation(
    handle: HttpHandle, options: OllamaOptions, payload: dict[str, Any]
) -> TokenStream:
    """Return an answer's handle that raises `ContextLengthError` where the prompt was too long.

    Args:
        handle: The answer.
        options: The server and the model.
        payload: The request, with `messages`.
    """
    # which is 0 before the first answer
    fits = prompt_bytes(options, payload) <= options.context_tokens
    return handle if fits or options.truncate else _CheckedHandle(handle, options, payload)


@dataclass(frozen=True, slots=True)
class _CheckedHandle:
    """An answer that ends when the server is known to have read the whole conversation."""

    handle: HttpHandle
    options: OllamaOptions
    payload: dict[str, Any]

    def events(self) -> Generator[StreamEvent]:
        """Yield the events of the answer."""
        try:
            with closing(self.handle.events()) as events:
                for event in events:
                    if event.finish:
                        self.handle.client.run(
                            _check(self.options, self.payload, event.finish.prompt_tokens)
                        )
                    yield event
        except _MAY_BE_TOO_LONG as error:
            if (longer := _with_lengths(error, self.options, self.payload)) is None:
                raise
            raise longer from error

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        """Yield the events of the answer, in async code."""
        try:
            async with aclosing(self.handle.aevents()) as events:
                async for event in events:
                    if event.finish:
                        await self.handle.client.arun(
                            _check(self.options, self.payload, event.finish.prompt_tokens)
                        )
                    yield event
        except _MAY_BE_TOO_LONG as error:
            if (
                longer := await asyncio.to_thread(_with_lengths, error, self.options, self.payload)
            ) is None:
                raise
            raise longer from error


def _with_lengths(
    error: ModelCallError, options: OllamaOptions, payload: dict[str, Any]
) -> ContextLengthError | None:
    """Return the error that names the prompt's length and the context's.

    `None` where it does not know more.
    """
    size, context = prompt_bytes(options, payload), _context(options)
    if not context or size <= context:  # a token is at least a byte
        return None
    prompt, least = (
        _count(options, payload, context) if size <= context * _MOST_COUNTED else (None, size)
    )
    if isinstance(error, ContextLengthError):
        words = f"{error} The prompt has {prompt} tokens."
        return (
            ContextLengthError(words, prompt_tokens=prompt, context_tokens=context)
            if prompt
            else None
        )
    if least <= context:
        return None
    length = f"{prompt} tokens" if prompt else f"{size} bytes"
    return ContextLengthError(
        f"The prompt of {length} is longer than the context of {context} tokens, and Ollama "
        "failed while it answered. Shorten it, as `trim_messages` does, or raise `num_ctx`.",
        prompt_tokens=prompt,
        context_tokens=context,
    )


def _count(options: OllamaOptions, payload: dict[str, Any], context: int) -> tuple[int | None, int]:
    """Return the count of a prompt, and how many tokens it has at least.

    `(None, 0)` where the server does not count.
    """
    counted = {name: value for name, value in payload.items() if name != "format"}
    try:
        return count_long_messages(options.with_options(_COUNT_LIMITS), counted, context)
    except ModelCallError:
        return None, 0


def _context(options: OllamaOptions) -> int:
    """Return the context that the server reads a prompt with; 0 where it is not known."""
    trained = options.facts.trained_context if options.facts else None
    return min(options.context_tokens, trained or options.context_tokens)


def _check(
    options: OllamaOptions, payload: dict[str, Any], prompt_tokens: int | None
) -> Plan[None]:
    """Raise if the prompt's token count stays the same without the first message.

    The first message then was not read. That is asked only where it is possible: Ollama drops a
    message that, with all that comes after it, is longer than the context.
    """
    *earlier, _ = payload["messages"]
    context = _context(options)
    first = next((message for message in earlier if message["role"] != "system"), None)
    if (
        not (context and prompt_tokens and first)
        or prompt_tokens + max(map(_most_tokens, earlier)) <= context
    ):
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
            f"The conversation is longer than the context of {context} tokens, and Ollama dropped "
            "its first messages. Shorten it, as `trim_messages` does, or raise `num_ctx`.",
            context_tokens=context,
        )


def _most_tokens(message: Message) -> int:
    """Return more tokens than a message can have: a token is at least a byte."""
    images = message.get("images") or ()
    written = json.dumps({**message, "images": ()}, ensure_ascii=False).encode("utf-8", "replace")
    return len(written) + _AROUND_A_MESSAGE + _MOST_OF_AN_IMAGE * len(images)
