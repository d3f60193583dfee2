"""What Ollama is asked and what its answers mean.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

import re
import warnings
from typing import Any, ClassVar, Final

from langchain_localllm.base.engine import Finish, Piece, Timings
from langchain_localllm.base.http import AnswerDecoder
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidRequestError,
    ModelCallError,
    ModelMissingError,
    ServerError,
    WrongServerError,
)
from langchain_localllm.runtimes.ollama.options import OllamaOptions
from langchain_localllm.transport.faults import status_error
from langchain_localllm.transport.lines import parse_json
from langchain_localllm.transport.plan import Plan, Send, fetch_json, open_reply

_MOST_CONTEXT: Final = 8192
_MODELFILE_CONTEXT: Final = re.compile(r"^num_ctx\s+(\d+)", re.MULTILINE)
_NOT_FOUND: Final = 404
_BAD_OPTION: Final = re.compile(r"option \"\w+\" must be")
_NANOSECONDS: Final = 1e9


class ErrorReader:
    """Turns Ollama's errors, as a status or in the middle of a stream, into ours."""

    def __init__(self, url: str, model: str) -> None:
        self._url = url
        self._model = model

    def __call__(self, status: int, body: Any) -> ModelCallError:
        """The error for an HTTP status and its body (parsed JSON, or text)."""
        reason = body.get("error") if isinstance(body, dict) else None
        if not isinstance(reason, str):
            if status == _NOT_FOUND:
                return WrongServerError(f"The server at {self._url} is no Ollama (it answered {status}). Is `base_url` right?")
            return status_error(status, str(body).strip(), url=self._url)
        if status == _NOT_FOUND:
            return ModelMissingError(
                f"Ollama at {self._url} has no model '{self._model}'. Get it with `ollama pull {self._model}`."
            )
        if "context length" in reason or "too long" in reason:
            return ContextLengthError(f"The prompt is too long: {reason}. Shorten it, or raise `num_ctx`.")
        if _BAD_OPTION.search(reason):  # a wrong request, though Ollama answers 500
            return InvalidRequestError(f"Ollama at {self._url} refuses the request: {reason}.")
        return status_error(status, reason, url=self._url)

    def in_stream(self, event: dict[str, Any]) -> ModelCallError:
        """The error for a line that reports one."""
        return ServerError(f"Ollama at {self._url} failed while it answered: {event['error']}. See its log for more.")


def fetch(options: OllamaOptions, method: str, path: str, payload: dict[str, Any] | None = None) -> Plan[Any]:
    """Ask for one JSON object."""
    read_error = ErrorReader(options.client.address.url, options.model)
    return fetch_json(Send(method, path, payload, options.timeout), options.patience, read_error)


def open_stream(options: OllamaOptions, path: str, payload: dict[str, Any]) -> Plan[Any]:
    """Ask for an answer that is streamed, with a context that is as large as the model's."""
    context = yield from context_length(options)
    body = {
        **payload,
        "options": {**payload.get("options", {}), "num_ctx": context},
        "shift": False,  # an Ollama of today ends the answer at the context's end, and refuses a longer prompt;
        "truncate": False,  # one that does not know these two cuts, which the decoder finds
        "stream": True,
    }
    read_error = ErrorReader(options.client.address.url, options.model)
    return (yield from open_reply(Send("POST", path, body, options.timeout), options.patience, read_error))


def context_length(options: OllamaOptions) -> Plan[int]:
    """The context to use: the object's, else the Modelfile's, else the model's own up to a limit. Asked for once."""
    if options.known_context is not None:
        return options.known_context
    shown = yield from fetch(options, "POST", "/api/show", {"model": options.model})
    return options.remember_context(_context_of(shown))


def _context_of(shown: dict[str, Any]) -> int:
    if found := _MODELFILE_CONTEXT.search(shown.get("parameters") or ""):
        return int(found[1])
    lengths = [value for name, value in (shown.get("model_info") or {}).items() if name.endswith(".context_length")]
    return int(min([_MOST_CONTEXT, *lengths]))


class GenerateDecoder(AnswerDecoder):
    """Reads `/api/generate`."""

    WHY_CUT: ClassVar[str] = (
        "Ollama does so when a model says one token 30 times in a row, or when it crashed: see its log. "
        "A higher `temperature` or `repeat_penalty` helps against repetition."
    )

    def __init__(self, options: OllamaOptions) -> None:
        super().__init__()
        self._options = options
        self._read_error = ErrorReader(options.client.address.url, options.model)

    def _piece(self, line: bytes) -> Piece | None:
        event = parse_json(line)
        if "error" in event:
            raise self._read_error.in_stream(event)
        if not event["done"]:
            return Piece(event["response"], reasoning=event.get("thinking") or "")
        if event.get("done_reason") == "load":
            raise InvalidRequestError("The prompt is empty, and Ollama answers nothing to an empty prompt. Give it some text.")
        self._check_context(event)
        return Piece(event.get("response", ""), _finish(event))

    def _check_context(self, event: dict[str, Any]) -> None:
        context = self._options.known_context or 0
        prompt, answer = event.get("prompt_eval_count", 0), event.get("eval_count", 0)
        if prompt >= context:
            raise ContextLengthError(
                f"The prompt fills the context of {context} tokens; Ollama cut what was too long. Shorten it, or raise `num_ctx`.",
                context_tokens=context,
            )
        if prompt + answer > context:
            warnings.warn(
                f"The answer ran over the context of {context} tokens, and Ollama dropped the beginning meanwhile. "
                "Set `max_tokens`, or raise `num_ctx`.",
                stacklevel=2,
            )


def _finish(event: dict[str, Any]) -> Finish:
    return Finish(
        reason=event.get("done_reason") or "stop",
        prompt_tokens=event.get("prompt_eval_count"),
        completion_tokens=event.get("eval_count"),
        timings=Timings(
            load=_seconds(event, "load_duration"),
            prompt=_seconds(event, "prompt_eval_duration"),
            generation=_seconds(event, "eval_duration"),
        ),
        model=event.get("model"),
    )


def _seconds(event: dict[str, Any], name: str) -> float | None:
    return event[name] / _NANOSECONDS if name in event else None
