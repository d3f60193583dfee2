"""Refuse a forked process: llama.cpp's threads stay behind in the parent."""

import os
from typing import Final

from langchain_localllm.errors import ServerError

_process: Final[list[int]] = []
"""The process that loaded the first model."""


def refuse_fork() -> None:
    """llama.cpp's threads do not come along into a fork, where it would hang or crash."""
    if not _process:
        _process.append(os.getpid())
    if _process[0] != os.getpid():
        raise ServerError(
            "This process is a fork of one that loaded a model with llama.cpp, which cannot work "
            "here. Start processes by `spawn` instead, for example with "
            "multiprocessing.get_context('spawn'), and make the object in each of them."
        )
