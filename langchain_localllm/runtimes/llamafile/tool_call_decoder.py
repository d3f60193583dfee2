"""Put the parts of streamed tool calls together, however a server numbers or encodes them."""

import json
from dataclasses import dataclass
from typing import Any

from langchain_localllm._json import NOT_JSON, read_json
from langchain_localllm.base.answer_decoder import text_in


@dataclass(slots=True)
class _Call:
    """A call so far."""

    number: int
    id: str | None
    name: str
    args: str = ""

    def is_complete(self) -> bool:
        return isinstance(read_json(self.args), dict)


class ToolCallDeltas:
    """Separate the calls of one answer.

    OpenAI's API numbers calls by `index`, and gives the id and the name once and the arguments in
    pieces. Other servers leave out the index, give each call the same one, repeat what was sent, or
    send arguments whole, as an object. What comes out is as OpenAI's: numbered from 0, with each
    part once.
    """

    __slots__ = ("_by_index", "_calls", "_ids")

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[Any, _Call] = {}  # the newest call with that index
        self._ids: set[str] = set()

    def read(self, parts: Any) -> list[dict[str, Any]]:
        """Return the parts of calls, each with `index`, `id`, `name` and `args`.

        Args:
            parts: A delta's `tool_calls`.
        """
        if isinstance(parts, dict):
            parts = [parts]
        return [read for part in parts if (read := self._read(part)) is not None]

    def _read(self, part: dict[str, Any]) -> dict[str, Any] | None:
        function = part.get("function") or part
        index, call_id = part.get("index"), str(part.get("id") or "")
        name, args = (
            text_in(function, "name"),
            _as_text(function.get("arguments", function.get("parameters"))),
        )
        call = self._call_for(index, call_id, name)
        if call is None or _begins_another(call, call_id, name, args):
            return self._begun(index, call_id, name, _first_part(args))
        self._by_index[index] = call
        call.id = call.id or call_id or None
        new_name = "" if name == call.name else name
        new_args = _new_part(call, args, repeated=bool(name or call_id))
        call.name += new_name
        call.args += new_args
        if not (new_name or new_args):
            return None
        return {"index": call.number, "id": None, "name": new_name or None, "args": new_args}

    def _call_for(self, index: Any, call_id: str, name: str) -> _Call | None:
        """Return the call that a part may belong to."""
        known = next(
            (call for call in reversed(self._calls) if call_id and call.id == call_id), None
        )
        if known and index is None:
            return known
        if index in self._by_index:
            return self._by_index[index]
        if not self._calls or (name and index is not None):
            return None
        if index is not None and call_id and not known:  # its name comes later
            return None
        return known or self._calls[-1]

    def _begun(self, index: Any, call_id: str, name: str, args: str) -> dict[str, Any]:
        unique = call_id if call_id not in self._ids else ""
        self._ids.add(call_id)
        call = _Call(len(self._calls), call_id or None, name, args)
        self._calls.append(call)
        self._by_index[index] = call
        return {"index": call.number, "id": unique or None, "name": name or None, "args": args}


def _begins_another(call: _Call, call_id: str, name: str, args: str) -> bool:
    """Return whether a part with a known index, or without one, begins another call."""
    if not (name and call.name):
        return False
    if name != call.name and call_id != call.id:
        return True
    # some servers make a new id for each part
    other_id = bool(call_id and call.id and call_id != call.id)
    if not call.args:
        return other_id
    if not call.is_complete():
        return False
    return other_id or name != call.name or bool(args.strip() and not _repeats(args, call.args))


def _new_part(call: _Call, args: str, *, repeated: bool) -> str:
    """Return what is new in a part's arguments; some servers repeat what was sent before it.

    Args:
        call: The call so far.
        args: The arguments in the part.
        repeated: Whether the part repeats the id or the name.
    """
    if not call.args:
        return _first_part(args)
    if (repeated and args.startswith(call.args)) or (args == call.args and call.is_complete()):
        return args[len(call.args) :]
    return "" if repeated and call.is_complete() and _repeats(args, call.args) else args


def _first_part(args: str) -> str:
    """Return the beginning of arguments.

    An object without members may be filled later, and some servers encode text twice.
    """
    args = args.lstrip()
    if args.rstrip() in {"{}", "null"}:
        return ""
    return _decoded(args) if args.startswith('"') else args


def _decoded(args: str) -> str:
    text = read_json(args)
    return text if isinstance(text, str) else args


def _repeats(args: str, earlier: str) -> bool:
    """Return whether arguments repeat earlier ones that are complete.

    They begin with these, or are the same object written differently.
    """
    if args.startswith(earlier):
        return True
    value = read_json(args)
    return value is not NOT_JSON and bool(value == read_json(earlier))


def _as_text(args: Any) -> str:
    """Return arguments as JSON text."""
    if isinstance(args, str):
        return args
    return json.dumps(args, ensure_ascii=False) if args else ""
