"""What llama.cpp's server is asked and what its answers mean.

Source: https://github.com/ggml-org/llama.cpp/tree/master/tools/server
"""

import re
from abc import abstractmethod
from typing import Any, Final

from langchain_localllm.base.engine import Finish, Piece, Timings
from langchain_localllm.base.http import UNREADABLE, AnswerDecoder, ServerOptions
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidRequestError,
    ModelCallError,
    ModelLoadingError,
    ModelMissingError,
    StreamBrokenError,
    WrongServerError,
)
from langchain_localllm.transport.client import HttpClient
from langchain_localllm.transport.faults import status_error
from langchain_localllm.transport.lines import json_or_text, parse_json
from langchain_localllm.transport.plan import Patience, Plan, Read, Send, fetch_json, open_reply

TOO_LARGE: Final = re.compile(r"input \((\d+) tokens\) is too large.*batch size: (\d+)")
_NO_SUCH_MODEL: Final = re.compile(r"\bmodel\b.*(missing|not found|required)", re.IGNORECASE)
_NOT_FOUND: Final = frozenset({404, 405})
_LOADING: Final = 503
_SECONDS: Final = 10.0
"""Silence after which a question beside the answer is given up."""
_NOT_SUPPORTED: Final = 501
_OTHER_FIELDS: Final = frozenset({b"", b"event", b"id", b"retry"})
"""What an event stream holds beside data: blank lines, comments and these fields."""


class ErrorReader:
    """Turns the server's errors, as a status or in the middle of a stream, into ours."""

    def __init__(self, url: str) -> None:
        self.url = url  # of several servers the one that was asked last

    def __call__(self, status: int, body: Any) -> ModelCallError:
        """The error for an HTTP status and its body (parsed JSON, or text)."""
        error = body.get("error", body) if isinstance(body, dict) else {}
        if not isinstance(error, dict):
            error = {"message": error}
        words = (error.get(name) for name in ("message", "content", "detail"))  # today's, old llamafiles', other servers'
        reason = str(next(filter(None, words), body.strip() if isinstance(body, str) else ""))
        if error.get("type") == "exceed_context_size_error":
            return _context_error(error.get("n_prompt_tokens"), error.get("n_ctx"))
        if too_large := TOO_LARGE.search(reason):  # what a server started for embeddings says
            return _context_error(int(too_large[1]), int(too_large[2]))
        if status in _NOT_FOUND:
            return self._not_found(status, reason if isinstance(body, dict) else "")
        if status == _LOADING:
            return ModelLoadingError(f"The server at {self.url} is still loading its model. Wait, or raise `wait_until_ready`.")
        if status == _NOT_SUPPORTED:
            return InvalidRequestError(f"The server at {self.url} cannot do this: {reason}")
        return status_error(status, reason, url=self.url)

    def in_stream(self, error: Any) -> ModelCallError:
        """The error for one that is reported in the middle of a stream: an object, or text."""
        code = error.get("code") if isinstance(error, dict) else None
        return self(code if isinstance(code, int) else 500, {"error": error})

    def no_stream(self) -> WrongServerError:
        """The error for a success that is no stream of events, such as a web page."""
        return self._foreign("it sent no events")

    def _not_found(self, status: int, reason: str) -> ModelCallError:
        if "model" in reason.lower():
            return ModelMissingError(f"The server at {self.url} lacks the model ({reason}). Give one that it offers as `model`.")
        return self._foreign(f"it answered {status}")

    def _foreign(self, what: str) -> WrongServerError:
        return WrongServerError(f"The server at {self.url} does not speak llama.cpp's API ({what}). Is `base_url` right?")


def _context_error(prompt_tokens: int | None, context_tokens: int | None) -> ContextLengthError:
    known = prompt_tokens and context_tokens
    lengths = f"{prompt_tokens} tokens, the context holds {context_tokens}" if known else "more tokens than the context holds"
    return ContextLengthError(
        f"The prompt is too long: {lengths}. Shorten it, or start the server with a larger context (`--ctx-size`).",
        prompt_tokens=prompt_tokens,
        context_tokens=context_tokens,
    )


# --- plans ---


