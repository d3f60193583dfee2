"""The engine: one thread owns a context and answers all requests together, token by token.

Each round of its loop takes in new requests, cancels those whose consumer is gone, and computes one
batch: the last token of every answer, and a part of the prompts that are still being read.
"""

import itertools
import logging
import time
import weakref
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from langchain_localllm.base.local_engine.stream import ResponseQueue
from langchain_localllm.base.local_engine.thread import EngineThread, engine_closed_error
from langchain_localllm.errors import ContextLengthError, InvalidRequestError, ServerError
from langchain_localllm.runtimes.llamacpp.admission import Admission
from langchain_localllm.runtimes.llamacpp.context import ABORTED, DONE, NO_ROOM, Context, Part
from langchain_localllm.runtimes.llamacpp.disk_cache import open_disk_cache
from langchain_localllm.runtimes.llamacpp.ffi import lib
from langchain_localllm.runtimes.llamacpp.fork import refuse_fork
from langchain_localllm.runtimes.llamacpp.host_cache import common_length
from langchain_localllm.runtimes.llamacpp.model import VERSION, Model, check_companions, open_model
from langchain_localllm.runtimes.llamacpp.request import Answer, Request
from langchain_localllm.runtimes.llamacpp.sampler import top_logprobs
from langchain_localllm.runtimes.llamacpp.settings import EngineSettings
from langchain_localllm.runtimes.llamacpp.sizing import (
    bytes_per_token,
    cache_length,
    context_length,
    free_memory,
    host_cache_bytes,
    max_segments,
)
from langchain_localllm.runtimes.llamacpp.slots import Sequences

if TYPE_CHECKING:
    from langchain_localllm.runtimes.llamacpp.images import Image, Projector, Prompt

_LOGGER: Final = logging.getLogger(__name__)
PARALLEL: Final = 8
"""Requests that are answered together by default."""
_SPARE: Final = 24
"""Additional sequences, which keep the prompts of earlier requests if these are not offloaded."""
_SOON: Final = 0.1
"""Seconds without a request after which a conversation is considered idle."""
_IDLE: Final = 0.3
"""Seconds without a request after which what was saved is written to the disk."""
_MEBIBYTE: Final = 1 << 20
_OUTPUTS: Final = 128
"""Tokens of a batch whose logits are wanted, at most."""
_WORTH_WAITING: Final = 32
"""Tokens that another request is about to read, from which on a prompt waits for it."""
_READING_BESIDE: Final = 0.1
_READING_THE_REST: Final = 0.4
"""Seconds of a batch that go to prompts while answers wait for their next token, and when that
reads all prompts to their end."""
_STEPS_BESIDE: Final = 3
"""The same in times that a batch without prompts takes, if that is longer: every batch has a fixed
cost."""
_LEAST_READ: Final = 64
"""Tokens of prompts in such a batch, at least, and as long as the speed is not known. Each batch
has a fixed cost, and smaller ones read slower, so a share that followed the speed without a limit
would become smaller and smaller on a busy machine."""


