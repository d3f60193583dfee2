"""Manage the sequences in a context's KV cache: acquire, reuse, offload, release.

That is: which is in use, and which holds the beginning of a new prompt.
"""

import itertools
import logging
from collections.abc import Sequence as ListOf
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from langchain_localllm.runtimes.llamacpp.context import Context
from langchain_localllm.runtimes.llamacpp.host_cache import (
    WORTH_KEEPING,
    PromptCache,
    common_length,
)

if TYPE_CHECKING:
    from langchain_localllm.runtimes.llamacpp.disk_cache import DiskCache

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Sequence:
    """A sequence of the cache.

    Attributes:
        number: llama.cpp's id for it.
        tokens: What the cache holds of it, in order.
        segments: Where in it the tokens begin that were computed in one batch with other
            sequences'; in between, they are contiguous.
        busy: Whether a request works with it.
        used: When a request last did: a larger number is later.
        saved: Whether all of it was saved, to be offloaded.
    """

    number: int
    tokens: list[int] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)
    busy: bool = False
    used: int = 0
    saved: bool = False


class Sequences:
    """All sequences of a context.

    What a finished request leaves in the cache stays there until the next one comes. What that has
    no use for is then offloaded, since each token in the cache makes each batch slower.

    Args:
        context: The context.
        count: How many there are.
        host_cache_bytes: Memory for what is offloaded; with 0, it stays in the cache until the room
            is needed.
        files: Files that hold what is offloaded after a restart, if that is asked for.
        max_segments: A sequence in more segments of the cache is not saved: llama.cpp would need
            too much memory.
    """

    def __init__(
        self,
        context: Context,
        count: int,
        host_cache_bytes: int,
        max_segments: int,
        files: "DiskCache | None" = None,
    ) -> None:
        self._context = context
        self._all = [Sequence(number) for number in range(count)]
        self._uses = 0
        self._host_cache = PromptCache(context, host_cache_bytes, files)
        self._offload_enabled, self._max_segments = host_cache_bytes > 0, max_segments
        self._supports_partial_removal = context.model.supports_partial_removal
        self._window = context.model.sliding_window

    def clear(self) -> None:
        """Forget all. No sequence may be busy."""
        self._empty_cache()
        self._host_cache.clear()

    def _empty_cache(self) -> None:
        self._context.clear()
        for one in self._all:
            one.tokens.clear()
            one.segments.clear()
            one.busy = one.saved = False

    def take(self, prompt: ListOf[int], *, reset: bool = False) -> Sequence:
        """Return a sequence for a prompt, with as much of its beginning as is known.

        It never holds the whole prompt. The last token is always left to be read, since reading it
        gives the first token of the answer.

        Args:
            prompt: The prompt's tokens.
            reset: Hold nothing, in an empty cache, where the tokens take the same places as in a
                new one. No sequence may be busy.
        """
        wanted = [] if reset else list(prompt[:-1])
        length, best = self._best(wanted)
        taken = (
            self._restored(wanted, length)
            or self._continued(best, length)
            or self._shared(best, length)
        )
        taken.busy, taken.saved = True, False
        self._offload_idle()
        if reset:
            self._empty_cache()
            taken.busy = True
        return taken

    def add(self, one: Sequence, tokens: ListOf[int], *, alone: bool) -> None:
        """Tokens were computed, in a batch of their own or not."""
        if not alone:
            one.segments.append(len(one.tokens))
        one.tokens += tokens

    def _best(self, wanted: ListOf[int]) -> tuple[int, Sequence]:
        """Return the sequence that has most of a prompt's beginning, and how much that is."""
        lengths = {
            one.number: self._usable(one, common_length(one.tokens, wanted)) for one in self._all
        }
        best = max(self._all, key=lambda one: (lengths[one.number], not one.busy, one.used))
        return lengths[best.number], best

    def _restored(self, wanted: ListOf[int], length: int) -> Sequence | None:
        """Return a sequence restored from host memory, if that has more than the cache."""
        saved = self._host_cache.best(wanted, length + WORTH_KEEPING)
        if not saved:
            return None
        self._offload_idle()
        one = self._unused()
        if not self._context.restore(one.number, saved.state):
            return None
        one.tokens += saved.tokens
        self.cut(one, self._usable(one, common_length(one.tokens, wanted)))
        return one

    def _continued(self, one: Sequence, length: int) -> Sequence | None:
        """Return this one itself, where it is idle and hardly anything of it is lost."""
        if one.busy or not length or len(one.tokens) >= length + WORTH_KEEPING:
            return None
        self.cut(one, length)
        return one

    def _shared(self, source: Sequence, length: int) -> Sequence:
        """Return one that shares the beginning with this."""
        one = self._unused(source if length else None)
        self.share(source, one, length)
        return one

    def _unused(self, but: Sequence | None = None) -> Sequence:
        """Return an idle sequence that holds nothing."""
        one = min(
            (one for one in self._all if not one.busy and one is not but),
            key=lambda one: (bool(one.tokens), one.used),
        )
        self._drop(one)
        return one

    def _usable(self, one: Sequence, length: int) -> int:
        """Return `length`, or 0 if the next token would need cells that were removed.

        A token that its own sequence's later tokens don't see any more, in layers with a sliding
        window, gives its place in the cache to others. Of a recurrent model's sequence, no part can
        be used.
        """
        if (
            self._window
            and length
            and self._context.first_position(one.number) > max(0, length - self._window)
        ):
            return 0
        return length if self._supports_partial_removal or length == len(one.tokens) else 0

    def release(self, one: Sequence) -> None:
        """End a request's work with a sequence; its tokens stay in the cache."""
        self._uses += 1
        one.busy, one.used = False, self._uses

    def _idle(self) -> list[Sequence]:
        """Return those that hold something and are idle, in the order of their last use."""
        return sorted(
            (one for one in self._all if one.tokens and not one.busy), key=lambda one: one.used
        )

    def save_one(self, *, last: bool) -> bool:
        """Save a sequence that the next prompt will offload unless it continues it.

        Return whether there was one.

        That takes a while, so it is best done when there is nothing else to do.

        Args:
            last: Whether it may be the one that was used last.
        """
        idle = self._idle() if self._offload_enabled else []
        unsaved = (
            one
            for one in (idle if last else idle[:-1])
            if not one.saved and len(one.segments) <= self._max_segments
        )
        one = next(unsaved, None)
        if one:
            self._host_cache.save(one.number, one.tokens)
            one.saved = True
        return one is not None

    def write_one(self) -> bool:
        """Write a saved sequence into a file, where files are asked for; whether there was one."""
        return self._host_cache.write_one()

    def write_all(self) -> None:
        """Save all that is idle, and write it into files, where files are asked for."""
        while self.save_one(last=True):
            pass
        while self.write_one():
            pass

    def _offload_idle(self) -> None:
        if self._offload_enabled:
            for one in self._idle():
                self._drop(one)

    def _drop(self, one: Sequence) -> None:
        _LOGGER.debug(
            "Evicting %d tokens of sequence %d from the KV cache", len(one.tokens), one.number
        )
        if self._offload_enabled and not one.saved:
            self._shorten(one)
            self._host_cache.save(one.number, one.tokens)
        self.cut(one, 0)

    def _shorten(self, one: Sequence) -> None:
        """Keep only what can be saved in hardly any time, since others wait.

        It drops what was answered in company, token by token.
        """
        answered = (
            start
            for start, after in zip(one.segments, one.segments[2:], strict=False)
            if after == start + 2
        )
        ends = [*itertools.islice(answered, 1), *one.segments[self._max_segments :]]
        if ends and self._supports_partial_removal:
            self.cut(one, self._usable(one, min(ends)))

    def cut(self, one: Sequence, length: int) -> None:
        """Keep only the beginning of a sequence."""
        if length >= len(one.tokens):
            return
        if not self._supports_partial_removal or not self._context.remove(one.number, length):
            length = 0
            self._context.remove(one.number, 0)
        del one.tokens[length:]
        one.segments = [start for start in one.segments if start < length]

    def share(self, source: Sequence, target: Sequence, length: int) -> None:
        """Copy this sequence's beginning to another one that has less, if the model allows it."""
        start = len(target.tokens)
        length = self._usable(source, min(length, len(source.tokens)))
        if self._supports_partial_removal and length > start:
            self._context.copy(source.number, target.number, start, length)
            target.tokens += source.tokens[start:length]
            target.segments += [place for place in source.segments if start <= place < length]

    def make_room(self) -> bool:
        """Offload the least recently used sequence; return `False` if there is none."""
        idle = self._idle()
        if idle:
            self._drop(idle[0])
        return bool(idle)