def open_stream(options: ServerOptions, path: str, payload: dict[str, Any], read_error: ErrorReader) -> Plan[Any]:
    """Ask for an answer that is streamed."""

    def plan(client: HttpClient, patience: Patience) -> Plan[Any]:
        read_error.url = client.address.url
        send = Send("POST", path, {**payload, "stream": True}, options.timeout, client)
        reply = yield from open_reply(send, patience, read_error)
        if getattr(reply, "content_type", "").startswith("application/json"):  # LM Studio answers unknown paths so, with 200
            yield Read(reply)
            raise read_error.no_stream()
        return reply

    try:
        return (yield from options.on_server(plan, streamed=True))
    except (InvalidRequestError, ModelMissingError) as error:
        if isinstance(error, ModelMissingError) or _NO_SUCH_MODEL.search(str(error)):
            yield from _name_models(options, error)
        raise


def _name_models(options: ServerOptions, error: ModelCallError) -> Plan[None]:
    """Raise an error that tells which models there are, where the server offers several."""
    try:
        names = yield from model_names(options)
    except ModelCallError:
        return
    if len(names) > 1:
        raise ModelMissingError(f"{error} It offers these as `model`: {', '.join(names)}.") from error


def ask(options: ServerOptions, method: str, path: str, payload: dict[str, Any] | None = None) -> Plan[Any]:
    """Ask for one JSON answer."""
    model = _model_of(options)  # a router sends the request on to it
    body = {"model": model, **payload} if payload is not None and model else payload

    def plan(client: HttpClient, patience: Patience) -> Plan[Any]:
        return fetch_json(Send(method, path, body, options.timeout, client), patience, ErrorReader(client.address.url))

    return options.on_server(plan)


def _model_of(options: ServerOptions) -> str | None:
    return getattr(options, "model", None)


def model_names(options: ServerOptions) -> Plan[list[str]]:
    """The names of the models that the server offers."""
    models = yield from ask(options, "GET", "/v1/models")
    try:
        return [str(model["id"]) for model in models["data"]]
    except UNREADABLE:
        raise WrongServerError(f"The server at {options.client.address.url} names no model at /v1/models.") from None


def model_name(options: ServerOptions) -> Plan[str]:
    """The name of the model that the server runs; the first, if it offers several."""
    names = yield from model_names(options)
    if not names:
        raise WrongServerError(f"The server at {options.client.address.url} names no model at /v1/models.")
    return names[0]


def model_at(client: HttpClient, patience: Patience, model: str | None) -> Plan[str | None]:
    """What one of several servers runs, in words that are the same wherever it runs the same; `None` where it does not tell.

    Args:
        client: The server's client.
        patience: How long to go on trying.
        model: The model that is asked for, or `None` for the only one.
    """
    read_error = ErrorReader(client.address.url)
    try:
        answer = yield from fetch_json(Send("GET", "/v1/models", None, _SECONDS, client), patience, read_error)
        models = {str(model["id"]): model.get("meta") or {} for model in answer["data"]}
    except (WrongServerError, ModelMissingError, *UNREADABLE):  # an old llamafile has no such list
        return None
    if not models:
        return None
    name = model if model in models else next(iter(models))
    size = models[name].get("size")  # llama.cpp tells it; the same name may hide another quantisation
    return re.split(r"[/\\]", name)[-1] + (f" ({size} bytes)" if size else "")


def name_if_told(options: ServerOptions) -> Plan[str | None]:
    """As `model_name`; `None` from a server without such a list, as some old llamafiles are."""
    try:
        return (yield from model_name(options))
    except WrongServerError:
        return None


def tokenize(options: ServerOptions, text: str) -> Plan[list[int]]:
    """The text's token ids, by the model's own tokenizer, without special tokens added."""
    answer = yield from ask(options, "POST", "/tokenize", {"content": text})
    try:
        return [int(token) for token in answer["tokens"]]
    except (*UNREADABLE, ValueError):
        raise WrongServerError(f"The server at {options.client.address.url} gives no tokens at /tokenize.") from None


# --- decoders ---


