"""Recognize the file names of a model that is split into several files."""

import re
from typing import Final

SPLIT_FILE: Final = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
"""The name of one file of a model in several parts, as llama.cpp's `gguf-split` writes it."""


def part_names(name: str, count: int) -> list[str]:
    """Return the file names of all parts of a split model, given one of them.

    Any other name is returned alone.

    Example:
        >>> part_names("x-00001-of-00002.gguf", 2)
        ['x-00001-of-00002.gguf', 'x-00002-of-00002.gguf']
    """
    match = SPLIT_FILE.fullmatch(name)
    if match is None or count <= 1:
        return [name]
    return [f"{match['name']}-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]
