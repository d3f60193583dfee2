"""Change the arguments that our classes are made with, by the tables of the classes themselves."""

from collections.abc import Iterator
from typing import Any, Final

import libcst as cst

import langchain_localllm
from langchain_localllm.migrate.moved_names import OURS, our_class
from langchain_localllm.migrate.parsed import Parsed
from langchain_localllm.runtimes.gpt4all.backend import FORMER_BACKENDS

_OVERRULED: Final = (
    "in langchain_community, `n_predict` limited the answer, and `max_tokens` had no effect."
)
"""On `GPT4All`, which passes both to an engine that prefers `n_predict`, and has a default of 256
for it."""
_OLD_NAME: Final = "callback_manager"
"""The one alias that LangChain itself took out; all other spellings stay as they are."""
_DICTS: Final = frozenset({"model_kwargs", "options"})
"""Arguments that hold others."""
_OLD_FILES: Final = ("ggml", "ggjt")
_OLD_FORMAT: Final = (
    "This file is in a format from before GGUF, which no engine reads any more: get the model as "
    "GGUF."
)


def change_arguments(parsed: Parsed) -> None:
    """Change the arguments of each call that makes an object of ours."""
    for call in parsed.nodes(cst.Call):
        if (made := made_class(parsed, call)) is not None:
            _change_call(parsed, call, *made)


def made_class(parsed: Parsed, call: cst.Call) -> tuple[bool, str] | None:
    """Return our class that a call makes an object of, and whether the import is an old one.

    The call may be by `functools.partial`. It is `None` if the call makes something else, or one of
    several classes.
    """
    found = parsed.imported_names(call.func)
    if found == {("functools", "partial")} and call.args and not call.args[0].keyword:
        found = parsed.imported_names(call.args[0].value)
    classes = {our_class(*each) for each in found}
    name = classes.pop() if len(classes) == 1 else None
    return None if name is None else (any(not module.startswith(OURS) for module, _ in found), name)


def _change_call(parsed: Parsed, call: cst.Call, is_old: bool, name: str) -> None:
    cls: Any = getattr(langchain_localllm, name)
    gone: set[int] = set()
    given = {arg.keyword.value for arg in call.args if arg.keyword}
    for number, arg in enumerate(call.args):
        if arg.star == "**":
            _check_unpacked(parsed, arg, cls)
        elif arg.keyword is None:
            continue
        elif reason := _reason_to_remove(arg, cls, given if is_old else set()):
            if _is_harmless(arg.value):
                gone.add(number)
                parsed.note(arg, f"`{arg.keyword.value}` of {name} is removed: {reason}")
            else:
                parsed.note(
                    arg,
                    f"`{arg.keyword.value}` of {name} has no effect: {reason} Remove it.",
                    by_hand=True,
                )
        else:
            _change_name(parsed, arg, arg.keyword, cls, given, is_old=is_old)
    if gone:
        parsed.delete_items(call.args, gone, in_parentheses=True)
    if name == "GPT4AllEmbeddings" and is_old and _may_download(call):
        parsed.note(
            call,
            "A model that is not on this machine is downloaded only with allow_download=True.",
            by_hand=True,
        )


def _reason_to_remove(arg: cst.Arg, cls: Any, given: set[str]) -> str | None:
    """Return why an argument has no effect, or `None` if it has."""
    assert arg.keyword is not None  # noqa: S101 - only such arguments are asked about
    name = arg.keyword.value
    if name in cls.REMOVED:
        reason: str = cls.REMOVED[name]
        return reason
    if name == "backend" and "GPT4All" in cls.__name__ and _text_of(arg.value) in FORMER_BACKENDS:
        return "the engine finds the architecture in the file."
    if name == "max_tokens" and cls.__name__ == "GPT4All" and "n_predict" in given:
        return _OVERRULED
    return None


