"""The nine ways to call a model.

Each accepts a model, a prompt and call arguments, and returns the text.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Final, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig

Path = Callable[..., str]
T = TypeVar("T")

_runners: Final[list[asyncio.Runner]] = []


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run async code: in the event loop of `one_event_loop`, else in one of its own."""
    return _runners[-1].run(work) if _runners else asyncio.run(work)


@contextlib.contextmanager
def one_event_loop() -> Iterator[None]:
    """Within this, all async paths share an event loop.

    So a fault of a second loop does not hide others.
    """
    with asyncio.Runner() as runner:
        _runners.append(runner)
        try:
            yield
        finally:
            _runners.remove(runner)


def _text(answer: Any) -> str:
    return answer if isinstance(answer, str) else str(answer.text)


def invoke(model: Any, prompt: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
    """By `invoke`."""
    return _text(model.invoke(prompt, config, **kwargs))


def ainvoke(model: Any, prompt: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
    """By `ainvoke`."""
    return _text(run(model.ainvoke(prompt, config, **kwargs)))


def stream(model: Any, prompt: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
    """By `stream`."""
    return "".join(_text(chunk) for chunk in model.stream(prompt, config, **kwargs))


def astream(model: Any, prompt: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
    """By `astream`."""

    async def collect() -> str:
        return "".join([_text(chunk) async for chunk in model.astream(prompt, config, **kwargs)])

    return run(collect())


def batch(model: Any, prompt: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
    """By `batch`, of the same prompt twice."""
    first, second = model.batch([prompt, prompt], config, **kwargs)
    assert _text(first) == _text(second)
    return _text(first)


def abatch(model: Any, prompt: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
    """By `abatch`, of the same prompt twice."""
    first, second = run(model.abatch([prompt, prompt], config, **kwargs))
    assert _text(first) == _text(second)
    return _text(first)


def _for_generate(
    model: Any, prompt: str, config: RunnableConfig | None, kwargs: Any
) -> tuple[list[Any], dict[str, Any]]:
    prompts: list[Any] = [[HumanMessage(prompt)]] if isinstance(model, BaseChatModel) else [prompt]
    return prompts, {**kwargs, "callbacks": (config or {}).get("callbacks")}


def generate(model: Any, prompt: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
    """By `generate`."""
    prompts, arguments = _for_generate(model, prompt, config, kwargs)
    return str(model.generate(prompts, **arguments).generations[0][0].text)


def agenerate(model: Any, prompt: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
    """By `agenerate`."""
    prompts, arguments = _for_generate(model, prompt, config, kwargs)
    return str(run(model.agenerate(prompts, **arguments)).generations[0][0].text)


def astream_events(
    model: Any, prompt: str, config: RunnableConfig | None = None, **kwargs: Any
) -> str:
    """By `astream_events`."""

    async def collect() -> str:
        events = model.astream_events(prompt, config, version="v2", **kwargs)
        kinds = {"on_llm_stream", "on_chat_model_stream"}
        return "".join(
            [_text(event["data"]["chunk"]) async for event in events if event["event"] in kinds]
        )

    return run(collect())


PATHS: Final[Mapping[str, Path]] = {
    path.__name__: path
    for path in (
        invoke,
        ainvoke,
        stream,
        astream,
        batch,
        abatch,
        generate,
        agenerate,
        astream_events,
    )
}
"""Name to path."""
ASYNC_PATHS: Final = frozenset({"ainvoke", "astream", "abatch", "agenerate", "astream_events"})
"""The names of those that run in an event loop."""
BATCH_PATHS: Final = frozenset({"batch", "abatch"})
"""The names of those that call the model with several prompts."""
