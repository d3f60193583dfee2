"""The sequences in a context's cache: which is in use, and which holds the beginning of a new prompt."""

from collections import deque
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field
from typing import Final

from langchain_localllm.runtimes.llamacpp.context import Context

_KEPT_AT_FIRST: Final = 2_000
_LEAST_KEPT: Final = 256
_LESS_EACH_TIME: Final = 0.8
_WORTH_KEEPING: Final = 16
"""Tokens; it takes hardly any time to read fewer again."""
_REMEMBERED: Final = 64
"""Sequences that left the cache, whose tokens are known to see whether they come again."""


@dataclass(slots=True, eq=False)
class Sequence:
    """A sequence of the cache.

    Attributes:
        number: llama.cpp's id for it.
        tokens: What the cache holds of it, in order.
        busy: Whether a request works with it.
        used: When a request last did, as a number of tokens computed.
    """

    number: int
    tokens: list[int] = field(default_factory=list)
    busy: bool = False
    used: int = 0


class _Habit:
    """How many tokens to keep that nobody works with: as many as would lately have been enough to read nothing again.

    Each token in the cache makes each batch a little slower, so prompts that have nothing in common should leave little behind.

    Attributes:
        kept: That many.
    """

    def __init__(self) -> None:
        self.kept = _KEPT_AT_FIRST
        self._gone: deque[Sequence] = deque(maxlen=_REMEMBERED)

    def forget(self, one: Sequence) -> None:
        """A sequence leaves the cache."""
        self._gone.append(Sequence(one.number, one.tokens[:], used=one.used))

    def learn(self, prompt: ListOf[int], there: int, enough: int, here: ListOf[Sequence]) -> None:
        """A prompt has come.

        Args:
            prompt: Its tokens.
            there: How many of them the cache still has.
            enough: How many tokens had to be kept for that.
            here: What is in the cache.
        """
        length, _, number = max(
            ((common_length(one.tokens, prompt), one.used, n) for n, one in enumerate(self._gone)), default=(0, 0, 0)
        )
        if length >= there + _WORTH_KEEPING:
            missed = self._gone[number]
            enough = sum(len(one.tokens) for one in (*self._gone, *here) if one.used >= missed.used)
            del self._gone[number]
        self.kept = max(enough, int(_LESS_EACH_TIME * self.kept), _LEAST_KEPT)


class Sequences:
    """All sequences of a context. What a finished request leaves in the cache stays there until the room is wanted."""

    def __init__(self, context: Context, count: int) -> None:
        self._context = context
        self._all = [Sequence(number) for number in range(count)]
        self._clock = 0
        self._habit = _Habit()
        self._parts_can_go = context.model.remembers_positions
        self._window = context.model.window

    def clear(self) -> None:
        """Forget all, so that the next tokens take the same places in the cache as in a new one. No sequence may be busy."""
        self._context.clear()
        for one in self._all:
            one.tokens.clear()

    def take(self, prompt: ListOf[int]) -> Sequence:
        """A sequence for a prompt, already holding as much of its beginning as any sequence does, but not all of it.

        The last token is always left to be read, since reading it gives the first token of the answer.
        """
        wanted = list(prompt[:-1])
        common = {id(one): self._usable(one, common_length(one.tokens, wanted)) for one in self._all if one.tokens}
        best = max(self._all, key=lambda one: (common.get(id(one), 0), not one.busy, one.used))
        length = common.get(id(best), 0)
        self._habit.learn(wanted, length, self._kept_for(best) if length >= _WORTH_KEEPING else 0, self._all)
        if not best.busy and length and self._worth_cutting(best, length):
            self.cut(best, length)
            taken = best
        else:
            taken = min((one for one in self._all if not one.busy), key=lambda one: (bool(one.tokens), one.used))
            if taken is not best:
                self.cut(taken, 0)
                self.share(best, taken, length)
            else:
                self.cut(taken, length)
        taken.busy = True
        self._forget()
        return taken

    def _usable(self, one: Sequence, length: int) -> int:
        """That length, or 0 where the next token would look back at what is gone.

        A token that its own sequence's later tokens don't see any more, in layers with a sliding window, gives its place in the
        cache to others.
        """
        whole = not self._window or not length or self._context.first_position(one.number) <= max(0, length - self._window)
        return length if whole else 0

    def _worth_cutting(self, one: Sequence, length: int) -> bool:
        """Whether a sequence is continued; where most of it would be lost, its beginning is copied instead."""
        return length == len(one.tokens) or (self._parts_can_go and 2 * length >= len(one.tokens))

    def give_back(self, one: Sequence) -> None:
        """End a request's work with a sequence; its tokens stay in the cache."""
        one.busy, one.used = False, self._clock

    def tick(self, tokens: int) -> None:
        """Count the tokens that were computed."""
        self._clock += tokens

    def _kept_for(self, one: Sequence) -> int:
        """Tokens that had to be kept so that this one is there: its own, and those of others that were used later."""
        return 0 if one.busy else sum(len(other.tokens) for other in self._all if not other.busy and other.used >= one.used)

    def _forget(self) -> None:
        """Let go what was not used for longest, until no more is kept than is good."""
        idle = sorted((one for one in self._all if one.tokens and not one.busy), key=lambda one: one.used)
        kept = sum(len(one.tokens) for one in idle)
        for one in idle:
            if kept <= self._habit.kept:
                return
            kept -= len(one.tokens)
            self._drop(one)

    def _drop(self, one: Sequence) -> None:
        self._habit.forget(one)
        self.cut(one, 0)

    def cut(self, one: Sequence, length: int) -> None:
        """Keep only the beginning of a sequence."""
        if length >= len(one.tokens):
            return
        if not self._parts_can_go or not self._context.remove(one.number, length):
            length = 0
            self._context.remove(one.number, 0)
        del one.tokens[length:]

    def share(self, source: Sequence, target: Sequence, length: int) -> None:
        """Give another sequence as much of this one's beginning, where it has less and the model allows it."""
        start = len(target.tokens)
        length = self._usable(source, min(length, len(source.tokens)))
        if self._parts_can_go and length > start:
            self._context.copy(source.number, target.number, start, length)
            target.tokens += source.tokens[start:length]

    def make_room(self) -> bool:
        """Forget the sequence that was not used for longest; `False` when there is none to forget."""
        idle = [one for one in self._all if one.tokens and not one.busy]
        if not idle:
            return False
        self._drop(min(idle, key=lambda one: one.used))
        return True


def common_length(one: ListOf[int], other: ListOf[int]) -> int:
    """How many tokens at the beginning are the same, by comparing whole slices, which is fast."""
    low, high = 0, min(len(one), len(other))
    step = 16
    while low < high:
        end = min(low + step, high)
        if one[low:end] == other[low:end]:
            low, step = end, step * 2
        else:
            high, step = end - 1, max(1, step // 2)
    return low