class Engine:
    """A loaded model that answers requests from any thread or event loop.

    Args:
        settings: The files and how they are loaded.

    Attributes:
        model: The weights and the vocabulary.
        projector: What reads images, if there is one.
        n_ctx: Tokens that a prompt and its answer can have.
        cells: Tokens that the cache holds for all requests together.

    Raises:
        ModelFileError: The file is not a usable model.
        InvalidOptionError: The context does not fit into memory, or llama.cpp refuses its settings.
        ServerError: This process is a fork of one that loaded a model.
    """

    def __init__(self, settings: EngineSettings) -> None:
        refuse_fork()
        given = settings.context
        check_companions(settings)
        self.model: Model = open_model(settings.path, settings.model)
        self.projector = _projector(self.model, *settings.projector) if settings.projector else None
        free = free_memory()
        parallel = settings.n_parallel or PARALLEL
        per_token = bytes_per_token(self.model.info, given.get("type_k"), given.get("type_v"))
        weights = int(lib.llama_model_size(self.model.pointer))
        self.n_ctx = context_length(
            self.model.info, settings.n_ctx, per_token, free, given, weights=weights
        )
        on_gpu = bool(settings.model.get("n_gpu_layers"))
        concurrent = 1 if on_gpu else parallel  # the free memory of a GPU is unknown
        self.cells = cache_length(self.model.info, self.n_ctx, concurrent, per_token, free)
        batch = max(min(given.get("n_batch", 512), self.cells), parallel)
        sequences = parallel + (
            (_SPARE if on_gpu else 1) if self.model.supports_partial_removal else 0
        )
        lengths = {
            "n_batch": batch,
            "n_ctx": self.cells,
            "n_outputs_max": max(sequences, min(batch, _OUTPUTS)),
            "n_seq_max": sequences,
        }
        context = Context(
            self.model, {"n_ubatch": batch, **given, **lengths, "kv_unified": True}, settings.lora
        )
        self._together = int(lib.llama_n_ubatch(context.pointer))
        files = open_disk_cache(settings, self.model.info, VERSION, self.n_ctx)
        # moving it from a GPU is slow
        offloaded = 0 if on_gpu and not files else host_cache_bytes(self.cells, per_token, free)
        if settings.cache_ram_mib is not None:
            offloaded = settings.cache_ram_mib * _MEBIBYTE
        segments = max_segments(offloaded, per_token, flash=given.get("flash_attn_type") == 1)
        together = Sequences(context, sequences, offloaded, segments, files)
        scales = tuple(scale for _, scale in settings.lora)
        self._worker = _Worker(
            context,
            together,
            parallel,
            self.cells,
            self.n_ctx,
            on_disk=files is not None,
            lora=scales,
        )
        self._end = weakref.finalize(self, self._worker.thread.end)
        _LOGGER.info(
            "Loaded %s in %.2f s: a context of %d tokens, a KV cache of %d, %d sequences",
            *(settings.path.name, self.model.load_seconds, self.n_ctx, self.cells, sequences),
        )

    def read(self, parts: Sequence[str | bytes]) -> "Prompt":
        """Return the prompt that is made of texts and of image bytes, if there is a projector.

        Raises:
            InvalidRequestError: An image is damaged, or a part of the prompt cannot be read for
                another reason.
            InvalidOptionError: An image takes more tokens than are computed together, where the
                model wants that.
        """
        if self.projector is None:
            raise InvalidRequestError("The engine has no projector, so it cannot read images.")
        return self.projector.read(parts, self._together)

    def submit(self, request: Request, box: ResponseQueue) -> None:
        """Hand a request to the engine's thread, which puts the answer into the response queue.

        Raises:
            ContextLengthError: The prompt leaves no room for an answer in the context.
            ServerError: This process is a fork of the one that loaded the model, or the engine was
                freed.
        """
        refuse_fork()
        if (tokens := request.tokens()) >= self.n_ctx:
            raise ContextLengthError(
                f"The prompt has {tokens:,} tokens, which leaves no room for an answer in the "
                f"context of {self.n_ctx:,}. Shorten it, or load the model with a larger `n_ctx` "
                f"(it was trained with {self.model.trained_context:,}).",
                prompt_tokens=tokens,
                context_tokens=self.n_ctx,
            )
        self._worker.submit(request, box)

    @property
    def busy(self) -> bool:
        """Whether it works on an answer, or one waits."""
        return self._worker.busy

    def free(self) -> None:
        """End the thread and free the memory; answers that are being made fail."""
        self._end()


def _projector(model: Model, path: Path, settings: Mapping[str, Any]) -> "Projector":
    from langchain_localllm.runtimes.llamacpp.images import Projector

    return Projector(path, model, **settings)


