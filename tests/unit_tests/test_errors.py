"""The error tree is the one that its docstring draws."""

import builtins
import copy
import pickle
import re
from typing import NamedTuple

import pytest
from langchain_core import exceptions as core

from langchain_localllm import errors

ERRORS = sorted(
    (
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    ),
    key=lambda kind: kind.__name__,
)


class Drawn(NamedTuple):
    name: str
    parent: str | None
    builtin: str | None
    core: str | None


def drawing() -> list[Drawn]:
    """The lines of the tree: name, the name above it, and the other bases that the line names."""
    block = re.search(r"```text\n(.*?)```", errors.__doc__ or "", re.DOTALL)
    assert block
    drawn: list[Drawn] = []
    above: dict[int, str] = {}
    for line in block[1].splitlines():
        branch, name, about = re.fullmatch(r"([│├└─ ]*)(\w+)(.*)", line).groups()  # type: ignore[union-attr]  # a mismatch is a failure
        depth = len(branch) // 4
        above[depth] = name
        builtin = re.match(r" +(\w+Error)\b", about)
        base = re.search(r"core (\w+)", about)
        drawn.append(Drawn(name, above.get(depth - 1), builtin and builtin[1], base and base[1]))
    return drawn


TREE = drawing()


def test_errors_every_error_is_drawn_once() -> None:
    assert sorted(line.name for line in TREE) == [kind.__name__ for kind in ERRORS]


@pytest.mark.parametrize("line", TREE, ids=lambda line: line.name)
def test_errors_has_the_bases_that_are_drawn(line: Drawn) -> None:
    kind = getattr(errors, line.name)
    ours = [base.__name__ for base in kind.__bases__ if base.__module__ == errors.__name__]
    assert ours == ([line.parent] if line.parent else [])
    builtin_bases = {base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"}
    assert builtin_bases == (
        {line.builtin} if line.builtin else set() if line.parent else {"Exception"}
    )
    core_bases = {base.__name__ for base in kind.__bases__ if base.__module__ == core.__name__}
    assert core_bases == ({line.core} if line.core else set())
    if line.builtin:
        assert issubclass(kind, getattr(builtins, line.builtin))


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_has_a_docstring(kind: type[Exception]) -> None:
    assert "__doc__" in vars(kind)
    assert kind.__doc__


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_says_its_message_and_survives_copy_and_pickle(kind: type[Exception]) -> None:
    error = kind("Start the server.")
    for twin in (error, copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert type(twin) is kind
        assert str(twin) == "Start the server."


def test_errors_both_lengths_survive_copy_and_pickle() -> None:
    error = errors.ContextLengthError("Too long.", prompt_tokens=601, context_tokens=256)
    for twin in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert (twin.prompt_tokens, twin.context_tokens) == (601, 256)
