"""Separate the thoughts of a reasoning model from its answer."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, NamedTuple

from langchain_localllm.templates.markers import held_back

__all__ = [
    "ALL_MARKERS",
    "THINK",
    "Split",
    "ThinkSplitter",
    "ThoughtMarkers",
    "answer_markers",
    "thinking_markers",
]


class ThoughtMarkers(NamedTuple):
    """How a family of models marks thoughts.

    Attributes:
        opening: What begins the thoughts.
        closing: What ends them.
        around: Markers around the text of the answer, which are not a part of it.
        ended_by: What ends the thoughts where `closing` is missing, and begins a call.
    """

    opening: str
    closing: str
    around: tuple[str, ...] = ()
    ended_by: tuple[str, ...] = ()


THINK: Final = ThoughtMarkers("<think>", "</think>")
_FAMILIES: Final[Mapping[str, ThoughtMarkers]] = {
    "<seed:think>": ThoughtMarkers("<seed:think>", "</seed:think>"),  # Seed-OSS
    "<mm:think>": ThoughtMarkers("<mm:think>", "</mm:think>"),  # MiniMax M3
    "[THINK]": ThoughtMarkers("[THINK]", "[/THINK]"),  # Magistral, Ministral
    "<|START_RESPONSE|>": ThoughtMarkers(  # Command R7B, Command A
        "<|START_THINKING|>", "<|END_THINKING|>", ("<|START_RESPONSE|>", "<|END_RESPONSE|>")
    ),
    "<|START_TEXT|>": ThoughtMarkers(
        "<|START_THINKING|>", "<|END_THINKING|>", ("<|START_TEXT|>", "<|END_TEXT|>")
    ),
    # Command R+
    "<|CHATBOT_TOKEN|>": ThoughtMarkers("<think>", "</think>", ("<|CHATBOT_TOKEN|>",)),
    "<|inner_prefix|>": ThoughtMarkers("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    # Gemma 4
    "<|channel>": ThoughtMarkers(
        "<|channel>thought", "<channel|>", ("<|channel>thought", "<channel|>")
    ),
    "<|open|>": ThoughtMarkers(  # Kimi K3
        "<|open|>think<|sep|>",
        "<|close|>think<|sep|>",
        ("<|open|>response<|sep|>", "<|close|>response<|sep|>", "<|close|>message<|sep|>"),
    ),
    "[BEGIN FINAL RESPONSE]": ThoughtMarkers(  # Apriel
        "Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]", ("[END FINAL RESPONSE]",)
    ),
    "<|begin|>assistant": ThoughtMarkers(  # Solar Open
        "<|think|>", "<|end|>", ("<|begin|>assistant", "<|content|>", "<|end|>")
    ),
    ":opensource": ThoughtMarkers("<think:opensource>", "</think:opensource>"),  # Hunyuan 3
    # Granite 3.3, ERNIE 4.5
    **dict.fromkeys(
        ("<response></response>", "<global_setting>"),
        ThoughtMarkers("<think>", "</think>", ("<response>", "</response>")),
    ),
    # Hunyuan: A13B, and the smaller models
    **dict.fromkeys(
        ("<|extra_0|>", "<｜hy_Assistant｜>"),
        ThoughtMarkers("<think>", "</think>", ("<answer>", "</answer>")),
    ),
    "</thought>": ThoughtMarkers("<thought>", "</thought>"),  # EXAONE Deep
    "<|thought_start|>": ThoughtMarkers("<|thought_start|>", "<|thought_end|>"),  # MiniCPM 3
    ">>>all": ThoughtMarkers("<think>", "</think>", (">>>all\n",)),  # Functionary 3.2
    # Kimi K2
    "<|tool_calls_section_begin|>": ThoughtMarkers(
        "<think>", "</think>", ended_by=("<|tool_calls_section_begin|>",)
    ),
    # Qwen3.5, Nemotron 3, Step 3.5
    "<parameter=": ThoughtMarkers("<think>", "</think>", ended_by=("<tool_call>\n<function=",)),
    # Ling 3
    "<role>ASSISTANT</role>": ThoughtMarkers("<think>", "</think>", ended_by=("<tool_call>",)),
}
"""What a chat template holds, and how its model marks thoughts, where not by `<think>` alone."""
ALL_MARKERS: Final = frozenset(
    marker
    for markers in (THINK, *_FAMILIES.values())
    for marker in (markers.opening, markers.closing, *markers.around)
)
"""The markers of all families; special tokens in many models."""
_PUT_TOGETHER: Final = ("<|open|>", ":opensource")
"""What is in templates that put the markers of thoughts together from parts."""


def answer_markers(template: str) -> ThoughtMarkers:
    """Return how a chat template's model marks thoughts and answers.

    One that does not think may mark its answers, too.
    """
    return next((markers for sign, markers in _FAMILIES.items() if sign in template), THINK)


def thinking_markers(template: str) -> ThoughtMarkers | None:
    """Return the same for a model that thinks, and `None` for others.

    Example:
        >>> thinking_markers("{% if enable_thinking %}[THINK]{% endif %}")
        ThoughtMarkers(opening='[THINK]', closing='[/THINK]', around=(), ended_by=())
    """
    markers = answer_markers(template)
    thinks = (
        markers.opening in template
        or markers.closing in template
        or any(sign in template for sign in _PUT_TOGETHER)
    )
    return markers if thinks else None


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
    """Split a text that comes in pieces into thoughts and the answer.

    Thoughts are at the beginning, between two markers. White space around the markers is left out.

    Attributes:
        bridge: What comes between the end of the thoughts and the answer: nothing.
        closing: What ends the thoughts.
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

    bridge: Final = ""
    __slots__ = (
        "_after_marker",
        "_around",
        "_ends",
        "_held",
        "_opening",
        "_state",
        "closing",
        "done",
        "markers",
    )

    def __init__(self, markers: ThoughtMarkers = THINK, *, inside: bool = False) -> None:
        """Begin.

        Args:
            markers: What begins and ends the thoughts, and the answer.
            inside: Whether the prompt already held the first marker.
        """
        self._opening, self.closing, around, ended_by = markers
        self._around = around
        self._ends = (self.closing, *ended_by)
        self.markers = (self._opening, self.closing, *around)
        self._state = _State.THOUGHT_BEGINS if inside else _State.START
        self._held = ""
        # whether white space that comes now follows a marker around the answer
        self._after_marker = False
        self.done = False

    @property
    def thinking(self) -> bool:
        """Whether what comes now belongs to the thoughts, if known."""
        return self._state in {_State.THOUGHT_BEGINS, _State.THINKING}

    def feed(self, text: str) -> Split:
        """Return what is certain of the text so far."""
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
        answering = self._state is _State.ANSWER
        self.done = answering and not self._around
        return Split(reasoning, self._answer(last=False) if answering else "")

    def end(self) -> Split:
        """Return what was held back, when no more text comes."""
        thinking = self._state is _State.THINKING
        rest = self._release(len(self._held)) if thinking else self._answer(last=True)
        self.done = True
        return Split(rest, "") if thinking else Split("", rest)

    def _start(self) -> None:
        begun = self._held.lstrip()
        if begun.startswith(self._opening):
            self._held, self._state = begun[len(self._opening) :], _State.THOUGHT_BEGINS
        elif begun.startswith(
            self.closing
        ):  # no thoughts, as some models answer that are not to think
            self._held, self._state = begun[len(self.closing) :], _State.ANSWER_BEGINS
        elif not (self._opening.startswith(begun) or self.closing.startswith(begun)):
            self._state = _State.ANSWER

    def _think(self) -> str:
        at = min((at for end in self._ends if (at := self._held.find(end)) >= 0), default=-1)
        if at < 0:
            return self._release(held_back(self._held, self._ends))
        before = self._release(at)
        self._held, self._state = self._held.removeprefix(self.closing), _State.ANSWER_BEGINS
        return before.rstrip()

    def _answer(self, *, last: bool) -> str:
        """Return the answer's text without its markers and the white space next to them."""
        if not self._around:
            return self._release(len(self._held))
        answer = ""
        while found := min(
            ((at, marker) for marker in self._around if (at := self._held.find(marker)) >= 0),
            default=None,
        ):
            answer += self._without_space(self._release(found[0])).rstrip()
            self._held, self._after_marker = self._held.removeprefix(found[1]), True
        return answer + self._without_space(
            self._release(len(self._held) if last else held_back(self._held, self._around))
        )

    def _without_space(self, text: str) -> str:
        if not self._after_marker:
            return text
        text = text.lstrip()
        self._after_marker = not text
        return text

    def _skip_space(self, then: _State) -> None:
        self._held = self._held.lstrip()
        if self._held:
            self._state = then

    def _release(self, size: int) -> str:
        released, self._held = self._held[:size], self._held[size:]
        return released
