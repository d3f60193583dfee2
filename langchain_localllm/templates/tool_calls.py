"""Parse tool calls, in the format of each model family, from a text that arrives in pieces."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, Final

from langchain_localllm._json import read_json
from langchain_localllm.templates.call_blocks import (
    ARG_KEYS,
    ATEM,
    BARE_FUNCTION,
    BUILT_IN,
    DEEPSEEK,
    DSML,
    FUNCTION_GEMMA,
    FUNCTIONS,
    GEMMA,
    HARMONY,
    HUNYUAN,
    KIMI,
    KIMI3,
    MINIMAX,
    MINIMAX3,
    OLMO,
    PARAMS,
    PYTHON,
    PYTHON_LIST,
    SEED,
    SOLAR,
    CallBlock,
    Parameters,
    WrittenCall,
)
from langchain_localllm.templates.json_scan import JsonScanner
from langchain_localllm.templates.markers import held_back

__all__ = [
    "FORMATS",
    "HERMES",
    "JSON",
    "LLAMA3",
    "MISTRAL",
    "QWEN_CODER",
    "ToolCallParser",
    "ToolFormat",
    "WrittenCall",
    "tool_format",
]


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """A way to write tool calls.

    Attributes:
        opening: What begins calls in an answer; empty where there is no such marker.
        closing: What ends a call; a model may leave it out.
        bare: Whether an answer that begins with a call in JSON or in Python, perhaps in a code
            fence, is a call too.
        before: What comes before the JSON of a call that is forced.
        after: What comes after it.
        arguments: The key of the arguments.
        inside: Other markers in a call.
        blocks: Other ways to write calls after the same marker.
        others: Other markers that begin calls, and how these are written.
    """

    opening: str
    closing: str = ""
    bare: bool = False
    before: str = ""
    after: str = ""
    arguments: str = "arguments"
    inside: tuple[str, ...] = ()
    blocks: tuple[CallBlock, ...] = ()
    others: tuple[tuple[str, CallBlock], ...] = ()

    @property
    def openings(self) -> tuple[str, ...]:
        """What may begin calls."""
        return (
            *((self.opening,) if self.opening else ()),
            *(opening for opening, _ in self.others),
        )

    def write(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Return a call as the model writes it, or as JSON."""
        if PYTHON in self.blocks or OLMO in self.blocks:
            given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
            call = f"{name}({given})" if OLMO in self.blocks else f"[{name}({given})]"
            return f"{self.opening}{call}{self.closing}"
        call = json.dumps({"name": name, self.arguments: arguments}, ensure_ascii=False)
        return f"{self.before}{call}{self.after}"

    def blocks_after(self, opening: str) -> tuple[CallBlock, ...]:
        """Return how calls after a marker are written, if not as JSON."""
        return (
            self.blocks
            if opening == self.opening
            else tuple(block for other, block in self.others if other == opening)
        )

    @property
    def markers(self) -> tuple[str, ...]:
        """All of its markers.

        A model may have a token for each, which is not part of a text unless it is asked for.
        """
        in_blocks = (marker for block in self.blocks for marker in (block.closing, *block.inside))
        return tuple(
            dict.fromkeys(
                marker
                for marker in (*self.openings, self.closing, *self.inside, *in_blocks)
                if marker
            )
        )


def _json_block(closing: str) -> CallBlock:
    """Read calls as JSON up to a closing marker, which may be missing."""
    return CallBlock(
        re.compile(r"[\[{]"), re.compile(""), closing, lambda body, _: iter(_calls_in(body, 0))
    )


