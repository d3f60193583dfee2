"""Parse tool calls that are not JSON with a name.

They are tags, Python, or a name before the arguments.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from langchain_localllm._json import read_json

__all__ = ["CallBlock", "Parameters", "WrittenCall", "accepts_text"]

Parameters = Mapping[str, Any]
"""The JSON schema of a tool's parameters by the tool's name."""


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call as the model wrote it.

    Attributes:
        name: The tool, or `None` where it cannot be read.
        args: The arguments as JSON text; of a call that cannot be read, what there is of it.
        id: The id, where the model wrote one.
        valid: Whether it can be read.
        unfinished: What there is of a call whose end is missing; it is complete only if the model
            ended its answer there.
    """

    name: str | None
    args: str
    id: str | None = None
    valid: bool = True
    unfinished: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class CallBlock:
    """Calls between two markers.

    Attributes:
        begins: Matches the beginning of the block, right after the opening marker.
        may_begin: Matches a text that may become one.
        closing: Ends the block; a model may leave it out at the end of its answer.
        read: The calls in the block, without the closing marker.
        inside: Other markers in it.
    """

    begins: re.Pattern[str]
    may_begin: re.Pattern[str]
    closing: str
    read: Callable[[str, Parameters], Iterator[WrittenCall]]
    inside: tuple[str, ...] = ()


_PARAMETER_END: Final = r"(?:</parameter>|(?=<parameter=)|$)"
_PYTHON_FENCE: Final = re.compile(r"^```\w*|```$")
_DSML: Final = "</(?:｜DSML｜|atem:)?"
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
"""Names that models write in Python's place of `True`, `False` and `None`."""
_NULLS: Final = frozenset({"null", "None"})


def _call(
    name: str, args: dict[str, Any] | None, written: str, call_id: str | None = None
) -> WrittenCall:
    if args is None:
        return WrittenCall(name, written, call_id, valid=False)
    return WrittenCall(name, json.dumps(args, ensure_ascii=False), call_id)


def _object(text: str) -> dict[str, Any] | None:
    value = read_json(text)
    return value if isinstance(value, dict) else None


def _typed(text: str, schema: Any) -> Any:
    """Return a value that a model wrote as plain text: text if the schema says so, else JSON.

    The text `null` is no value where the schema allows both.
    """
    if accepts_text(schema):
        return None if text.strip() in _NULLS and _accepts(schema, "null") else text
    return read_json(text, _CONSTANTS.get(text.strip().lower(), text))


def accepts_text(schema: Any) -> bool:
    """Return whether a schema wants text, or accepts it among other types."""
    return _accepts(schema, "string")


def _accepts(schema: Any, kind: str) -> bool:
    """Return whether a schema names a type: itself, in a choice, or by its constants."""
    if not isinstance(schema, Mapping):
        return False
    kinds = schema.get("type")
    choices = [part for key in ("anyOf", "oneOf", "allOf") for part in schema.get(key) or ()]
    constants = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    others = [value for value in constants if value is not None]
    of_constants = {
        "null": None in constants or schema.get("nullable") is True,
        "string": bool(others) and all(isinstance(value, str) for value in others),
    }
    return (
        kind in (kinds if isinstance(kinds, list) else [kinds])
        or any(_accepts(choice, kind) for choice in choices)
        or (("type" not in schema or kind == "null") and of_constants[kind])
    )


def _typed_args(name: str, pairs: list[tuple[str, str]], parameters: Parameters) -> dict[str, Any]:
    properties = (parameters.get(name) or {}).get("properties") or {}
    return {key: _typed(value, properties.get(key)) for key, value in pairs}


Reader = Callable[[str, Parameters], Iterator[WrittenCall]]


def _tagged(call: str, parameter: str) -> Reader:
    """Return a reader of calls whose arguments are written one by one.

    Args:
        call: Matches a call: its name and what is in it.
        parameter: Matches an argument in it: its name and its value.
    """
    calls, arguments = re.compile(call, re.DOTALL), re.compile(parameter, re.DOTALL)

    def read(body: str, parameters: Parameters) -> Iterator[WrittenCall]:
        for found in calls.finditer(body):
            name, inner = found.groups()
            if inner.lstrip().startswith("{"):
                yield _call(name, _object(inner), inner)
            else:
                call = _call(name, _typed_args(name, arguments.findall(inner), parameters), inner)
                yield (
                    replace(call, unfinished=inner or name) if found.end() == found.end(2) else call
                )

    return read


