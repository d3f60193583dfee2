"""Parse an engine's events: separate thoughts, tool calls and text, and number the calls.

Calls are also named.
"""

import re
import secrets
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, replace
from typing import Any, Final

from langchain_localllm._json import read_json
from langchain_localllm.base.thoughts import Splitter
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent, TokenStream
from langchain_localllm.base.tool_arguments import parameters_of
from langchain_localllm.templates.thinking import Split, ThinkSplitter
from langchain_localllm.templates.tool_calls import JSON, QWEN_CODER, ToolCallParser, WrittenCall

_MARKER: Final = "<|"
_MARKERS: Final = re.compile(r"<\|.*?\|>")


class AnswerReader:
    """Read the events of one answer."""

    __slots__ = (
        "_args",
        "_calls",
        "_found_thoughts",
        "_hidden",
        "_keeps_thoughts",
        "_space",
        "_state",
        "_thoughts",
    )

    def __init__(
        self,
        thoughts: Splitter | None = None,
        calls: ToolCallParser | None = None,
        *,
        keeps_thoughts: bool = True,
    ) -> None:
        """Begin.

        Args:
            thoughts: Separates thoughts from the answer, if the engine does not.
            calls: Separates tool calls from the answer, if the engine does not.
            keeps_thoughts: Whether thoughts are returned.
        """
        self._keeps_thoughts = keeps_thoughts
        # what is hidden of an answer of which nothing else has come
        self._hidden: list[str] | None = []
        self._found_thoughts = False
        # of an answer whose thoughts the engine finds: "thoughts", "after thoughts"
        self._state = ""
        self._space = ""  # at the end of these thoughts
        self._thoughts = thoughts
        self._calls = calls
        self._args: dict[int, list[str]] = {}  # by call, what came of its arguments

    def parse(self, thoughts: Splitter, calls: ToolCallParser | None, begun: str) -> None:
        """Parse the answer, of which nothing has come, in another way.

        Args:
            thoughts: Splits thoughts from the answer.
            calls: Parses tool calls in the answer, where there are tools.
            begun: The beginning of a marker with which the prompt ends.
        """
        self._thoughts, self._calls = thoughts, calls
        thoughts.feed(begun)

    def read(self, event: StreamEvent) -> Iterable[StreamEvent]:
        """Return the events that can be passed on."""
        if event.progress is not None:
            return (event,)
        if self._thoughts and self._thoughts.done:
            self._thoughts = None
        if event.reasoning or self._state:
            self._trim(event)
            if not (
                event.text or event.reasoning or event.tool_calls or event.finish or event.logprobs
            ):
                return ()
        if not self._keeps_thoughts:
            self._hide_thoughts(event)
            if not (event.text or event.tool_calls or event.finish):
                return ()
        if not (self._thoughts or self._calls or event.tool_calls or event.finish):
            return (event,)
        return self._parsed(event)

    def _trim(self, event: StreamEvent) -> None:
        """Strip white space around thoughts that the engine found, as around those found here."""
        if event.reasoning:
            thought = self._space + event.reasoning if self._state else event.reasoning.lstrip()
            event.reasoning = thought.rstrip()
            self._space = thought[len(event.reasoning) :]
            self._state = "thoughts"
        if event.text:
            event.text = event.text.lstrip()
            self._state, self._space = "" if event.text else "after thoughts", ""

    def _hide_thoughts(self, event: StreamEvent) -> None:
        """Drop thoughts, which are not wanted, unless the answer ends without anything else.

        Then they are its text: a server with the reasoning parser of another model takes a whole
        answer for thoughts (vllm-project/vllm#19839).
        """
        if event.text.strip() or event.tool_calls:
            self._hidden = None
        if self._hidden is not None:
            self._hidden.append(event.reasoning)
            if event.finish and event.finish.reason == "stop":
                event.text += "".join(self._hidden)
        event.reasoning = ""

    def _parsed(self, event: StreamEvent) -> Iterator[StreamEvent]:
        if event.tool_calls:
            yield replace(
                event,
                text="",
                finish=None,
                tool_calls=[self._named(call) for call in event.tool_calls],
            )
        elif event.reasoning:
            yield replace(event, text="", finish=None)
        logprobs = None if event.tool_calls or event.reasoning else event.logprobs
        for part in self._texts(event.text, event.finish):
            part.logprobs, logprobs = logprobs, None
            yield part
        if logprobs is not None:  # of a token whose text is held back
            yield StreamEvent("", logprobs=logprobs)
        if event.finish:
            yield from self._cut_calls(cut=event.finish.reason == "length")
            finish = event.finish
            if self._args and finish.reason in {"stop", "unknown"}:
                finish = replace(finish, reason="tool_calls")
            # an engine that took them for text counted none
            if self._found_thoughts and finish.reasoning_tokens == 0:
                finish = replace(finish, reasoning_tokens=None)
            yield StreamEvent("", finish)

    def _texts(self, text: str, finish: CompletionInfo | None) -> Iterator[StreamEvent]:
        splits = [Split("", text)]
        if self._thoughts:
            splits = [self._thoughts.feed(text), *([self._thoughts.end()] if finish else [])]
        for split in splits:
            self._found_thoughts = self._found_thoughts or bool(split.reasoning)
            if split.reasoning and self._keeps_thoughts:
                yield StreamEvent("", reasoning=split.reasoning)
            yield from self._parts(self._calls.feed(split.text) if self._calls else [split.text])
        if self._calls and finish:
            yield from self._parts(self._calls.end(cut=finish.reason == "length"))

    def _parts(self, parts: Iterable[str | WrittenCall]) -> Iterator[StreamEvent]:
        for part in parts:
            if isinstance(part, WrittenCall):
                call = {
                    "index": len(self._args),
                    "id": part.id,
                    "name": part.name,
                    "args": part.args,
                }
                yield StreamEvent("", tool_calls=[self._named(call)])
            elif part:
                yield StreamEvent(part)

    def _named(self, call: dict[str, Any]) -> dict[str, Any]:
        """Return the part of a call with an id, if it is the first of that call."""
        index, name = call["index"], call.get("name") or ""
        if _MARKER in name:
            call = {**call, "name": _without_markers(name)}
        if index not in self._args:
            self._args[index] = []
            call = {
                **call,
                "id": call.get("id") or secrets.token_hex(5)[:9],
            }  # nine letters and digits, as Mistral's templates want
        self._args[index].append(call.get("args") or "")
        return call

    def _cut_calls(self, *, cut: bool) -> Iterator[StreamEvent]:
        """Make calls that cannot be read invalid.

        LangChain would repair them, and a tool would run with half of its arguments.

        Args:
            cut: Whether the answer ended at a limit of tokens, so that missing arguments are not
                arguments that were left out.
        """
        for index, parts in self._args.items():
            args = "".join(parts)
            if (args or cut) and not isinstance(read_json(args), dict):
                yield StreamEvent(
                    "",
                    tool_calls=[
                        {"index": index, "id": None, "name": None, "args": _unreadable_end(args)}
                    ],
                )


