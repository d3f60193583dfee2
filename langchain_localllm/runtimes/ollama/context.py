"""Choose the `num_ctx` of a call.

It is the caller's, else none, until a prompt does not fit into the server's own context. Ollama
loads a model again when `num_ctx` changes. Its own default is OLLAMA_CONTEXT_LENGTH, else it
depends on the GPU's memory: 4,096 tokens, 32,768 or 262,144.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from langchain_localllm.base.answer_decoder import UNREADABLE
from langchain_localllm.errors import ContextLengthError, PermissionDeniedError, WrongServerError
from langchain_localllm.gguf.capacity import DEFAULT_CONTEXT
from langchain_localllm.runtimes.ollama.api import fetch
from langchain_localllm.runtimes.ollama.api_show import LEAST_CONTEXT, UNKNOWN_CONTEXT
from langchain_localllm.runtimes.ollama.options import OllamaServer
from langchain_localllm.transport.operations import Plan

T = TypeVar("T")

_REFUSES_LONG: Final = (0, 12, 6)
"""The first version that refuses a long prompt where `truncate` is false. Older ones ignore it for
all but embeddings."""
_IMAGE: Final = 2048
"""Bytes of text that an image may take the place of."""
_BYTES_PER_TOKEN: Final = 2
"""Few texts have shorter tokens on average."""
_OF_PROMPT: Final = frozenset({"prompt", "suffix", "system", "template", "messages", "tools"})
_HIDDEN: Final = (PermissionDeniedError, WrongServerError, *UNREADABLE)
"""What asking a gateway raises that lets only some paths through."""


def prompt_bytes(options: OllamaServer, payload: Mapping[str, Any]) -> int:
    """Return how many bytes the prompt of a request has at most.

    It has no more tokens, except for unusual images.
    """
    messages = payload.get("messages") or ()
    images = [
        *(payload.get("images") or ()),
        *(image for message in messages for image in message.get("images") or ()),
    ]
    texts = {name: payload[name] for name in _OF_PROMPT & payload.keys()}
    texts["messages"] = [
        {name: value for name, value in message.items() if name != "images"} for message in messages
    ]
    # what JSON cannot hold is refused when the request is sent
    text = json.dumps(texts, ensure_ascii=False, default=str)
    own = options.facts.own_bytes if options.facts else 0
    return (
        len(text.encode("utf-8", "replace"))
        + own
        + len(payload.get("context") or ())
        + _IMAGE * len(images)
    )


def with_context(
    options: OllamaServer,
    size: int,
    load: Plan[Any],
    send: Callable[[int], Plan[T]],
    *,
    grows: bool = True,
    refuses: bool = False,
) -> Plan[T]:
    """Send a request with the `num_ctx` that it needs.

    Where a server refuses it as too long, once more with a larger one.

    Args:
        options: The server and the model, about which it was asked.
        size: Bytes of the longest prompt in the request.
        load: Loads the model as the request will have it loaded, and answers nothing.
        send: Makes the plan of the request for a `num_ctx`, or for `UNKNOWN_CONTEXT` to send none.
        grows: Whether a prompt that is refused as too long may raise the context.
        refuses: Whether a server of any version refuses such a request when it is too long, instead
            of cutting it.

    Raises:
        ContextLengthError: It does not fit into the largest context.
    """
    context = yield from needed_context(options, size, load, refuses=refuses)
    for larger in (*(_larger(options, size) if grows else ()), UNKNOWN_CONTEXT):
        try:
            return (yield from send(context))
        except ContextLengthError:
            if larger == UNKNOWN_CONTEXT:
                raise
        context = options.state.raise_to(larger)
    raise AssertionError  # the last turn returns or raises


def needed_context(
    options: OllamaServer, size: int, load: Plan[Any], *, refuses: bool = False
) -> Plan[int]:
    """Return the `num_ctx` to send with a request, or `UNKNOWN_CONTEXT` for none.

    The arguments are those of `with_context`.
    """
    state = options.state
    if chosen := options.num_ctx or state.raised:
        return chosen
    if size <= LEAST_CONTEXT or not _may_be_raised(options):
        return UNKNOWN_CONTEXT
    if state.served is None:
        state.served = yield from _served_context(options, load)
    if (
        size // _BYTES_PER_TOKEN <= state.served
        or (state.served and refuses)
        or (yield from refuses_long(options))
    ):
        return UNKNOWN_CONTEXT
    return options.state.raise_to(next(_larger(options, size), UNKNOWN_CONTEXT))


def _may_be_raised(options: OllamaServer) -> bool:
    """Return whether the server's default limits a prompt.

    Otherwise it is what the caller or the Modelfile set.
    """
    facts = options.facts
    is_known = facts is not None and facts.context != UNKNOWN_CONTEXT and not facts.fixed_context
    return is_known and not options.num_ctx and not getattr(options, "truncate", False)


def _larger(options: OllamaServer, size: int) -> Iterator[int]:
    """Return the contexts to try for a prompt, at most the model's own.

    They are one that should fit it, and one that certainly does.
    """
    if not _may_be_raised(options):
        return
    trained = options.facts.trained_context if options.facts else None
    answer = max(getattr(options, "max_tokens", None) or 0, 0)
    least = options.context_tokens
    for tokens in (size // _BYTES_PER_TOKEN, size):
        context = max(1 << (tokens + answer).bit_length(), DEFAULT_CONTEXT)
        context = min(context, trained or context)
        if context > least:
            least = context
            yield context


def _served_context(options: OllamaServer, load: Plan[Any]) -> Plan[int]:
    """Load the model with the server's default, and return its context.

    `UNKNOWN_CONTEXT` where the server does not report it.
    """
    # a gateway may load the model, and not answer as Ollama does
    with contextlib.suppress(*_HIDDEN):
        yield from load
    try:
        rows = (yield from fetch(options, "GET", "/api/ps"))["models"]
        found = next(
            (
                row.get("context_length")
                for row in rows
                if _full_name(row["name"]) == _full_name(options.model)
            ),
            None,
        )
        served = int(found or UNKNOWN_CONTEXT)
    except (*_HIDDEN, ValueError):
        return UNKNOWN_CONTEXT
    trained = options.facts and options.facts.trained_context
    return min(served, trained) if trained else served


def _full_name(model: str) -> str:
    name = model.strip().lower()
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def refuses_long(options: OllamaServer) -> Plan[bool]:
    """Whether the server says that its version refuses a long prompt where `truncate` is false.

    Asked for once.
    """
    state = options.state
    if state.refuses_long is None:
        state.refuses_long = (
            version := (yield from server_version(options))
        ) is not None and version >= _REFUSES_LONG
    return state.refuses_long


def server_version(options: OllamaServer) -> Plan[tuple[int, ...] | None]:
    """Ask the server for its version, as numbers; `None` where it does not say."""
    try:
        answer = yield from fetch(options, "GET", "/api/version")
        return tuple(int(part) for part in re.findall(r"\d+", str(answer["version"]))[:3]) or None
    except _HIDDEN:
        return None
