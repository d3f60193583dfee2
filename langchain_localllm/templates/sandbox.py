"""Run the Jinja of chat templates in a sandbox, with limits on time and output size."""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, Final, NoReturn, cast

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.filters import do_center, do_format, do_indent, do_join, do_replace
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from langchain_localllm.errors import ChatTemplateError

_SECONDS: Final = 2.0
"""Processor time that a rendering may take; real ones take less than a hundredth of this."""
_STEPS_BETWEEN_LOOKS: Final = 256
_LARGEST: Final = 16_000_000
"""Characters that a value may have, with all that is in it; and that may be printed."""
_ITEM: Final = 16
"""Characters that each item of a list adds to its own."""
_LARGEST_OF_CONSTANTS: Final = 64 * _LARGEST
"""Characters of the template's own text that may be printed; those of an `if` count where they are
not, too."""
_UNUSED_FILTERS: Final = ("pprint", "sum", "urlize", "wordwrap", "xmlattr")
"""Filters that no chat template needs, and that can take very long."""
_WIDEST: Final = 1_000_000
"""The largest number that may be passed to a function, such as a width to pad to."""
_WIDEST_INDENT: Final = 100
_WIDE_FORMAT: Final = re.compile(r"\d{5}|\*|\{[^}]*\{")
"""Formats with a width of five digits, or with one that comes from a value."""
_BUDGET: Final = "__budget"
_LIST_METHODS: Final = ("append", "pop")


def render(template: jinja2.Template, variables: Mapping[str, Any]) -> str:
    """Render within the bounds.

    Raises `ChatTemplateError` for whatever goes wrong in a template.
    """
    try:
        return template.render({**variables, _BUDGET: _Budget()})
    except ChatTemplateError:
        raise
    except SecurityError as error:
        raise ChatTemplateError(
            f"The model's chat template does what the sandbox forbids: {error}."
        ) from error
    except RecursionError:
        raise ChatTemplateError("The model's chat template calls itself without end.") from None
    except Exception as error:
        raise ChatTemplateError(
            f"The model's chat template failed on this conversation ({type(error).__name__}: "
            f"{error}). Perhaps it does not know this kind of message."
        ) from error


class _Budget:
    """Counts the steps of one rendering, and looks at the clock now and then."""

    __slots__ = ("_constants", "_deadline", "_printed", "_steps")

    def __init__(self) -> None:
        self._deadline = time.thread_time() + _SECONDS
        self._steps = self._printed = self._constants = 0

    def add(self, printed: int = 0, constants: int = 0) -> None:
        """Count characters."""
        self._printed += printed
        self._constants += constants
        if self._printed > _LARGEST or self._constants > _LARGEST_OF_CONSTANTS:
            raise _grows()

    def step(self) -> None:
        self._steps += 1
        if self._steps % _STEPS_BETWEEN_LOOKS == 0 and time.thread_time() > self._deadline:
            raise ChatTemplateError(
                f"The model's chat template was ended after {_SECONDS:g} seconds: it loops. Name "
                "another one, such as chat_format='chatml'."
            )


def _bounded(value: Any) -> Any:
    if isinstance(value, str | list | tuple | dict) and _weight(value, {}) > _LARGEST:
        raise _grows()
    return value


def _grows() -> ChatTemplateError:
    return ChatTemplateError("The output of the model's chat template exceeds the size limit.")


def _weight(value: Any, known: dict[int, int]) -> int:
    """About the characters a value is printed in.

    What is in it several times counts each time, but is looked at once.
    """
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, list | tuple | dict):
        return _ITEM
    if id(value) not in known:
        known[id(value)] = weight = _ITEM * (1 + len(value))
        if weight <= _LARGEST:
            items = chain(value, value.values()) if isinstance(value, dict) else value
            known[id(value)] += sum(_weight(item, known) for item in items)
    return known[id(value)]


class _Environment(ImmutableSandboxedEnvironment):
    """Counts loops and calls, and looks at the size of what operators and calls give."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Let a template change a list by one item at a time, as Kimi K2's does.

        Lists that are passed in are copied.
        """
        return super().is_safe_attribute(obj, attr, value) or (
            type(obj) is list and attr in _LIST_METHODS
        )

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return cast("nodes.Template", _Bounding().visit(super()._parse(source, name, filename)))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Operators; `*` and `**` are refused before they build something large."""
        if operator == "*":
            _check_product(left, right)
        elif operator == "**" and max(abs(left), abs(right)) > _STEPS_BETWEEN_LOOKS:
            raise ChatTemplateError(
                "The model's chat template computes with numbers that grow without end."
            )
        elif operator == "%" and isinstance(left, str):
            _check_format(left)
        return _bounded(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805, PYI063 - Jinja's own signature
        """Count a call as a step."""
        __context.parent[_BUDGET].step()
        for argument in (*args, *kwargs.values()):
            if isinstance(argument, int) and argument > _WIDEST:
                raise ChatTemplateError(
                    f"The model's chat template passes {argument} to a function, which is too "
                    "large."
                )
        if isinstance(text := getattr(__obj, "__self__", None), str):
            _check_method(text, __obj.__name__, *args, **kwargs)
        return _bounded(super().call(__context, __obj, *args, **kwargs))


class _Bounding(NodeTransformer):
    """Add a counter to each loop, and a check to each `~` and each collection literal.

    The latter are lists, tuples and dicts.
    """

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        constants = nodes.Const(
            sum(len(data.data) for data in node.find_all(nodes.TemplateData)), lineno=node.lineno
        )
        node.iter = nodes.Filter(
            node.iter, "__counted", [constants], [], None, None, lineno=node.lineno
        )
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        first, *rest = node.nodes
        return nodes.Filter(first, "__joined", rest, [], None, None, lineno=node.lineno)

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        return nodes.Filter(node, "__bounded", [], [], None, None, lineno=node.lineno)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        return nodes.Filter(node, "__bounded", [], [], None, None, lineno=node.lineno)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802 - Jinja's name
        self.generic_visit(node)
        return (
            nodes.Filter(node, "__bounded", [], [], None, None, lineno=node.lineno)
            if node.ctx == "load"
            else node
        )


class _GenerationTag(Extension):
    """`{% generation %}` marks the assistant's text for training; here it does nothing."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's way

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@jinja2.pass_context
def _counted(context: Context, items: Iterable[Any], constants: int) -> Iterator[Any]:
    budget = context.parent[_BUDGET]
    for item in items:
        budget.step()
        budget.add(constants=constants)
        yield item


