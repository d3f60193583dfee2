"""Find texts that name old modules and classes.

They are not changed, since what reads them is not known.
"""

import re
from typing import Final

import libcst as cst

from langchain_localllm.migrate.moved_names import ROOTS, new_module, our_class, same_module
from langchain_localllm.migrate.parsed import Parsed

_PATH: Final = re.compile(rf"(?:{'|'.join(ROOTS)})(?:\.\w+)*")


def note_texts(parsed: Parsed) -> None:
    """Note each text that is the dotted path of something of ours.

    An example is `patch("langchain_community.llms.Ollama")`.
    """
    for node in parsed.nodes(cst.SimpleString):
        value = node.evaluated_value
        if isinstance(value, str) and _PATH.fullmatch(value) and (new := _new_path(value)):
            parsed.note(node, f"The text {value!r} names what is {new!r} now.", by_hand=True)


def _new_path(path: str) -> str | None:
    module, _, name = path.rpartition(".")
    if module and our_class(module, name):
        return f"{new_module(module, name)}.{name}"
    return same_module(path)
