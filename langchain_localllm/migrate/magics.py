"""Hide what Jupyter understands and Python does not, so that a cell can be read as Python."""

import re
from typing import Final

_PYTHON_MAGICS: Final = ("%%capture", "%%prun", "%%time", "%%timeit")
"""Magics of a cell that is Python all the same."""
_MAGIC: Final = re.compile(
    r"""[ \t]*(?:
        [%!?].*                              # %pip install x, !ls, ?name
        | [\w.,\ \t]+=[ \t]*[%!].*           # files = !ls
        | [\w.*]+\?{1,2}[ \t]*               # name?
    )""",
    re.VERBOSE,
)
_COMMAND: Final = re.compile(r"[ \t]*[%!]")
_PLACE: Final = re.compile(r"#?__localllm_magic_(\d+)__")


class HiddenMagics:
    r"""A cell's lines that are not Python, each with a name in its place.

    Args:
        source: The cell's text.

    Example:
        >>> hidden = HiddenMagics("!pip install gpt4all\nx = 1\n")
        >>> hidden.code
        '__localllm_magic_0__\nx = 1\n'
        >>> hidden.restore(hidden.code)
        '!pip install gpt4all\nx = 1\n'
    """

    def __init__(self, source: str) -> None:
        self._lines: list[str] = []
        self.code = "".join(self._hidden(source))

    def _hidden(self, source: str) -> list[str]:
        found, continued = [], False
        for line in source.splitlines(keepends=True):
            text = line.rstrip("\r\n")
            if continued or _MAGIC.fullmatch(text):
                indent = text[: len(text) - len(text.lstrip())]
                comment = "#" if continued else ""
                found.append(
                    f"{indent}{comment}__localllm_magic_{len(self._lines)}__{line[len(text) :]}"
                )
                self._lines.append(text[len(indent) :])
                is_command = continued or _COMMAND.match(text) is not None
                continued = is_command and text.endswith("\\")
            else:
                found.append(line)
        return found

    def restore(self, code: str) -> str:
        """Return code with the lines back in it."""
        return _PLACE.sub(lambda found: self._lines[int(found[1])], code)


def is_python_cell(source: str) -> bool:
    """Return whether a cell is Python, not another language of a magic such as `%%bash`."""
    first = source.lstrip()
    return not first.startswith("%%") or first.split(maxsplit=1)[0] in _PYTHON_MAGICS
