"""Define the options for models that think before they answer."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field
from typing_extensions import override

from langchain_localllm.base.options import Options
from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.templates.thinking_switch import LEVELS

ALIASES: Final[Mapping[str, str]] = {
    "reasoning_budget_tokens": "reasoning_budget",
    "reasoning_effort": "reasoning",
    "think": "reasoning",
    "thinking_budget": "reasoning_budget",
    "thinking_budget_tokens": "reasoning_budget",
}


def _level(value: Any) -> Any:
    if value == "none":  # OpenAI's word
        return False
    if isinstance(value, bool | None) or value in LEVELS:
        return value
    raise InvalidOptionError(
        f"reasoning={value!r} is not valid. Use True, False, 'low', 'medium' or 'high'."
    )


Reasoning = Annotated[bool | str | None, BeforeValidator(_level)]


class ReasoningOptions(Options):
    """Whether a model thinks."""

    reasoning: Reasoning = None
    """Whether a model that can think does so before it answers: `True`, `False`, or how hard:
    `low`, `medium` or `high`. A level means `True` for a model without levels. With `False`, an
    answer has no thoughts. Default: the model's."""

    @property
    def budget(self) -> int | None:
        """Tokens that the model may think, or `None` for no limit."""
        return 0 if self.reasoning is False else None

    @property
    def budget_message(self) -> str:
        """What ends thoughts that have used up the budget."""
        return ""

    @property
    def keeps_thoughts(self) -> bool:
        """Whether thoughts are a part of the answer."""
        return self.reasoning is not False


class ReasoningBudgetOptions(ReasoningOptions):
    """Whether a model thinks, and how long, where the engine can end its thoughts."""

    reasoning_budget: int | None = Field(default=None, ge=-1)
    """Tokens that a model may think before it has to answer; 0 ends its thoughts at once, and -1
    means no limit."""
    reasoning_budget_message: str | None = None
    """A text that ends thoughts that have used up the budget."""

    @property
    @override
    def budget_message(self) -> str:
        return self.reasoning_budget_message or ""

    @property
    @override
    def budget(self) -> int | None:
        return (
            super().budget
            if self.reasoning is False or self.reasoning_budget == -1
            else self.reasoning_budget
        )


def no_budget(engine: str) -> dict[str, str]:
    """Return the advice for an engine without a budget, under each of its names."""
    advice = (
        f"{engine} cannot end a model's thoughts. ChatLlamaCpp and ChatLlamafile can, with the "
        "same file."
    )
    return dict.fromkeys(
        (
            "reasoning_budget",
            "reasoning_budget_message",
            *(name for name, field in ALIASES.items() if field == "reasoning_budget"),
        ),
        advice,
    )
