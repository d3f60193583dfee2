"""Migrate the code cells of a Jupyter notebook.

The rest of the file stays as it is, byte for byte.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from json.decoder import scanstring  # type: ignore[attr-defined]  # typeshed lacks it
from typing import Any, Final

from langchain_localllm.errors import InvalidRequestError
from langchain_localllm.migrate.code import MigratedCode, migrate_code, parse_error
from langchain_localllm.migrate.dependencies import requirement_notes
from langchain_localllm.migrate.magics import HiddenMagics, is_python_cell
from langchain_localllm.migrate.notes import Note

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_NUMBER_OR_WORD: Final = re.compile(r"[^\s,\]}]+")
_FORMAT: Final = 4
"""The oldest version of notebooks that is read; those before it have no list of cells."""
_Path = tuple[str | int, ...]


@dataclass(frozen=True)
class _Cell:
    """A code cell: its number from 1, its text, and where that is in the file."""

    number: int
    source: str
    start: int
    end: int
    magics: HiddenMagics | None

    @property
    def code(self) -> str:
        """The cell as Python."""
        return self.magics.code if self.magics else self.source

    def restored(self, code: str) -> str:
        """Return the cell's text for code."""
        return self.magics.restore(code) if self.magics else code


def migrate_notebook(text: str) -> MigratedCode:
    """Rewrite the code cells of a notebook, as `migrate_code` rewrites code.

    Imports of one cell count in the others.

    Args:
        text: The file's text.

    Returns:
        The new text, with notes. Lines that begin with `%` or `!`, and cells in other languages,
        stay as they are, and so does a cell that is not valid Python.

    Raises:
        InvalidRequestError: The text is not a notebook of version 4.
        MissingDependencyError: libcst is not installed.
    """
    if "langchain" not in text:
        return MigratedCode(text)
    notebook = _read(text)
    if not _is_python(notebook):
        return MigratedCode(text)
    notes: list[Note] = []
    cells = list(_cells(text, notebook, notes))
    done = migrate_code("".join(f"{_marker(cell)}{_ended(cell.code)}" for cell in cells))
    parts, rest = [], done.code
    for cell in reversed(cells):
        rest, _, code = rest.rpartition(_marker(cell))
        parts.append((cell, code if cell.code.endswith("\n") else code.removesuffix("\n")))
    new = text
    for cell, code in parts:
        if code != cell.code:
            new = new[: cell.start] + _as_json(text, cell, cell.restored(code)) + new[cell.end :]
    notes += [_in_cell(note, cells) for note in done.notes]
    return MigratedCode(
        new, tuple(sorted(notes, key=lambda note: (note.cell or 0, note.line))), done.needs
    )


def _read(text: str) -> dict[str, Any]:
    try:
        notebook = json.loads(text)
    except ValueError as error:
        raise InvalidRequestError(f"This is not a notebook: {error}.") from error
    except RecursionError as error:
        raise InvalidRequestError("This is not a notebook: it is nested too deep.") from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise InvalidRequestError(
            f"This is not a notebook of version {_FORMAT}: open it in Jupyter, which converts it, "
            "and save it."
        )
    return notebook


def _is_python(notebook: dict[str, Any]) -> bool:
    metadata = notebook.get("metadata") or {}
    language = (metadata.get("language_info") or {}).get("name") or (
        metadata.get("kernelspec") or {}
    ).get("language")
    return language in {None, "python"}


def _cells(text: str, notebook: dict[str, Any], notes: list[Note]) -> Iterator[_Cell]:
    """Return the cells that can be read as Python, and note the others."""
    places = {
        path: (start, end) for path, start, end in _values(text, _after_space(text, 0), (), 3)
    }
    for index, cell in enumerate(notebook["cells"]):
        if (
            not isinstance(cell, dict)
            or cell.get("cell_type") != "code"
            or ("cells", index, "source") not in places
        ):
            continue
        source = "".join(cell["source"])
        notes += [
            replace(note, cell=index + 1) for note in requirement_notes(source, only_commands=True)
        ]
        if not is_python_cell(source):
            continue
        magics = None
        if parse_error(source):
            magics = HiddenMagics(source)
            if error := parse_error(magics.code):
                text = f"The cell is not valid Python, and stays as it is: {error[1]}."
                notes.append(Note(error[0], text, by_hand=True, cell=index + 1))
                continue
        start, end = places["cells", index, "source"]
        yield _Cell(index + 1, source, start, end, magics)


def _values(text: str, start: int, path: _Path, depth: int) -> Iterator[tuple[_Path, int, int]]:
    """Return where each value of a JSON text is, down to a depth; the text is known to be valid."""
    end = start
    if text[start] in "{[" and depth:
        end = _after_space(text, start + 1)
        index = 0
        while text[end] not in "}]":
            key: str | int = index
            if text[start] == "{":
                key, end = scanstring(text, end + 1)
                end = _after_space(text, _after_space(text, end) + 1)
            last = end
            for found in _values(text, end, (*path, key), depth - 1):
                yield found
                last = found[2]
            end = _after_space(text, last)
            if text[end] == ",":
                end = _after_space(text, end + 1)
            index += 1
        end += 1
    elif text[start] in "{[":
        _, end = json.JSONDecoder().raw_decode(text, start)
    elif text[start] == '"':
        _, end = scanstring(text, start + 1)
    else:
        found_word = _NUMBER_OR_WORD.match(text, start)
        end = found_word.end() if found_word else start
    yield path, start, end


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _marker(cell: _Cell) -> str:
    return f"# __localllm_cell_{cell.number}__\n"


def _ended(code: str) -> str:
    return code if code.endswith("\n") else f"{code}\n"


def _in_cell(note: Note, cells: list[_Cell]) -> Note:
    """Return a note with the line of its cell."""
    line = note.line
    for cell in cells:
        count = _ended(cell.code).count("\n") + 1
        if line <= count:
            return replace(note, cell=cell.number, line=line - 1)
        line -= count
    return note


def _as_json(text: str, cell: _Cell, source: str) -> str:
    """Return a cell's new text as JSON, written as the old one.

    Lines that are the same stay byte for byte.
    """
    only_ascii = text.isascii()
    old = text[cell.start : cell.end]
    if not old.startswith("["):
        return json.dumps(source, ensure_ascii=only_ascii)
    items = [(start, end) for path, start, end in _values(old, 0, (), 1) if path]
    known = {json.loads(old[start:end]): old[start:end] for start, end in items}
    before = old[: items[0][0]]
    between = old[items[0][1] : items[1][0]] if len(items) > 1 else f",{before[1:]}"
    lines = source.splitlines(keepends=True)
    written = [known.get(line) or json.dumps(line, ensure_ascii=only_ascii) for line in lines]
    return before + between.join(written) + old[items[-1][1] :]