HERMES: Final = ToolFormat(
    "<tool_call>",
    "</tool_call>",
    bare=True,
    before="<tool_call>\n",
    after="\n</tool_call>",
    blocks=(FUNCTIONS, ARG_KEYS),
    others=(("<tools>", _json_block("</tools>")),),  # Qwen2.5-Coder
)
QWEN_CODER: Final = replace(HERMES, others=(*HERMES.others, ("<function=", BARE_FUNCTION)))
"""As Qwen3-Coder writes calls, which often leaves out the first `<tool_call>`."""
MISTRAL: Final = ToolFormat(
    "[TOOL_CALLS]", bare=True, before="[TOOL_CALLS][", after="]", inside=("[CALL_ID]", "[ARGS]")
)
LLAMA3: Final = ToolFormat(
    "<|python_tag|>",
    bare=True,
    arguments="parameters",
    blocks=(BUILT_IN,),
    others=(("<function=", BARE_FUNCTION),),
)
JSON: Final = ToolFormat("", bare=True)

_LISTED: Final = ToolFormat(
    "<|tool_call|>",
    "<|/tool_call|>",
    bare=True,
    before="<|tool_call|>[",
    after="]",
    others=(
        ("<tool_call>", _json_block("</tool_call>")),
        ("functools", _json_block("<|/tool_call|>")),
    ),
)
_COHERE: Final = ToolFormat("<|START_ACTION|>", "<|END_ACTION|>", bare=True)
_LFM2: Final = ToolFormat("<|tool_call_start|>", "<|tool_call_end|>", bare=True, blocks=(PYTHON,))

FORMATS: Final = {
    "<|channel|>": ToolFormat("<|channel|>", bare=True, blocks=(HARMONY,)),
    # Muse
    "<atem:function_calls>": ToolFormat(
        "<|message|><atem:function_calls>", bare=True, blocks=(ATEM,)
    ),
    "]<]minimax[>[": ToolFormat("]<]minimax[>[<tool_call>", bare=True, blocks=(MINIMAX3,)),
    ":opensource": ToolFormat("<tool_calls:opensource>", bare=True, blocks=(HUNYUAN,)),
    "<|open|>": ToolFormat("<|open|>tools<|sep|>", bare=True, blocks=(KIMI3,)),
    "<｜tool▁calls▁begin｜>": ToolFormat(
        "<｜tool▁calls▁begin｜>",
        bare=True,
        blocks=(DEEPSEEK,),
        # R1's distilled models
        others=tuple(
            (f"<｜{opening}｜>", DEEPSEEK)
            for opening in ("tool_calls_begin", "tool calls begin", r"tool\_calls\_begin")
        ),
    ),
    "<|tool_calls_section_begin|>": ToolFormat(
        "<|tool_calls_section_begin|>", bare=True, blocks=(KIMI,)
    ),
    "｜DSML｜": ToolFormat("<｜DSML｜", bare=True, blocks=DSML),
    "<|tool_calls|>": ToolFormat("<|tool_calls|>", bare=True, blocks=(SOLAR,)),
    "<|tool_call>": ToolFormat("<|tool_call>", bare=True, blocks=(GEMMA,)),
    "<start_function_call>": ToolFormat(
        "<start_function_call>", bare=True, blocks=(FUNCTION_GEMMA,)
    ),
    "<function_calls>": ToolFormat(  # Olmo 3
        "<function_calls>", "</function_calls>", bare=True, blocks=(OLMO,)
    ),
    "<|action_start|>": ToolFormat("<|action_start|><|plugin|>", "<|action_end|>", bare=True),
    "<|tool_call_start|>": _LFM2,
    "List of tools: ": _LFM2,
    "<|START_ACTION|>": _COHERE,
    "Action:": ToolFormat(  # Command R+
        "Action:\n```json",
        "```",
        bare=True,
        before="Action:\n```json\n[",
        after="]\n```",
        arguments="parameters",
    ),
    "<TOOLCALL>": ToolFormat("<TOOLCALL>", "</TOOLCALL>", bare=True),
    "<|tools_prefix|>": ToolFormat("<|tools_prefix|>", "<|tools_suffix|>", bare=True),  # Apertus
    "<minimax:tool_call>": ToolFormat("<minimax:tool_call>", bare=True, blocks=(MINIMAX,)),
    "<seed:tool_call>": ToolFormat("<seed:tool_call>", bare=True, blocks=(SEED,)),
    "<function name=": ToolFormat('<function name="', bare=True, blocks=(PARAMS,)),
    "<|function_call|>": ToolFormat("<|function_call|>", bare=True),  # GigaChat 3.1
    "<|role_sep|>": ToolFormat(
        "<|message_sep|>\n\nfunction call<|role_sep|>",
        bare=True,
        inside=("<|message_sep|>", "<|role_sep|>"),
    ),
    "functools": ToolFormat("functools", bare=True),  # FireFunction
    ">>>all": ToolFormat(">>>", bare=True),  # Functionary 3.2
    **dict.fromkeys(("<|tool_call|>", "<|/tool|>"), _LISTED),  # Granite 3, Phi-4-mini
    "<parameter=": QWEN_CODER,
    "<tool_calls>": ToolFormat("<tool_calls>", "</tool_calls>", bare=True),  # Apriel, MiniMax M1
    "<tool_call>": HERMES,
    "[TOOL_CALLS]": MISTRAL,
    "<function=": ToolFormat("<function=", bare=True, blocks=(BARE_FUNCTION,)),
    "<|python_tag|>": LLAMA3,
    "<|python_start|>": ToolFormat(  # Llama 4
        "<|python_start|>",
        "<|python_end|>",
        bare=True,
        arguments="parameters",
        blocks=(PYTHON_LIST,),
    ),
    '"parameters": dictionary of argument name': LLAMA3,  # Llama 3.2
}
"""What a chat template holds, and how its model writes calls. Many families share `<tool_call>`."""