def _without_markers(name: str) -> str:
    """Return a tool's name without markers of gpt-oss's format, which servers leave in it.

    So `<|constrain|>add<|channel|>commentary` is `add` (ollama/ollama#11704). Names of tools hold
    no such characters.
    """
    return next(filter(None, map(str.strip, _MARKERS.split(name))), name)


def _unreadable_end(text: str) -> str:
    """Return what makes incomplete JSON unreadable even for a parser that repairs it.

    That is a bracket that nothing opened.
    """
    open_brackets: list[str] = []
    in_string = escaped = False
    for char in text:
        if in_string:
            in_string = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            in_string = True
        elif char in "{[":
            open_brackets.append(char)
        elif char in "]}" and open_brackets:
            open_brackets.pop()
    wrong = "]" if open_brackets[-1:] == ["{"] else "}"
    return ("\\" if escaped else "") + ('"' if in_string else "") + wrong


def without_unreadable_end(args: str) -> str:
    """Return the arguments of a call that was cut as the model wrote them."""
    ends = (len(args) - length for length in (1, 2, 3))
    return next(
        (args[:end] for end in ends if end >= 0 and _unreadable_end(args[:end]) == args[end:]), args
    )


def reader(
    tools: Sequence[dict[str, Any]],
    choice: str | None,
    *,
    keeps_thoughts: bool = True,
    splits_thoughts: bool = True,
) -> AnswerReader:
    """Return a reader for the answers of a server, which usually parses calls and thoughts itself.

    A forced call comes as JSON; calls that the server could not read, or did not try to, come as
    text.

    Args:
        tools: The tools of the call.
        choice: Its `tool_choice`.
        keeps_thoughts: Whether thoughts are returned.
        splits_thoughts: Whether thoughts in the text are returned apart from it.
    """
    form = JSON if choice == "required" else QWEN_CODER
    calls = ToolCallParser(form, parameters_of(tools)) if tools and choice != "none" else None
    return AnswerReader(
        ThinkSplitter() if splits_thoughts else None, calls, keeps_thoughts=keeps_thoughts
    )


@dataclass(frozen=True, slots=True)
class ReadHandle:
    """Stream the parsed events of another stream."""

    handle: TokenStream
    reader: AnswerReader
    begun: str = ""
    """What the answer begins with, where the prompt held its beginning."""

    def events(self) -> Generator[StreamEvent]:
        """Yield the events of the answer."""
        yield from self.reader.read(StreamEvent(self.begun)) if self.begun else ()
        with closing(self.handle.events()) as events:
            for event in events:
                yield from self.reader.read(event)

    async def aevents(self) -> AsyncGenerator[StreamEvent]:
        """Yield the events of the answer, in async code."""
        for part in self.reader.read(StreamEvent(self.begun)) if self.begun else ():
            yield part
        async with aclosing(self.handle.aevents()) as events:
            async for event in events:
                for part in self.reader.read(event):
                    yield part
