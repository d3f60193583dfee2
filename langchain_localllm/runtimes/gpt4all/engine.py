"""A loaded GPT4All model, and the one thread that works with it: two threads on one model abort the process."""

import codecs
import secrets
import threading
import time
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from langchain_localllm.base.engine import Finish, Piece, Timings
from langchain_localllm.base.stops import StopFilter
from langchain_localllm.base.worker import Mailbox
from langchain_localllm.errors import ContextLengthError, InvalidRequestError, ServerError
from langchain_localllm.runtimes.gpt4all.binding import binding, load_model, run_prompt
from langchain_localllm.runtimes.gpt4all.seeds import Seeds
from langchain_localllm.runtimes.gpt4all.vocabulary import Vocabulary

_KEPT_FREE: Final = 4
"""Tokens of the context that the engine does not let a prompt fill."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the engine is asked.

    Attributes:
        prompt: The text, as it is.
        stop: Texts at which the answer ends.
        max_tokens: Tokens to generate at most, or -1 for what the context holds.
        seed: Where random choices start, or `None` or -1 for anywhere.
        threads: Threads to compute with.
        sampling: The other options, under the names of the C library.
    """

    prompt: str
    stop: list[str]
    max_tokens: int
    seed: int | None
    threads: int
    sampling: dict[str, Any] = field(default_factory=dict)


class GPT4AllEngine:
    """A model file in memory. When nobody holds it any more, its thread ends and the memory is freed.

    Attributes:
        vocabulary: The tokenizer, or `None` where the platform's library has none to offer.
    """

    def __init__(self, path: Path, *, n_ctx: int, ngl: int, device: str | None) -> None:
        started = time.perf_counter()
        model = load_model(path, n_ctx=n_ctx, ngl=ngl, device=device)
        self.vocabulary = Vocabulary.load(path)
        self._worker = _Worker(model, path.name, n_ctx, self.vocabulary, time.perf_counter() - started)
        thread = threading.Thread(target=self._worker.work, name=f"GPT4All {path.name}", daemon=True)
        thread.start()
        self._finalizer = weakref.finalize(self, _end, self._worker, thread)  # runs at exit, too

    def submit(self, request: Request, box: Mailbox) -> None:
        """Have a request answered after those before it; does not wait."""
        if self._worker.ending:
            raise _freed()
        self._worker.jobs.put((request, box))

    def free(self) -> None:
        """End the thread and free the memory; answers that are being made fail."""
        self._finalizer()

    @property
    def busy(self) -> bool:
        """Whether the thread is at work on an answer."""
        return self._worker.busy


class _Worker:
    """What the thread holds. It must not hold the engine, which would then never be forgotten."""

    def __init__(self, model: Any, name: str, n_ctx: int, vocabulary: Vocabulary | None, load_time: float) -> None:
        self.model = model
        self.name = name
        self.n_ctx = n_ctx
        self.vocabulary = vocabulary
        self.load_time = load_time
        self.seeds = Seeds.of(model)
        self.jobs: SimpleQueue[tuple[Request, Mailbox] | None] = SimpleQueue()
        self.ending = False
        self.busy = False

    def work(self) -> None:
        """Answer one request after another, until there is `None`."""
        while (job := self.jobs.get()) is not None:
            request, box = job
            self.busy = True
            try:
                if not box.left:
                    box.put(self._answer(request, box))
            except BaseException as error:  # noqa: BLE001 - it belongs to the one who asked
                box.put(error)
            self.busy = False
            del job, request, box  # the last answer's reader may hold much
        self.model.close()

    def _answer(self, request: Request, box: Mailbox) -> Piece:
        if self.ending:
            raise _freed()
        prompt_tokens = self._prompt_tokens(request.prompt)
        room = self.n_ctx - (prompt_tokens or 0) - 1
        most = room if request.max_tokens < 0 else min(request.max_tokens, room)
        answer = _Answer(self, box, StopFilter(request.stop), most)
        binding().llmodel.llmodel_setThreadCount(self.model.model, request.threads)
        self._set_seed(request)
        run_prompt(self.model, request.prompt, answer.on_prompt, answer.on_token, n_predict=most, **request.sampling)
        return answer.last(prompt_tokens)

    def _prompt_tokens(self, prompt: str) -> int | None:
        if "\0" in prompt:
            raise InvalidRequestError("The prompt has a NUL character, at which GPT4All would cut it. Take it out.")
        try:
            count = len(self.vocabulary.tokens(prompt)) if self.vocabulary else None
        except UnicodeEncodeError:
            raise InvalidRequestError("The prompt has half of a surrogate pair, which is no text. Take it out.") from None
        if count == 0 or not (count or prompt):  # the engine would answer what it was asked before
            raise InvalidRequestError("The prompt is empty, and this model has no token for a beginning. Give it some text.")
        if count and count > self.n_ctx - _KEPT_FREE:
            raise ContextLengthError(
                f"The prompt has {count} tokens, and the context {self.n_ctx}, {_KEPT_FREE} of which GPT4All keeps for the answer. "
                "Shorten the prompt, or raise `n_ctx`.",
                prompt_tokens=count,
                context_tokens=self.n_ctx,
            )
        return count

    def _set_seed(self, request: Request) -> None:
        given = request.seed is not None and request.seed != -1
        if self.seeds:
            self.seeds.set(request.seed if given and request.seed is not None else secrets.randbits(32))
        elif given:
            raise InvalidRequestError("This build of gpt4all has no way to set a seed. Leave `seed` out.")


