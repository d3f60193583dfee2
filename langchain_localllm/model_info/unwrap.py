"""Unwrap models from `.bind()`, `.with_retry()`, `.with_fallbacks()` and other wrappers."""

from typing import Any

from langchain_core.language_models import BaseLanguageModel


def unwrap(llm: Any) -> Any:
    """Return the innermost model; for fallbacks, the primary one.

    Example:
        >>> from langchain_core.language_models import FakeListLLM
        >>> llm = FakeListLLM(responses=["Yes."])
        >>> unwrap(llm.bind(stop=["x"]).with_retry()) is llm
        True
    """
    return unwrap_with_options(llm)[0]


def unwrap_with_options(llm: Any) -> tuple[Any, dict[str, Any]]:
    """Return the innermost model and its bound options; options of outer wrappers win."""
    options: dict[str, Any] = {}
    while not isinstance(llm, BaseLanguageModel):
        # pydantic's getattr is slow for missing fields
        held = vars(llm) if hasattr(llm, "__dict__") else {}
        inner = held.get("bound") or held.get("runnable") or held.get("default")
        if inner is None:
            break
        options = {**(held.get("kwargs") or {}), **options}
        llm = inner
    return llm, options
