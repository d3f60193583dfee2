"""Parse a file: its nodes with their places, and changes that leave the other text as it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

import libcst as cst
from libcst.metadata import (
    ByteSpanPositionProvider,
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    QualifiedNameProvider,
    ScopeProvider,
)

from langchain_localllm.migrate.notes import Note

_Node = TypeVar("_Node", bound=cst.CSTNode)

_LINE_ENDS: Final = frozenset({b"\r", b"\n"})


@dataclass
class Parsed:
    """A module of Python code, and what is to be changed in it.

    Raises:
        libcst.ParserSyntaxError: The code is not valid Python.
    """

    code: str
    notes: list[Note] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)
    """Packages that the new code imports, and classes of ours that it uses."""

    def __post_init__(self) -> None:
        wrapper = MetadataWrapper(cst.parse_module(self.code))
        self.module = wrapper.module
        self._spans = wrapper.resolve(ByteSpanPositionProvider)
        self.parents = wrapper.resolve(ParentNodeProvider)
        self._positions = wrapper.resolve(PositionProvider)
        self._names = wrapper.resolve(QualifiedNameProvider)
        self.scopes = {
            scope for scope in wrapper.resolve(ScopeProvider).values() if scope is not None
        }
        self._bytes = self.code.encode()
        self._edits: list[tuple[int, int, bytes]] = []

    def nodes(self, kind: type[_Node]) -> Iterator[_Node]:
        """Return the nodes of a kind."""
        return (node for node in self.parents if isinstance(node, kind))

    def line(self, node: cst.CSTNode) -> int:
        """Return the line on which a node begins; the first one is 1."""
        number: int = self._positions[node].start.line
        return number

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return where a node begins and ends, in bytes."""
        span = self._spans[node]
        return span.start, span.start + span.length

    def text(self, node: cst.CSTNode) -> str:
        """Return a node as it is in the file."""
        start, end = self.span(node)
        return self._bytes[start:end].decode()

    def imported_names(self, node: cst.CSTNode) -> set[tuple[str, str]]:
        """Return the modules and names that an expression means by the file's imports.

        There are several where `try` has several.
        """
        names = self._names.get(node, ())
        found = names() if callable(names) else names
        paths = [each.name.rpartition(".") for each in found if each.source.name == "IMPORT"]
        return {(module, name) for module, dot, name in paths if dot}

    def note(self, node: cst.CSTNode, text: str, *, by_hand: bool = False) -> None:
        """Note something about a node."""
        self.notes.append(Note(self.line(node), text, by_hand=by_hand))

    def replace(self, start: int, end: int, text: str) -> None:
        """Put a text in place of some bytes. Places must not overlap."""
        self._edits.append((start, end, text.encode()))

    def delete_items(
        self,
        nodes: Sequence[cst.Arg] | Sequence[cst.ImportAlias],
        gone: set[int],
        *,
        in_parentheses: bool,
    ) -> None:
        """Delete items of a list, with their commas and the comments on their lines.

        Args:
            nodes: All items.
            gone: The numbers of those to delete.
            in_parentheses: Whether the list may be on several lines, and end with a comma.
        """
        items = [self._item(node) for node in nodes]
        kept = [number for number in range(len(items)) if number not in gone]
        if not kept:
            start, end = self._skip_space(items[0].start, -1), self._skip_space(items[-1].after, 1)
            if b"#" not in self._bytes[start : end + 1]:
                self.replace(start, end, "")
                return
            for item in items:
                self._delete(item)
            return
        last_kept, tail = items[kept[-1]], items[kept[-1] + 1 :]
        for number in gone:
            if number < kept[-1]:
                self._delete(items[number])
        if tail and in_parentheses and all(self.indent(item.start) is not None for item in tail):
            for item in tail:
                self._delete(item)
        elif tail:
            start = last_kept.after if tail[-1].after > tail[-1].end else last_kept.end
            self.replace(start, tail[-1].after, "")

    def new_code(self) -> str:
        """Return the code with all changes."""
        parts, place = [], 0
        for start, end, text in sorted(self._edits, key=lambda edit: (edit[0], edit[1])):
            if start >= place:  # else it is inside of what is deleted
                parts += [self._bytes[place:start], text]
                place = end
        return b"".join([*parts, self._bytes[place:]]).decode()

    @property
    def newline(self) -> str:
        """How lines of this file end."""
        ending: str = self.module.default_newline
        return ending

    def indent(self, start: int) -> str | None:
        """Return what is before a place on its line, if it is nothing but space."""
        before = self._bytes[self._line_start(start) : start].decode()
        return before if not before.strip() else None

    def _line_start(self, place: int) -> int:
        return max(self._bytes.rfind(b"\n", 0, place), self._bytes.rfind(b"\r", 0, place)) + 1

    def _item(self, node: cst.Arg | cst.ImportAlias) -> "_Item":
        start, end = self.span(node)
        return _Item(
            start, end, self.span(node.comma)[1] if isinstance(node.comma, cst.Comma) else end
        )

    def _delete(self, item: "_Item") -> None:
        """Delete an item, and its whole line where nothing else is on it."""
        start, end = item.start, item.after
        while self._bytes[end : end + 1] in {b" ", b"\t"}:
            end += 1
        rest = end
        if self._bytes[rest : rest + 1] == b"\\" and self.indent(start) is not None:
            rest += 1
        elif self._bytes[rest : rest + 1] == b"#":
            while self._bytes[rest : rest + 1] not in _LINE_ENDS:
                rest += 1
        indent = self.indent(start)
        if indent is not None and self._bytes[rest : rest + 1] in _LINE_ENDS:
            start -= len(indent.encode())
            end = rest + (2 if self._bytes[rest : rest + 2] == b"\r\n" else 1)
        elif self._bytes[rest : rest + 1] in _LINE_ENDS:
            start, end = self._skip_space(start, -1), item.after
        self.replace(start, end, "")

    def _skip_space(self, place: int, step: int) -> int:
        look = place if step > 0 else place - 1
        while self._bytes[look : look + 1].isspace():
            look += step
        return look if step > 0 else look + 1


class _Item(NamedTuple):
    """Where an item of a list begins and ends, and where its comma ends, if it has one."""

    start: int
    end: int
    after: int
