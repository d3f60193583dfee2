"""Pair a prompt for text LLMs with one for chat models, and choose between them."""

import functools
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseLLM
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate

from langchain_localllm.model_info.info import ModelInfo
from langchain_localllm.model_info.introspect import adescribe_model, describe_model
from langchain_localllm.model_info.unwrap import unwrap_with_options
from langchain_localllm.prompts.adapt import (
    Prompt,
    applies_template,
    knows_format,
    wrap_in_template,
)


@dataclass(frozen=True, eq=False)
class PromptPair:
    """A prompt that fits each model; it has `get_prompt`, as a selector of `langchain_classic`.

    Attributes:
        text: For text LLMs whose template is not known, and for Ollama, which applies a template by
            itself.
        chat: For chat models; a text LLM whose template is known gets it in that template.

    Example:
        >>> from langchain_core.language_models import FakeListChatModel, FakeListLLM
        >>> from langchain_localllm.prompts.library import EXPLAIN
        >>> prompt = EXPLAIN.get_prompt(FakeListLLM(responses=[]))
        >>> print(prompt.format(topic="tides"))  # doctest: +ELLIPSIS
        Explain this to someone who hears of it for the first time, ...
        <BLANKLINE>
        tides
        <BLANKLINE>
        Explanation:
        >>> type(EXPLAIN.get_prompt(FakeListChatModel(responses=[]))).__name__
        'ChatPromptTemplate'
    """

    text: Prompt
    chat: ChatPromptTemplate

    def get_prompt(self, llm: Any) -> Prompt:
        """Return the form that fits a model, also inside its wrappers.

        These are `.bind()`, `.with_retry()` and `.with_fallbacks()`.
        """
        model, options = unwrap_with_options(llm)
        if not isinstance(model, BaseLLM):
            return self.chat
        if applies_template(model, options):
            return self.text
        return _for_text_llm(self, describe_model(model))

    async def aget_prompt(self, llm: Any) -> Prompt:
        """Work like `get_prompt`, without blocking the event loop."""
        await adescribe_model(llm)
        return self.get_prompt(llm)


@functools.lru_cache(maxsize=256)
def _for_text_llm(ready: PromptPair, about: ModelInfo) -> Prompt:
    return wrap_in_template(ready.chat, about) if knows_format(about) else ready.text


def ready(instruction: str, question: str, cue: str) -> PromptPair:
    """Make a prompt of both forms.

    Args:
        instruction: What the model is to do; the system message.
        question: What it is to do it with; the human message.
        cue: What comes before the answer of a text LLM, if anything does.
    """
    return PromptPair(
        PromptTemplate.from_template("\n\n".join(filter(None, [instruction, question, cue]))),
        ChatPromptTemplate.from_messages([("system", instruction), ("human", question)]),
    )
