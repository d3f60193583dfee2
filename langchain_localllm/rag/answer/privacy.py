"""Keep documents on this machine: refuse remote models and stores, and do not trace runs."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import Context, copy_context
from typing import Any, Final, TypeVar

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.documents import BaseDocumentCompressor
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config
from langchain_core.tracers import LangChainTracer
from langchain_core.vectorstores import VectorStore

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.transport.address import Address

T = TypeVar("T")

_PARTS: Final = (Runnable, Embeddings, VectorStore, BaseDocumentCompressor)
_DEEP: Final = 6
_TRACING: Final = ("LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGSMITH_TRACING_V2")
_SILENT: Final = {"HF_HUB_OFFLINE": "1", "ANONYMIZED_TELEMETRY": "False", "DO_NOT_TRACK": "1"}


def silence_process() -> None:
    """Turn off tracing, telemetry and downloads for this process; the commands call this."""
    for name in _TRACING:
        os.environ.pop(name, None)
    os.environ.update(_SILENT)


def refuse_remote(**parts: Any) -> None:
    """Raise when a model or store, or what is inside it, works on another machine.

    Models, embedding models, rerankers and vector stores are checked.

    Args:
        **parts: The objects, by their name in the error.

    Raises:
        InvalidOptionError: An object has a remote address, is a cloud model of Ollama, or needs the
            key of a service and has no local address.
    """
    for name, part in parts.items():
        for inner in _inside(part, _DEEP):
            if why := _remote(inner):
                raise InvalidOptionError(
                    f"{name}: {type(inner).__name__} {why}, and your documents would be sent "
                    "there. Use one on this machine, or set allow_remote=True."
                )


def _inside(part: Any, deep: int) -> Iterator[Any]:
    """Yield the object, and the models and stores inside its wrappers.

    Wrappers are bindings, retries, fallbacks, caches and sequences.
    """
    yield part
    for value in vars(part).values() if deep and hasattr(part, "__dict__") else ():
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, _PARTS):
                yield from _inside(each, deep - 1)


def _remote(part: Any) -> str | None:
    """Return why an object counts as remote, or `None` if it is local."""
    fields = {**(getattr(part, "__dict__", None) or {}), **(getattr(part, "kwargs", None) or {})}
    if fields.get("allow_remote"):
        return "may forward requests to a model on another machine (allow_remote)"
    if isinstance(part, str):  # the kind of a vector store, with its address
        fields = {"address": part.partition(":")[2]}
    values = [
        each
        for value in fields.values()
        for each in (value if isinstance(value, list | tuple) else [value])
    ]
    addresses = [
        value
        for value in values
        if isinstance(value, str) and value.startswith(("http://", "https://"))
    ]
    for address in addresses:
        if not Address.parse(address).is_loopback:
            return f"is at {Address.parse(address).url}"
    # an object with a key and without an address uses its vendor's service
    if not addresses and getattr(part, "lc_secrets", None):
        return "uses its vendor's service"
    return None


def untraced(config: RunnableConfig | None) -> RunnableConfig:
    """Return the configuration without tracers that send runs to a service."""
    config = ensure_config(config)
    callbacks = config.get("callbacks")
    if isinstance(callbacks, BaseCallbackManager):
        callbacks = callbacks.copy()
        for handler in [
            handler for handler in callbacks.handlers if isinstance(handler, LangChainTracer)
        ]:
            callbacks.remove_handler(handler)
    elif callbacks:
        callbacks = [handler for handler in callbacks if not isinstance(handler, LangChainTracer)]
    return {**config, "callbacks": callbacks}


def in_private(begin: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Iterate over what `begin` returns, with tracing turned off for that iteration only."""
    context = _private_context()
    iterator = context.run(begin)
    try:
        while (item := context.run(next, iterator, _END)) is not _END:
            yield item  # type: ignore[misc]  # it is not the end
    finally:
        if close := getattr(iterator, "close", None):
            context.run(close)


async def ain_private(begin: Callable[[], AsyncIterator[T]]) -> AsyncIterator[T]:
    """Work like `in_private`, for async iterators."""
    context = _private_context()
    iterator = context.run(begin)

    async def step() -> Any:
        return await anext(iterator, _END)

    async def close() -> None:
        if aclose := getattr(iterator, "aclose", None):
            await aclose()

    try:
        while (item := await asyncio.create_task(step(), context=context)) is not _END:
            yield item
    finally:
        await asyncio.create_task(close(), context=context)


_END: Final = object()


def _private_context() -> Context:
    from langsmith.run_helpers import tracing_context

    context = copy_context()
    # it is not exited: the context ends with the run
    context.run(tracing_context(enabled=False).__enter__)
    return context
