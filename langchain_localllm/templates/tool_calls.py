"""How models write tool calls, and how they are read from a text that comes in pieces."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from langchain_localllm.templates.json_scan import JsonScanner
from langchain_localllm.templates.markers import held_back


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """A way to write tool calls.

    Attributes:
        opening: What begins calls in an answer; empty where there is no such marker.
        closing: What ends a call; a model may leave it out.
        bare: Whether an answer that begins with JSON is a call too.
        before: What stands before the JSON of a call that is forced.
        after: What stands after it.
        arguments: The key of the arguments.
        inside: Other markers in a call.
    """

    opening: str
    closing: str = ""
    bare: bool = False
    before: str = ""
    after: str = ""
    arguments: str = "arguments"
    inside: tuple[str, ...] = ()

    @property
    def markers(self) -> tuple[str, ...]:
        """All of its markers. A model may have a token for each, which is no part of a text unless it is asked for."""
        return tuple(marker for marker in (self.opening, self.closing, *self.inside) if marker)


HERMES: Final = ToolFormat("<tool_call>", "</tool_call>", before="<tool_call>\n", after="\n</tool_call>")
MISTRAL: Final = ToolFormat("[TOOL_CALLS]", bare=True, before="[TOOL_CALLS][", after="]", inside=("[CALL_ID]", "[ARGS]"))
LLAMA3: Final = ToolFormat("<|python_tag|>", bare=True, arguments="parameters")
JSON: Final = ToolFormat("", bare=True)

FORMATS: Final = {"<tool_call>": HERMES, "[TOOL_CALLS]": MISTRAL, "<|python_tag|>": LLAMA3}
"""What a chat template holds, and the way in which its model writes calls. Hermes, Qwen and many others share the first."""


def tool_format(template: str) -> ToolFormat:
    """The way in which a chat template's model writes calls; plain JSON where the template does not tell."""
    return next((form for marker, form in FORMATS.items() if marker in template), JSON)


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call as the model wrote it.

    Attributes:
        name: The tool, or `None` where it cannot be read.
        args: The arguments as JSON text; of a call that cannot be read, what there is of it.
        id: The id, where the model wrote one.
        valid: Whether it can be read.
    """

    name: str | None
    args: str
    id: str | None = None
    valid: bool = True


_CALL_KEYS: Final = frozenset({"name", "arguments", "parameters", "function", "type", "id"})
_FIRST_KEY: Final = re.compile(r'\[?\s*\{\s*"(\w+)"')
_KEY_MAY_COME: Final = re.compile(r'\[?\s*(\{\s*("\w*)?)?')
_NAME: Final = re.compile(r'"name"\s*:\s*"([^"\\]*)"')
_HEADER: Final = re.compile(r"\s*([\w.-]+)\s*(?:\[CALL_ID\]\s*(\w+)\s*)?(?:\[ARGS\]\s*)?")
"""How newer Mistral models write a name before its arguments."""
_BETWEEN: Final = " \t\r\n,;"
"""What models write between calls."""


class _State(Enum):
    START = auto()
    TEXT = auto()
    CALLS = auto()


class ToolCallParser:
    """Tells tool calls from text in an answer that comes in pieces.

    Text is handed out at once; only what may be the beginning of a call, or white space before one, is held back.

    Example:
        >>> parser = ToolCallParser(HERMES)
        >>> for piece in ("Let me see. <tool", '_call>{"name": "add", "arguments": {"a": 1}}', "</tool_call>"):
        ...     print(parser.feed(piece))
        ['Let me see.']
        [WrittenCall(name='add', args='{"a": 1}', id=None, valid=True)]
        []
    """

    __slots__ = ("_form", "_marked", "_names", "_read", "_scanner", "_state", "_text")

    def __init__(self, form: ToolFormat, names: Collection[str] = ()) -> None:
        """Begin.

        Args:
            form: How the model writes calls.
            names: The tools on offer. JSON without a marker is a call only where it names one of them.
        """
        self._form = form
        self._names = frozenset(names)
        self._state = _State.START if form.bare else _State.TEXT
        self._marked = False  # whether the calls that are being read began with the marker
        self._read = 0  # how many came since
        self._scanner: JsonScanner | None = None
        self._text = ""

    def feed(self, text: str) -> list[str | WrittenCall]:
        """The texts and calls that can be told now, in their order."""
        self._text += text
        return self._parts(last=False)

    def end(self) -> list[str | WrittenCall]:
        """What was held back, when no more text comes. A call that is not complete is not valid."""
        return self._parts(last=True)

    def _parts(self, *, last: bool) -> list[str | WrittenCall]:
        steps = {_State.START: self._start, _State.TEXT: self._tell_text, _State.CALLS: self._tell_calls}
        parts: list[str | WrittenCall] = []
        while self._text and (told := steps[self._state](last=last)) is not None:
            parts += [part for part in told if part]
        return parts

    # Each step gives what it can tell and moves on, or `None` when it needs more text.

    def _start(self, *, last: bool) -> list[str | WrittenCall] | None:
        begun = self._text.lstrip()
        key = _FIRST_KEY.match(begun)
        if key is None and not last and _KEY_MAY_COME.fullmatch(begun):
            return None
        self._state = _State.CALLS if key and key[1] in _CALL_KEYS else _State.TEXT
        return []

    def _tell_text(self, *, last: bool) -> list[str | WrittenCall] | None:
        opening = self._form.opening
        at = self._text.find(opening) if opening else -1
        if at >= 0:
            before = self._take(at + len(opening))[:at].rstrip()
            self._state, self._marked, self._read = _State.CALLS, True, 0
            return [before]
        size = held_back(self._text, [opening]) if opening and not last else len(self._text)
        text = self._take(size)
        if last and self._read and text.isspace():
            return []
        return [text] if text else None

    def _tell_calls(self, *, last: bool) -> list[str | WrittenCall] | None:
        start = len(self._text) - len(self._text.lstrip(_BETWEEN))
        rest = self._text[start:]
        for marker in (self._form.opening, self._form.closing):
            if marker and rest.startswith(marker):
                self._take(start + len(marker))
                self._read = 0 if marker == self._form.opening else self._read
                return []
            if marker.startswith(rest):  # more of it may come; if not, it is of no use
                return self._drop() if last else None
        if rest[0] in "{[":
            return self._tell_value(start, last=last)
        if self._read or not self._marked:
            self._state = _State.TEXT
            return []
        return self._tell_value(self._text.find("{"), last=last)

    def _tell_value(self, start: int, *, last: bool) -> list[str | WrittenCall] | None:
        """The calls of one JSON value that begins at `start`; -1 where none has begun yet."""
        closed = self._text.find(self._form.closing) if self._form.closing and self._scanner is None else -1
        if 0 <= closed < start or start < 0:
            start, end = -1, closed if closed >= 0 else None
        else:
            self._scanner = self._scanner or JsonScanner(start, self._form.closing)
            end = self._scanner.end(self._text)
        if end is None and not last:
            return None
        self._scanner = None
        body = self._take(len(self._text) if end is None else end)
        calls = _calls_in(body, start)
        self._read += len(calls)
        if self._marked or any(call.name in self._names for call in calls):
            return list(calls)
        self._state = _State.TEXT
        return [body]

    def _drop(self) -> list[str | WrittenCall]:
        self._text = ""
        return []

    def _take(self, size: int) -> str:
        taken, self._text = self._text[:size], self._text[size:]
        return taken


def _calls_in(body: str, start: int) -> list[WrittenCall]:
    """The calls of a JSON value that begins at `start` of a text; -1 where there is none."""
    try:
        value = json.loads(body[start:]) if start >= 0 else None
    except ValueError:
        value = None
    if header := _HEADER.fullmatch(body, 0, max(start, 0)):
        return [WrittenCall(header[1], body[start:], header[2], valid=isinstance(value, dict))]
    values = value if isinstance(value, list) else [value]
    return [_call(item, body.lstrip(_BETWEEN).rstrip()) for item in values]


def _call(value: Any, written: str) -> WrittenCall:
    if isinstance(value, dict):
        inner = value.get("function")
        fields = inner if isinstance(inner, dict) else value
        name = fields.get("name", inner)
        args = fields.get("arguments", fields.get("parameters", {}))
        if isinstance(name, str) and (text := _arguments(args)) is not None:
            call_id = value.get("id")
            return WrittenCall(name, text, call_id if isinstance(call_id, str) else None)
    named = _NAME.search(written)
    return WrittenCall(named[1] if named else None, written, valid=False)


def _arguments(args: Any) -> str | None:
    """Arguments as JSON text; a model may write them as an object, or as the text of one."""
    if isinstance(args, str):
        try:
            args = json.loads(args)
        except ValueError:
            return None
    return json.dumps(args, ensure_ascii=False) if isinstance(args, dict) else None
