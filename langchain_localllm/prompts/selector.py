"""Select the prompt that fits a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.prompts import BasePromptTemplate

from langchain_localllm.errors import InvalidOptionError
from langchain_localllm.model_info.introspect import adescribe_model
from langchain_localllm.model_info.unwrap import unwrap
from langchain_localllm.prompts.conditions import name_of

Prompt = BasePromptTemplate[Any]


@dataclass(frozen=True)
class ConditionalPromptSelector:
    """Chooses a prompt by conditions on the model: the first that holds counts.

    Works as `langchain_classic`'s class of this name, and looks at the model inside `.bind()`,
    `.with_retry()` and `.with_fallbacks()` first.

    Attributes:
        default_prompt: The prompt when no condition holds; without one, that is an error.
        conditionals: Pairs of a condition and a prompt. A condition takes the model: a `Condition`
            such as `is_chat_model`, or any function.

    Example:
        >>> from langchain_core.language_models import FakeListLLM
        >>> from langchain_core.prompts import PromptTemplate
        >>> from langchain_localllm.prompts import ConditionalPromptSelector, is_llm
        >>> plain = PromptTemplate.from_template("Please answer: {question}")
        >>> short = PromptTemplate.from_template("Q: {question} A:")
        >>> selector = ConditionalPromptSelector(
        ...     default_prompt=plain, conditionals=[(is_llm, short)]
        ... )
        >>> selector.get_prompt(FakeListLLM(responses=[]).with_retry()).format(question="Why?")
        'Q: Why? A:'
    """

    default_prompt: Prompt | None = None
    conditionals: Sequence[tuple[Callable[[Any], bool], Prompt]] = ()

    def get_prompt(self, llm: Any) -> Prompt:
        """Return the prompt for a model.

        Raises:
            InvalidOptionError: No condition holds and there is no default, or a condition failed;
                the message names it.
        """
        model = unwrap(llm)
        for condition, prompt in self.conditionals:
            if _holds(condition, model):
                return prompt
        if self.default_prompt is None:
            tried = (
                ", ".join(name_of(condition) for condition, _ in self.conditionals)
                or "there are none"
            )
            raise InvalidOptionError(
                f"No condition holds for {type(model).__name__} ({tried}). Give the selector a "
                "`default_prompt`."
            )
        return self.default_prompt

    async def aget_prompt(self, llm: Any) -> Prompt:
        """Work like `get_prompt`.

        What conditions of this package must ask a server is asked without blocking the event loop.
        """
        if any(getattr(condition, "looks", False) for condition, _ in self.conditionals):
            await adescribe_model(llm)
        return self.get_prompt(llm)


def _holds(condition: Callable[[Any], bool], model: Any) -> bool:
    try:
        return condition(model)
    except Exception as error:
        raise InvalidOptionError(
            f"The condition {name_of(condition)} failed on {type(model).__name__} "
            f"({type(error).__name__}: {error})."
        ) from error
