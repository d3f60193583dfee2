"""The model inside `.bind()`, `.with_retry()`, `.with_fallbacks()` and other wrappers."""

from typing import Any

from langchain_core.language_models import BaseLanguageModel


def unwrap(llm: Any) -> Any:
    """The innermost model; of fallbacks, the one that is tried first.

    Example:
        >>> from langchain_core.language_models import FakeListLLM
        >>> llm = FakeListLLM(responses=["Yes."])
        >>> unwrap(llm.bind(stop=["x"]).with_retry()) is llm
        True
    """
    return unwrap_with_options(llm)[0]


def unwrap_with_options(llm: Any) -> tuple[Any, dict[str, Any]]:
    """The innermost model, and the options that are bound to it, those of the outer wrappers first in rank."""
    options: dict[str, Any] = {}
    while not isinstance(llm, BaseLanguageModel):
        held = vars(llm) if hasattr(llm, "__dict__") else {}  # pydantic's getattr is slow where there is no such field
        inner = held.get("bound") or held.get("runnable") or held.get("default")
        if inner is None:
            break
        options = {**(held.get("kwargs") or {}), **options}
        llm = inner
    return llm, options
