"""Convert a JSON schema to a grammar, with the faults of llama-cpp-python's converter corrected."""

import contextlib
import functools
import importlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from langchain_localllm.base.reduce_schema import GrammarSchemas, reduce_schema
from langchain_localllm.base.tools import NO_PARAMETERS
from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.templates.call_blocks import accepts_text
from langchain_localllm.templates.call_frames import CallFrame

_ANY_CHARACTER: Final = r'[^"\\]'
_ANY_BUT_CONTROLS: Final = r'[^"\\\x7F\x00-\x1F]'
"""What a JSON string may hold as it is; the converter's own rule allows line ends, which JSON does
not."""
_MOST_DIGITS: Final = 15


def schema_grammar(schema: Any) -> str:
    """Return the GBNF grammar of any JSON schema; what a grammar cannot hold is left out.

    Raises:
        InvalidRequestError: The converter refuses the schema.
    """
    return grammar_text(reduce_schema(schema, escapes=True))


def grammar_text(schema: dict[str, Any]) -> str:
    """Return the GBNF grammar of a schema that `reduce_schema` returns."""
    with _conversion() as converter:
        converter.visit(converter.resolve_refs(schema, "schema"), "")
        return _text(converter)


def call_grammar(schema: dict[str, Any], before: str, after: str, *, several: bool) -> str:
    """Return the GBNF grammar of a call between the markers of the model's own format.

    Args:
        schema: The call's schema, as `reduce_schema` returns it.
        before: What comes before the call's JSON.
        after: What comes after it.
        several: Whether more calls may follow.
    """
    one = f"{_literal(before)} call {_literal(after)}"
    root = 'forced-call ("\\n" forced-call)*' if several else "forced-call"
    with _conversion() as converter:
        call = converter.visit(converter.resolve_refs(schema, "schema"), "any-call")
        return "\n".join(
            [f"root ::= {root}", f"forced-call ::= {one}", f"call ::= {call}", _text(converter)]
        )


_RULES: Final = {
    "blank": "[ \\t\\n]{0,8}",
    "call-id": "[a-zA-Z0-9_.:-]{1,40}",
    "call-number": "[0-9]{1,3}",
    "call-stop": '"<|calls|>"?',
    "call-header": '[^<\\n]{0,24} ("<|channel|>" [^<\\n]{0,24})? ("<|constrain|>" [^<\\n]{0,24})?',
}
"""Placeholders in a call's frame other than names and arguments."""
_PLACEHOLDER: Final = re.compile(r"\{(args|header|id|number|stop)\}|(\s+)")


@functools.lru_cache(maxsize=32)
def begun_calls_grammar(frame: CallFrame, functions: str, *, several: bool) -> str | None:
    """Return the GBNF grammar of what follows the beginning of calls.

    `None` where a grammar cannot hold it.

    Args:
        frame: How the model writes calls.
        functions: The tools, in OpenAI's form, as a list in JSON.
        several: Whether more calls may follow the first.
    """
    tools = json.loads(functions)
    schemas = GrammarSchemas(escapes=True)
    parameters = {
        tool["name"]: schemas.add(tool.get("parameters") or NO_PARAMETERS) for tool in tools
    }
    try:
        with _conversion() as converter:
            arguments = converter.resolve_refs(schemas.whole({"properties": parameters}), "schema")[
                "properties"
            ]
            rules = dict(_RULES)
            for number, tool in enumerate(tools):
                name = f"call-{number}-arguments"
                if frame.argument:
                    rules |= _tagged_arguments(
                        frame.argument,
                        name,
                        tool.get("parameters") or {},
                        arguments[tool["name"]],
                        converter,
                    )
                else:
                    rules[name] = converter.visit(arguments[tool["name"]], f"{name}-json")
                rules[f"call-{number}"] = _framed(
                    frame.call.replace("{name}", tool["name"]), args=name
                )
            rules["one-call"] = " | ".join(f"call-{number}" for number in range(len(tools)))
            more = f"({_framed(frame.between)} one-call)*" if several and frame.between else ""
            rules["root"] = f"{_framed(frame.begin)} one-call {more} {_framed(frame.end)} blank"
            return "\n".join(
                [*(f"{name} ::= {rule}" for name, rule in rules.items()), _text(converter)]
            )
    except InvalidRequestError:
        return None


def _framed(text: str, **rules: str) -> str:
    """Return the text of a frame as a rule; white space and placeholders are other rules."""
    parts, end = [], 0
    for found in _PLACEHOLDER.finditer(text):
        parts += [_literal(text[end : found.start()])] if found.start() > end else []
        parts.append(rules.get(found[1], f"call-{found[1]}") if found[1] else "blank")
        end = found.end()
    return " ".join([*parts, *([_literal(text[end:])] if end < len(text) else [])])


def _tagged_arguments(
    form: str,
    name: str,
    parameters: Mapping[str, Any],
    converted: Mapping[str, Any],
    converter: Any,
) -> dict[str, str]:
    """Return the rules of arguments that are written one by one, in the order of the schema.

    Args:
        form: How an argument is written.
        name: The rule's name.
        parameters: The schema of the tool's parameters.
        converted: The same as `reduce_schema` returns it.
        converter: Makes the rules of values that are JSON.
    """
    if converted.get("type") != "object":
        raise InvalidRequestError("these parameters are not an object")
    rules, parts = {}, []
    for number, (key, schema) in enumerate((converted.get("properties") or {}).items()):
        rule = f"{name}-{number}"
        given = (parameters.get("properties") or {}).get(key)
        is_text = accepts_text(given)
        before, after = (
            form.replace("{key}", key)
            .replace("{text}", "true" if is_text else "false")
            .split("{value}")
        )
        if not is_text:
            rules[rule] = (
                f"{_framed(before)} {converter.visit(schema, f'{rule}-json')} {_framed(after)}"
            )
        elif choices := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
            rules[rule] = (
                f"{_framed(before)} ({' | '.join(_literal(str(choice)) for choice in choices)}) "
                f"{_framed(after)}"
            )
        else:
            closing = after.strip()
            rules |= _text_until(closing, f"{rule}-text")
            rules[rule] = (
                f"{_framed(before.rstrip())} {rule}-text-0 "
                f"{_framed(after.strip(' ').removeprefix(closing) or ' ')}"
            )
        parts.append(rule if key in converted.get("required", ()) else f"{rule}?")
    return {**rules, name: " ".join(parts) or '""'}