class _Answer:
    """One answer while it is made."""

    def __init__(self, worker: _Worker, box: Mailbox, stops: StopFilter, most: int) -> None:
        self._worker = worker
        self._box = box
        self._stops = stops
        self._most = most
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a character may come in several tokens
        self._read = 0
        self._tokens = 0
        self._ended = False
        self._started = self._read_at = time.perf_counter()

    def on_prompt(self, _: int) -> bool:
        """Counts a token that was read; ends the reading when nobody waits for the answer any more."""
        self._read += 1
        self._read_at = time.perf_counter()
        return self._is_wanted()

    def on_token(self, token: int, piece: bytes) -> bool:
        """Hands on a token's text, and tells whether to go on."""
        if token < 0:
            raise self._reported(piece.decode("utf-8", "replace"))
        vocabulary = self._worker.vocabulary
        if vocabulary and vocabulary.ends(token):
            self._ended = True
            return False
        self._tokens += 1
        if not (vocabulary and vocabulary.hides(token)) and (shown := self._stops.feed(self._decoder.decode(piece))):
            self._box.put(Piece(shown))
        return self._is_wanted() and not self._stops.met

    def last(self, prompt_tokens: int | None) -> Piece:
        """The last piece: text that was held back, and how the answer ended."""
        if self._worker.ending:
            raise _freed()
        if prompt_tokens and self._read < prompt_tokens and not self._box.left:
            raise ServerError("GPT4All could not read the prompt; its reason stands above, on standard error.")
        rest = "" if self._stops.met else self._stops.feed(self._decoder.decode(b"", final=True))
        ended = self._ended or self._stops.met or self._tokens < self._most
        finish = Finish(
            reason="stop" if ended else "length",
            prompt_tokens=self._read,
            completion_tokens=self._tokens,
            timings=Timings(self._worker.load_time, self._read_at - self._started, time.perf_counter() - self._read_at),
            model=self._worker.name,
        )
        return Piece(rest if self._stops.met else rest + self._stops.end(), finish)

    def _is_wanted(self) -> bool:
        return not (self._box.left or self._worker.ending)

    def _reported(self, text: str) -> Exception:
        if "exceeds the context" in text:
            return ContextLengthError(
                f"The prompt is longer than the context of {self._worker.n_ctx} tokens. Shorten it, or raise `n_ctx`.",
                context_tokens=self._worker.n_ctx,
            )
        return ServerError(f"GPT4All reports: {text}")


def _freed() -> ServerError:
    return ServerError("The model was freed before its answer was complete.")


def _end(worker: _Worker, thread: threading.Thread) -> None:
    """End the work within a token, or a batch of the prompt, and free the model."""
    worker.ending = True
    worker.jobs.put(None)
    if thread is not threading.current_thread():
        thread.join()