def _change_name(
    parsed: Parsed, arg: cst.Arg, keyword: cst.Name, cls: Any, given: set[str], *, is_old: bool
) -> None:
    name = keyword.value
    if name == "max_tokens" and cls.__name__ == "GPT4All" and is_old:
        parsed.note(arg, f"`max_tokens` of GPT4All limits the answer here; {_OVERRULED}")
    elif name == _OLD_NAME and name in cls.ALIASES and cls.ALIASES[name] not in given:
        parsed.replace(*parsed.span(keyword), cls.ALIASES[name])
    elif not _is_known(cls, name):
        parsed.note(arg, _why_unknown(cls, name), by_hand=True)
    if name in _DICTS and isinstance(arg.value, cst.Dict):
        for key, node in _keys(arg.value):
            _check_key(parsed, node, cls, key, any_name=name == "options")
    if name in {"model", "model_path"} and _is_old_file(_text_of(arg.value)):
        parsed.note(arg, _OLD_FORMAT, by_hand=True)


def _is_known(cls: Any, name: str) -> bool:
    """Return whether the class accepts an argument, also one with others, as `client_kwargs`."""
    if name in cls.model_fields or name in cls.ALIASES:
        return True
    return name not in cls._normalize_names({name: {}})


def _check_unpacked(parsed: Parsed, arg: cst.Arg, cls: Any) -> None:
    """Say what cannot be seen in `**options`."""
    if isinstance(arg.value, cst.Dict):
        for key, node in _keys(arg.value):
            _check_key(parsed, node, cls, key)
        return
    removed = ", ".join(sorted(cls.REMOVED))
    what = f" Check that none of these is in it: {removed}." if removed else ""
    parsed.note(
        arg,
        (
            f"What `{parsed.text(arg.value)}` holds is not known here; an unknown argument "
            f"raises.{what}"
        ),
        by_hand=True,
    )


def _check_key(
    parsed: Parsed, node: cst.CSTNode, cls: Any, key: str, *, any_name: bool = False
) -> None:
    if key in cls.REMOVED:
        parsed.note(
            node,
            f"`{key}` of {cls.__name__} has no effect: {cls.REMOVED[key]} Remove it.",
            by_hand=True,
        )
    elif not any_name and not _is_known(cls, key):
        parsed.note(node, _why_unknown(cls, key), by_hand=True)


def _why_unknown(cls: Any, name: str) -> str:
    return str(cls._unknown(name, frozenset(cls.model_fields)))


def _keys(node: cst.Dict) -> Iterator[tuple[str, cst.CSTNode]]:
    for element in node.elements:
        if isinstance(element, cst.DictElement) and (key := _text_of(element.key)) is not None:
            yield key, element


def _may_download(call: cst.Call) -> bool:
    """Return whether the old class may have downloaded its model.

    It may if no path says which file it is and nothing forbids it.
    """
    path = next(
        (
            _text_of(arg.value)
            for arg in call.args
            if arg.keyword and arg.keyword.value == "model_name"
        ),
        None,
    )
    return (
        "allow_download" not in _names_in(call)
        and "/" not in (path or "")
        and "\\" not in (path or "")
    )


def _names_in(call: cst.Call) -> set[str]:
    """Return the names of arguments, and of those in dicts."""
    names = {arg.keyword.value for arg in call.args if arg.keyword}
    return names | {
        key for arg in call.args if isinstance(arg.value, cst.Dict) for key, _ in _keys(arg.value)
    }


def _text_of(node: cst.BaseExpression) -> str | None:
    value = (
        node.evaluated_value
        if isinstance(node, cst.SimpleString | cst.ConcatenatedString)
        else None
    )
    return value if isinstance(value, str) else None


def _is_old_file(path: str | None) -> bool:
    return (
        path is not None
        and path.endswith(".bin")
        and any(word in path.lower() for word in _OLD_FILES)
    )


def _is_harmless(node: cst.CSTNode) -> bool:
    """Return whether an expression does nothing but give a value."""
    if isinstance(node, cst.Call | cst.Await | cst.NamedExpr | cst.Yield):
        return False
    return all(_is_harmless(child) for child in node.children)
