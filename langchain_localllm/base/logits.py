"""Normalize `logit_bias`, `logprobs` and `top_logprobs`, which other packages spell differently.

They are `logit_bias`, `logprobs` and `top_logprobs`.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal

from langchain_localllm.errors import InvalidOptionError

LogitBias = dict[int | str, float | Literal[False]]
"""Token ids, or texts whose tokens are meant, to what is added to their logits; `False` bans a
token."""


def normalize_logit_bias(value: Any) -> Any:
    """Return a bias as a dict, from a dict or from llama.cpp's list of pairs.

    A text of digits is a token id, as in JSON. `-inf` means `False`.

    Raises:
        InvalidOptionError: The value has another shape.

    Example:
        >>> normalize_logit_bias([[15043, 1.5], ["Hello", False]])
        {15043: 1.5, 'Hello': False}
        >>> normalize_logit_bias({"15043": -100})
        {15043: -100}
    """
    if value is None:
        return None
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    try:
        return {_token(token): _bias(bias) for token, bias in pairs}
    except (TypeError, ValueError):
        raise InvalidOptionError(
            "`logit_bias` must be a dict of token ids or texts to numbers, such as {15043: -1.5, "
            "'Hello': False}, or a list of "
            f"such pairs, not {value!r}."
        ) from None


def _token(token: Any) -> int | str:
    if isinstance(token, bool) or not isinstance(token, int | str) or token == "":
        raise ValueError
    return int(token) if isinstance(token, str) and token.isdecimal() and token.isascii() else token


def _bias(bias: Any) -> float | Literal[False]:
    if bias is False or bias == -math.inf:
        return False
    if isinstance(bias, bool) or not isinstance(bias, int | float) or not math.isfinite(bias):
        raise ValueError
    return bias


def enable_logprobs(named: dict[str, Any], option: str, *, least: int = 0) -> dict[str, Any]:
    """Return the options with OpenAI's `logprobs` and `top_logprobs` as the runtime's number.

    Args:
        named: The options of an object or a call.
        option: The runtime's name for the number of alternatives, which also switches log
            probabilities on.
        least: What the runtime needs there to report the chosen tokens alone.

    Raises:
        InvalidOptionError: `top_logprobs` is not positive, or contradicts another option.
    """
    logprobs, top = named.get("logprobs"), named.get("top_logprobs")
    check_top_logprobs(top, logprobs)
    rest = {
        name: value for name, value in named.items() if name not in {"logprobs", "top_logprobs"}
    }
    if not isinstance(logprobs, int) and top is None:
        return {**rest, option: named[option]} if option in named else rest
    numbers = {
        value
        for value in (logprobs, named.get(option), top)
        if value is not None and not isinstance(value, bool)
    }
    if len(numbers) > 1:
        raise InvalidOptionError(
            f"The number of log probabilities is given twice, as {' and '.join(map(str, numbers))}."
        )
    return {**rest, option: None if logprobs is False else max([least, *numbers])}


def check_top_logprobs(top: Any, logprobs: Any) -> None:
    """Raise `InvalidOptionError` unless `top_logprobs` is positive and fits `logprobs`."""
    if top is None:
        return
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise InvalidOptionError(
            f"`top_logprobs` must be a positive integer, not {top!r}. For the chosen tokens "
            "alone, set `logprobs=True`."
        )
    if logprobs is False:
        raise InvalidOptionError(
            f"`top_logprobs` is {top}, but `logprobs` is explicitly `False`. Set `logprobs=True`, "
            "or leave out `top_logprobs`."
        )
