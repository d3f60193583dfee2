"""Harmony, the format of gpt-oss: each part of an answer has a header that says for whom it is.

Source: https://github.com/openai/harmony/blob/main/docs/format.md
"""

import re
from typing import Final

from langchain_localllm.templates.markers import held_back
from langchain_localllm.templates.thinking import Split

__all__ = ["HarmonySplitter", "is_harmony"]

_START, _CHANNEL, _MESSAGE, _CALL = "<|start|>", "<|channel|>", "<|message|>", "<|call|>"
_ENDS: Final = ("<|end|>", "<|return|>", _CALL)
_END: Final = re.compile("|".join(map(re.escape, _ENDS)))
_OPENINGS: Final = (_CHANNEL, _START, "assistant", "to=")
"""How a header begins."""
_RECIPIENT: Final = re.compile(r"\bto=(functions\.[\w.-]+)")


def is_harmony(template: str) -> bool:
    """Whether a chat template's model writes Harmony."""
    return _CHANNEL in template


class HarmonySplitter:
    """Splits an answer into thoughts (the channel `analysis`) and text (all others), as `ThinkSplitter` does for other models.

    A call of a function becomes text in one form, `<|channel|>commentary to=functions.NAME<|message|>{...}<|call|>`, which
    `ToolCallParser` reads. Text without a header, as a grammar may force it, is the answer.

    Attributes:
        done: Whether all that comes now is the answer.
        markers: The format's markers.

    Example:
        >>> splitter = HarmonySplitter()
        >>> splitter.feed("<|channel|>analysis<|message|>A sum.<|end|><|start|>assistant<|channel|>final<|message|>Four.")
        Split(reasoning='A sum.', text='Four.')
    """

    __slots__ = ("_held", "_kind", "done", "markers")

    def __init__(self) -> None:
        self._held = ""
        self._kind = ""  # of the part that is being read: reasoning, text or call; empty in a header
        self.done = False
        self.markers = (_START, _CHANNEL, _MESSAGE, "<|constrain|>", *_ENDS)

    def feed(self, text: str) -> Split:
        """Return what is certain of the text so far."""
        if self.done:
            return Split("", text)
        self._held += text
        reasoning = answer = ""
        while (part := self._body() if self._kind else self._header()) is not None:
            reasoning += part.reasoning
            answer += part.text
        return Split(reasoning, answer)

    def end(self) -> Split:
        """Return what was held back, when no more text comes. A header without its part is nothing."""
        rest, self._held = self._held, ""
        return self._split(rest) if self._kind or self.done else Split("", "")

    def _header(self) -> Split | None:
        header, found, rest = self._held.partition(_MESSAGE)
        begun = self._held.lstrip()
        if begun and not any(begun.startswith(opening) or opening.startswith(begun) for opening in _OPENINGS):
            self.done, self._held = True, ""
            return Split("", begun)
        if not found:
            return None
        self._held = rest
        if recipient := _RECIPIENT.search(header):
            self._kind = "call"
            return Split("", f"{_CHANNEL}commentary to={recipient[1]}{_MESSAGE}")
        self._kind = "reasoning" if "analysis" in header else "text"
        return Split("", "")

    def _body(self) -> Split | None:
        if end := _END.search(self._held):
            part = self._held[: end.start()] + (_CALL if self._kind == "call" else "")
            self._held = self._held[end.end() :]
            split, self._kind = self._split(part), ""
            return split
        size = held_back(self._held, _ENDS)
        part, self._held = self._held[:size], self._held[size:]
        return self._split(part) if part else None

    def _split(self, part: str) -> Split:
        return Split(part, "") if self._kind == "reasoning" else Split("", part)
