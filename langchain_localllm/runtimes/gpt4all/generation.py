"""Generate the answer to one prompt, in the engine's thread."""

import codecs
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Final

from langchain_localllm.base.local_engine.stream import ResponseQueue
from langchain_localllm.base.stop_sequences import StopFilter
from langchain_localllm.base.thoughts import ThoughtTracker
from langchain_localllm.base.token_stream import CompletionInfo, StreamEvent, Timings
from langchain_localllm.errors import ContextLengthError, InvalidRequestError, ServerError
from langchain_localllm.runtimes.gpt4all.binding import binding, captured_stderr, run_prompt
from langchain_localllm.runtimes.gpt4all.engine import Loaded

_KEPT_FREE: Final = 4
"""Tokens of the context that the engine does not let a prompt fill."""
_LOG_PREFIX: Final = re.compile(r"^(?:LLAMA ERROR|[\w:~]+): +")


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
        shown: Texts of control tokens that are returned.
        thoughts: Counts the tokens of thoughts.
    """

    prompt: str
    stop: list[str]
    max_tokens: int
    seed: int | None
    threads: int
    sampling: dict[str, Any] = field(default_factory=dict)
    shown: frozenset[bytes] = frozenset()
    thoughts: ThoughtTracker | None = None


def answer(request: Request, box: ResponseQueue, loaded: Loaded) -> None:
    """Put the pieces of the answer into the response queue, or the error."""
    try:
        if not box.cancelled:
            box.put(_answer(request, box, loaded))
    except BaseException as error:  # noqa: BLE001 - it belongs to the one who asked
        box.put(error)


def _answer(request: Request, box: ResponseQueue, loaded: Loaded) -> StreamEvent:
    loaded.check_wanted()
    prompt_tokens = _count(request.prompt, loaded)
    room = loaded.n_ctx - (prompt_tokens or 0) - 1
    most = room if request.max_tokens < 0 else min(request.max_tokens, room)
    binding().llmodel.llmodel_setThreadCount(loaded.model.model, request.threads)
    _set_seed(request.seed, loaded)
    making = _Answer(loaded, box, StopFilter(request.stop), most, request)
    run_prompt(
        loaded.model,
        request.prompt,
        making.on_prompt,
        making.on_token,
        n_predict=most,
        **request.sampling,
    )
    if prompt_tokens and making.prompt_failed(prompt_tokens):
        raise ServerError(
            f"GPT4All could not read the prompt of {prompt_tokens} tokens: "
            f"{_failure(request, making, loaded)}."
        )
    return making.last()


def _failure(request: Request, making: "_Answer", loaded: Loaded) -> str:
    """Return why a prompt cannot be read, by a second try that captures standard error.

    The C library has no other way to report it.
    """
    with captured_stderr() as lines:
        run_prompt(
            loaded.model,
            request.prompt,
            making.on_prompt,
            lambda *_: False,
            n_predict=1,
            **request.sampling,
        )
    text = [
        _LOG_PREFIX.sub("", line.decode("utf-8", "replace").strip()).rstrip(".") for line in lines
    ]
    return "; ".join(dict.fromkeys(filter(None, text))) or "the engine gives no reason"


def _count(prompt: str, loaded: Loaded) -> int | None:
    """Return the number of prompt tokens if it can be counted.

    Raise for a prompt that the engine cannot answer.
    """
    count = len(loaded.vocabulary.tokens(prompt)) if loaded.vocabulary else None
    # without a token, the engine would answer what it was asked before
    if not count and (count == 0 or not prompt):
        raise InvalidRequestError(
            "The prompt is empty, and this model has no token for a beginning. Give it some text."
        )
    if count and count > loaded.n_ctx - _KEPT_FREE:
        raise ContextLengthError(
            f"The prompt has {count} tokens, and the context {loaded.n_ctx}, {_KEPT_FREE} of "
            "which GPT4All keeps for the answer. Shorten the prompt, or raise `n_ctx`.",
            prompt_tokens=count,
            context_tokens=loaded.n_ctx,
        )
    return count


def _set_seed(seed: int | None, loaded: Loaded) -> None:
    if loaded.seeds:
        loaded.seeds.set(secrets.randbits(32) if seed in {None, -1} else int(seed or 0))
    elif seed not in {None, -1}:
        raise InvalidRequestError(
            "This build of gpt4all has no way to set a seed. Leave `seed` out."
        )


class _Answer:
    """An answer while it is made."""

    def __init__(
        self, loaded: Loaded, box: ResponseQueue, stops: StopFilter, most: int, request: Request
    ) -> None:
        self._loaded = loaded
        self._box = box
        self._stops = stops
        self._most = most
        self._shown, self._thoughts = request.shown, request.thoughts
        # a character may come in several tokens
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._read = 0
        self._tokens = 0
        self._ended = False
        self._started = self._read_at = time.perf_counter()

    def on_prompt(self, _: int) -> bool:
        """Count a token that was read, and stop reading when no consumer waits for the answer."""
        self._read += 1
        self._read_at = time.perf_counter()
        return self._is_wanted()

    def on_token(self, token: int, piece: bytes) -> bool:
        """Hand on a token's text, and return whether to continue."""
        if token < 0:
            raise self._reported(piece.decode("utf-8", "replace"))
        vocabulary = self._loaded.vocabulary
        if vocabulary and vocabulary.is_eog(token):
            self._ended = True
            return False
        self._tokens += 1
        hidden = vocabulary and vocabulary.hides(token) and piece not in self._shown
        text = "" if hidden else self._decoder.decode(piece)
        if self._thoughts:
            self._thoughts.add(text)
        if text and (text := self._stops.feed(text)):
            self._box.put(StreamEvent(text))
        return self._is_wanted() and not self._stops.met

    def prompt_failed(self, prompt_tokens: int) -> bool:
        """Return whether the engine stopped before the end of the prompt by itself."""
        self._loaded.check_wanted()
        return self._read < prompt_tokens and not self._box.cancelled

    def last(self) -> StreamEvent:
        """Return the last piece: text that was held back, and how the answer ended."""
        self._loaded.check_wanted()
        rest = "" if self._stops.met else self._stops.feed(self._decoder.decode(b"", final=True))
        rest = rest if self._stops.met else rest + self._stops.end()
        room = self._loaded.n_ctx - self._read - 1
        finish = CompletionInfo(
            reason="stop"
            if self._ended or self._stops.met or self._tokens < min(self._most, room)
            else "length",
            prompt_tokens=self._read,
            completion_tokens=self._tokens,
            timings=Timings(
                self._loaded.load_time,
                self._read_at - self._started,
                time.perf_counter() - self._read_at,
            ),
            model=self._loaded.name,
            reasoning_tokens=self._thoughts.reported if self._thoughts else None,
        )
        return StreamEvent(rest, finish)

    def _is_wanted(self) -> bool:
        return not (self._box.cancelled or self._loaded.ending)

    def _reported(self, text: str) -> Exception:
        if "exceeds the context" in text:
            return ContextLengthError(
                f"The prompt is longer than the context of {self._loaded.n_ctx} tokens. Shorten "
                "it, or raise `n_ctx`.",
                context_tokens=self._loaded.n_ctx,
            )
        return ServerError(f"GPT4All reports: {text}")
