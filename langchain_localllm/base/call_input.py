"""Read the arguments of a call: its input, and run settings that older code passes."""

from collections.abc import Callable
from json import JSONDecodeError
from typing import Any, Final

from langchain_core.language_models import LanguageModelInput
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_config_list, merge_configs
from pydantic import ValidationError

from langchain_localllm.errors import InvalidRequestError

Configs = RunnableConfig | list[RunnableConfig] | None
_SETTINGS: Final = frozenset({"callbacks", "metadata", "run_id", "run_name", "tags"})


def split_config(
    config: RunnableConfig | None, kwargs: dict[str, Any]
) -> tuple[RunnableConfig | None, dict[str, Any]]:
    """Return the config with the settings that are among a call's options, and the other options.

    Example:
        >>> split_config(None, {"run_name": "a", "temperature": 0})[1]
        {'temperature': 0}
    """
    if _SETTINGS.isdisjoint(kwargs):
        return config, kwargs
    given: Any = {
        name: value for name, value in kwargs.items() if name in _SETTINGS and value is not None
    }
    return merge_configs(config, given), {
        name: value for name, value in kwargs.items() if name not in _SETTINGS
    }


def split_configs(
    config: Configs, kwargs: dict[str, Any], count: int
) -> tuple[Configs, dict[str, Any]]:
    """Work like `split_config`, for a batch of so many inputs."""
    if _SETTINGS.isdisjoint(kwargs):
        return config, kwargs
    _, others = split_config(None, kwargs)
    return [
        split_config(each, kwargs)[0] or each for each in get_config_list(config, count)
    ], others


def read_input(
    convert: Callable[[LanguageModelInput], PromptValue], given: LanguageModelInput
) -> PromptValue:
    """Return the prompt that LangChain's conversion makes of an input.

    Raises:
        InvalidRequestError: The conversion fails.
    """
    try:
        return convert(given)
    except (ValueError, NotImplementedError, KeyError, TypeError, AttributeError) as error:
        raise InvalidRequestError(
            f"The input cannot be read as messages: {_reason(error)}"
        ) from error


def _reason(error: Exception) -> str:
    """Return the reason for which LangChain cannot read an input, in one line."""
    if isinstance(error, ValidationError):
        return "; ".join(
            f"`{'.'.join(map(str, fault['loc']))}`: {fault['msg']}" for fault in error.errors()
        )
    if isinstance(error, JSONDecodeError):
        return (
            f"the arguments of a call are not valid JSON ({error}). Give an `AIMessage` with "
            "`invalid_tool_calls` instead"
        )
    if isinstance(error, KeyError):
        return f"a message lacks {error}"
    return (str(error).splitlines() or [type(error).__name__])[0]
