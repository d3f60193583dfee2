"""What a reasoning model thinks before it answers, told from the answer."""

from enum import Enum, auto
from typing import Final, NamedTuple

from langchain_localllm.templates.markers import held_back

MARKERS: Final = (("<think>", "</think>"), ("[THINK]", "[/THINK]"))
"""How models mark their thoughts."""


def thinking_markers(template: str) -> tuple[str, str] | None:
    """The markers that a chat template knows, or `None`."""
    return next((pair for pair in MARKERS if pair[0] in template or pair[1] in template), None)


class Split(NamedTuple):
    """A part of an answer.

    Attributes:
        reasoning: Text that belongs to the thoughts.
        text: Text that belongs to the answer.
    """

    reasoning: str
    text: str


class _State(Enum):
    START = auto()
    THOUGHT_BEGINS = auto()
    THINKING = auto()
    ANSWER_BEGINS = auto()
    ANSWER = auto()


class ThinkSplitter:
    """Tells thoughts from the answer in a text that comes in pieces. Thoughts stand at the beginning, between two markers.

    White space around the markers is left out.

    Attributes:
        done: Whether all that comes now is the answer.
        markers: What begins and ends the thoughts.

    Example:
        >>> splitter = ThinkSplitter()
        >>> for piece in ("<thi", "nk>Two and two", "</think> Four."):
        ...     print(splitter.feed(piece))
        Split(reasoning='', text='')
        Split(reasoning='Two and two', text='')
        Split(reasoning='', text='Four.')
    """

    __slots__ = ("_closing", "_held", "_opening", "_state", "done", "markers")

    def __init__(self, markers: tuple[str, str] = MARKERS[0], *, inside: bool = False) -> None:
        """Begin.

        Args:
            markers: What begins and ends the thoughts.
            inside: Whether the prompt already held the first marker.
        """
        self._opening, self._closing = self.markers = markers
        self._state = _State.THOUGHT_BEGINS if inside else _State.START
        self._held = ""
        self.done = False

    def feed(self, text: str) -> Split:
        """What can be told of the text so far."""
        if self.done:
            return Split("", text)
        self._held += text
        reasoning = ""
        if self._state is _State.START:
            self._start()
        if self._state is _State.THOUGHT_BEGINS:
            self._skip_space(_State.THINKING)
        if self._state is _State.THINKING:
            reasoning = self._think()
        if self._state is _State.ANSWER_BEGINS:
            self._skip_space(_State.ANSWER)
        self.done = self._state is _State.ANSWER
        return Split(reasoning, self._release(len(self._held)) if self.done else "")

    def end(self) -> Split:
        """What was held back, when no more text comes."""
        rest, thinking = self._release(len(self._held)), self._state is _State.THINKING
        self.done = True
        return Split(rest, "") if thinking else Split("", rest)

    def _start(self) -> None:
        begun = self._held.lstrip()
        if begun.startswith(self._opening):
            self._held, self._state = begun[len(self._opening) :], _State.THOUGHT_BEGINS
        elif not self._opening.startswith(begun):
            self._state = _State.ANSWER

    def _think(self) -> str:
        before, found, after = self._held.partition(self._closing)
        if not found:
            return self._release(held_back(self._held, [self._closing]))
        self._held, self._state = after, _State.ANSWER_BEGINS
        return before.rstrip()

    def _skip_space(self, then: _State) -> None:
        self._held = self._held.lstrip()
        if self._held:
            self._state = then

    def _release(self, size: int) -> str:
        released, self._held = self._held[:size], self._held[size:]
        return released