class _EventDecoder(AnswerDecoder):
    """Reads server-sent events."""

    def __init__(self, read_error: ErrorReader) -> None:
        super().__init__()
        self._read_error = read_error
        self._begun = False

    def _piece(self, line: bytes) -> Piece | None:
        field, _, value = line.partition(b":")
        if field != b"data":
            self._check(field.strip(), value)
            return None
        self._begun = True
        if value.strip() == b"[DONE]":
            return self._done()
        return self.event(parse_json(value))

    def event(self, event: dict[str, Any]) -> Piece | None:
        """The piece for an event, if it holds one; raises the error that it reports."""
        if error := event.get("error"):
            raise self._read_error.in_stream(error)
        return self._event(event)

    def last(self) -> Piece:
        """The piece that ends the answer, when all events have come; raises `StreamBrokenError` when it is not whole."""
        if (piece := self._done()) is None:
            raise StreamBrokenError("llama.cpp ended its answer before it was complete.")
        return piece

    def _check(self, field: bytes, value: bytes) -> None:
        """Raise for a line without data that reports an error, or that no stream of events holds."""
        if field == b"error":
            raise self._read_error.in_stream(json_or_text(value.strip()))
        if not self._begun and field not in _OTHER_FIELDS:
            raise self._read_error.no_stream()

    @abstractmethod
    def _event(self, event: dict[str, Any]) -> Piece | None:
        """The piece for an event."""

    def _done(self) -> Piece | None:
        return None


class ChatDecoder(_EventDecoder):
    """Reads `/v1/chat/completions`. The reason for the end, the usage and `[DONE]` come in events of their own."""

    def __init__(self, read_error: ErrorReader) -> None:
        super().__init__(read_error)
        self._reason: str | None = None
        self._usage: dict[str, Any] = {}
        self._timings: dict[str, Any] = {}
        self._model: str | None = None

    def _event(self, event: dict[str, Any]) -> Piece | None:
        self._model = event.get("model") or self._model
        self._usage = event.get("usage") or self._usage
        self._timings = event.get("timings") or self._timings
        if not event.get("choices"):
            return None
        choice = event["choices"][0]
        self._reason = choice.get("finish_reason") or self._reason
        delta = choice.get("delta") or {}
        piece = Piece(
            delta.get("content") or choice.get("text") or "",
            reasoning=delta.get("reasoning_content") or delta.get("reasoning") or "",  # the latter from newer vLLMs
            tool_calls=[_tool_call(call) for call in delta["tool_calls"]] if delta.get("tool_calls") else None,
            logprobs=(choice.get("logprobs") or {}).get("content"),
        )
        return piece if piece.text or piece.reasoning or piece.tool_calls else None

    def _done(self) -> Piece | None:
        if self._reason is None:
            return None
        details = self._usage.get("prompt_tokens_details") or {}
        finish = Finish(
            reason=self._reason,
            prompt_tokens=self._usage.get("prompt_tokens"),
            completion_tokens=self._usage.get("completion_tokens"),
            cached_tokens=details.get("cached_tokens"),
            timings=_timings(self._timings),
            model=self._model,
        )
        return Piece("", finish)


class CompletionDecoder(ChatDecoder):
    """Reads llama.cpp's `/completion`, and OpenAI's `/v1/completions`, whose events are those of its chats but for the text."""

    def _event(self, event: dict[str, Any]) -> Piece | None:
        if "choices" in event:
            return super()._event(event)
        if not event.get("stop"):
            return Piece(event["content"], logprobs=event.get("completion_probabilities"))
        if event.get("truncated") and not _is_full(event):
            raise _context_error(None, None)
        return Piece(event.get("content", ""), _completion_finish(event))


def _is_full(event: dict[str, Any]) -> bool:
    """Whether an answer merely ended with the context; the server calls this truncated too, as it calls a text that it cut."""
    return event.get("stop_type") == "limit" and event["tokens_evaluated"] + event["tokens_predicted"] <= event["tokens_cached"] + 1


def _completion_finish(event: dict[str, Any]) -> Finish:
    timings = event.get("timings") or {}
    return Finish(
        reason="length" if event.get("stop_type") == "limit" or event.get("stopped_limit") else "stop",
        prompt_tokens=event.get("tokens_evaluated"),
        completion_tokens=event.get("tokens_predicted"),
        cached_tokens=timings.get("cache_n"),
        timings=_timings(timings),
        model=event.get("model"),
    )


def _timings(timings: dict[str, Any]) -> Timings:
    return Timings(prompt=_seconds(timings.get("prompt_ms")), generation=_seconds(timings.get("predicted_ms")))


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _tool_call(part: dict[str, Any]) -> dict[str, Any]:
    function = part.get("function") or {}
    return {
        "index": part.get("index", 0),
        "id": part.get("id"),
        "name": function.get("name"),
        "args": function.get("arguments", ""),
    }