def tool_format(template: str) -> ToolFormat:
    """Return the way in which a chat template's model writes calls.

    Plain JSON if the template does not say.
    """
    return next((form for marker, form in FORMATS.items() if marker in template), JSON)


_CALL_KEYS: Final = frozenset(
    {"name", "arguments", "parameters", "function", "type", "id", "tool_name", "tool_call_id"}
)
_FIRST_KEY: Final = re.compile(r'\[?\s*\{\s*"(\w+)"')
_KEY_MAY_COME: Final = re.compile(r'\[?\s*(\{\s*("\w*)?)?')
_NAME: Final = re.compile(r'"name"\s*:\s*"([^"\\]*)"')
_FENCE: Final = re.compile(
    r'```(?:json|tool_call)?\s*?\n\s*\[?\s*\{\s*"(?:name|arguments|parameters|function|type|id)"'
)
_FENCE_MAY_COME: Final = re.compile(
    r'`{1,3}|```[a-z_]{0,9}|```[a-z_]{0,9}\s*?\n\s*\[?\s*(\{\s*("\w*)?)?'
)
"""A call in a code fence, and its beginning."""
_CALL_MAY_COME: Final = (_KEY_MAY_COME, _FENCE_MAY_COME, PYTHON_LIST.may_begin)
_decoder: Final = json.JSONDecoder(strict=False)  # models write line ends into strings
_HEADER: Final = re.compile(r"\s*([\w.-]+)\s*(?:\[CALL_ID\]\s*(\w+)\s*)?(?:\[ARGS\]\s*)?")
"""How newer Mistral models write a name before its arguments."""
_HEADER_MAY_COME: Final = re.compile(r"[\w.-]{1,128}\s*(\[[A-Z_]*(\]\s*\w*)?\s*){0,2}")
"""Its beginning."""
_BETWEEN: Final = " \t\r\n,;"
"""What models write between calls."""


class _State(Enum):
    START = auto()
    FENCE = auto()
    TEXT = auto()
    CALLS = auto()
    BLOCK = auto()


