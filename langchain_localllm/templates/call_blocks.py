"""Calls that models write in another way than as JSON with a name: as tags, as Python, or with the name before the arguments."""

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["CallBlock", "Parameters", "WrittenCall"]

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
    """

    name: str | None
    args: str
    id: str | None = None
    valid: bool = True


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


_FUNCTION: Final = re.compile(r"(?:<function=)?([\w.-]+)>(.*?)(?:</function>|$)", re.DOTALL)
_PARAMETER: Final = re.compile(r"<parameter=([^>\s]+)>\n?(.*?)\n?(?:</parameter>|(?=<parameter=)|$)", re.DOTALL)
_INVOKE: Final = re.compile(r'invoke name="([\w.-]+)">(.*?)(?:</(?:｜DSML｜)?invoke>|$)', re.DOTALL)
_NAMED_PARAMETER: Final = re.compile(r'parameter name="([^"]+)"[^>]*>(.*?)(?:</(?:｜DSML｜)?parameter>|$)', re.DOTALL)
_ARG: Final = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)(?:</arg_value>|$)", re.DOTALL)
_GLM_NAME: Final = re.compile(r"\s*([\w.-]+)")
_DEEPSEEK: Final = re.compile(
    r"<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?([\w.-]+)(?:<｜tool▁sep｜>|\s*```json)(.*?)(?:```\s*)?(?:<｜tool▁call▁end｜>|$)",
    re.DOTALL,
)
_KIMI: Final = re.compile(
    r"<\|tool_call_begin\|>\s*(?:functions\.)?([\w.-]+?)(?::(\d+))?\s*<\|tool_call_argument_begin\|>(.*?)(?:<\|tool_call_end\|>|$)",
    re.DOTALL,
)
_HARMONY: Final = re.compile(r".*?\bto=functions\.([\w.-]+).*?<\|message\|>(.*)", re.DOTALL)
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
"""Names that models write in Python's place of `True`, `False` and `None`."""


def _call(name: str, args: dict[str, Any] | None, written: str, call_id: str | None = None) -> WrittenCall:
    if args is None:
        return WrittenCall(name, written, call_id, valid=False)
    return WrittenCall(name, json.dumps(args, ensure_ascii=False), call_id)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _typed(text: str, schema: Any) -> Any:
    """A value that a model wrote as plain text: text where the schema wants text, else what it is as JSON."""
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    if kind == "string":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _CONSTANTS.get(text.strip().lower(), text)


def _typed_args(name: str, pairs: list[tuple[str, str]], parameters: Parameters) -> dict[str, Any]:
    properties = (parameters.get(name) or {}).get("properties") or {}
    return {key: _typed(value, properties.get(key)) for key, value in pairs}


def _read_functions(body: str, parameters: Parameters) -> Iterator[WrittenCall]:
    for name, inner in _FUNCTION.findall(body):
        if inner.lstrip().startswith("{"):
            yield _call(name, _object(inner), inner)
        else:
            yield _call(name, _typed_args(name, _PARAMETER.findall(inner), parameters), inner)


def _read_invokes(body: str, parameters: Parameters) -> Iterator[WrittenCall]:
    for name, inner in _INVOKE.findall(body):
        yield _call(name, _typed_args(name, _NAMED_PARAMETER.findall(inner), parameters), inner)


def _read_arg_keys(body: str, parameters: Parameters) -> Iterator[WrittenCall]:
    if name := _GLM_NAME.match(body):
        pairs = [(key.strip(), value) for key, value in _ARG.findall(body)]
        yield _call(name[1], _typed_args(name[1], pairs, parameters), body)


def _read_deepseek(body: str, _: Parameters) -> Iterator[WrittenCall]:
    for name, args in _DEEPSEEK.findall(body):
        unfenced = args.strip().removeprefix("```json")
        yield _call(name, _object(unfenced), unfenced)


def _read_kimi(body: str, _: Parameters) -> Iterator[WrittenCall]:
    for name, number, args in _KIMI.findall(body):
        yield _call(name, _object(args), args, f"functions.{name}:{number}" if number else None)


def _read_harmony(body: str, _: Parameters) -> Iterator[WrittenCall]:
    if found := _HARMONY.fullmatch(body):
        yield _call(found[1], _object(found[2]), found[2])


def _read_python(body: str, _: Parameters) -> Iterator[WrittenCall]:
    try:
        tree = ast.parse(body.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in tree.elts if isinstance(tree, ast.List) else [tree]:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield _python_call(node)


def _python_call(node: ast.Call) -> WrittenCall:
    name, written = ast.unparse(node.func), ast.unparse(node)
    try:
        args = {keyword.arg: _python_value(keyword.value) for keyword in node.keywords if keyword.arg}
    except ValueError:
        return _call(name, None, written)
    return _call(name, None if node.args else args, written)


def _python_value(node: ast.expr) -> Any:
    return _CONSTANTS[node.id] if isinstance(node, ast.Name) and node.id in _CONSTANTS else ast.literal_eval(node)


_ANYTHING: Final = re.compile("")

FUNCTIONS: Final = CallBlock(
    re.compile(r"\s*<function=[\w.-]+>"), re.compile(r"\s*(<[a-z]{0,8}(=[\w.-]{0,64})?)?"), "</tool_call>", _read_functions
)
"""`<tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call>`: Qwen3-Coder, Qwen3.5, Nemotron 3."""
ARG_KEYS: Final = CallBlock(
    re.compile(r"\s*[\w.-]+\s*(<arg_key>|</tool_call>)"),
    re.compile(r"\s*[\w.-]{0,64}\s*(</?[a-z_]{0,9})?"),
    "</tool_call>",
    _read_arg_keys,
)
"""`<tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call>`: GLM 4.5 and later."""
SEED: Final = CallBlock(_ANYTHING, _ANYTHING, "</seed:tool_call>", _read_functions)
LONE_FUNCTION: Final = CallBlock(re.compile(r"[\w.-]+>"), re.compile(r"[\w.-]*"), "</function>", _read_functions)
"""`<function=NAME>{...}</function>`: Functionary 3.1, Llama 3."""
INVOKES: Final = CallBlock(_ANYTHING, _ANYTHING, "</minimax:tool_call>", _read_invokes)
DSML: Final = tuple(
    CallBlock(re.compile(f"{name}>"), re.compile(r"[a-z_]{0,14}"), f"</｜DSML｜{name}>", _read_invokes)
    for name in ("function_calls", "tool_calls")
)
"""DeepSeek V3.2 and V4."""
DEEPSEEK: Final = CallBlock(
    _ANYTHING, _ANYTHING, "<｜tool▁calls▁end｜>", _read_deepseek, ("<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>")
)
KIMI: Final = CallBlock(
    _ANYTHING,
    _ANYTHING,
    "<|tool_calls_section_end|>",
    _read_kimi,
    ("<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"),
)
PYTHON: Final = CallBlock(_ANYTHING, _ANYTHING, "<|tool_call_end|>", _read_python)
"""`<|tool_call_start|>[NAME(KEY=VALUE)]<|tool_call_end|>`: LFM2."""
HARMONY: Final = CallBlock(
    re.compile(r"(commentary|analysis)[^<]*\bto=functions\."),
    re.compile(r"[a-z]{0,10}(\s[^<]{0,64})?"),
    "<|call|>",
    _read_harmony,
    ("<|start|>", "<|constrain|>", "<|message|>", "<|end|>", "<|return|>"),
)
"""`<|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{...}<|call|>`: gpt-oss."""