@jinja2.pass_context
def _printed(context: Context, value: Any) -> Any:
    context.parent[_BUDGET].add(_weight(value, {}))
    return value


def _joined(*parts: Any) -> Any:
    return _bounded("".join(map(str, parts)))


def _check_product(left: Any, right: Any) -> None:
    for items, times in ((left, right), (right, left)):
        if (
            isinstance(items, str | list | tuple)
            and isinstance(times, int)
            and _weight(items, {}) * times > _LARGEST
        ):
            raise _grows()


def _check_format(text: str) -> None:
    if _WIDE_FORMAT.search(text):
        raise ChatTemplateError(f"The model's chat template pads text too widely: {text!r}.")


def _check_method(text: str, name: str, *args: Any, **kwargs: Any) -> None:
    """Look at what a text's method is about to build."""
    if name in {"format", "format_map"}:
        _check_format(text)
    elif name == "replace" and len(args) > 1 and all(isinstance(arg, str) for arg in args[:2]):
        if len(text) + text.count(args[0]) * len(args[1]) > _LARGEST:
            raise _grows()
    elif name == "join" and args:
        _check_join(args[0], text)
    elif name == "expandtabs" and text.count("\t") * max([8, *args, *kwargs.values()]) > _LARGEST:
        raise _grows()
    elif name == "translate":
        raise ChatTemplateError(
            "The model's chat template translates letters by a table, which is not offered."
        )


def _check_join(items: Any, between: str) -> None:
    if (
        isinstance(items, list | tuple)
        and _weight(items, {}) + len(items) * len(between) > _LARGEST
    ):
        raise _grows()


@jinja2.pass_eval_context
def _join(
    context: nodes.EvalContext,
    value: Iterable[Any],
    d: str = "",
    attribute: str | int | None = None,
) -> str:
    items = list(value)
    _check_join(items, str(d))
    return str(do_join(context, items, d, attribute))


@jinja2.pass_eval_context
def _replace(
    context: nodes.EvalContext, s: str, old: str, new: str, count: int | None = None
) -> str:
    _check_method(str(s), "replace", str(old), str(new))
    return do_replace(context, s, old, new, count)


def _format(value: str, *args: Any, **kwargs: Any) -> str:
    _check_format(value)
    return do_format(value, *args, **kwargs)


def _center(value: str, width: int = 80) -> str:
    return do_center(value, min(width, _WIDEST))


def _indent(value: str, width: int | str = 4, *args: Any, **kwargs: Any) -> str:
    width = min(width, _WIDEST_INDENT) if isinstance(width, int) else width
    if (str(value).count("\n") + 1) * (width if isinstance(width, int) else len(width)) > _LARGEST:
        raise _grows()
    return do_indent(value, width, *args, **kwargs)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """As on the hub: Jinja's own would escape `<` and `&` for HTML."""
    width = None if indent is None else min(indent, _WIDEST_INDENT)
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=width,
        separators=separators,
        sort_keys=sort_keys,
        default=_items,
    )


def _items(value: Any) -> list[Any]:
    """Return what a filter such as `map` gives, as a list."""
    if isinstance(value, Iterator):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON serializable")


def _raise_exception(message: str) -> NoReturn:
    raise ChatTemplateError(f"The model's chat template refuses this conversation: {message}")


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)  # noqa: DTZ005 - a prompt has the local date


def _make_environment() -> _Environment:
    environment = _Environment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _GenerationTag]
    )
    environment.filters |= {
        "__bounded": _bounded,
        "__counted": _counted,
        "__joined": _joined,
        "center": _center,
        "format": _format,
        "indent": _indent,
        "join": _join,
        "replace": _replace,
        "tojson": _tojson,
    }
    for name in _UNUSED_FILTERS:
        del environment.filters[name]
    environment.finalize = _printed
    environment.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
    return environment


ENVIRONMENT: Final = _make_environment()
