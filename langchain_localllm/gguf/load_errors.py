"""Explain from llama.cpp's log why it could not load a model file, and what to do."""

import re
from pathlib import Path
from typing import Final

from langchain_localllm.errors import ModelFileError

__all__ = ["load_error", "load_warnings", "not_finite_error"]

# What llama.cpp writes, old and new -> the sentence. {0} is the file, {1} the pattern's group.
# First match wins.
_KNOWN: Final[list[tuple[str, str]]] = [
    (
        r"unknown (?:model )?architecture:? '?([\w.-]+)",
        (
            "The engine does not know the architecture {1} of {0}: update the engine, or use "
            "another model."
        ),
    ),
    (
        r"error loading model vocabulary: ([^\n]*)",
        (
            "The engine cannot use the vocabulary of {0} ({1}): fetch a complete model file, or "
            "update the engine."
        ),
    ),
    (
        (
            r"not within the file bounds|failed to read key-value|failed to read tensor"
            r"|corrupted or incomplete"
        ),
        "{0} is cut off or damaged: download it again.",
    ),
    (
        r"error loading model: ([^\n]*?)\.?\n",
        "The engine cannot load {0} ({1}): download the file again, or update the engine.",
    ),
]


def load_error(path: Path, log: str) -> ModelFileError | None:
    """Return the error that a log reports, or `None` if it reports none about the file."""
    for pattern, sentence in _KNOWN:
        if match := re.search(pattern, log):
            return ModelFileError(sentence.format(path, *match.groups()))
    return None


def not_finite_error(name: str) -> ModelFileError:
    """Return the error for a model whose output is not made of numbers."""
    return ModelFileError(
        f"The output of {name} is not a number (NaN or infinite): its weights are damaged, or a "
        "setting such as `rope_freq_base` or an adapter does not fit it. Download the file again, "
        "or leave the setting out."
    )


# Warnings that do not affect answers: about memory, or about values that the engine corrects.
_HARMLESS: Final = re.compile(
    r"control-looking token|type will be overridden|special_eo[gst]|special_eom|n_ctx|buffer|mmap"
    r"|mlock|offload|repack|^\W*$"
)
_FUNCTION: Final = re.compile(r"^(?:~?\w+: +)+")


def load_warnings(log: str) -> str:
    """Return llama.cpp's warnings from loading a file, without function names.

    Empty if none affects the answers.
    """
    lines = [_FUNCTION.sub("", line).strip(" *") for line in log.splitlines()]
    return ". ".join(
        dict.fromkeys(line.rstrip(".!") for line in lines if not _HARMLESS.search(line))
    )
