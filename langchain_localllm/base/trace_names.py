"""Name the model in traces and results: never by a path, since traces may be read elsewhere."""

import re
from typing import Any, Final

from langchain_core.language_models import LangSmithParams

_PATH: Final = re.compile(r"^([/~\\]|\.{1,2}[/\\]|[A-Za-z]:[/\\])|\.(gguf|llamafile)$")
"""A model's name that is the path of its file; `meta-llama/Llama-3.1-8B` is not one."""


def short_name(model: str) -> str:
    """Return a model's name without the folders of its file, since traces may be read elsewhere.

    Example:
        >>> short_name("/home/me/models/llama.gguf"), short_name("meta-llama/Llama-3.1-8B")
        ('llama.gguf', 'meta-llama/Llama-3.1-8B')
    """
    return re.split(r"[/\\]", model)[-1] if _PATH.search(model) else model


def label_trace(
    params: LangSmithParams, label: str | None, asked_for: Any = None
) -> LangSmithParams:
    """Return what LangChain reports to tracers, with the name of the model.

    Embeddings have none of this: LangChain does not trace them.

    Args:
        params: What LangChain's base class reports.
        label: The name of the object's model, or `None` where it is not known yet.
        asked_for: The `model` of the call, which takes precedence if it is a name.
    """
    name = short_name(asked_for) if isinstance(asked_for, str) else label
    return {**params, "ls_model_name": name} if name else params
