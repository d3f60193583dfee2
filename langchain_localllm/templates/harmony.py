"""Parse Harmony, the format of gpt-oss, and that of Muse.

Each part of an answer has a header that names its recipient.

Source: https://github.com/openai/harmony/blob/main/docs/format.md
"""

import re
from typing import Final, NamedTuple

from langchain_localllm.templates.markers import held_back
from langchain_localllm.templates.thinking import Split

__all__ = ["GPT_OSS", "HarmonySplitter", "HarmonyThoughts", "harmony_thoughts", "is_harmony"]

_START, _CHANNEL, _MESSAGE, _CALL = "<|start|>", "<|channel|>", "<|message|>", "<|call|>"
_ENDS: Final = ("<|end|>", "<|return|>", _CALL, "<|eom|>", "<|eot|>")
_END: Final = re.compile("|".join(map(re.escape, _ENDS)))
_OPENINGS: Final = (_CHANNEL, _START, "assistant", "to=")
"""How a header begins."""
_RECIPIENT: Final = re.compile(r"\bto=([\w.-]+)")
_FUNCTIONS: Final = "functions."
_NO_TOOLS: Final = frozenset({"", "all", "assistant", "browser", "python", "self", "user"})
"""Recipients other than functions; gpt-oss sometimes leaves out `functions.` before a tool."""
_XML_CALL: Final = "<atem:"
"""How Muse's calls begin, which hold the tool's name themselves."""


def is_harmony(template: str) -> bool:
    """Return whether a chat template's model writes Harmony."""
    return _CHANNEL in template or _XML_CALL in template


class HarmonyThoughts(NamedTuple):
    """How thoughts are written.

    Attributes:
        opening: What begins them, after the prompt.
        closing: What ends them.
        bridge: What comes between their end and the answer.
    """

    opening: str
    closing: str
    bridge: str


GPT_OSS: Final = HarmonyThoughts(
    f"{_CHANNEL}analysis{_MESSAGE}", "<|end|>", f"{_START}assistant{_CHANNEL}final{_MESSAGE}"
)
_MUSE: Final = HarmonyThoughts(
    f" to=self{_MESSAGE}", "<|eom|>", f"{_START}assistant to=user{_MESSAGE}"
)


def harmony_thoughts(template: str) -> HarmonyThoughts:
    """Return how a template's model writes thoughts, where it writes Harmony."""
    return _MUSE if _XML_CALL in template else GPT_OSS


class HarmonySplitter:
    """Split an answer into thoughts and text, as `ThinkSplitter` does for other models.

    Thoughts are the channel `analysis`, or addressed to `self`.

    A call of a function becomes text in one form, `<|channel|>commentary
    to=functions.NAME<|message|>{...}<|call|>` or `<|message|><atem:function_calls>...`, which
    `ToolCallParser` reads. Text without a header, as a grammar may force it, is the answer.

    Attributes:
        bridge: What comes between the end of the thoughts and the answer.
        closing: What ends the thoughts.
        done: Whether all that comes now is the answer.
        markers: The format's markers.

    Example:
        >>> splitter = HarmonySplitter()
        >>> thoughts = "<|channel|>analysis<|message|>A sum.<|end|>"
        >>> splitter.feed(f"{thoughts}<|start|>assistant<|channel|>final<|message|>Four.")
        Split(reasoning='A sum.', text='Four.')
    """

    __slots__ = ("_held", "_kind", "bridge", "closing", "done", "markers")

    def __init__(self, thoughts: HarmonyThoughts = GPT_OSS, *, inside: bool = False) -> None:
        """Begin.

        Args:
            thoughts: How thoughts are written.
            inside: Whether the prompt already held the beginning of the thoughts.
        """
        self._held = ""
        # of the part that is read: reasoning, text or call; empty in a header
        self._kind = "reasoning" if inside else ""
        self.done = False
        _, self.closing, self.bridge = thoughts
        self.markers = (_START, _CHANNEL, _MESSAGE, "<|constrain|>", *_ENDS)

    @property
    def thinking(self) -> bool:
        """Whether what comes now belongs to the thoughts."""
        return self._kind == "reasoning"

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
        """Return what was held back, when no more text comes.

        A header without its part is nothing.
        """
        rest, self._held = self._held, ""
        return self._split(rest) if self._kind or self.done else Split("", "")

    def _header(self) -> Split | None:
        header, found, rest = self._held.partition(_MESSAGE)
        begun = self._held.lstrip()
        if begun and not any(
            begun.startswith(opening) or opening.startswith(begun) for opening in _OPENINGS
        ):
            self.done, self._held = True, ""
            return Split("", begun)
        if not found:
            return None
        self._held = rest
        named = _RECIPIENT.search(header)
        recipient = named[1] if named else ""
        function = recipient.removeprefix(_FUNCTIONS)
        bare = _CHANNEL in header and "." not in recipient and recipient not in _NO_TOOLS
        if bare or function != recipient:
            self._kind = "call"
            return Split("", f"{_CHANNEL}commentary to={_FUNCTIONS}{function}{_MESSAGE}")
        if recipient and recipient not in {"self", "user"} and _CHANNEL not in header:
            self._kind = "xml call"
            return Split("", _MESSAGE)
        self._kind = "reasoning" if "analysis" in header or recipient == "self" else "text"
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