def _named(call: str) -> Reader:
    """Return a reader of calls whose arguments are JSON.

    Args:
        call: Matches a call: its `name`, `args` and, where the model writes one, `id`.
    """
    calls = re.compile(call, re.DOTALL)

    def read(body: str, _: Parameters) -> Iterator[WrittenCall]:
        for found in calls.finditer(body):
            groups = found.groupdict()
            args = groups["args"].strip().removeprefix("```json")
            yield _call(groups["name"], _object(args), args, groups.get("id"))

    return read


def _read_python(body: str, _: Parameters) -> Iterator[WrittenCall]:
    """Yield the calls in Python: one, a list of them, or one per line, perhaps in a code fence."""
    code = _PYTHON_FENCE.sub("", body.strip()).strip()
    try:
        lines = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for line in lines:
        tree = line.value if isinstance(line, ast.Expr) else None
        for node in tree.elts if isinstance(tree, ast.List) else [tree]:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                yield _python_call(node)


def _python_call(node: ast.Call) -> WrittenCall:
    name, written = ast.unparse(node.func).removesuffix(".call"), ast.unparse(node)
    try:
        args = {
            keyword.arg: _python_value(keyword.value) for keyword in node.keywords if keyword.arg
        }
    except ValueError:
        return _call(name, None, written)
    return _call(name, None if node.args else args, written)


def _python_value(node: ast.expr) -> Any:
    return ast.literal_eval(_PythonConstants().visit(node))


