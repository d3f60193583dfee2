"""Change imports of old names, and the uses of modules that were imported whole."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import libcst as cst
from libcst.metadata import ImportAssignment

from langchain_localllm.migrate.moved_names import (
    COMMUNITY,
    EXPERIMENTAL,
    LANGCHAIN,
    LANGCHAIN_1,
    OLLAMA,
    OURS,
    PYDANTIC,
    PYDANTIC_1,
    ROOTS,
    is_current,
    is_old_module,
    new_module,
    our_class,
    same_module,
)
from langchain_localllm.migrate.parsed import Parsed

_GLOBALS: Final = {
    "debug": "set_debug(True)",
    "llm_cache": "set_llm_cache(...)",
    "verbose": "set_verbose(True)",
}
"""Old switches that were attributes of `langchain`, and the functions of
`langchain_core.globals`."""
_HUB: Final = (
    "`hub.pull` of langchain_localllm wants the commit of another person's prompt, as in "
    "'owner/name:commit', and asks the network only when it is called."
)
_VALIDATORS: Final = {"root_validator": "model_validator", "validator": "field_validator"}
"""Decorators of pydantic 1, which pydantic 2 has for a while, and the ones that replace them."""
_Bindings = dict[tuple[cst.CSTNode, str], list[cst.CSTNode]]
"""Import statement and the name that it makes, to where this name is used."""


def change_imports(parsed: Parsed) -> None:
    """Change all imports of old names in a file."""
    bindings = _bindings(parsed)
    added: set[tuple[cst.CSTNode, str]] = set()
    changed = _changed_places(parsed, bindings)
    statements: list[cst.Import | cst.ImportFrom] = [
        *parsed.nodes(cst.Import),
        *parsed.nodes(cst.ImportFrom),
    ]
    for node in sorted(statements, key=parsed.span):
        statement = _Statement(parsed, node, bindings, changed, added)
        if isinstance(node, cst.Import):
            _change_import(statement, node)
        else:
            _change_from(statement, node)


def _bindings(parsed: Parsed) -> _Bindings:
    found: _Bindings = {}
    for scope in parsed.scopes:
        for assignment in scope.assignments:
            if isinstance(assignment, ImportAssignment):
                uses = found.setdefault((assignment.node, assignment.name), [])
                uses += [access.node for access in assignment.references if access.node not in uses]
    return {key: sorted(uses, key=parsed.span) for key, uses in found.items()}


def _changed_places(parsed: Parsed, bindings: _Bindings) -> set[tuple[int, int]]:
    """Return where uses of modules are changed that were imported as `import a.b`."""
    found = set()
    for node in parsed.nodes(cst.Import):
        for base in (_dotted(alias.name) for alias in node.names if not alias.asname):
            if is_old_module(base):
                uses = [_Use.of(parsed, use, base, base) for use in bindings.get((node, base), [])]
                found |= {parsed.span(use.node) for use in uses if use.target}
    return found


@dataclass
class _Statement:
    """An import statement, and what comes before it or in its place.

    Attributes:
        changed: Where uses of modules that were imported with dots are changed, in the whole file.
        added: Blocks and the statements that were added to them.
        before: Statements to add before this one.
        gone: The numbers of the names that are not imported by it any more.
    """

    parsed: Parsed
    node: cst.Import | cst.ImportFrom
    bindings: _Bindings
    changed: set[tuple[int, int]]
    added: set[tuple[cst.CSTNode, str]]
    before: list[str] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    _last: str = ""

    def add(self, line: str) -> None:
        """Add a statement, once in the block that this one is in."""
        block = self.parsed.parents[self.parsed.parents[self.node]]
        if (block, line) not in self.added:
            self.added.add((block, line))
            self.before.append(line)
        self._last = line

    def apply(self, names: Sequence[cst.ImportAlias], *, in_parentheses: bool) -> None:
        """Change the file."""
        parsed = self.parsed
        start, end = parsed.span(self.node)
        indent = parsed.indent(start)
        line = parsed.parents[self.node]
        alone = isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1
        between = "; " if indent is None or not alone else f"{parsed.newline}{indent}"
        if len(self.gone) == len(names):
            # a block must not become empty
            parsed.replace(start, end, between.join(self.before or [self._last]))
            return
        if self.before:
            parsed.replace(start, start, "".join(f"{each}{between}" for each in self.before))
        if self.gone:
            parsed.delete_items(names, self.gone, in_parentheses=in_parentheses)


def _change_from(statement: _Statement, node: cst.ImportFrom) -> None:
    parsed = statement.parsed
    module = _dotted(node.module) if node.module and not node.relative else ""
    if module.partition(".")[0] not in ROOTS and module not in PYDANTIC_1:
        return
    if isinstance(node.names, cst.ImportStar):
        _note_star(parsed, node, module)
        return
    moved: dict[str, list[str]] = {}
    for number, alias in enumerate(node.names):
        name = _dotted(alias.name)
        path = f"{module}.{name}"
        target = None if same_module(path) else new_module(module, name)
        if target is None and is_old_module(path):
            target = _change_module(statement, alias, path)
        elif target is None:
            _note_left(parsed, alias, module, name)
        else:
            _note_needs(parsed, alias, target, name)
        if target == "":
            statement.gone.add(number)
        elif target is not None:
            statement.gone.add(number)
            moved.setdefault(target, []).append(_with_comment(parsed, alias))
    if len(moved) == 1 and len(statement.gone) == len(node.names) and not statement.before:
        assert node.module is not None  # noqa: S101 - it has a root
        parsed.replace(*parsed.span(node.module), next(iter(moved)))
        return
    for target, names in moved.items():
        _add_from(statement, target, names)
    statement.apply(node.names, in_parentheses=node.lpar is not None)


def _add_from(statement: _Statement, target: str, names: list[str]) -> None:
    """Add an import; a name with a comment ends its line."""
    plain = [name for name in names if "#" not in name]
    if plain:
        statement.add(f"from {target} import {', '.join(plain)}")
    for name in names:
        if "#" in name:
            statement.add(f"from {target} import {name}")


def _with_comment(parsed: Parsed, alias: cst.ImportAlias) -> str:
    """Return a name of an import, with the comment on its line."""
    text = parsed.text(alias)
    space = alias.comma.whitespace_after if isinstance(alias.comma, cst.Comma) else None
    if isinstance(space, cst.ParenthesizedWhitespace) and space.first_line.comment:
        return f"{text}  {space.first_line.comment.value}"
    return text


def _change_import(statement: _Statement, node: cst.Import) -> None:
    parsed = statement.parsed
    for number, alias in enumerate(node.names):
        base = _dotted(alias.name)
        if is_old_module(base):
            target = _change_module(statement, alias, base)
            if target == "":
                statement.gone.add(number)
            elif target is not None:
                name = f" as {parsed.text(alias.asname.name)}" if alias.asname else ""
                parsed.replace(*parsed.span(alias), f"{target}{name}")
    if statement.before or statement.gone:
        statement.apply(node.names, in_parentheses=False)


def _change_module(statement: _Statement, alias: cst.ImportAlias, base: str) -> str | None:
    """Change the uses of a module that was imported whole.

    Returns:
        What to import it from instead, under the name that it has; an empty string if it is not
        imported any more; `None` if the import stays.
    """
    parsed, node = statement.parsed, statement.node
    bound = _dotted(alias.asname.name) if alias.asname else _dotted(alias.name)
    dotted = isinstance(node, cst.Import) and alias.asname is None
    uses = [_Use.of(parsed, use, base, bound) for use in statement.bindings.get((node, bound), [])]
    resolved = [use for use in uses if use.target]
    for use in uses:
        _note_use(parsed, use, base)
    if not uses:
        return _whole_module(statement, base, dotted=dotted)
    targets = {use.target for use in resolved if use.depth == 1}
    if (
        not dotted
        and len(resolved) == len(uses)
        and len(targets) == 1
        and all(use.depth == 1 for use in uses)
    ):
        return _import_of(node, base, targets.pop())
    for use in resolved:
        statement.add(f"import {use.target}")
        parsed.replace(*parsed.span(use.node), f"{use.target}.{use.name}")
    if len(resolved) < len(uses):
        return None
    if not (dotted and _root_is_used(parsed, bound, statement.changed)):
        return ""
    # LangChain 1 lacks the module, and has the package
    return LANGCHAIN if base.startswith(f"{LANGCHAIN}.") else None


def _whole_module(statement: _Statement, base: str, *, dotted: bool) -> str | None:
    """Return what to import in place of a module that is not used in a way that can be seen."""
    target = same_module(base)
    if target is not None and not dotted:
        return _import_of(statement.node, base, target)
    root, _, inner = base.partition(".")
    if root == LANGCHAIN and inner and inner not in LANGCHAIN_1:
        text = (
            f"LangChain 1 has no `{base}`, and nothing here uses it by this name: take the import "
            "out."
        )
        statement.parsed.note(statement.node, text, by_hand=True)
    return None


def _import_of(node: cst.Import | cst.ImportFrom, base: str, target: str | None) -> str | None:
    """Return the module, or for `from` the package that has the module under the same name."""
    if isinstance(node, cst.Import) or target is None:
        return target
    package, _, name = target.rpartition(".")
    return package if name == base.rpartition(".")[2] else None


class _Use:
    """A use of a module: the expression, the new module, and how many dots away that is."""

    def __init__(self, node: cst.CSTNode, path: str) -> None:
        self.node = node
        self.path = path
        self.target: str | None = None
        self.name = ""
        self.depth = 0

    @classmethod
    def of(cls, parsed: Parsed, node: cst.CSTNode, base: str, bound: str) -> "_Use":
        """Follow the dots after a name for a module until they lead to a class or function."""
        place = node
        skip = bound.count(".") - _dotted(place).count(".")
        use, module = cls(place, base), base
        while (parent := _outer(parsed, place)) is not None:
            place = parent
            if skip > 0:
                skip -= 1
                continue
            name, use.depth = parent.attr.value, use.depth + 1
            use.node, use.path, use.name = place, f"{module}.{name}", name
            deeper = _outer(parsed, place) is not None and is_old_module(use.path)
            use.target = None if deeper else new_module(module, name)
            if not deeper:
                break
            module = use.path
        return use


def _outer(parsed: Parsed, node: cst.CSTNode) -> cst.Attribute | None:
    """Return the expression of which a node is all but the last name."""
    parent = parsed.parents[node]
    return parent if isinstance(parent, cst.Attribute) and parent.value is node else None


def _root_is_used(parsed: Parsed, bound: str, changed: set[tuple[int, int]]) -> bool:
    """Return whether the first word of `import a.b` is also used where nothing changes."""
    root = bound.partition(".")[0]
    for name in parsed.nodes(cst.Name):
        if name.value == root and not _in_import(parsed, name):
            start, end = parsed.span(name)
            if not any(first <= start and end <= last for first, last in changed):
                return True
    return False


def _in_import(parsed: Parsed, node: cst.CSTNode) -> bool:
    while not isinstance(node, cst.BaseSmallStatement | cst.Module):
        if isinstance(node, cst.ImportAlias):
            return True
        node = parsed.parents[node]
    return isinstance(node, cst.Import | cst.ImportFrom)


def _note_star(parsed: Parsed, node: cst.ImportFrom, module: str) -> None:
    target = same_module(module)
    if target or module.partition(".")[0] == LANGCHAIN:
        advice = f"from {target or OURS} import the names that you use"
        parsed.note(
            node, f"`from {module} import *` does not say which names: {advice}.", by_hand=True
        )


def _note_left(parsed: Parsed, node: cst.CSTNode, module: str, name: str) -> None:
    """Say what to do about an import that was not changed, where it does not work any more."""
    root, _, inner = module.partition(".")
    text = ""
    if root == OLLAMA:
        text = f"`{name}` of langchain_ollama has no counterpart here."
    elif root == COMMUNITY:
        text = (
            f"`{name}` is not a class for local models. langchain_community is not maintained any "
            "more: `langchain-community-migrate scan` says what replaces it."
        )
    elif root == LANGCHAIN and inner == "" and name in _GLOBALS:
        text = f"`{name}` is gone: call `{_GLOBALS[name]}` of langchain_core.globals."
    elif root == LANGCHAIN and not is_current(inner, name):
        text = f"LangChain 1 has no `{module}.{name}`, and where it is now is not known."
    if text:
        parsed.note(node, text, by_hand=True)


def _note_use(parsed: Parsed, use: _Use, base: str) -> None:
    if use.target:
        _note_needs(parsed, use.node, use.target, use.name)
        return
    root, _, name = use.path.partition(".")
    text = ""
    if use.depth == 0:
        if same_module(base):
            text = (
                f"`{base}` is used as an object, so what it means is not known. Use "
                f"{same_module(base)}."
            )
    elif root == LANGCHAIN and name in _GLOBALS:
        text = f"`{use.path}` is gone: call `{_GLOBALS[name]}` of langchain_core.globals."
    elif root == COMMUNITY and same_module(base):
        _note_left(parsed, use.node, base, use.path.rpartition(".")[2])
    if text:
        parsed.note(use.node, text, by_hand=True)


def _note_needs(parsed: Parsed, node: cst.CSTNode, target: str, name: str) -> None:
    """Remember what the new code needs, and say what is not the same in the new place."""
    parsed.needs.add(our_class(target, name) or target.partition(".")[0])
    if target.startswith(f"{COMMUNITY}."):
        parsed.note(
            node,
            f"`{name}` is in langchain_community, which is not maintained any more: "
            "`langchain-community-migrate scan` says what replaces it.",
            by_hand=True,
        )
    elif target.startswith(f"{EXPERIMENTAL}."):
        parsed.note(
            node,
            f"`{name}` is in langchain_experimental now: it runs code or queries that the model "
            "writes.",
            by_hand=True,
        )
    elif target == PYDANTIC and name in _VALIDATORS:
        parsed.note(
            node,
            f"`{name}` is of pydantic 1: use `{_VALIDATORS[name]}` of pydantic 2.",
            by_hand=True,
        )
    elif target == f"{OURS}.prompts.hub" or (name, target) == ("hub", f"{OURS}.prompts"):
        parsed.note(node, _HUB, by_hand=True)


def _dotted(node: cst.CSTNode) -> str:
    if isinstance(node, cst.Name):
        return str(node.value)
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    return ""