class ToolCallParser:
    """Separate tool calls from text in a streamed answer.

    Text is returned at once; only what may be the beginning of a call, or white space before one,
    is held back. A marker that no call follows is text, as is a value that cannot be read as a call
    and names no tool.

    Example:
        >>> parser = ToolCallParser(HERMES)
        >>> call = '_call>{"name": "add", "arguments": {"a": 1}}'
        >>> for piece in ("Let me see. <tool", call, "</tool_call>"):
        ...     print(parser.feed(piece))
        ['Let me see.']
        [WrittenCall(name='add', args='{"a": 1}', id=None, valid=True)]
        []
    """

    __slots__ = (
        "_block",
        "_blocks",
        "_closed",
        "_form",
        "_lead",
        "_marked",
        "_names",
        "_openings",
        "_parameters",
        "_read",
        "_scanner",
        "_state",
        "_text",
    )

    def __init__(self, form: ToolFormat, names: Collection[str] = ()) -> None:
        """Begin.

        Args:
            form: How the model writes calls.
            names: The tools on offer, or their parameters' JSON schemas by name. JSON without a
                marker is a call only where it names one of them.
        """
        self._form = form
        self._openings = form.openings
        self._names = frozenset(names)
        self._parameters: Parameters = names if isinstance(names, Mapping) else {}
        # how calls after the marker that was found may be written
        self._blocks: tuple[CallBlock, ...] = ()
        # how the calls after the marker are written, if not as JSON
        self._block: CallBlock | None = None
        self._state = _State.START if form.bare else _State.TEXT
        self._marked = False  # whether the calls that are being read began with the marker
        self._lead = ""  # the marker, which is text if no call follows
        self._read = False  # whether a call was read since the last marker
        self._closed = False  # whether the closing marker came after it
        self._scanner: JsonScanner | None = None
        self._text = ""

    def feed(self, text: str) -> list[str | WrittenCall]:
        """Return the texts and calls that are complete now, in order."""
        self._text += text
        return self._parts(last=False)

    def end(self, *, cut: bool = False) -> list[str | WrittenCall]:
        """Return what was held back, when no more text comes.

        A call that is not complete is not valid.

        Args:
            cut: Whether the answer ended at a limit, so that a call without its end is not
                complete.
        """
        parts = self._parts(last=True)
        return [
            _cut_call(part) if cut and isinstance(part, WrittenCall) else part for part in parts
        ]

    def _parts(self, *, last: bool) -> list[str | WrittenCall]:
        steps = {
            _State.START: self._start,
            _State.FENCE: self._read_fenced,
            _State.TEXT: self._read_text,
            _State.CALLS: self._read_calls,
            _State.BLOCK: self._read_block,
        }
        parts: list[str | WrittenCall] = []
        while self._text and (found := steps[self._state](last=last)) is not None:
            parts += [part for part in found if part]
        return parts

    # Each step returns its parts and moves on, or `None` if it needs more text.

    def _start(self, *, last: bool) -> list[str | WrittenCall] | None:
        begun = self._text.lstrip()
        if not last and any(form.fullmatch(begun) for form in _CALL_MAY_COME):
            return None
        key, python = _FIRST_KEY.match(begun), PYTHON_LIST.begins.match(begun)
        if _FENCE.match(begun):
            self._state = _State.FENCE
        elif key and key[1] in _CALL_KEYS:
            self._state = _State.CALLS
        elif python and python[1] in self._names:
            self._state, self._block = _State.BLOCK, PYTHON_LIST
        else:
            self._state = _State.TEXT
        return []

    def _read_fenced(self, *, last: bool) -> list[str | WrittenCall] | None:
        """Return the calls in a code fence with which the answer begins, or which follows calls.

        The fence's text where there are none.
        """
        start = self._text.index("`") + 3
        start = self._text.index("\n", start)
        if (end := self._text.find("```", start)) < 0 and not last:
            return None
        calls = _calls_in(self._text[: end if end >= 0 else None], start)
        if not all(call.valid and call.name in self._names for call in calls):
            self._state = _State.TEXT
            return []
        self._take(end + 3 if end >= 0 else len(self._text))
        self._state = _State.START
        return list(calls)

    def _read_block(self, *, last: bool) -> list[str | WrittenCall] | None:
        """Return the calls between an opening marker and its closing one.

        Their text where there are none.
        """
        if (block := self._block) is None:
            self._state = _State.TEXT
            return []
        if (end := self._text.find(block.closing)) < 0 and not last:
            return None
        whole = self._text if end < 0 else self._text[: end + len(block.closing)]
        calls = list(block.read(whole.removesuffix(block.closing), self._parameters))
        self._take(len(whole))
        lead, self._lead = self._lead, ""
        known = [call for call in calls if not self._names or call.name in self._names]
        self._read, self._closed = bool(known), block.closing == self._form.closing
        self._state = _State.CALLS if known else _State.TEXT
        return list(calls) if known else [lead + whole]

    def _read_text(self, *, last: bool) -> list[str | WrittenCall] | None:
        openings = self._openings
        found = min(
            ((at, opening) for opening in openings if (at := self._text.find(opening)) >= 0),
            default=None,
        )
        if found is None:
            size = held_back(self._text, openings) if openings and not last else len(self._text)
            return [self._take(size)] if size else None
        at, opening = found
        end, before = at + len(opening), len(self._text[:at].rstrip())
        begins = self._begins_call(opening, end, last=last)
        if begins is None:
            return [self._take(before)] if before else None
        if not begins:
            return [self._take(end)]
        text = self._take(before)
        self._open(end - before)
        return [text]

    def _open(self, size: int) -> None:
        """Begin calls after a marker, the end of so much text."""
        self._lead, self._scanner = self._take(size), None
        self._state = _State.BLOCK if self._block else _State.CALLS
        self._marked, self._read = True, False

    def _begins_call(self, opening: str, start: int, *, last: bool) -> bool | None:
        """Return whether a call begins after a marker, which ends at `start`.

        `None` if more text is needed.
        """
        rest = self._text[start:].lstrip()
        if opening.startswith(rest):
            return False if last else None
        if rest.startswith(opening):
            return False
        self._blocks, self._block = self._form.blocks_after(opening), None
        in_list = rest[1:].lstrip()[:1] if rest[0] == "[" and self._blocks else "{"
        if opening == self._form.opening and rest[0] in "{[" and in_list == "{":
            return True
        if not (in_list or last):
            return None
        self._block = next((block for block in self._blocks if block.begins.match(rest)), None)
        return True if self._block else self._header_begins(rest, last=last)

    def _header_begins(self, rest: str, *, last: bool) -> bool | None:
        """Return whether a name comes before the arguments, as in newer Mistral models.

        `None` if more text is needed.
        """
        if not last and any(block.may_begin.fullmatch(rest) for block in self._blocks):
            return None
        header, brace, _ = rest.partition("{")
        if brace:
            return bool(_HEADER.fullmatch(header))
        return None if _HEADER_MAY_COME.fullmatch(rest) and not last else False

    def _read_calls(self, *, last: bool) -> list[str | WrittenCall] | None:
        start = len(self._text) - len(self._text.lstrip(_BETWEEN))
        rest, openings = self._text[start:], self._openings
        closing = self._form.closing if self._read and not self._closed else ""
        if (
            not rest
            or closing.startswith(rest)
            or any(opening.startswith(rest) for opening in openings)
        ):
            return self._end_calls(rest, closing) if last else None
        if closing and rest.startswith(closing):
            self._take(start + len(closing))
            self._closed = True
            return []
        if opening := next((opening for opening in openings if rest.startswith(opening)), ""):
            begins = self._begins_call(opening, start + len(opening), last=last)
            if begins:
                self._open(start + len(opening))
            return self._end_with_text() if begins is False else None if begins is None else []
        if rest[0] in "{[":
            return self._read_value(start, last=last)
        if self._marked and not self._read:  # a name comes before the arguments
            return self._read_value(self._text.index("{"), last=last)
        return self._end_with_text()

    def _end_with_text(self) -> list[str | WrittenCall]:
        """Continue with text; a marker without a call is part of it."""
        lead, self._lead, self._state = self._lead, "", _State.TEXT
        return [lead]

    def _end_calls(self, rest: str, closing: str) -> list[str | WrittenCall]:
        """Return the text after calls, without white space and a partial closing marker."""
        text, lead = self._take(len(self._text)), self._lead
        self._lead = ""
        return [lead] if text.isspace() or (rest and closing.startswith(rest)) else [lead + text]

    def _read_value(self, start: int, *, last: bool) -> list[str | WrittenCall] | None:
        """Return the calls of one JSON value that begins at `start`.

        Its text where it holds none.
        """
        self._scanner = self._scanner or JsonScanner(start, self._form.closing)
        end = self._scanner.end(self._text)
        if end is None and not last:
            return None
        self._scanner = None
        body = self._take(len(self._text) if end is None else end)
        lead, self._lead = self._lead, ""
        calls = _calls_in(body, start, self._names)
        cut = (
            end is None
            and self._marked
            and (key := _FIRST_KEY.match(body[start:]))
            and key[1] in _CALL_KEYS
        )
        if cut or self._are_calls(calls, body, start):
            self._read, self._closed = True, False
            return list(calls)
        self._state = _State.TEXT
        return [lead + body]

    def _are_calls(self, calls: list[WrittenCall], body: str, start: int) -> bool:
        # without a marker, or with a name before the arguments
        if not self._marked or body[:start].strip(_BETWEEN):
            return any(call.name in self._names for call in calls) or (
                self._marked and not self._names
            )
        return (
            any(call.valid for call in calls)
            or not self._names
            or any(name in body for name in self._names)
        )

    def _take(self, size: int) -> str:
        taken, self._text = self._text[:size], self._text[size:]
        return taken