class _PythonConstants(ast.NodeTransformer):
    """Replace the names that models write in place of Python's constants, at any depth."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_CONSTANTS[node.id]) if node.id in _CONSTANTS else node


# --- Gemma 4: an object with bare keys, and strings between quotes of their own ---

_GEMMA_CALL: Final = re.compile(r"call:([\w.-]+)(\{.*)", re.DOTALL)
_GEMMA_QUOTE: Final = '<|"|>'
_GEMMA_KEY: Final = re.compile(r"([{,]\s*)([^\s\"'{}\[\],:]+)(\s*:)")


def _gemma(quote: str) -> Reader:
    def read(body: str, _: Parameters) -> Iterator[WrittenCall]:
        if found := _GEMMA_CALL.search(body):
            name, written = found.groups()
            texts = written.split(quote)
            texts[::2] = [_GEMMA_KEY.sub(r'\1"\2"\3', text) for text in texts[::2]]
            texts[1::2] = [json.dumps(text, ensure_ascii=False) for text in texts[1::2]]
            yield _call(name, _object("".join(texts)), written)

    return read


# --- MiniMax M3: elements whose names are those of the arguments, each after a mark ---

_M3: Final = "]<]minimax[>["
_M3_CALL: Final = re.compile(
    rf'{re.escape(_M3)}<invoke name="([^"]+)">(.*?)(?:{re.escape(_M3)}</invoke>|$)', re.DOTALL
)
_M3_ELEMENT: Final = re.compile(
    rf"{re.escape(_M3)}<([^/<>]+)>(.*?){re.escape(_M3)}</\1>", re.DOTALL
)


def _read_minimax3(body: str, parameters: Parameters) -> Iterator[WrittenCall]:
    for found in _M3_CALL.finditer(body):
        name, inner = found.groups()
        properties = (parameters.get(name) or {}).get("properties") or {}
        call = _call(
            name,
            {
                key: _element(value, properties.get(key))
                for key, value in _M3_ELEMENT.findall(inner)
            },
            inner,
        )
        yield replace(call, unfinished=inner or name) if found.end() == found.end(2) else call


def _element(text: str, schema: Any) -> Any:
    """Return the value of an element: an array of items, an object, or what is written in it."""
    inner = _M3_ELEMENT.findall(text)
    if not inner or accepts_text(schema):
        return _typed(text, schema)
    schema = schema if isinstance(schema, Mapping) else {}
    if all(key == "item" for key, _ in inner):
        return [_element(value, schema.get("items")) for _, value in inner]
    properties = schema.get("properties") or {}
    return {key: _element(value, properties.get(key)) for key, value in inner}


_ANYTHING: Final = re.compile("")
_NAME: Final = r"([\w.-]+)"

_FUNCTION: Final = _tagged(
    rf"(?:<function=)?{_NAME}>(.*?)(?:</function>|$)",
    rf"<parameter=([^>\s]+)>\n?(.*?)\n?{_PARAMETER_END}",
)
FUNCTIONS: Final = CallBlock(
    re.compile(r"\s*<function=[\w.-]+>"),
    re.compile(r"\s*(<[a-z]{0,8}(=[\w.-]{0,128})?)?"),
    "</tool_call>",
    _FUNCTION,
)
"""`<tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call>`: Qwen3-Coder,
Qwen3.5, Nemotron 3."""
BARE_FUNCTION: Final = CallBlock(
    re.compile(r"[\w.-]+>\s*(\{|<parameter=|</function>)"),
    re.compile(r"[\w.-]*(>\s*(</?[a-z]{0,9})?)?"),
    "</function>",
    _FUNCTION,
)
"""`<function=NAME>{...}</function>`: Functionary 3.1, Llama 3; Qwen3-Coder where it forgets
`<tool_call>`. Other text after the name only mentions the tool."""
SEED: Final = CallBlock(_ANYTHING, _ANYTHING, "</seed:tool_call>", _FUNCTION)


def _arg_keys(suffix: str = "") -> Reader:
    key, value = (f"<{tag}{suffix}>(.*?)</{tag}{suffix}>" for tag in ("arg_key", "arg_value"))
    return _tagged(
        rf"\s*(?:<tool_call{suffix}>)?\s*{_NAME}(?:<tool_sep{suffix}>)?\s*(.*?)(?:</tool_call{suffix}>|$)",
        rf"{key}\s*{value}",
    )


ARG_KEYS: Final = CallBlock(
    re.compile(r"\s*[\w.-]+\s*(<arg_key>|</tool_call>)"),
    re.compile(r"\s*[\w.-]{0,128}\s*(</?[a-z_]{0,9})?"),
    "</tool_call>",
    _arg_keys(),
)
"""`<tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call>`: GLM 4.5 and
later, Ling 3, Laguna, Spark."""
HUNYUAN: Final = CallBlock(
    _ANYTHING, _ANYTHING, "</tool_calls:opensource>", _arg_keys(":opensource")
)

_INVOKE: Final = _tagged(
    rf'invoke name="([^"]+)">(.*?)(?:{_DSML}invoke>|$)',
    rf'parameter name="([^"]+)"[^>]*>(.*?)(?:{_DSML}parameter>|$)',
)
MINIMAX: Final = CallBlock(_ANYTHING, _ANYTHING, "</minimax:tool_call>", _INVOKE)
ATEM: Final = CallBlock(_ANYTHING, _ANYTHING, "</atem:function_calls>", _INVOKE)
DSML: Final = tuple(
    CallBlock(
        re.compile(f"{name}>"),
        re.compile(r"[a-z_]{0,14}"),
        f"</｜DSML｜{name}>",
        _INVOKE,
        ("｜DSML｜",),
    )
    for name in ("function_calls", "tool_calls")
)
"""DeepSeek V3.2 and V4."""
MINIMAX3: Final = CallBlock(_ANYTHING, _ANYTHING, f"{_M3}</tool_call>", _read_minimax3, (_M3,))
PARAMS: Final = CallBlock(
    re.compile(r'[\w.-]+">'),
    re.compile(r'[\w.-]*"?'),
    "</function>",
    _tagged(
        rf'{_NAME}">(.*?)(?:</function>|$)',
        r'<param name="([^"]+)">(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?</param>',
    ),
)
"""`<function name="NAME"><param name="KEY">VALUE</param></function>`: MiniCPM 5."""
KIMI3: Final = CallBlock(
    _ANYTHING,
    _ANYTHING,
    "<|close|>tools<|sep|>",
    _tagged(
        r'<\|open\|>call tool="([^"]+)"[^<]*<\|sep\|>(.*?)<\|close\|>call<\|sep\|>',
        r'<\|open\|>argument key="([^"]+)"[^<]*<\|sep\|>(.*?)<\|close\|>argument<\|sep\|>',
    ),
    ("<|open|>", "<|close|>", "<|sep|>"),
)
DEEPSEEK: Final = CallBlock(
    _ANYTHING,
    _ANYTHING,
    "<｜tool▁calls▁end｜>",
    _named(
        r"<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?(?P<name>[\w.-]+)(?:<｜tool▁sep｜>|\s*```json)"
        r"(?P<args>.*?)(?:```\s*)?(?:<｜tool▁call▁end｜>|$)"
    ),
    ("<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"),
)
KIMI: Final = CallBlock(
    _ANYTHING,
    _ANYTHING,
    "<|tool_calls_section_end|>",
    _named(
        r"<\|tool_call_begin\|>\s*(?P<id>(?:functions\.)?(?P<name>[\w.-]+?)(?::\d+)?)\s*"
        r"<\|tool_call_argument_begin\|>(?P<args>.*?)(?:<\|tool_call_end\|>|$)"
    ),
    ("<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"),
)
SOLAR: Final = CallBlock(
    _ANYTHING,
    _ANYTHING,
    "<|calls|>",
    _named(
        r"<\|tool_call:begin\|>(?P<id>[^<]*)<\|tool_call:name\|>(?P<name>[\w.-]+)"
        r"<\|tool_call:args\|>(?P<args>.*?)(?:<\|tool_call:end\|>|$)"
    ),
    ("<|tool_call:begin|>", "<|tool_call:name|>", "<|tool_call:args|>", "<|tool_call:end|>"),
)
HARMONY: Final = CallBlock(
    re.compile(r"(commentary|analysis)[^<]*\bto=functions\."),
    re.compile(r"[a-z]{0,10}(\s[^<]{0,64})?"),
    "<|call|>",
    _named(r".*?\bto=functions\.(?P<name>[\w.-]+).*?<\|message\|>(?P<args>.*)"),
    ("<|start|>", "<|constrain|>", "<|message|>", "<|end|>", "<|return|>"),
)
"""`<|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{...}<|call|>`: gpt-oss."""
PYTHON: Final = CallBlock(_ANYTHING, _ANYTHING, "<|tool_call_end|>", _read_python)
"""`<|tool_call_start|>[NAME(KEY=VALUE)]<|tool_call_end|>`: LFM2; MiniCPM 3, in a code fence."""
OLMO: Final = replace(PYTHON, closing="</function_calls>")
"""`<function_calls>NAME(KEY=VALUE)</function_calls>`, a call in each line: Olmo 3."""
PYTHON_LIST: Final = CallBlock(
    re.compile(r"\[\s*([A-Za-z_][\w.]*)\("),
    re.compile(r"\[\s*[\w.]{0,128}"),
    "<|python_end|>",
    _read_python,
)
"""`[NAME(KEY=VALUE)]` as the whole answer: Llama 4, and Llama 3.2 where it is asked for Python."""
BUILT_IN: Final = CallBlock(
    re.compile(r"\w+\.call\("), re.compile(r"\w{0,128}(\.[a-z]{0,4})?"), "<|eom_id|>", _read_python
)
"""`<|python_tag|>NAME.call(KEY=VALUE)`: Llama 3.1, for tools that it takes for its own."""
GEMMA: Final = CallBlock(
    re.compile(r"call:[\w.-]+\{"),
    re.compile(r"[a-z]{0,4}(:[\w.-]*)?"),
    "<tool_call|>",
    _gemma(_GEMMA_QUOTE),
    (_GEMMA_QUOTE,),
)
"""`<|tool_call>call:NAME{KEY:<|"|>VALUE<|"|>}<tool_call|>`: Gemma 4."""
FUNCTION_GEMMA: Final = replace(
    GEMMA, closing="<end_function_call>", read=_gemma("<escape>"), inside=("<escape>",)
)
"""`<start_function_call>call:NAME{KEY:<escape>VALUE<escape>}<end_function_call>`."""
