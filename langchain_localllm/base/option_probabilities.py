"""Compute the probabilities of lettered options from an answer's first token."""

import math
from collections.abc import Sequence
from typing import Any

from langchain_localllm.errors import ServerError


def option_probabilities(logprobs: Any, labels: str) -> list[float]:
    """Return the probability of each label, as a share of their sum.

    A label that is not among the listed tokens counts as the least likely of those.

    Args:
        logprobs: A result's `logprobs`, in OpenAI's form or as a list.
        labels: The options' letters.

    Raises:
        ServerError: There are no log probabilities, or none for a label.

    Example:
        >>> numbers = {"A": -0.5, " B": -0.5, "The": -3.0}
        >>> tokens = [{"token": text, "logprob": number} for text, number in numbers.items()]
        >>> option_probabilities({"content": [{"top_logprobs": tokens}]}, "AB")
        [0.5, 0.5]
    """
    first = (logprobs.get("content") if isinstance(logprobs, dict) else logprobs) or [{}]
    rows = first[0].get("top_logprobs") or []
    if not rows:
        raise ServerError(
            "The engine returned no log probabilities, from which decisions are made."
        )
    shares = dict.fromkeys(labels, 0.0)
    for row in rows:
        if (label := str(row["token"]).strip()) in shares:
            shares[label] += math.exp(row["logprob"])
    if not any(shares.values()):
        raise ServerError(
            f"None of the options {', '.join(labels)} is among the {len(rows)} likeliest first "
            "tokens. Increase `top_logprobs`, or use a model that follows instructions better."
        )
    least = math.exp(min(row["logprob"] for row in rows))
    found = [share or least for share in shares.values()]
    return [share / sum(found) for share in found]


def choice_confidence(probabilities: Sequence[float]) -> float:
    """Return how far the likeliest option is above chance, from 0 to 1, as llama.cpp computes it.

    Example:
        >>> choice_confidence([0.75, 0.25])
        0.5
    """
    if len(probabilities) < 2:  # noqa: PLR2004 - one option is certain
        return 1.0
    chance = 1 / len(probabilities)
    return max(0.0, (max(probabilities) - chance) / (1 - chance))


def score_confidence(probabilities: Sequence[float]) -> float:
    """Return how close the levels are to the likeliest one, from 0 to 1, as llama.cpp computes it.

    Example:
        >>> score_confidence([0.0, 1.0, 0.0])
        1.0
    """
    count = len(probabilities)
    likeliest = max(range(count), key=probabilities.__getitem__)
    distance = sum(share * abs(level - likeliest) for level, share in enumerate(probabilities))
    uniform = sum(abs(level - (count - 1) / 2) for level in range(count)) / count
    return max(0.0, 1 - distance / uniform)
