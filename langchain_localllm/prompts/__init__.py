"""Prompts that fit the model: selectors, conditions, formats of families, and a library."""

from typing import TYPE_CHECKING

from langchain_localllm._lazy import lazy_exports

if TYPE_CHECKING:
    from langchain_localllm.prompts.adapt import ModelPrompt as ModelPrompt
    from langchain_localllm.prompts.adapt import afor_model as afor_model
    from langchain_localllm.prompts.adapt import for_model as for_model
    from langchain_localllm.prompts.conditions import Condition as Condition
    from langchain_localllm.prompts.conditions import context_at_least as context_at_least
    from langchain_localllm.prompts.conditions import is_chat_model as is_chat_model
    from langchain_localllm.prompts.conditions import is_family as is_family
    from langchain_localllm.prompts.conditions import is_llm as is_llm
    from langchain_localllm.prompts.conditions import is_runtime as is_runtime
    from langchain_localllm.prompts.conditions import supports_tools as supports_tools
    from langchain_localllm.prompts.detect_family import ModelFamily as ModelFamily
    from langchain_localllm.prompts.detect_family import amodel_family as amodel_family
    from langchain_localllm.prompts.detect_family import model_family as model_family
    from langchain_localllm.prompts.format_table import FAMILIES as FAMILIES
    from langchain_localllm.prompts.formats import Format as Format
    from langchain_localllm.prompts.selector import (
        ConditionalPromptSelector as ConditionalPromptSelector,
    )

_HERE = __name__

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "FAMILIES": f"{_HERE}.format_table",
        "Condition": f"{_HERE}.conditions",
        "ConditionalPromptSelector": f"{_HERE}.selector",
        "Format": f"{_HERE}.formats",
        "ModelFamily": f"{_HERE}.detect_family",
        "ModelPrompt": f"{_HERE}.adapt",
        "afor_model": f"{_HERE}.adapt",
        "amodel_family": f"{_HERE}.detect_family",
        "context_at_least": f"{_HERE}.conditions",
        "for_model": f"{_HERE}.adapt",
        "is_chat_model": f"{_HERE}.conditions",
        "is_family": f"{_HERE}.conditions",
        "is_llm": f"{_HERE}.conditions",
        "is_runtime": f"{_HERE}.conditions",
        "model_family": f"{_HERE}.detect_family",
        "supports_tools": f"{_HERE}.conditions",
    },
)
