"""A request to the engine, and what the engine knows of it while it answers."""

import codecs
import re
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from langchain_localllm.base.local_engine.stream import ResponseQueue
from langchain_localllm.base.special_tokens import LiteralText
from langchain_localllm.base.stop_sequences import StopFilter
from langchain_localllm.base.thoughts import ThoughtTracker
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent, Timings
from langchain_localllm.gguf.load_errors import not_finite_error
from langchain_localllm.runtimes.llamacpp import slots as sequences
from langchain_localllm.runtimes.llamacpp.context import Context
from langchain_localllm.runtimes.llamacpp.model import Model
from langchain_localllm.runtimes.llamacpp.sampler import Sampler, Sampling

if TYPE_CHECKING:
    from langchain_localllm.runtimes.llamacpp.images import Image

Draft = Callable[[Any], Any]
"""Guesses the next tokens from all tokens so far, both as NumPy arrays:
`llama_cpp.llama_speculative.LlamaDraftModel`."""

_decoder: Final = codecs.getincrementaldecoder("utf-8")
_LONGEST_BEGINNING: Final = 160
"""Characters at the end of an answer in which the beginning of calls is looked for."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """How the thoughts of one answer are followed and ended.

    Attributes:
        tracker: Follows the answer.
        closing: Tokens that end the thoughts, where they are ended for the model.
        bridge: Tokens between the thoughts and an answer of a given form.
    """

    tracker: ThoughtTracker
    closing: Sequence[int]
    bridge: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What the engine is asked.

    Attributes:
        prompt: The prompt's tokens, at least one; `Model.tokenize` makes them.
        sampling: How tokens are chosen.
        stops: Texts at which the answer ends; they are not part of it.
        max_tokens: Tokens to generate at most; `None` and -1 mean until the model ends or the
            context is full.
        logprobs: Report each token's probability, and those of so many most probable tokens.
        cache_prompt: Whether to reuse what the cache holds of the prompt. `False` also keeps other
            requests out of its batches, so that the answer depends on the request alone; `None`
            reuses it, except with a seed where nothing else is being answered.
        lora: Scales of the adapters, or `None` for those with which they were loaded.
        draft: Guesses tokens, which are then checked together.
        images: Images in the prompt, in order.
        shown: Control tokens that are part of the answer's text.
        thinking: How the model's thoughts are followed and ended, where it may think.
    """

    prompt: Sequence[int]
    sampling: Sampling = field(default_factory=Sampling)
    stops: Sequence[str] = ()
    max_tokens: int | None = None
    logprobs: int | None = None
    cache_prompt: bool | None = None
    lora: tuple[float, ...] | None = None
    draft: Draft | None = None
    images: "Sequence[Image]" = ()
    shown: Collection[int] = frozenset()
    thinking: Thinking | None = None

    @property
    def isolated(self) -> bool:
        """Whether no other request may be computed at the same time."""
        return self.cache_prompt is False

    def tokens(self, positions: int | None = None) -> int:
        """Return the number of prompt tokens, or those of its first positions.

        An image can have more tokens than positions.
        """
        end = len(self.prompt) if positions is None else positions
        return end + sum(
            image.tokens - image.positions
            for image in self.images
            if image.start + image.positions <= end
        )


