"""One step of an agent: calls whose arguments fit their tools, or else a structured answer.

A grammar of calls and object together, from the first token on, was measured against this: a model
that would have answered in words then calls a tool again, or fills the object before it calls one.
So the model decides in its own words, and they are read while they come. What it decides for is
enforced.
"""

import logging
import re
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from langchain_localllm._json import read_json
from langchain_localllm.base.json_schema import broken_rules
from langchain_localllm.base.token_stream import StreamEvent, TokenStream
from langchain_localllm.errors import ServerError, StreamBrokenError
from langchain_localllm.templates.tool_calls import FORMATS

_LOG: Final = logging.getLogger(__name__)
_MOST_PREAMBLE: Final = 48
"""Events with text, mostly tokens, that a model may write before it begins a call: "Let me look up
the weather in Lisbon." """
_OBJECT: Final = re.compile(r"\s*(```|[{\[])")
"""How a model begins that writes the object by itself."""
_CALL_MARKERS: Final = tuple(
    {opening for form in FORMATS.values() for opening in form.openings if opening[:1] in {"<", "["}}
)
"""How a model begins a call that nothing can read."""

Opening = Callable[[], TokenStream]


@dataclass(slots=True)
class Decision:
    """Reads what a model writes until it is known what it decided for.

    Attributes:
        tools: The tools on offer, in OpenAI's form.
        call: Opens a call of one of the tools that is enforced, after events that are passed on
            with it; `None` where what is read is such a call.
        answer: Opens the answer of the form that was asked for; `None` where text is allowed.
        follows: What comes in place of what was read, if anything.
        held: Events that are not passed on yet.
    """

    tools: Sequence[Mapping[str, Any]]
    call: Callable[[list[StreamEvent]], TokenStream] | None
    answer: Opening | None
    follows: Opening | None = None
    held: list[StreamEvent] = field(default_factory=list)
    _calls: dict[int, tuple[list[str], list[str]]] = field(default_factory=dict)
    _text: str = ""
    _text_count: int = 0

    def read(self, event: StreamEvent) -> Iterable[StreamEvent]:
        """Return the events that can be passed on; stop reading when `follows` is set."""
        for part in event.tool_calls or ():
            name, args = self._calls.setdefault(part["index"], ([], []))
            name.append(part.get("name") or "")
            args.append(part.get("args") or "")
        if self.answer is None and not self._calls:
            return (event,)
        self.held.append(event)
        if event.text and not self._calls:
            self._text += event.text
            self._text_count += 1
            if _OBJECT.match(self._text) or self._text_count > _MOST_PREAMBLE:
                self.follows = self._instead_of_text()
        if event.finish is None or self.follows is not None:
            return ()
        if not self._calls:
            self.follows = self._instead_of_text()
            return ()
        self.follows = self._instead_of_calls(cut=event.finish.reason == "length")
        return self.held if self.follows is None else ()

    def recover(self, error: ServerError | StreamBrokenError) -> bool:
        """Choose what follows an error.

        llama.cpp's server fails at calls of a wrong format, and Ollama at repetitions.
        """
        self.follows = self._call_again() if isinstance(error, ServerError) else self.answer
        return self.follows is not None

    def _call_again(self) -> Opening | None:
        """Return what opens a call after the text that the model wrote before it."""
        texts = [
            StreamEvent(event.text, reasoning=event.reasoning)
            for event in self.held
            if event.text or event.reasoning
        ]
        return None if self.call is None else partial(self.call, texts)

    def _instead_of_text(self) -> Opening | None:
        if self.call is not None and any(marker in self._text for marker in _CALL_MARKERS):
            return partial(self.call, [])
        return self.answer

    def _instead_of_calls(self, *, cut: bool) -> Opening | None:
        """Return what opens another answer in place of calls of which one breaks a rule."""
        parameters = {
            tool["function"]["name"]: tool["function"].get("parameters") or {}
            for tool in self.tools
        }
        calls = [("".join(name), "".join(args)) for name, args in self._calls.values()]
        if all(name in parameters and fits(args or "{}", parameters[name]) for name, args in calls):
            return None
        if not cut:
            return self._call_again()
        if self.answer is not None:
            _LOG.warning(
                (
                    "The call %r was cut at the limit of tokens: the final answer is next. Raise "
                    "`max_tokens`."
                ),
                calls[-1],
            )
        return self.answer


def fits(args: str, parameters: Mapping[str, Any]) -> bool:
    """Whether arguments are a JSON object that fits the parameters of a tool.

    Example:
        >>> fits('{"a": "2"}', {"type": "object", "properties": {"a": {"type": "integer"}}})
        False
    """
    value = read_json(args)
    return isinstance(value, dict) and not broken_rules(value, parameters)


@dataclass(frozen=True, slots=True)
class CallOrAnswer:
    """A handle for one step of an agent.

    Attributes:
        free: What the model writes by itself, with the tools on offer.
        decision: Reads it.
    """

    free: TokenStream
    decision: Decision

    def events(self) -> Generator[StreamEvent]:
        """Yield the events of the step."""
        try:
            with closing(self.free.events()) as events:
                for event in events:
                    yield from self.decision.read(event)
                    if self.decision.follows is not None:
                        break
        except (ServerError, StreamBrokenError) as error:
            if not self.decision.recover(error):
                raise
        if self.decision.follows is not None:
            yield from self.decision.follows().events()

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        """Yield the events of the step, in async code."""
        try:
            async with aclosing(self.free.aevents()) as events:
                async for event in events:
                    for part in self.decision.read(event):
                        yield part
                    if self.decision.follows is not None:
                        break
        except (ServerError, StreamBrokenError) as error:
            if not self.decision.recover(error):
                raise
        if self.decision.follows is not None:
            async with aclosing(self.decision.follows().aevents()) as events:
                async for event in events:
                    yield event
