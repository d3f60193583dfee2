"""Track which tokens of an answer are thoughts, for engines in this process."""

from langchain_localllm.templates.harmony import HarmonySplitter
from langchain_localllm.templates.thinking import ThinkSplitter

Splitter = ThinkSplitter | HarmonySplitter
"""What separates thoughts in a text from the answer."""


class ThoughtCount:
    """Counts the tokens of thoughts, from the first with a letter to the last.

    Markers and white space around do not count.

    Example:
        >>> count = ThoughtCount()
        >>> for number, thought in enumerate(["", "Two", " and", " two", ".", ""]):
        ...     count.add(number, thought)
        >>> count.total
        4
    """

    __slots__ = ("_before", "_first", "_last")

    def __init__(self) -> None:
        self._before = 0  # tokens of thoughts that have ended
        self._first: int | None = None
        self._last = 0

    def add(self, token: int, thought: str) -> None:
        """Count a token, by its number in the answer, and the thoughts that it completes."""
        if thought and not thought.isspace():
            if self._first is None:
                self._first = token
            self._last = token

    def end(self) -> None:
        """Begin to count further thoughts, after another part of the answer."""
        self._before, self._first = self.total, None

    @property
    def total(self) -> int:
        """The tokens so far."""
        return self._before + (0 if self._first is None else self._last - self._first + 1)


class ThoughtTracker:
    """Follow an answer's thoughts: whether the model thinks, for how long, and when to stop it.

    Attributes:
        thinking: Whether the next token is a part of thoughts, if known.
        count: The tokens of the thoughts.
        is_used_up: Whether the model thinks on although its budget is used up.
    """

    __slots__ = (
        "_budget",
        "_expected",
        "_spent",
        "_splitter",
        "_tokens",
        "count",
        "is_used_up",
        "thinking",
    )

    def __init__(
        self,
        splitter: Splitter,
        budget: int | None = None,
        begun: str = "",
        *,
        expected: bool = True,
    ) -> None:
        """Begin.

        Args:
            splitter: Separates the thoughts from the text; only this tracker may feed it.
            budget: Tokens that the model may think, or `None` for no limit.
            begun: How the answer begins at the end of the prompt.
            expected: Whether the model is known to think.
        """
        self._splitter, self._budget, self._expected = splitter, budget, expected
        self._tokens = self._spent = 0
        self.count = ThoughtCount()
        splitter.feed(begun)
        self.thinking = splitter.thinking
        self.is_used_up = False

    def add(self, text: str, *, whole: bool = True) -> None:
        """Follow a token.

        Args:
            text: The text that is complete with it.
            whole: Whether the token ends a character, so that other tokens may follow.
        """
        self._tokens += 1
        if self._splitter.done:
            return
        was_thinking, split = self.thinking, self._splitter.feed(text)
        self.count.add(self._tokens, split.reasoning)
        self.thinking = self._splitter.thinking
        if was_thinking or (self.thinking and split.reasoning):
            self._spent += 1
        if was_thinking and not self.thinking:
            self.count.end()
        self.is_used_up = (
            self.thinking and whole and self._budget is not None and self._spent >= self._budget
        )

    @property
    def reported(self) -> int | None:
        """The tokens of the thoughts; `None` for a model that does not think."""
        return self.count.total if self._expected or self.count.total else None