def _cut_call(call: WrittenCall) -> WrittenCall:
    return (
        WrittenCall(call.name, call.unfinished, call.id, valid=False) if call.unfinished else call
    )


def _calls_in(body: str, start: int, names: Collection[str] = ()) -> list[WrittenCall]:
    """Return the calls of a JSON value that begins at `start` of a text."""
    values = _values(body[start:])
    if header := _HEADER.fullmatch(body, 0, start):
        args = _arguments(values[0]) if isinstance(values[0], dict) else None
        return [WrittenCall(header[1], args or body[start:], header[2], valid=args is not None)]
    return [
        call
        for item in values
        for call in (_named_by_key(item, names) or [_call(item, body.lstrip(_BETWEEN).rstrip())])
    ]


def _values(text: str) -> list[Any]:
    """Return the JSON values in a text, and those in lists; `None` in place of what is broken."""
    values: list[Any] = []
    rest = text.strip(_BETWEEN)
    while rest:
        try:
            value, end = _decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            return [None]
        values += value if isinstance(value, list) else [value]
        rest = rest[end:].lstrip(_BETWEEN)
    return values or [None]


def _named_by_key(value: Any, names: Collection[str]) -> list[WrittenCall]:
    """Return the calls in an object whose keys are names of tools, as Apertus writes them."""
    if not (
        isinstance(value, dict)
        and value
        and all(key in names and isinstance(args, dict) for key, args in value.items())
    ):
        return []
    return [WrittenCall(name, json.dumps(args, ensure_ascii=False)) for name, args in value.items()]


def _call(value: Any, written: str) -> WrittenCall:
    if isinstance(value, dict):
        inner = value.get("function")
        fields = inner if isinstance(inner, dict) else value
        name = fields.get("name", fields.get("tool_name", inner))
        args = fields.get("arguments", fields.get("parameters", {}))
        if isinstance(name, str) and (text := _arguments(args)) is not None:
            call_id = value.get("id", value.get("tool_call_id"))
            return WrittenCall(name, text, call_id if isinstance(call_id, str) else None)
    named = _NAME.search(written)
    return WrittenCall(named[1] if named else None, written, valid=False)


def _arguments(args: Any) -> str | None:
    """Arguments as JSON text; a model may write them as an object, or as the text of one.

    Nothing means no arguments.
    """
    if isinstance(args, str) and args.strip():
        args = read_json(args)
    args = args or {}
    return json.dumps(args, ensure_ascii=False) if isinstance(args, dict) else None
