"""Decode the answers of Ollama's `/api/generate` and `/api/chat` to events.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

import json
import logging
import math
import warnings
from typing import Any, ClassVar, Final

from typing_extensions import override

from langchain_localllm.base.answer_decoder import (
    AnswerDecoder,
    check_not_number,
    flag_in,
    model_in,
    text_in,
    warn_left_out,
)
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent, Timings
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidRequestError,
    StreamBrokenError,
)
from langchain_localllm.runtimes.ollama.error_reader import not_ollama, reader_for
from langchain_localllm.runtimes.ollama.options import OllamaOptions
from langchain_localllm.transport.decoding import parse_json

_LOG: Final = logging.getLogger(__name__)
_NANOSECONDS: Final = 1e9
_THOUGHTS: Final = ("thinking", "reasoning_content", "reasoning")
_ECHO: Final = "functionName"
"""An argument in which models repeat the name of the tool (ollama/ollama#6155)."""
_NOT_METADATA: Final = frozenset({"context", "logprobs", "message", "response", "thinking"})
"""Fields of the last line that are part of the answer, or reported elsewhere."""


class GenerateDecoder(AnswerDecoder):
    """Reads `/api/generate`."""

    WHY_CUT: ClassVar[str] = (
        "Ollama does so when a model says one token 30 times in a row, or when it crashed: see "
        "its log. A higher `temperature` or `repeat_penalty` helps against repetition."
    )

    def __init__(self, options: OllamaOptions, *, keeps_context: bool = False) -> None:
        super().__init__()
        self._options = options
        self._keeps_context = keeps_context
        self._loaded = False

    def _piece(self, line: bytes) -> StreamEvent | None:
        if line.startswith(b"data:"):  # llama.cpp's server answers `/api/chat` so
            url = self._options.client.address.url
            raise not_ollama(url, "it answers in the form of OpenAI's API")
        event = parse_json(line)
        if event.get("error"):
            raise reader_for(self._options).in_stream(event)
        if not flag_in(event, "done"):
            return self._part(event)
        last = self._part(event)
        if event.get("done_reason") == "load" and not last.text.strip():
            _LOG.warning(
                "Ollama returned empty response with done_reason='load'. It loaded the model "
                "and answered nothing."
            )
            self._loaded = True
            return None
        self._leave_out_what_came(last)  # gateways repeat the whole answer there
        self._check_context(event)
        # thousands of numbers, which few want in their traces
        context = event.get("context") if self._keeps_context else None
        last.finish = _finish(event, context)
        return last

    @override
    def end(self) -> list[StreamEvent]:
        try:
            return super().end()
        except StreamBrokenError:
            if not self._loaded:
                raise
            raise InvalidRequestError(
                "No data received from Ollama stream: it loaded the model and answered nothing, "
                "as it does where the prompt is empty. Give it some text, or call again."
            ) from None

    def _part(self, event: dict[str, Any]) -> StreamEvent:
        return StreamEvent(
            text_in(event, "response"), None, _thought(event), None, event.get("logprobs")
        )

    def _check_context(self, event: dict[str, Any]) -> None:
        options, facts = self._options, self._options.facts
        context = options.context_tokens
        prompt, answer = (
            token_count(event, "prompt_eval_count") or 0,
            token_count(event, "eval_count") or 0,
        )
        is_trained = facts is not None and prompt == facts.trained_context
        if not options.truncate and (is_trained or (context and prompt >= context)):
            # Ollama uses no more than the model's own context, whatever `num_ctx` is
            context = min(context or prompt, prompt)
            advice = (
                "Shorten it; the model takes no more."
                if is_trained
                else "Shorten it, or raise `num_ctx`."
            )
            raise ContextLengthError(
                f"The prompt fills the context of {context} tokens; Ollama cut what was too long. "
                f"{advice}",
                context_tokens=context,
            )
        if context and not options.shift and prompt + answer > context:
            warnings.warn(
                f"The answer ran over the context of {context} tokens, and Ollama dropped the "
                "beginning meanwhile. Set `max_tokens`, or raise `num_ctx`.",
                stacklevel=2,
            )


class ChatDecoder(GenerateDecoder):
    """Reads `/api/chat`."""

    def __init__(self, options: OllamaOptions) -> None:
        super().__init__(options)
        self._calls: list[Any] = []

    @override
    def _part(self, event: dict[str, Any]) -> StreamEvent:
        check_not_number(event, "message")
        message = (event.get("message") if event.get("done") else event["message"]) or {}
        check_not_number(message, "tool_calls")
        if message.get("images"):
            warn_left_out("images", self._options.client.address.url)
        calls = message.get("tool_calls")
        return StreamEvent(
            text_in(message, "content"),
            None,
            _thought(message),
            self._new_calls(calls, last=bool(event.get("done"))) if calls else None,
            event.get("logprobs"),
        )

    def _new_calls(self, calls: list[Any], *, last: bool) -> list[dict[str, Any]] | None:
        """Return the calls of a message; those of the last one may repeat all that came."""
        if last and calls == self._calls:
            return None
        return [self._call(call) for call in calls]

    def _call(self, call: dict[str, Any]) -> dict[str, Any]:
        function = call["function"]
        name, arguments = text_in(function, "name"), function.get("arguments") or {}
        if isinstance(arguments, dict) and arguments.get(_ECHO) == name:
            arguments = {key: value for key, value in arguments.items() if key != _ECHO}
        self._calls.append(call)
        return {
            "index": len(self._calls) - 1,
            "id": text_in(call, "id") or None,
            "name": name,
            "args": arguments
            if isinstance(arguments, str)
            else json.dumps(arguments, ensure_ascii=False),
        }


def _thought(part: dict[str, Any]) -> str:
    """Return the thoughts of an event; gateways send them under other keys."""
    for name in _THOUGHTS:
        if name in part and (thought := text_in(part, name)):
            return thought
    return ""


def _finish(event: dict[str, Any], context: list[int] | None = None) -> CompletionInfo:
    return CompletionInfo(
        reason=text_in(event, "done_reason") or "stop",
        prompt_tokens=token_count(event, "prompt_eval_count"),
        completion_tokens=token_count(event, "eval_count"),
        timings=Timings(
            load=_seconds(event, "load_duration"),
            prompt=_seconds(event, "prompt_eval_duration"),
            generation=_seconds(event, "eval_duration"),
        ),
        model=model_in(event),
        context=context,
        native={name: value for name, value in event.items() if name not in _NOT_METADATA},
    )


def token_count(event: dict[str, Any], name: str) -> int | None:
    """Return a count of an answer, or `None` where the server sent none.

    Servers like Ollama write it in other ways.
    """
    found = _number(event, name)
    return None if found is None else int(found)


def _seconds(event: dict[str, Any], name: str) -> float | None:
    return None if (found := _number(event, name)) is None else found / _NANOSECONDS


def _number(event: dict[str, Any], name: str) -> float | None:
    try:
        found = float(event[name])
    except (KeyError, OverflowError, TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None
