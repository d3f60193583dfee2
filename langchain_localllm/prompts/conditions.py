"""Define conditions on a model and combine them.

An example is `is_runtime("llamafile") & ~is_family("llama2")`.
"""

import difflib
from collections.abc import Callable, Iterable
from typing import Any, Final

from langchain_core.language_models import BaseChatModel, BaseLLM

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.model_info.introspect import RUNTIME_NAMES, describe_model, runtime_of
from langchain_localllm.model_info.unwrap import unwrap
from langchain_localllm.prompts.detect_family import model_family
from langchain_localllm.prompts.format_table import FAMILIES


class Condition:
    """A named question about a model, which looks inside its wrappers.

    These are `.bind()`, `.with_retry()` and `.with_fallbacks()`.

    `&`, `|` and `~` combine conditions, also with plain functions.

    Example:
        >>> from langchain_core.language_models import FakeListLLM
        >>> from langchain_localllm.prompts import is_chat_model, is_llm
        >>> small = is_llm & ~is_chat_model
        >>> small
        (is_llm & ~is_chat_model)
        >>> small(FakeListLLM(responses=[]))
        True
    """

    __slots__ = ("_holds", "looks", "name")

    def __init__(self, name: str, holds: Callable[[Any], bool], *, looks: bool = False) -> None:
        """Name a question.

        Args:
            name: How it is shown.
            holds: Takes the model, without wrappers.
            looks: Whether it reads a file or asks a server.
        """
        self.name = name
        self.looks = looks
        self._holds = holds

    def __call__(self, llm: Any) -> bool:
        """Return whether it holds for a model."""
        return self._holds(unwrap(llm))

    def __and__(self, other: Callable[[Any], bool]) -> "Condition":
        return self._with(other, "&", lambda llm: self(llm) and bool(other(llm)))

    def __or__(self, other: Callable[[Any], bool]) -> "Condition":
        return self._with(other, "|", lambda llm: self(llm) or bool(other(llm)))

    def __rand__(self, other: Callable[[Any], bool]) -> "Condition":
        return Condition(name_of(other), other) & self

    def __ror__(self, other: Callable[[Any], bool]) -> "Condition":
        return Condition(name_of(other), other) | self

    def __invert__(self) -> "Condition":
        return Condition(f"~{self.name}", lambda llm: not self(llm), looks=self.looks)

    def __repr__(self) -> str:
        return self.name

    def _with(
        self, other: Callable[[Any], bool], sign: str, holds: Callable[[Any], bool]
    ) -> "Condition":
        looks = self.looks or getattr(other, "looks", False)
        return Condition(f"({self.name} {sign} {name_of(other)})", holds, looks=looks)


def name_of(condition: Callable[[Any], bool]) -> str:
    """Return how an error names a condition."""
    return (
        condition.name
        if isinstance(condition, Condition)
        else getattr(condition, "__qualname__", repr(condition))
    )


is_llm: Final = Condition("is_llm", lambda llm: isinstance(llm, BaseLLM))
"""Whether it is a text LLM."""

is_chat_model: Final = Condition("is_chat_model", lambda llm: isinstance(llm, BaseChatModel))
"""Whether it is a chat model."""

supports_tools: Final = Condition("supports_tools", lambda llm: _takes_tools(llm), looks=True)  # noqa: PLW0108 - defined below
"""Whether the model was made to call tools: its chat template or its server says so, else its class
has `bind_tools`."""


def is_runtime(name: str) -> Condition:
    """Return whether the model runs on `ollama`, `llamacpp`, `gpt4all` or `llamafile`.

    This includes other packages' classes for the runtime.

    Raises:
        InvalidOptionError: There is no such runtime.
    """
    _check(name, RUNTIME_NAMES, "runtime")
    return Condition(f"is_runtime({name!r})", lambda llm: runtime_of(llm) == name)


def is_family(name: str) -> Condition:
    """Return whether the model is of a family, such as `llama2`.

    `mistral` and `deepseek` include all their branches.

    Raises:
        InvalidOptionError: There is no such family.
    """
    known = set(FAMILIES) | {family.partition("-v")[0] for family in FAMILIES}
    _check(name, known, "family")
    return Condition(
        f"is_family({name!r})", lambda llm: model_family(llm).belongs_to(name), looks=True
    )


def context_at_least(tokens: int) -> Condition:
    """Return whether the model's context is known to hold so many tokens."""
    return Condition(
        f"context_at_least({tokens})",
        lambda llm: (describe_model(llm).context or 0) >= tokens,
        looks=True,
    )


def _takes_tools(llm: Any) -> bool:
    tools = describe_model(llm).tools
    return (
        isinstance(llm, BaseChatModel) and type(llm).bind_tools is not BaseChatModel.bind_tools
        if tools is None
        else tools
    )


def _check(name: str, known: Iterable[str], what: str) -> None:
    known = sorted(known)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        advice = f"Did you mean {near[0]!r}?" if near else f"Use one of: {', '.join(known)}."
        raise InvalidOptionError(f"There is no {what} {name!r}. {advice}")
