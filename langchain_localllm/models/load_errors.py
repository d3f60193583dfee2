"""Why llama.cpp could not load a model file, read from its log: one sentence that says what to do."""

import re
from pathlib import Path
from typing import Final

from langchain_localllm.errors import ModelFileError

__all__ = ["load_error"]

# What llama.cpp writes, old and new -> the sentence. {0} is the file, {1} the pattern's group. First match wins.
_KNOWN: Final[list[tuple[str, str]]] = [
    (
        r"unknown (?:model )?architecture:? '?([\w.-]+)",
        "The engine does not know the architecture {1} of {0}: update the engine, or use another model.",
    ),
    (
        r"error loading model vocabulary: ([^\n]*)",
        "The engine cannot use the vocabulary of {0} ({1}): fetch a complete model file, or update the engine.",
    ),
    (
        r"not within the file bounds|failed to read key-value|failed to read tensor|corrupted or incomplete",
        "{0} is cut off or damaged: download it again.",
    ),
]


def load_error(path: Path, log: str) -> ModelFileError | None:
    """The error that a log tells of, or `None` where it tells of none about the file."""
    for pattern, sentence in _KNOWN:
        if match := re.search(pattern, log):
            return ModelFileError(sentence.format(path, *match.groups()))
    return None