def _text_until(end: str, name: str) -> dict[str, str]:
    """Return the rules of any text up to and with its first `end`.

    There is a state for each part of `end` that may have come.
    """
    rules = {}
    for state in range(len(end)):
        nexts = {char: _overlap(end, end[:state] + char) for char in dict.fromkeys(end)}
        known = {char: then for char, then in nexts.items() if then}
        steps = [
            f"{_literal(char)} {f'{name}-{then}' if then < len(end) else ''}"
            for char, then in known.items()
        ]
        others = "".join("\\" + char if char in "\\]^-" else char for char in known)
        rules[f"{name}-{state}"] = " | ".join([*steps, f"[^{others}] {name}-0"])
    return rules


def _overlap(end: str, text: str) -> int:
    """Return the length of the longest beginning of `end` with which a text ends."""
    return next(size for size in range(len(text), -1, -1) if text.endswith(end[:size]))


@contextlib.contextmanager
def _conversion() -> Iterator[Any]:
    try:
        yield _converter_class()(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
    except Exception as error:  # noqa: BLE001 - the converter raises whatever goes wrong in it
        raise InvalidRequestError(
            f"The JSON schema cannot be made into a grammar: {error}"
        ) from None


def _text(converter: Any) -> str:
    return str(converter.format_grammar()).replace(_ANY_CHARACTER, _ANY_BUT_CONTROLS)


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@functools.cache
def _converter_class() -> Any:
    llama_grammar: Any = importlib.import_module("llama_cpp.llama_grammar")  # it has no types

    class Converter(llama_grammar.SchemaConverter):  # type: ignore[misc]  # the package has no types
        def _format_literal(self, literal: str) -> str:
            """Return a JSON text as a literal.

            The original neither escapes its backslashes nor keeps other alphabets' letters.
            """
            return _literal(json.dumps(json.loads(literal), ensure_ascii=False))

        def visit(self, schema: dict[str, Any], name: str) -> str:
            """Add the rules of a schema.

            Lengths as repetitions, and limits of integers, which the original ignores.
            """
            if (
                schema.get("type") == "string"
                and {"minLength", "maxLength"} & schema.keys()
                and "pattern" not in schema
            ):
                self._add_primitive("char", llama_grammar.PRIMITIVE_RULES["char"])
                rule = (
                    f'"\\"" char{_repeated(schema.get("minLength", 0), schema.get("maxLength"))} '
                    '"\\"" space'
                )
            elif schema.get("type") == "integer" and {"minimum", "maximum"} & schema.keys():
                rule = f"({_integers(schema.get('minimum'), schema.get('maximum'))}) space"
            else:
                return str(super().visit(schema, name))
            return str(self._add_rule(name or "root", rule))

    return Converter


def _repeated(least: int, most: int | None) -> str:
    return f"{{{least},{'' if most is None else most}}}"


def _integers(low: int | None, high: int | None) -> str:
    """Return the rule of the integers from `low` to `high`, both included; `None` means no limit.

    Example:
        >>> _integers(-1, 10)
        '"-" ("1") | "0" | [1-9] | "1" ("0")'
    """
    limit = 10**_MOST_DIGITS - 1
    low, high = (-limit if low is None else low), (limit if high is None else high)
    rules = [f'"-" ({_natural(max(1, -high), -low)})'] if low < 0 else []
    rules += ['"0"'] if low <= 0 <= high else []
    rules += [_natural(max(1, low), high)] if high > 0 else []
    return " | ".join(rules)


def _natural(low: int, high: int) -> str:
    """Return the rule of the natural numbers from `low` to `high`, by their count of digits."""
    rules = []
    for digits in range(len(str(low)), len(str(high)) + 1):
        first, last = max(low, 10 ** (digits - 1)), min(high, 10**digits - 1)
        rules.append(_same_length(str(first), str(last)))
    return " | ".join(rules)


def _same_length(low: str, high: str) -> str:
    """Return the rule of the numbers between two of as many digits."""
    if low == "0" * len(low) and high == "9" * len(high):
        return f"[0-9]{{{len(low)}}}"
    rest = len(low) - 1
    if low[0] == high[0]:
        return f'"{low[0]}" ({_same_length(low[1:], high[1:])})' if rest else f'"{low[0]}"'
    if low[1:] == "0" * rest and high[1:] == "9" * rest:
        return f"[{low[0]}-{high[0]}]" + (f" [0-9]{{{rest}}}" if rest else "")
    rules = []
    start, stop = int(low[0]), int(high[0])
    if low[1:] != "0" * rest:
        rules.append(f'"{start}" ({_same_length(low[1:], "9" * rest)})')
        start += 1
    ending = high[1:] != "9" * rest
    if start <= stop - ending:
        rules.append(f"[{start}-{stop - ending}]" + (f" [0-9]{{{rest}}}" if rest else ""))
    if ending:
        rules.append(f'"{stop}" ({_same_length("0" * rest, high[1:])})')
    return " | ".join(rules)