class Answer:
    """An answer that is being made; only the engine's thread uses it.

    Attributes:
        sequence: Where its tokens are in the cache.
        sampler: Chooses its tokens.
        rest: Tokens to compute next: what is left of the prompt, or the last token of the answer.
        limit: Tokens that the answer has at most.
        cached: Tokens of the prompt that need not be read.
        reading: Whether the prompt is still being read.
        looked: When it came, or when an image of it was last read.
        drafted: Tokens that were drafted.
        accepted: How many of them were right.
        follows: Another answer whose prompt begins alike and is being read, and how many tokens
            both share.
    """

    def __init__(
        self,
        request: Request,
        box: ResponseQueue,
        model: Model,
        sequence: sequences.Sequence,
        limit: int,
    ) -> None:
        self.request, self.box, self.sequence, self.limit = request, box, sequence, limit
        self.sampler = Sampler(model, request.sampling, request.prompt)
        self.cached = len(sequence.tokens)
        self.rest: list[int] = list(request.prompt[self.cached :])
        self.reading = True
        self.follows: tuple[Answer, int] | None = None
        self.drafted, self.accepted = 0, 0
        self._model = model
        self._count = 0
        self._text = _decoder("replace")
        self._stops = StopFilter(request.stops)
        self._logprobs: list[dict[str, Any]] = []  # of tokens whose text is held back
        self._thinking = request.thinking
        self._next: deque[int] = deque()  # tokens that are not left to the model
        self._bridge = deque(request.thinking.bridge if request.thinking else ())
        self._grammar_after = re.compile(request.sampling.grammar_after)
        self._latest = ""  # the end of the answer, in which that may come
        # where to look in it; 1 where it is not the whole answer, so that `^` does not match
        self._latest_at = 0
        self._begins_later = bool(request.sampling.grammar_after)
        self.sampler.grammar_waits = self._begins_later or self._thinks
        self._started = self._first = self.looked = time.perf_counter()

    @property
    def room(self) -> int:
        """Tokens of the cache that it may come to need."""
        return self.request.tokens() + self.limit

    @property
    def image(self) -> "Image | None":
        """The first image that was not read yet."""
        done = len(self.sequence.tokens)
        return next((image for image in self.request.images if image.start >= done), None)

    @property
    def text(self) -> list[int]:
        """What is to be read before it; nothing, when it is its turn."""
        image = self.image
        return self.rest if image is None else self.rest[: image.start - len(self.sequence.tokens)]

    def skip(self) -> None:
        """Leave out what has come into its sequence from another one."""
        done = len(self.sequence.tokens)
        self.cached += done - (len(self.request.prompt) - len(self.rest))
        self.rest = list(self.request.prompt[done:])

    def sample(self, context: Context, row: int) -> int:
        """Choose the token after a row of the last batch.

        Raises:
            ModelFileError: The model's output is not made of numbers; looked at once an answer.
        """
        if not self._count and not np.isfinite(context.logits(row).max()):
            raise not_finite_error(self._model.name)
        if not self._next:
            token = self.sampler.sample(context, row)
            if (
                self._thinking is None
                or not self.sampler.grammar_waits
                or self._model.answer_piece(token) is not None
            ):
                return token
            if self.request.sampling.grammar is None or self._begins_later:
                return token
            # a model that would end in its thoughts still has to answer
            self._next.extend(self._thinking.closing)
        token = self._next.popleft()
        self.sampler.accept(token)
        return token

    def _follow_thoughts(self, thinking: Thinking, text: str) -> None:
        """End the thoughts that have used up their budget, and let the grammar hold after them."""
        tracker = thinking.tracker
        tracker.add(text, whole=not self._text.getstate()[0])
        if tracker.is_used_up and not self._next:
            self._next.extend(thinking.closing)
        elif self.sampler.grammar_waits and not (
            self._begins_later or tracker.thinking or self._next
        ):
            self._next, self._bridge = self._bridge, self._next
            self.sampler.grammar_waits = bool(self._next)

    @property
    def _thinks(self) -> bool:
        return self._thinking is not None and self._thinking.tracker.thinking

    def _look_for_grammar(self, text: str) -> None:
        """Apply the grammar once the text that triggers it has come.

        What came with that text has to be allowed by it.
        """
        self._latest += text
        if found := self._grammar_after.search(self._latest, self._latest_at):
            rest = self._latest[found.end() :]
            tokens = self._model.tokenize_inner(LiteralText(rest)) if rest.strip() else ()
            if self.sampler.begin_grammar(tokens):
                return
            self._latest, self._latest_at = self._latest[found.start() + 1 :], 1  # a mention of it
        if len(self._latest) > _LONGEST_BEGINNING:
            self._latest, self._latest_at = self._latest[-_LONGEST_BEGINNING:], 1

    def add(self, token: int, logprobs: dict[str, Any] | None) -> str | None:
        """Add a token to the answer; returns the reason when it ends with it."""
        if self.reading:
            self.reading, self._first = False, time.perf_counter()
        piece = self._model.answer_piece(token)
        if piece is None:
            self._put(self._stops.end())
            return "stop"
        if token in self.request.shown:
            piece = self._model.piece(token, special=True)
        self._count += 1
        if logprobs:
            self._logprobs.append(logprobs)
        text = self._text.decode(piece)
        if self._thinking is not None:
            self._follow_thoughts(self._thinking, text)
        if self._begins_later and self.sampler.grammar_waits and not self._thinks:
            self._look_for_grammar(text)
        text = self._stops.feed(text)
        if self._stops.met:
            self._put(text)
            self._logprobs = []  # of what the stop sequence took away
            return "stop"
        if self._count >= self.limit:
            self._put(text + self._stops.end())
            return "length"
        self._put(text)
        self.rest = [token]
        return None

    def _put(self, text: str) -> None:
        if text:
            self.box.put(StreamEvent(text, logprobs=self._logprobs or None))
            self._logprobs = []

    def finish(self, reason: str) -> None:
        """Report to the consumer how the answer ended."""
        ended = time.perf_counter()
        drafts = (self.drafted, self.accepted) if self.drafted else ()
        timings = Timings(
            self._model.load_seconds, self._first - self._started, ended - self._first, *drafts
        )
        prompt, cached = self.request.tokens(), self.request.tokens(self.cached)
        thoughts = self._thinking.tracker.reported if self._thinking else None
        end = CompletionInfo(
            reason,
            prompt,
            self._count,
            cached,
            timings,
            self._model.name,
            reasoning_tokens=thoughts,
        )
        self.box.put(StreamEvent("", end, logprobs=self._logprobs or None))
