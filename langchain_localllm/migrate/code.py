"""Migrate Python code."""

import ast
import warnings
from dataclasses import dataclass
from typing import Final

from langchain_localllm.errors import InvalidRequestError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.migrate.notes import Note

_DEEPEST: Final = 400
"""Levels of nested nodes. libcst ends the process at some thousands, and Python cannot follow its
nodes at some hundreds."""
_TOO_DEEP: Final = "it is nested too deep"


@dataclass(frozen=True)
class MigratedCode:
    """Code after the migration.

    Attributes:
        code: The code; the same text where nothing had to be changed.
        notes: What was changed and why, and what a person has to change, by line.
        needs: Our classes that the code uses, and other packages that its new imports need.
    """

    code: str
    notes: tuple[Note, ...] = ()
    needs: frozenset[str] = frozenset()


def migrate_code(code: str) -> MigratedCode:
    r"""Rewrite code that uses local models of other packages, so that it uses those of this one.

    Imports of `langchain_community`, `langchain_ollama` and of LangChain before version 1 are
    changed, arguments that have no effect are taken out, and so are calls that LangChain 1 does not
    have. All else keeps its text: comments, formatting, line ends.

    Args:
        code: Python code.

    Returns:
        The new code, with notes on what a person has to do.

    Raises:
        InvalidRequestError: The code is not valid Python.
        MissingDependencyError: libcst is not installed.

    Example:
        >>> done = migrate_code("from langchain.llms import Ollama\nllm = Ollama(f16_kv=True)\n")
        >>> print(done.code)
        from langchain_localllm.llms import Ollama
        llm = Ollama()
        <BLANKLINE>
        >>> print(done.notes[0])
        2: `f16_kv` of Ollama is removed: Ollama removed it and chooses the value.
    """
    if "langchain" not in code:
        return MigratedCode(code)
    if error := parse_error(code):
        raise InvalidRequestError(f"Line {error[0]} is not valid Python: {error[1]}.")
    from langchain_localllm.migrate.arguments import change_arguments
    from langchain_localllm.migrate.calls import change_calls
    from langchain_localllm.migrate.imports import change_imports
    from langchain_localllm.migrate.parsed import Parsed
    from langchain_localllm.migrate.texts import note_texts

    try:
        parsed = Parsed(code)
        for step in (change_imports, change_arguments, change_calls, note_texts):
            step(parsed)
        new = parsed.new_code()
    except RecursionError as error:
        raise InvalidRequestError(f"The code cannot be read: {_TOO_DEEP}.") from error
    if new != code and (wrong := parse_error(new)):
        raise InvalidRequestError(
            f"The new code would not be valid Python at line {wrong[0]}: {wrong[1]}. Please "
            "report this."
        )
    return MigratedCode(new, tuple(sorted(set(parsed.notes), key=_place)), frozenset(parsed.needs))


def parse_error(code: str) -> tuple[int, str] | None:
    """Return the line at which code is not valid Python and why, or `None`.

    Raises:
        MissingDependencyError: libcst is not installed.
    """
    try:
        import libcst
    except ImportError as error:
        raise MissingDependencyError(
            f"Code is read with libcst: {pip_install('migrate')}"
        ) from error
    # notebooks await outside of functions
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in strings
            tree = compile(code, "code", "exec", flags, dont_inherit=True)
        if _depth(tree) > _DEEPEST:
            return 1, _TOO_DEEP
        libcst.parse_module(code)
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except libcst.ParserSyntaxError as error:
        return error.raw_line, error.message.partition(":")[0].strip()
    except (MemoryError, RecursionError):
        return 1, _TOO_DEEP
    except ValueError as error:  # a NUL
        return 1, str(error)
    return None


def _depth(tree: ast.AST) -> int:
    """Return how deep the nodes of a tree are nested."""
    depth, level = 0, [tree]
    while level:
        depth, level = depth + 1, [child for node in level for child in ast.iter_child_nodes(node)]
    return depth


def _place(note: Note) -> tuple[int, str]:
    return note.line, note.text
