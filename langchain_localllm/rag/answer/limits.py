"""Limit what a model writes for a question about documents: its length, and its thoughts."""

from typing import Any, Final

from langchain_core.runnables import Runnable, RunnableWithFallbacks

from langchain_localllm.base.options import SamplingOptions
from langchain_localllm.errors import LocalLLMError
from langchain_localllm.model_info.introspect import describe_model
from langchain_localllm.model_info.unwrap import unwrap_with_options

MAX_TOKENS: Final = 512
"""Longest answer, in tokens, of a model of this package whose `max_tokens` is not set; at most a
quarter of its context."""


def limited(llm: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """Return the model with a longest answer, and without thoughts, unless it sets these itself.

    Thoughts count toward the longest answer, and would often leave nothing of it. Models of other
    packages are left as they are.
    """
    model, options = unwrap_with_options(llm)
    if not isinstance(model, SamplingOptions):
        return llm
    chosen: dict[str, Any] = {}
    if options.get("max_tokens", model.max_tokens) is None:
        chosen["max_tokens"] = longest_answer(_context(llm))
    if (
        options.get("reasoning", getattr(model, "reasoning", False)) is None
        and not isinstance(llm, RunnableWithFallbacks)  # others may not know the option
        and _thinks(model)
    ):
        chosen["reasoning"] = False
    return llm.bind(**chosen) if chosen else llm


def longest_answer(context: int | None) -> int:
    """Return the longest answer for a model with a context of so many tokens; `None` if unknown."""
    return min(MAX_TOKENS, max(context // 4, 1)) if context else MAX_TOKENS


def _context(llm: Runnable[Any, Any]) -> int | None:
    try:
        return describe_model(llm).context
    except (LocalLLMError, OSError):  # a busy server
        return None


def _thinks(model: Any) -> bool:
    """Return whether it is known that a model thinks before it answers."""
    return bool((getattr(model, "profile", None) or {}).get("reasoning_output"))