class _Worker:
    """The thread. It knows nothing of the `Engine`, so that a forgotten one can go."""

    def __init__(
        self,
        context: Context,
        sequences: Sequences,
        parallel: int,
        cells: int,
        n_ctx: int,
        *,
        on_disk: bool,
        lora: tuple[float, ...],
    ) -> None:
        self._context, self._sequences, self._model = context, sequences, context.model
        self._parallel, self._n_ctx, self._on_disk = parallel, n_ctx, on_disk
        self._applied_lora = lora
        self._admission = Admission(parallel, cells, n_ctx, lora)
        self._answers: list[Answer] = []
        self._beginning = False  # whether requests are on the way from one to the other
        self._speed = 0.0  # tokens of prompts read in a second
        self._step = 0.0  # seconds that a batch without prompts takes
        self._shortest_first = True
        self.thread: EngineThread[tuple[Request, ResponseQueue]] = EngineThread(
            f"llama.cpp {self._model.name}", self._run, context.abort
        )
        self.thread.start()

    # --- called from other threads ---

    def submit(self, request: Request, box: ResponseQueue) -> None:
        """Let a request join."""
        box.on_cancel = self._reader_left
        self.thread.submit((request, box))

    @property
    def busy(self) -> bool:
        """Whether there is something to do."""
        return bool(self.thread.pending or self._admission or self._beginning or self._answers)

    def _reader_left(self) -> None:
        """End a computation that no request waits for.

        A batch that others share continues, since it takes no longer than a token.

        A recurrent model's computation is not ended: it cannot be rolled back, and other requests
        may continue from it.
        """
        if self._model.supports_partial_removal and all(
            answer.box.cancelled for answer in list(self._answers)
        ):
            self._context.abort()

    # --- the thread ---

    def _run(self) -> None:
        while not self.thread.ended:
            try:
                self._round()
            except Exception as error:  # noqa: BLE001 - the consumer gets the error, and later requests still run
                self._fail_all(error)
                self._sequences.clear()
        self._receive(wait=False)
        self._fail_all(engine_closed_error())
        if self._on_disk:
            self._sequences.write_all()
        self._context.free()

    def _fail_all(self, failure: Exception) -> None:
        for answer in list(self._answers):
            self._finish(answer, failure)
        self._admission.fail_all(failure)

    def _round(self) -> None:
        self._receive(wait=not (self._answers or self._admission))
        self._context.clear_abort()
        if self.thread.ended:
            return
        for answer in [answer for answer in self._answers if answer.box.cancelled]:
            self._finish(answer)
        self._beginning = True
        while admitted := self._admission.admit(self._answers):
            try:
                self._begin(*admitted)
            except Exception as error:
                # it neither waits nor is answered, so `_fail_all` does not reach it
                admitted[1].put(error)
                self._beginning = False
                raise
        self._beginning = False
        self._encode_next_image()
        if parts := self._plan():
            self._compute(parts)

    def _receive(self, *, wait: bool) -> None:
        try:
            item = self._wait() if wait else self.thread.inbox.get_nowait()
            while True:
                if item:
                    self._admission.add(*item)
                    self.thread.acknowledge()
                item = self.thread.inbox.get_nowait()
        except Empty:
            pass

    def _wait(self) -> tuple[Request, ResponseQueue] | None:
        """Wait for the next request.

        Meanwhile save idle sequences to host memory, the most recently used one last.
        """
        save, write = self._sequences.save_one, self._sequences.write_one
        steps = (
            (0.0, partial(save, last=False)),
            (_SOON, partial(save, last=True)),
            (_IDLE, write),
        )
        for seconds, do_one in steps:
            while True:
                try:
                    return self.thread.inbox.get(timeout=seconds)
                except Empty:
                    if not do_one():
                        break
        return self.thread.inbox.get()

    def _apply_lora(self, scales: tuple[float, ...]) -> None:
        """Apply adapters with other scales.

        No answer may be in work: all are computed with the same ones.
        """
        if scales != self._applied_lora:
            self._sequences.clear()
            self._context.set_adapters(scales)
            self._applied_lora = scales

    def _begin(self, request: Request, box: ResponseQueue, limit: int) -> None:
        if not self._answers:
            self._apply_lora(self._admission.lora_scales(request))
        by_seed = request.cache_prompt is None and request.sampling.has_seed and not self._answers
        sequence = self._sequences.take(request.prompt, reset=request.isolated or by_seed)
        try:
            answer = Answer(request, box, self._model, sequence, limit)
        except Exception as error:  # noqa: BLE001 - it is this request's alone
            self._sequences.release(sequence)
            box.put(error)
            return
        self._share_prefix_with(answer)
        self._answers.append(answer)
        self._share_wakes()

    def _finish(self, answer: Answer, failure: Exception | None = None) -> None:
        if failure:
            answer.box.put(failure)
        self._answers.remove(answer)
        self._share_wakes()
        for other in self._answers:
            if other.follows and other.follows[0] is answer:
                self._adopt_prefix(other)
        answer.sampler.free()
        self._sequences.release(answer.sequence)

    def _share_wakes(self) -> None:
        for answer in self._answers:
            answer.box.set_concurrent_answers(len(self._answers))

    # --- prompts that begin alike ---

    def _share_prefix_with(self, answer: Answer) -> None:
        """Wait for an earlier answer that is about to read the same beginning, if there is one."""
        answer.follows = None
        if not self._model.supports_partial_removal:
            return
        best = len(answer.sequence.tokens) + _WORTH_WAITING
        if image := answer.image:
            best = min(best, image.start + image.positions - 1)
        for other in self._answers:
            if other is answer:
                return
            if (
                other.reading
                and (length := common_length(other.request.prompt, answer.request.prompt[:-1]))
                > best
            ):
                answer.follows, best = (other, length), length

    def _adopt_prefix(self, answer: Answer) -> None:
        """Take over what the answer that it follows has read."""
        if not answer.follows:
            return
        other, length = answer.follows
        self._sequences.share(other.sequence, answer.sequence, length)
        answer.skip()
        self._share_prefix_with(answer)

    # --- images ---

    def _encode_next_image(self) -> None:
        """Read one image, if one is next in a prompt, for the longest waiting request.

        Between two, other answers get a token.
        """
        due = [
            answer
            for answer in self._answers
            if answer.request.images and not (answer.follows or answer.text)
        ]
        if not due:
            return
        answer = min(due, key=lambda answer: answer.looked)
        answer.looked = time.perf_counter()
        if image := answer.image:
            status = self._decode_image(answer, image)
            if status == DONE:
                self._sequences.add(answer.sequence, answer.rest[: image.positions], alone=True)
                answer.rest = answer.rest[image.positions :]
            elif status != ABORTED:
                self._fail(answer, status)

    def _decode_image(self, answer: Answer, image: "Image") -> int:
        while True:
            status = self._context.decode_image(image, answer.sequence.number, image.start)
            if status != NO_ROOM or not self._sequences.make_room():
                return status

    def _fail(self, answer: Answer, status: int) -> None:
        self._sequences.cut(answer.sequence, 0)  # its content is unknown after an error
        what = "its cache has no room" if status == NO_ROOM else f"llama_decode returned {status}"
        self._finish(answer, ServerError(f"llama.cpp could not compute this request: {what}."))

    # --- a batch ---

    def _plan(self) -> list[tuple[Answer, Part]]:
        for answer in self._answers:
            if answer.follows and len(answer.follows[0].sequence.tokens) >= answer.follows[1]:
                self._adopt_prefix(answer)
        going_on = [answer for answer in self._answers if not answer.reading]
        room = self._context.batch_size - len(going_on)
        drafts = min(room, _OUTPUTS - self._parallel)
        plan: list[tuple[Answer, Part]] = []
        for answer in going_on:
            try:
                guessed = self._draft_tokens(answer, drafts)
            except Exception as error:  # noqa: BLE001 - it is the caller's own code
                self._finish(
                    answer,
                    InvalidRequestError(
                        f"The `draft_model` failed ({type(error).__name__}: {error})."
                    ),
                )
                continue
            answer.drafted += len(guessed)
            drafts -= len(guessed)
            room -= len(guessed)
            plan.append((answer, self._part(answer, [*answer.rest, *guessed], 1 + len(guessed))))
        return plan + self._plan_reading(room, is_answering=bool(going_on))

    def _plan_reading(self, room: int, *, is_answering: bool) -> list[tuple[Answer, Part]]:
        """Parts of prompts.

        The shortest and the oldest take turns, so that neither waits long for the other.
        """
        reading = [
            answer
            for answer in self._answers
            if answer.reading and not answer.follows and answer.text
        ]
        if not reading:
            return []
        most, room = room, min(room, self._reading_share(reading)) if is_answering else room
        if self._shortest_first:
            reading.sort(key=lambda answer: len(answer.text))
        plan: list[tuple[Answer, Part]] = []
        for answer in reading:
            text = answer.text
            # a small rest is not worth a batch of its own
            whole = len(text) <= min(most, room + room // 2)
            tokens = text if whole else text[:room]
            if room <= 0 or (self._shortest_first and plan and len(tokens) < len(text)):
                break  # a short prompt does not wait for a part of a long one
            room, most = room - len(tokens), most - len(tokens)
            plan.append((answer, self._part(answer, tokens, int(len(tokens) == len(answer.rest)))))
        # a request that arrives meanwhile is next
        self._shortest_first = len(reading) == 1 or not self._shortest_first
        return plan

    def _reading_share(self, reading: list[Answer]) -> int:
        """Return how many prompt tokens to put in a batch while other answers wait.

        Without them, larger batches are faster.
        """
        rest = sum(len(answer.text) for answer in reading)
        seconds = max(_READING_BESIDE, _STEPS_BESIDE * self._step)
        if rest <= self._speed * max(_READING_THE_REST, seconds):
            # others wait longer for one token, but no longer in all, and the answers then continue
            # together
            return rest
        return max(int(self._speed * seconds), _LEAST_READ)

    def _part(self, answer: Answer, tokens: Sequence[int], outputs: int) -> Part:
        return Part(answer.sequence.number, len(answer.sequence.tokens), tokens, outputs)

    def _draft_tokens(self, answer: Answer, room: int) -> list[int]:
        if (
            not answer.request.draft
            or answer.request.isolated
            or answer.request.images
            or not self._model.supports_partial_removal
        ):
            return []
        tokens = np.array([*answer.sequence.tokens, *answer.rest], np.intc)
        room = min(room, self._n_ctx - len(tokens))
        guessed = (int(token) for token in answer.request.draft(tokens)[: max(room, 0)])
        return list(itertools.takewhile(lambda token: 0 <= token < self._model.size, guessed))

    def _compute(self, plan: list[tuple[Answer, Part]]) -> None:
        started = time.perf_counter()
        status = self._context.decode([part for _, part in plan])
        if status == DONE:
            self._measure(plan, time.perf_counter() - started)
            self._apply_batch(plan)
        elif status == ABORTED or (status == NO_ROOM and self._sequences.make_room()):
            return  # the next round tries again with who is left, and with more room
        elif len(plan) > 1:
            for one in plan:  # so that only those fail that cannot be computed
                self._compute([one])
        else:
            self._fail(plan[0][0], status)

    def _measure(self, plan: list[tuple[Answer, Part]], seconds: float) -> None:
        read = sum(len(part.tokens) for answer, part in plan if answer.reading)
        if read >= _LEAST_READ:
            self._speed = _blend(self._speed, read / seconds)
        elif not read:
            self._step = _blend(self._step, seconds)

    def _apply_batch(self, plan: list[tuple[Answer, Part]]) -> None:
        row = 0
        for answer, part in plan:
            self._sequences.add(answer.sequence, part.tokens, alone=len(plan) == 1)
            row += len(part.tokens)
            if answer.reading:
                answer.rest = answer.rest[len(part.tokens) :]
            if part.outputs and not answer.box.cancelled:
                self._sample_outputs(answer, part, row - part.outputs)

    def _sample_outputs(self, answer: Answer, part: Part, row: int) -> None:
        """Choose the token after each output, as long as the guesses between them are right."""
        expected = [*part.tokens[len(part.tokens) - part.outputs + 1 :], None]
        try:
            for number, guess in enumerate(expected):
                token = answer.sample(self._context, row + number)
                wanted = answer.request.logprobs
                logprobs = (
                    None
                    if wanted is None
                    else top_logprobs(
                        self._model, self._context.logits(row + number), token, wanted
                    )
                )
                reason = answer.add(token, logprobs)
                if reason or token != guess:
                    self._sequences.cut(
                        answer.sequence, part.start + len(part.tokens) - len(expected) + 1 + number
                    )
                    break
                answer.accepted += 1
        except Exception as error:  # noqa: BLE001 - it is this request's alone
            self._finish(answer, error)
            return
        if reason:
            answer.finish(reason)
            self._finish(answer)


def _blend(known: float, new: float) -> float:
    """Return an average in which the latest counts most; 0 is not known."""
    return (known + new) / 2 if known else new
