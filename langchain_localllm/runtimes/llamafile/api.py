"""What llama.cpp's server is asked over HTTP.

Source: https://github.com/ggml-org/llama.cpp/tree/master/tools/server
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from langchain_localllm.base.answer_decoder import UNREADABLE
from langchain_localllm.base.http import ServerOptions
from langchain_localllm.errors import (
    InvalidRequestError,
    ModelCallError,
    ModelMissingError,
    ServerError,
    WrongServerError,
)
from langchain_localllm.runtimes.llamafile.error_reader import ErrorReader, reported_error
from langchain_localllm.runtimes.llamafile.refusals import without_what_is_refused
from langchain_localllm.transport.client import HttpClient
from langchain_localllm.transport.decoding import json_or_text
from langchain_localllm.transport.failover import Ask, T
from langchain_localllm.transport.operations import Plan, Read, Send
from langchain_localllm.transport.retry import RetryPolicy, fetch_json, open_reply

_WANTS_MODEL: Final = re.compile(
    r"\bmodel\b(?!: prefix token).{0,60}"
    r"\b(missing|required|not found|not specified|not provided|must|empty|unspecified"
    r"|does not exist|null)"
    r"|\b(missing|requires?|required|specify|provide|no|unknown)\b.{0,40}\bmodel\b"
    r"|\binvalid model name\b",
    re.IGNORECASE | re.DOTALL,
)
"""What servers say to a request that does not name a model, though they want one. A model without
tokens for a gap is not meant."""
_ANY_NAME: Final = "JSON missing model string"
"""What llamafiler says where no model is named. Any name will do, and before 0.9.2 it lists
none."""
_SECONDS: Final = 10.0
"""Seconds of silence after which a request for information is aborted."""


def send_to_pool(options: ServerOptions, request: Ask[T], *, streamed: bool = False) -> Plan[T]:
    """Return what to do to have a request answered, by the server or by one of several.

    Args:
        options: The servers.
        request: Makes the plan for a server's client.
        streamed: Whether the result is a reply whose body is still to be read.
    """
    identify = partial(model_at, model=getattr(options, "model", None))
    return options.pool.send(request, options.retry_policy, identify, streamed=streamed)


def open_stream(
    options: ServerOptions, path: str, payload: dict[str, Any], read_error: ErrorReader
) -> Plan[Any]:
    """Ask for an answer that is streamed.

    A server that cannot stream it is asked for the whole answer.
    """

    def asking(model: str | None) -> Plan[Any]:
        body = {**payload, "stream": True}
        if model and not body.get("model"):
            body["model"] = model
        while True:
            try:
                return (
                    yield from send_to_pool(
                        options, _opening(options, path, body, read_error), streamed=True
                    )
                )
            except (InvalidRequestError, ServerError) as error:
                changed = without_what_is_refused(body, str(error))
                if changed is None:
                    raise
                body = changed

    return naming_model(options, asking)


def _opening(
    options: ServerOptions, path: str, body: dict[str, Any], read_error: ErrorReader
) -> Ask[Any]:
    def plan(client: HttpClient, retry_policy: RetryPolicy) -> Plan[Any]:
        read_error.url = client.address.url
        reply = yield from open_reply(
            Send("POST", path, body, options.timeout, client), retry_policy, read_error
        )
        # not a stream: a whole answer, or an error
        if getattr(reply, "content_type", "").startswith("application/json"):
            whole = yield Read(reply)
            answer = json_or_text(whole)
            if error := reported_error(answer):
                raise read_error.in_answer(error)
            reply.hold(whole)
        return reply

    return plan


def naming_model(options: ServerOptions, asking: Callable[[str | None], Plan[T]]) -> Plan[T]:
    """Make a request, and name the server's model if the server requires one.

    If it offers one, it is named then and in later requests.

    Args:
        options: The server; `model` is sent where it is set.
        asking: Makes the request's plan, for the name to send or `None`.

    Raises:
        ModelMissingError: The server wants a model named, and offers several, which the message
            lists.
    """
    given: str | None = getattr(options, "model", None)
    known: dict[Any, str] = getattr(options, "_only_models", {})
    place = options.base_url if isinstance(options.base_url, str) else tuple(options.base_url)
    sent = given or known.get(place)
    try:
        return (yield from asking(sent))
    except (InvalidRequestError, ModelMissingError, ServerError) as error:
        if not _is_about_model(error):
            raise
        names = yield from _names_if_known(options)
        if not names and _ANY_NAME in str(error):
            names = ["llamafile"]
        if sent or len(names) != 1:
            raise _with_names(error, names) from error
        known[place] = names[0]
    try:
        return (yield from asking(known[place]))
    except (InvalidRequestError, ModelMissingError, ServerError) as error:
        if not _is_about_model(error):
            raise
        raise _with_names(error, names) from error


def _is_about_model(error: ModelCallError) -> bool:
    return isinstance(error, ModelMissingError) or bool(_WANTS_MODEL.search(str(error)))


def _with_names(error: ModelCallError, names: list[str]) -> ModelCallError:
    if not names:
        return (
            error
            if isinstance(error, ModelMissingError)
            else InvalidRequestError(f"{error} Give a name as `model`.")
        )
    return ModelMissingError(f"{error} It offers these as `model`: {', '.join(names)}.")


def _names_if_known(options: ServerOptions) -> Plan[list[str]]:
    try:
        return (yield from model_names(options))
    except ModelCallError:
        return []


def ask(
    options: ServerOptions, method: str, path: str, payload: dict[str, Any] | None = None
) -> Plan[Any]:
    """Ask for one JSON answer."""

    def asking(model: str | None) -> Plan[Any]:
        # a router sends it on to the model
        body = {"model": model, **payload} if payload is not None and model else payload

        def plan(client: HttpClient, retry_policy: RetryPolicy) -> Plan[Any]:
            read_error = ErrorReader(client.address.url)
            answer = yield from fetch_json(
                Send(method, path, body, options.timeout, client), retry_policy, read_error
            )
            if isinstance(answer, dict) and (answer.get("error") or answer.get("errors")):
                raise read_error.in_answer(answer)
            return answer

        return send_to_pool(options, plan)

    return asking(None) if payload is None else naming_model(options, asking)


def model_names(options: ServerOptions) -> Plan[list[str]]:
    """Return the names of the models that the server offers."""
    models = yield from ask(options, "GET", "/v1/models")
    try:
        return [str(model["id"]) for model in models["data"]]
    except UNREADABLE:
        raise WrongServerError(
            f"The server at {options.client.address.url} names no model at /v1/models."
        ) from None


def model_name(options: ServerOptions) -> Plan[str]:
    """Return the name of the model that the server runs; the first, if it offers several."""
    names = yield from model_names(options)
    if not names:
        raise WrongServerError(
            f"The server at {options.client.address.url} names no model at /v1/models."
        )
    return names[0]


def listed_context(options: ServerOptions, model: str | None) -> Plan[int | None]:
    """Return the tokens of context that a model has by vLLM's and SGLang's `/v1/models`.

    `None` where the list does not say it.

    Args:
        options: The server.
        model: The model's name, or `None` for the first.
    """
    try:
        listed = (yield from ask(options, "GET", "/v1/models"))["data"]
        named = [entry for entry in listed if model is None or entry["id"] == model]
        context = named[0].get("max_model_len")
    except (ModelCallError, *UNREADABLE):
        return None
    return context if isinstance(context, int) else None


def model_at(client: HttpClient, retry_policy: RetryPolicy, model: str | None) -> Plan[str | None]:
    """Return what one of several servers runs, in the same words wherever it runs the same.

    `None` if it does not say.

    Args:
        client: The server's client.
        retry_policy: How long to go on trying.
        model: The model that is asked for, or `None` for the only one.
    """
    read_error = ErrorReader(client.address.url)
    try:
        answer = yield from fetch_json(
            Send("GET", "/v1/models", None, _SECONDS, client), retry_policy, read_error
        )
        models = {str(model["id"]): model.get("meta") or {} for model in answer["data"]}
    except (WrongServerError, ModelMissingError, *UNREADABLE):  # an old llamafile has no such list
        return None
    if not models:
        return None
    name = model if model in models else next(iter(models))
    # llama.cpp reports it; the same name may mean another quantization
    size = models[name].get("size")
    return re.split(r"[/\\]", name)[-1] + (f" ({size} bytes)" if size else "")


def name_if_listed(options: ServerOptions) -> Plan[str | None]:
    """As `model_name`; `None` from a server without such a list, as some old llamafiles are."""
    try:
        return (yield from model_name(options))
    except WrongServerError:
        return None


def tokenize(
    options: ServerOptions, text: str, *, special: bool = False
) -> Plan[list[int] | list[str]]:
    """Return the text's tokens by the model's own tokenizer.

    They are ids, or from llamafiler only texts.

    Args:
        options: The server.
        text: The text; names of special tokens in it are these tokens.
        special: Whether to add the tokens that the model wants at a text's ends.

    Raises:
        WrongServerError: The server offers no tokenizer.
    """
    body = {
        "content": text,
        "prompt": text,  # the name in llamafiler, vLLM and SGLang
        "add_special": special,
        "add_special_tokens": special,  # the name in vLLM and SGLang
        "parse_special": True,
    }
    answer = yield from ask(options, "POST", "/tokenize", body)
    try:
        tokens = list(answer["tokens"])
    except UNREADABLE:
        tokens = [None]
    if all(type(token) is int for token in tokens) or all(type(token) is str for token in tokens):
        return tokens
    raise WrongServerError(
        f"The server at {options.client.address.url} gives no tokens at /tokenize."
    )


def token_ids(options: ServerOptions, text: str, *, special: bool = False) -> Plan[list[int]]:
    """Return the ids of the text's tokens, as `tokenize` does.

    Raises `InvalidRequestError` where the server gives no ids.
    """
    tokens = yield from tokenize(options, text, special=special)
    ids = [token for token in tokens if isinstance(token, int)]
    if len(ids) < len(tokens):
        raise InvalidRequestError(
            f"The server at {options.client.address.url} reports tokens without their ids, as "
            "llamafile's `--v2` does. Use `get_num_tokens` to count them, or give the model's "
            "own tokenizer as `custom_get_token_ids`."
        )
    return ids


def detokenize(options: ServerOptions, tokens: list[int]) -> Plan[str]:
    """Return the text of tokens; raises `WrongServerError` where the server does not offer that."""
    answer = yield from ask(options, "POST", "/detokenize", {"tokens": tokens})
    fields = answer if isinstance(answer, dict) else {}
    text = fields.get("content", fields.get("prompt"))  # the second is vLLM's
    if not isinstance(text, str):
        raise WrongServerError(
            f"The server at {options.client.address.url} gives no text at /detokenize."
        )
    return text
