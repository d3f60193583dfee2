"""A JSON schema as a grammar, by the converter of llama-cpp-python with its faults corrected."""

import contextlib
import functools
import importlib
import json
from collections.abc import Iterator
from typing import Any, Final

from langchain_localllm.base.grammar_schema import grammar_schema
from langchain_localllm.errors import InvalidRequestError

_ANY_CHARACTER: Final = r'[^"\\]'
_ANY_BUT_CONTROLS: Final = r'[^"\\\x7F\x00-\x1F]'
"""What a JSON string may hold as it is; the converter's own rule allows line ends, which JSON does not."""
_MOST_DIGITS: Final = 15


def schema_grammar(schema: Any) -> str:
    """The GBNF grammar of any JSON schema; what a grammar cannot hold is left out.

    Raises:
        InvalidRequestError: The converter refuses the schema.
    """
    return grammar_text(grammar_schema(schema, escapes=True))


def grammar_text(schema: dict[str, Any]) -> str:
    """The GBNF grammar of a schema that `grammar_schema` returns."""
    with _conversion() as converter:
        converter.visit(converter.resolve_refs(schema, "schema"), "")
        return _text(converter)


def call_grammar(schema: dict[str, Any], before: str, after: str, *, several: bool) -> str:
    """The GBNF grammar of a call between the markers of the model's own format.

    Args:
        schema: The call's schema, as `grammar_schema` returns it.
        before: What stands before the call's JSON.
        after: What stands after it.
        several: Whether more calls may follow.
    """
    one = f"{_literal(before)} call {_literal(after)}"
    return _grammar_of_calls(schema, {"forced-call": one, "root": 'forced-call ("\\n" forced-call)*' if several else "forced-call"})


@functools.lru_cache(maxsize=32)
def begun_call_grammar(schema: str, opening: str, closing: str, *, several: bool) -> str | None:
    """The GBNF grammar of what follows the marker that begins a call; `None` where a grammar cannot hold the schema.

    Args:
        schema: The call's schema, as `grammar_schema` returns it, as JSON.
        opening: The marker that begins a call.
        closing: The marker that ends it.
        several: Whether more calls may follow.
    """
    rules = {
        "blank": "[ \\t\\n]{0,8}",
        "begun-call": f"blank call blank {_literal(closing)}",
        "root": f"begun-call (blank {_literal(opening)} begun-call)*" if several else "begun-call",
    }
    try:
        return _grammar_of_calls(json.loads(schema), rules)
    except InvalidRequestError:
        return None


def _grammar_of_calls(schema: dict[str, Any], rules: dict[str, str]) -> str:
    """These rules, and those of the schema of a call, whose rule is `call`."""
    with _conversion() as converter:
        written = {**rules, "call": converter.visit(converter.resolve_refs(schema, "schema"), "any-call")}
        return "\n".join([*(f"{name} ::= {rule}" for name, rule in written.items()), _text(converter)])


@contextlib.contextmanager
def _conversion() -> Iterator[Any]:
    try:
        yield _converter_class()(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
    except Exception as error:  # noqa: BLE001 - the converter raises whatever goes wrong in it
        raise InvalidRequestError(f"The JSON schema cannot be made into a grammar: {error}") from None


def _text(converter: Any) -> str:
    return str(converter.format_grammar()).replace(_ANY_CHARACTER, _ANY_BUT_CONTROLS)


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@functools.cache
def _converter_class() -> Any:
    llama_grammar: Any = importlib.import_module("llama_cpp.llama_grammar")  # it has no types

    class Converter(llama_grammar.SchemaConverter):  # type: ignore[misc]  # the package has no types
        def _format_literal(self, literal: str) -> str:
            """A JSON text as a literal; the original neither escapes its backslashes nor keeps other alphabets' letters."""
            return _literal(json.dumps(json.loads(literal), ensure_ascii=False))

        def visit(self, schema: dict[str, Any], name: str) -> str:
            """Add the rules of a schema; lengths as repetitions, and limits of integers, which the original ignores."""
            if schema.get("type") == "string" and {"minLength", "maxLength"} & schema.keys() and "pattern" not in schema:
                self._add_primitive("char", llama_grammar.PRIMITIVE_RULES["char"])
                rule = f'"\\"" char{_repeated(schema.get("minLength", 0), schema.get("maxLength"))} "\\"" space'
            elif schema.get("type") == "integer" and {"minimum", "maximum"} & schema.keys():
                rule = f"({_integers(schema.get('minimum'), schema.get('maximum'))}) space"
            else:
                return str(super().visit(schema, name))
            return str(self._add_rule(name or "root", rule))

    return Converter


def _repeated(least: int, most: int | None) -> str:
    return f"{{{least},{'' if most is None else most}}}"


def _integers(low: int | None, high: int | None) -> str:
    """The rule of the integers from `low` to `high`, both included; `None` is no limit.

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
    """The rule of the natural numbers from `low` to `high`, by their count of digits."""
    rules = []
    for digits in range(len(str(low)), len(str(high)) + 1):
        first, last = max(low, 10 ** (digits - 1)), min(high, 10**digits - 1)
        rules.append(_same_length(str(first), str(last)))
    return " | ".join(rules)


def _same_length(low: str, high: str) -> str:
    """The rule of the numbers between two of as many digits."""
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
