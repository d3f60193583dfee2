"""Find the markers of thoughts and tool calls in a text that arrives in pieces."""

from collections.abc import Iterable


def held_back(text: str, markers: Iterable[str]) -> int:
    """Return where white space before a marker, or a marker's beginning, may start.

    It is at the end of the text.

    Example:
        >>> "Let me see. <tool"[held_back("Let me see. <tool", ["<tool_call>"]) :]
        ' <tool'
    """
    partial = max((_overlap(text, marker) for marker in markers), default=0)
    return len(text[: len(text) - partial].rstrip())


def _overlap(text: str, marker: str) -> int:
    """Return how many characters at the end of the text are the marker's beginning."""
    return next(
        (
            size
            for size in range(min(len(marker) - 1, len(text)), 0, -1)
            if text.endswith(marker[:size])
        ),
        0,
    )
