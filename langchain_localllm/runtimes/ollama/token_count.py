"""Count tokens by Ollama's own count of a prompt, since it offers no tokenizer."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from langchain_localllm.base.http import HttpHandle
from langchain_localllm.errors import (
    ContextLengthError,
    InvalidRequestError,
    ServerError,
    StreamBrokenError,
)
from langchain_localllm.runtimes.ollama.answer_decoder import ChatDecoder, GenerateDecoder
from langchain_localllm.runtimes.ollama.api import model_facts
from langchain_localllm.runtimes.ollama.api_show import UNKNOWN_CONTEXT
from langchain_localllm.runtimes.ollama.context import needed_context, prompt_bytes
from langchain_localllm.runtimes.ollama.options import OllamaOptions
from langchain_localllm.runtimes.ollama.request import load_model, open_stream

_LEAST_CONTEXT: Final = 2048
"""The smallest context that an Ollama has by default."""
_TRIES: Final = 4
"""How often a count is asked for where the server fails."""
_CACHED: Final = (
    "Ollama at {url} counts only those tokens of a prompt that are not in its cache, as versions "
    "before 0.3 and the first ones of 0.30 do. Use a newer Ollama, or give the model's own "
    "tokenizer as `custom_get_token_ids`."
)

Message = dict[str, Any]
T = TypeVar("T")


def count_text(options: OllamaOptions, payload: Mapping[str, Any], text: str) -> int:
    """Return how many tokens Ollama reads for a text, by a call that asks for one token.

    No template is applied. It takes as long as reading the text.

    Args:
        options: The server and the model.
        payload: The request without a prompt, with the options that decide how the model is loaded.
        text: The text. One that is longer than the context is counted in parts, which may come to a
            few tokens more.

    Raises:
        InvalidRequestError: The server does not count all tokens.
    """
    if not text:
        return 0
    options = _without_cuts(options)
    _check_counts(options, payload)

    def count(part: str) -> int:
        return _ask_for_text(options, payload, part)

    return _in_parts(count, text, _halves_of_text)


def count_messages(options: OllamaOptions, payload: Mapping[str, Any]) -> int:
    """Return how many tokens the prompt has that the model's template makes of messages and tools.

    Args:
        options: The server and the model.
        payload: The request, with `messages` and `tools`. A conversation that is longer than the
            context is counted in parts.

    Raises:
        InvalidRequestError: The server does not count all tokens.
        ContextLengthError: The tools alone, or an image, fill the context.
    """
    options = _without_cuts(options)
    _check_counts(options, payload)
    without_tools = {name: value for name, value in payload.items() if name != "tools"}

    def count(messages: list[Message]) -> int:
        return _ask_for_chat(options, without_tools, messages)

    if "tools" not in payload:
        return _in_parts(count, payload["messages"], _halves_of_chat)
    try:
        return _ask_for_chat(options, payload, payload["messages"])
    except ContextLengthError:
        short = [{"role": "user", "content": "a"}]
        tools = _ask_for_chat(options, payload, short) - count(short)
    return tools + _in_parts(count, payload["messages"], _halves_of_chat)


def count_long_messages(
    options: OllamaOptions, payload: Mapping[str, Any], part_bytes: int
) -> tuple[int, int]:
    """Return how many tokens a conversation has that does not fit, and how many it has at least.

    An older Ollama can fail where a prompt fills the context, so no part does. The template is
    written around each part, which comes to some tokens more for each: to no more than a short
    message has.

    Args:
        options: The server and the model.
        payload: The request, with `messages` and `tools`.
        part_bytes: Most bytes of the JSON of a part.

    Raises:
        InvalidRequestError: The server does not count all tokens.
        ContextLengthError: The tools alone, or an image, fill the context.
    """
    options = _without_cuts(options)
    _check_counts(options, payload)

    def count(messages: list[Message], *left_out: str) -> int:
        body = {name: value for name, value in payload.items() if name not in left_out} | {
            "messages": messages
        }
        return _ask(options, "/api/chat", body, ChatDecoder)

    short = [{"role": "user", "content": "a"}]
    around = count(short, "keep_alive", "tools")
    tools = count(short, "keep_alive") - around if "tools" in payload else 0
    filled = [
        message
        for message in payload["messages"]
        if any(map(message.get, ("content", "images", "tool_calls")))
    ]
    *parts, last = _parts_of_chat(filled, part_bytes)
    # a `keep_alive` of 0 would load the model for each part
    counts = [count(part, "keep_alive", "tools") for part in parts]
    total = tools + sum(counts) + count(last, "tools")
    return total, total - around * len(parts)


def _parts_of_chat(messages: list[Message], part_bytes: int) -> Iterator[list[Message]]:
    texts = [{**message, "images": ()} for message in messages]
    size = len(json.dumps(texts, ensure_ascii=False).encode("utf-8", "replace"))
    if size <= part_bytes or (halves := _halves_of_chat(messages)) is None:
        yield messages
        return
    for half in halves:
        yield from _parts_of_chat(half, part_bytes)


def _without_cuts(options: OllamaOptions) -> OllamaOptions:
    return options.with_options({"truncate": False}) if options.truncate else options


def _in_parts(
    count: Callable[[T], int], whole: T, halves: Callable[[T], tuple[T, T] | None]
) -> int:
    try:
        return count(whole)
    except ContextLengthError:
        if (parts := halves(whole)) is None:
            raise
    return sum(_in_parts(count, part, halves) for part in parts)


def _halves_of_text(text: str) -> tuple[str, str] | None:
    middle = text.rfind(" ", 1, len(text) // 2) if " " in text else -1
    middle = middle if middle > 0 else len(text) // 2
    return (text[:middle], text[middle:]) if middle else None


def _halves_of_chat(messages: list[Message]) -> tuple[list[Message], list[Message]] | None:
    if len(messages) > 1:
        middle = len(messages) // 2
        return messages[:middle], messages[middle:]
    if (texts := _halves_of_text(messages[0]["content"])) is None:
        return None
    first, second = ({**messages[0], "content": text} for text in texts)
    second.pop("images", None)
    return [first], [second]


def _ask_for_text(options: OllamaOptions, payload: Mapping[str, Any], text: str) -> int:
    body = {**payload, "prompt": text, "raw": True}
    if _known_context(options, body) == UNKNOWN_CONTEXT:
        _check_length_is_countable(options, len(text.encode("utf-8", "replace")))
    return _ask(options, "/api/generate", body, GenerateDecoder)


def _ask_for_chat(
    options: OllamaOptions, payload: Mapping[str, Any], messages: list[Message]
) -> int:
    """Ask for the count of a conversation.

    Raise where an older Ollama dropped its first messages, which it does not report.
    """

    def ask(kept: Sequence[Message]) -> int:
        return _ask(options, "/api/chat", {**payload, "messages": kept}, ChatDecoder)

    context = _known_context(options, {**payload, "messages": messages})
    count = ask(messages)
    size = len(json.dumps([messages, payload.get("tools")])) + len(
        options.facts.template if options.facts else ""
    )
    if context == UNKNOWN_CONTEXT:
        _check_length_is_countable(options, size)
    elif size > context or any(
        message.get("images") for message in messages
    ):  # a token is at least a byte
        earlier = [message for message in messages[:-1] if message["content"]]
        dropped = next(
            (message for message in earlier if message["role"] != "system"),
            earlier[0] if earlier else None,
        )
        if (
            dropped is not None
            and ask([message for message in messages if message is not dropped]) == count
        ):
            raise ContextLengthError(
                f"The conversation is longer than the context of {context} tokens.",
                context_tokens=context,
            )
    return count


def _known_context(options: OllamaOptions, body: Mapping[str, Any]) -> int:
    """Return the context that a prompt is read with.

    The server is asked for it where the prompt may be longer.
    """
    load = load_model(options, {"options": body.get("options", {}), "shift": options.shift})
    options.client.run(needed_context(options, prompt_bytes(options, body), load))
    return options.context_tokens


def _check_length_is_countable(options: OllamaOptions, size: int) -> None:
    """Raise for a text that may exceed an unknown context.

    A server may cut it and count the rest.
    """
    if size > _LEAST_CONTEXT:
        raise InvalidRequestError(
            f"The server at {options.client.address.url} does not say how long the context of "
            f"'{options.model}' is, so it is not known whether it reads all of a text of {size} "
            "bytes. Set `num_ctx`."
        )


def _check_counts(options: OllamaOptions, payload: Mapping[str, Any]) -> None:
    """Raise `InvalidRequestError` for a server that does not count cached tokens.

    It is tried once for a server.
    """
    options.client.run(model_facts(options))
    if options.state.counts_all:
        return
    probe = {
        name: value for name, value in payload.items() if name in {"model", "keep_alive", "options"}
    }
    text = " ".join(secrets.token_hex(4))
    first, second = (_ask_for_text(options, probe, text) for _ in range(2))
    if first != second:
        raise InvalidRequestError(_CACHED.format(url=options.client.address.url))
    options.state.counts_all = True


def _ask(
    options: OllamaOptions, path: str, payload: Mapping[str, Any], decoder: type[GenerateDecoder]
) -> int:
    """Return the count of a prompt that a call for one token reports."""
    # Ollama 0.9.3 takes num_predict=0 for no limit
    body = {**payload, "options": {**payload.get("options", {}), "num_predict": 1}}
    for left in reversed(range(_TRIES)):
        try:
            *_, last = HttpHandle(
                options.client, open_stream(options, path, body, grows=False), decoder(options)
            ).events()
            break
        except (
            ServerError,
            StreamBrokenError,
        ):  # 0.9.3 fails in all calls where it fails at the long prompt of one
            if not left:
                raise
    count = last.finish and last.finish.prompt_tokens
    if not count:
        raise InvalidRequestError(_CACHED.format(url=options.client.address.url))
    return count
