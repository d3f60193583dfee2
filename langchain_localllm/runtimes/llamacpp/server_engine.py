"""The engine of the backend `xllamacpp`: llama.cpp's server as an object of this process.

Its requests and answers are those of the server over HTTP, which `runtimes/llamafile` builds and
reads. An answer comes by a callback. What has no such way (counting tokens, rendering a chat
template) is asked over a Unix socket in a private folder, so that no port is open.
"""

import contextlib
import ctypes
import functools
import http.client
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from typing_extensions import override

from langchain_localllm.base.local_engine.stream import ResponseQueue
from langchain_localllm.base.local_engine.thread import WorkThread, engine_closed_error
from langchain_localllm.base.thoughts import ThoughtTracker
from langchain_localllm.base.token_stream import StreamEvent
from langchain_localllm.errors import (
    ChatTemplateError,
    ContextLengthError,
    InvalidRequestError,
    ModelCallError,
    ModelFileError,
    ServerError,
)
from langchain_localllm.gguf.header import GGUFInfo, check_all_parts, read_lists, tokens_with_nul
from langchain_localllm.gguf.load_errors import load_error, not_finite_error
from langchain_localllm.gguf.trial_load import require_loadable, require_renderable
from langchain_localllm.models import tiny_chat_model
from langchain_localllm.runtimes.llamacpp.disk_cache import open_disk_cache
from langchain_localllm.runtimes.llamacpp.fork import refuse_fork
from langchain_localllm.runtimes.llamacpp.server_admission import Turns
from langchain_localllm.runtimes.llamacpp.server_cache import SlotFiles, slot_path
from langchain_localllm.runtimes.llamacpp.server_params import VERSION, new_server, server_params
from langchain_localllm.runtimes.llamacpp.settings import EngineSettings
from langchain_localllm.runtimes.llamacpp.sizing import (
    bytes_per_token,
    cache_length,
    context_length,
    free_memory,
    host_cache_bytes,
)
from langchain_localllm.runtimes.llamacpp.unread_answers import UnreadAnswerError
from langchain_localllm.runtimes.llamafile.answer_decoder import ChatDecoder, CompletionDecoder
from langchain_localllm.runtimes.llamafile.error_reader import ErrorReader
from langchain_localllm.templates.unusual_template import unusual_template
from langchain_localllm.transport.decoding import parse_json

PARALLEL: Final = 8
"""Requests that are answered together where no number is given."""
_WATCH_SECONDS: Final = 0.001
"""Seconds between two looks at the handlers of signals while a server loads its model."""
_TOKENS: Final = "tokenizer.ggml.tokens"
_BRACKETS: Final = ("<", "[")
"""How the names of control tokens begin."""
_INFILL: Final = (
    (
        ("fim_pre", "prefix"),
        (
            "<|fim_prefix|>",
            "<fim-prefix>",
            "<fim_prefix>",
            "<｜fim▁begin｜>",
            "<PRE>",
            "▁<PRE>",
            "<|code_prefix|>",
            "<|prefix|>",
        ),
    ),
    (
        ("fim_suf", "suffix"),
        (
            "<|fim_suffix|>",
            "<fim-suffix>",
            "<fim_suffix>",
            "<｜fim▁hole｜>",
            "<SUF>",
            "▁<SUF>",
            "<|code_suffix|>",
            "<|suffix|>",
        ),
    ),
    (
        ("fim_mid", "middle"),
        (
            "<|fim_middle|>",
            "<fim-middle>",
            "<fim_middle>",
            "<｜fim▁end｜>",
            "<MID>",
            "▁<MID>",
            "<|code_middle|>",
            "<|middle|>",
        ),
    ),
)
"""Keys and names of the tokens around a gap, as llama.cpp knows them (src/llama-vocab.cpp)."""
_KEPT_TEXTS: Final = 4096
"""Texts of which is kept whether they hold special tokens."""
_MEBIBYTE: Final = 1 << 20
_LOGGER: Final = logging.getLogger(__name__)
_ENGINE: Final = f"llama.cpp ({VERSION})"
_LOAD_ONCE: Final = "langchain_localllm.runtimes.llamacpp.server_load_once"
_RENDER_ONCE: Final = "langchain_localllm.runtimes.llamacpp.server_render_once"
_TEMPLATE: Final = "tokenizer.chat_template"
_LOAD: Final = Path(__file__).with_name("_load_in_child.py")
_LOADING_SECONDS: Final = 60
_REFUSED: Final = frozenset({400, 501})
"""Statuses of a request that was at fault, or that the server cannot answer."""


class ServerEngine:
    """A loaded model that answers requests from any thread or event loop.

    Args:
        settings: The files and how they are loaded.

    Attributes:
        n_ctx: Tokens that a prompt and its answer can have together.
        load_seconds: How long loading took.
        socket_path: Where the server listens.

    Raises:
        ModelFileError: The file is not a usable model.
        InvalidOptionError: The context does not fit into memory, or llama.cpp has no such setting.
        ServerError: This process is a fork of one that loaded a model.
    """

    def __init__(self, settings: EngineSettings) -> None:
        refuse_fork()
        started = time.perf_counter()
        path, context = settings.path, settings.context
        info = checked_model(path, settings.chat_template)
        draft = settings.speculation and settings.speculation.model
        if draft:
            checked_model(draft)
        check_companions(settings, embeds=False)
        self._path, self._info = path, info
        self._vocabulary_size = info.list_lengths.get(_TOKENS, 0)
        free = free_memory()
        per_token = bytes_per_token(info, context.get("type_k"), context.get("type_v"))
        self.n_ctx = context_length(info, settings.n_ctx, per_token, free, context)
        on_gpu = bool(settings.model.get("n_gpu_layers"))
        wanted = settings.n_parallel or PARALLEL
        cells = (
            self.n_ctx * wanted
            if on_gpu
            else cache_length(info, self.n_ctx, wanted, per_token, free)
        )
        # each request has a whole context, so that none fails in the middle
        slots = max(1, cells // self.n_ctx)
        files = open_disk_cache(settings, info, VERSION, self.n_ctx)
        # the server would share prompts between scales
        ram = 0 if settings.lora_per_call else settings.cache_ram_mib
        sizes = {
            "cache_ram_mib": host_cache_bytes(cells, per_token, free) // _MEBIBYTE
            if ram is None
            else ram,
            "kv_unified_per_slot": self.n_ctx,  # not rounded up, as the length of the cache is
            "n_ctx": self.n_ctx * slots,
            "n_parallel": slots,
            "slot_save_path": slot_path(files) if files else "",
        }
        server, self.socket_path = start_server(settings, sizes)
        if draft:
            self._check_draft(draft)
        self._check_output()
        self.load_seconds = time.perf_counter() - started
        _LOGGER.info(
            "Loaded %s in %.2f s: a context of %d tokens, %d slots",
            path.name,
            self.load_seconds,
            self.n_ctx,
            slots,
        )
        self._special: dict[str, bool] = {}  # by text
        self._requests = _Requests(server, slots, self.load_seconds, f"llama.cpp {path.name}")
        requests = self._requests
        self._slots = (
            SlotFiles(files, partial(ask, self.socket_path), lambda: requests.busy)
            if files
            else None
        )
        self._end = weakref.finalize(self, _end, requests, self.socket_path.parent, self._slots)

    def _check_output(self) -> None:
        """Raise where the model's output is not made of numbers: the server would send any text."""
        one = {"prompt": [self._vocabulary_size // 2], "n_predict": 1, "n_probs": 1}
        with contextlib.suppress(ModelCallError):  # the same request of a user's says why
            first = ask(self.socket_path, "/completion", {**one, "cache_prompt": False})
            if [each["logprob"] for each in first.get("completion_probabilities", ())] == [None]:
                shutil.rmtree(self.socket_path.parent, ignore_errors=True)
                raise not_finite_error(self._path.name)

    def _check_draft(self, draft: Path) -> None:
        """Raise where the server uses no draft model; it only logs that."""
        if not all(slot["speculative"] for slot in ask(self.socket_path, "/slots")):
            shutil.rmtree(self.socket_path.parent, ignore_errors=True)
            raise ModelFileError(
                f"{draft} cannot draft for {self._path.name}: use a smaller model of the same "
                "family, whose vocabulary is the same."
            )

    def chat(self, payload: Mapping[str, Any], box: ResponseQueue) -> None:
        """Submit a request to `/v1/chat/completions`; its answer goes to the response queue."""
        self._submit("handle_chat_completions", payload, ChatDecoder(_errors), box)

    def complete(
        self, payload: Mapping[str, Any], box: ResponseQueue, thoughts: ThoughtTracker | None = None
    ) -> None:
        """As `chat`, for `/v1/completions`; `thoughts` counts the thoughts in the answer's text."""
        self._submit("handle_completions", payload, CompletionDecoder(_errors, thoughts), box)

    def _submit(
        self, method: str, payload: Mapping[str, Any], decoder: ChatDecoder, box: ResponseQueue
    ) -> None:
        refuse_fork()
        extra: dict[str, Any] = {
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,
        }
        isolated = payload.get("cache_prompt") is False
        if "seed" in payload and "cache_prompt" not in payload and not self.busy:
            # a request with a seed repeats itself, where nothing else is computed
            extra["cache_prompt"] = False
        prepare = (
            partial(self._slots.restore_for, dict(payload))
            if self._slots and not isolated
            else None
        )
        self._requests.submit(
            _Job(method, as_json({**payload, **extra}), decoder, box, prepare, isolated=isolated)
        )

    def check_tokens(self, tokens: Iterable[int]) -> None:
        """Raise `InvalidRequestError` for a token that the vocabulary does not have.

        The server would ignore it.
        """
        if outside := [token for token in tokens if not 0 <= token < self._vocabulary_size]:
            raise InvalidRequestError(
                f"`logit_bias` names the token {outside[0]}, but the vocabulary ends at "
                f"{self._vocabulary_size - 1}."
            )

    @functools.cached_property
    def nul_tokens(self) -> tuple[int, ...]:
        """The tokens that hold a NUL character, which ends a text in C.

        llama.cpp's grammars let them pass anywhere.
        """
        return tuple(tokens_with_nul(self._path, self._info))

    @property
    def name(self) -> str:
        """The file's name."""
        return self._path.name

    @functools.cached_property
    def infill_tokens(self) -> tuple[int | None, ...]:
        """The tokens before a gap's prefix, suffix and filling, by the header or their names."""
        tokens = self._read_vocabulary()
        found = []
        for keys, names in _INFILL:
            given = (self._info.metadata.get(f"tokenizer.ggml.{key}_token_id") for key in keys)
            by_name = (tokens.index(name) for name in names if name in tokens)
            found.append(
                next((number for number in (*given, *by_name) if isinstance(number, int)), None)
            )
        return tuple(found)

    def tokenize(self, text: str, *, begin: bool = True, special: bool = True) -> list[int]:
        """Return the text's token ids.

        Args:
            text: The text.
            begin: Add the tokens that the model wants at the beginning of a text.
            special: Read names of special tokens as these tokens.
        """
        answer = self._ask(
            "/tokenize", {"content": text, "add_special": begin, "parse_special": special}
        )
        return [int(token) for token in answer["tokens"]]

    def _read_vocabulary(self) -> list[str]:
        """Return the texts of all tokens."""
        tokens = read_lists(self._path, self._info, [_TOKENS]).get(_TOKENS, ())
        return [bytes(token).decode("utf-8", "replace") for token in tokens]

    @functools.cached_property
    def _bracketed_tokens(self) -> frozenset[str]:
        """The texts of tokens that may be control tokens.

        llama.cpp also takes some for these that the header has as plain tokens.
        """
        return frozenset(text for text in self._read_vocabulary() if text.startswith(_BRACKETS))

    def reads_special_token(self, text: str) -> bool:
        """Whether a control token, such as `<|im_end|>`, is read in a text.

        The server is asked only about tokens of the vocabulary: most words in brackets are none,
        and each question is a request.
        """
        if text.startswith(_BRACKETS) and text not in self._bracketed_tokens:
            return False
        if text not in self._special:
            if len(self._special) > _KEPT_TEXTS:
                self._special.clear()
            asked = [
                {"content": text, "add_special": False, "parse_special": parsed}
                for parsed in (True, False)
            ]
            with_special, without = (self._ask("/tokenize", payload)["tokens"] for payload in asked)
            self._special[text] = with_special != without
        return self._special[text]

    def render(self, payload: Mapping[str, Any]) -> str:
        """Return the prompt that the chat template makes of a request's messages and tools."""
        return str(self._ask("/apply-template", payload)["prompt"])

    def systemone(self, payload: Mapping[str, Any]) -> Any:
        """Return the answers to typed questions.

        Raises `ModelCallError` where the model is not a decision model.
        """
        return self._ask("/v1/systemone", payload)

    def _ask(self, path: str, payload: Mapping[str, Any]) -> Any:
        refuse_fork()
        if not self._end.alive:
            raise engine_closed_error()
        return ask(self.socket_path, path, payload)

    @property
    def busy(self) -> bool:
        """Whether it works on an answer, or one waits."""
        return self._requests.busy

    def free(self) -> None:
        """Free the memory; answers that are being made fail."""
        self._end()


@dataclass(frozen=True, slots=True)
class _Job:
    """A request, and where its answer goes."""

    method: str
    payload: bytes
    decoder: ChatDecoder
    box: ResponseQueue
    prepare: Callable[[], None] | None = None
    isolated: bool = False
    """Whether no other request may be computed at the same time, which would change the last
    digits."""


class _Requests:
    """Run the threads in which the server answers, one for each concurrent request.

    They know nothing of the engine, so that a forgotten one can be freed. Each holds the server
    while it answers, so that it is never freed under an answer.
    """

    def __init__(self, server: Any, limit: int, load_seconds: float, name: str) -> None:
        self.server: Any = server
        self._limit, self._load_seconds, self._name = limit, load_seconds, name
        self._inbox: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[WorkThread] = []
        self._open = 0
        self._lock = threading.Lock()
        self._turns = Turns()
        self.process = os.getpid()
        keep_from_forks(self)

    @property
    def busy(self) -> bool:
        return self._open > 0

    def submit(self, job: _Job) -> None:
        """Let a thread answer; does not wait.

        Raises:
            ServerError: The engine was freed.
        """
        with self._lock:
            if self.server is None:
                raise engine_closed_error()
            self._open += 1
            self._inbox.put(job)
            if len(self._threads) < min(self._limit, self._open):
                thread = WorkThread(target=self._work, name=self._name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _work(self) -> None:
        while (job := self._inbox.get()) is not None:
            try:
                with self._turns.take(isolated=job.isolated):
                    if job.prepare and not job.box.cancelled:
                        job.prepare()
                    self._answer(job)
            except BaseException as error:  # noqa: BLE001 - the reader gets it, and the thread has others to answer
                job.box.put(error)
            finally:
                with self._lock:
                    self._open -= 1
            del job  # it may hold much

    def _answer(self, job: _Job) -> None:
        server, box, decoder = self.server, job.box, job.decoder
        if box.cancelled:
            return
        if server is None:
            raise engine_closed_error()
        failed = False

        def read(event: bytes) -> StreamEvent | None:
            if self.server is None:
                raise engine_closed_error()
            return decoder.event(parse_json(event))

        def on_event(event: bytes) -> bool:
            """Pass on an event; return `True` to end the answer. llama.cpp ignores exceptions."""
            nonlocal failed
            try:
                if piece := read(event):
                    box.set_concurrent_answers(self._open)
                    box.put(piece)
            except BaseException as error:  # noqa: BLE001 - the reader gets it
                failed = True
                box.put(error)
            return failed or box.cancelled

        try:
            getattr(server, job.method)(job.payload, on_event)
        except (RuntimeError, ValueError) as error:  # what the server found before it began
            raise _refusal(str(error)) from None
        if not failed and not box.cancelled:
            box.put(self._with_load_time(decoder.last()))

    def _with_load_time(self, piece: StreamEvent) -> StreamEvent:
        if piece.finish:
            timings = replace(piece.finish.timings, load=self._load_seconds)
            piece.finish = replace(piece.finish, timings=timings)
        return piece

    def end(self) -> None:
        """Fail all answers, free the server, and wait for that unless called in its thread.

        The caller's thread may be one of these threads.
        """
        with self._lock:
            self.server = None
            for _ in self._threads:
                self._inbox.put(None)
        if not isinstance(threading.current_thread(), WorkThread):
            for thread in self._threads:
                thread.join()


def _end(requests: _Requests, folder: Path, slots: SlotFiles | None) -> None:
    if requests.process != os.getpid():  # a fork leaves all to its parent
        return
    if slots:
        slots.end()
    requests.end()
    shutil.rmtree(folder, ignore_errors=True)


# --- a fork ---

_alive: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


def keep_from_forks(holder: Any) -> None:
    """Keep a fork from freeing the `server` that an object holds."""
    _alive.add(holder)


def _leak_servers() -> None:
    """Keep a fork from ending servers and llama.cpp's log.

    It does not have their threads, and would wait for them forever.
    """
    servers = [requests.server for requests in _alive if requests.server is not None]
    for server in servers:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(server))
    library = ctypes.CDLL(None)
    if hasattr(library, "on_exit"):  # Python has ended when it is called; the rest would be C++'s
        library.on_exit(library._exit, None)  # noqa: SLF001 - the C library's


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leak_servers)


# --- loading ---


@contextlib.contextmanager
def _signal_handlers_kept() -> Iterator[None]:
    """Undo that the server takes SIGINT and SIGTERM, which belong to the program.

    It takes them before it loads the model. One that came then would end the loop for which its
    constructor waits, without end: so the program's handlers come back while it loads, and SIGINT,
    which Python handles after the load anyway, waits until then. `signal.signal` works in the main
    thread only.
    """
    if os.name != "posix":
        yield
        return
    library = ctypes.CDLL(None)
    # larger than the struct
    kept = {number: ctypes.create_string_buffer(1024) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, action in kept.items():
        library.sigaction(number, None, action)
    loading = threading.Lock()
    loading.acquire()

    def watch() -> None:
        # no interrupt is raised in this thread, so it also restores the handlers a last time
        loaded = False
        while not loaded:
            loaded = loading.acquire(timeout=_WATCH_SECONDS)
            for number, action in kept.items():
                library.sigaction(number, action, None)

    watcher = threading.Thread(target=watch, name="llama.cpp signals", daemon=True)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        watcher.start()
        yield
    finally:
        loading.release()
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        with contextlib.suppress(RuntimeError):  # an interrupt came before it was started
            watcher.join()


def checked_model(path: Path, chat_template: str | None = None) -> GGUFInfo:
    """Return the header of a model file that was checked.

    An unusual file is loaded in another process first.

    Args:
        path: The file.
        chat_template: A template to use instead of the file's.

    Raises:
        ChatTemplateError: llama.cpp would end the process at the chat template.
        ModelFileError: The file is damaged, or llama.cpp would end the process at it.
    """
    info = check_all_parts(path)
    own = [
        value
        for key, value in info.metadata.items()
        if key.startswith(_TEMPLATE) and isinstance(value, str)
    ]
    for template in [chat_template] if chat_template else own:
        if unusual := unusual_template(template):
            require_renderable(template, unusual, Path(tiny_chat_model()), _ENGINE, _RENDER_ONCE)
    require_loadable(path, info, _ENGINE, _LOAD_ONCE, embeds=info.embeds)
    return info


def check_companions(settings: EngineSettings, *, embeds: bool) -> None:
    """Check the files that are loaded together with a checked model, in a child process too.

    Args:
        settings: The files.
        embeds: Whether they make vectors.

    Raises:
        ModelFileError: One of them is damaged, or llama.cpp would end the process at it.
    """
    settings.check_companions(_ENGINE, _LOAD_ONCE, embeds=embeds)


def start_server(settings: EngineSettings, more: Mapping[str, Any]) -> tuple[Any, Path]:
    """Start a server, and return it and the socket on which it listens.

    The socket is in a folder that only this user can open. The arguments are those of
    `server_params`.

    Raises:
        ModelFileError: The file is not a usable model.
    """
    params = server_params(settings, more)
    folder = Path(tempfile.mkdtemp(prefix="llama-"))
    params.hostnames = [str(folder / "llama.sock")]
    try:
        with _signal_handlers_kept():
            return new_server(params), folder / "llama.sock"
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, RuntimeError):
            raise _load_failure(settings) from None
        raise


def _load_failure(settings: EngineSettings) -> ModelFileError:
    """Return the error for a file that could not be loaded.

    A second try in another process, whose log can be read, says why.
    """
    path = settings.path
    given = {
        "model": str(path),
        "lora": [adapter for adapter, _ in settings.lora],
        "mmproj": settings.projector and str(settings.projector[0]),
        "draft": str(settings.speculation.model)
        if settings.speculation and settings.speculation.model
        else None,
        "chat_template": settings.chat_template,
    }
    command = [sys.executable, "-P", str(_LOAD), json.dumps(given)]
    try:
        run = subprocess.run(  # noqa: S603 - a list, no shell
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LOADING_SECONDS,
            check=False,
        )
        log = run.stderr
    except subprocess.TimeoutExpired as error:
        log = str(error.stderr or "")
    reason = next(
        (line for line in log.splitlines() if "rror" in line), "llama.cpp does not say why"
    )
    return load_error(path, log) or ModelFileError(
        f"llama.cpp cannot load {path}: {reason.strip()}."
    )


# --- what travels ---


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def ask(socket_path: Path, path: str, payload: Mapping[str, Any] | None = None) -> Any:
    """Ask a server over its socket for one JSON answer; with a payload by POST."""
    body = None if payload is None else as_json(payload)
    with contextlib.closing(_UnixConnection(str(socket_path))) as connection:
        connection.request(
            "GET" if body is None else "POST", path, body, {"Content-Type": "application/json"}
        )
        answer = json.loads(connection.getresponse().read())
    return checked(answer)


def checked(answer: Any) -> Any:
    """Return the server's answer; raises the error that it is."""
    if isinstance(answer, dict) and answer.get("error"):
        raise _errors.in_answer(answer)
    return answer


def as_json(payload: Mapping[str, Any]) -> bytes:
    """Return the payload as JSON.

    Raises `InvalidRequestError` for text that cannot be written as UTF-8.
    """
    try:
        return json.dumps(payload, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidRequestError(
            f"The text holds half of a surrogate pair ({error.object[error.start]!r}): remove it."
        ) from None


_TOO_LARGE: Final = re.compile(r"input \((\d+) tokens\) is too large.*batch size: (\d+)")


_UNREAD: Final = re.compile("Unexpected empty grammar stack|does not match the expected")
"""What the server says of a call that breaks off its grammar as it begins, and of a whole answer
that its parser does not read."""


class _Errors(ErrorReader):
    """Turns the server's errors into ours, in words for an engine in this process."""

    @override
    def __call__(self, status: int, body: Any) -> ModelCallError:
        error = body.get("error", body) if isinstance(body, dict) else body
        if not isinstance(error, dict):
            error = {"message": error}
        prompt, context = error.get("n_prompt_tokens"), error.get("n_ctx")
        reason = str(error.get("message", ""))
        if too_large := _TOO_LARGE.search(reason):  # a text to embed
            prompt, context = int(too_large[1]), int(too_large[2])
        if too_large or error.get("type") == "exceed_context_size_error":
            return ContextLengthError(
                f"The prompt has {prompt:,} tokens, which leaves no room for an answer in the "
                f"context of {context:,}. Shorten it, or load the model with a larger `n_ctx`.",
                prompt_tokens=prompt,
                context_tokens=context,
            )
        if _UNREAD.search(reason):
            return UnreadAnswerError(
                "llama.cpp could not read the model's answer, which is not written as it "
                f"expects: {reason}"
            )
        return (
            _refusal(reason)
            if status in _REFUSED
            else ServerError(f"llama.cpp could not compute this request: {reason}")
        )


_errors: Final = _Errors("this process")


def _refusal(reason: str) -> ModelCallError:
    """Return the error for a request that the server refused before it began."""
    if "jinja" in reason.lower():
        return ChatTemplateError(
            f"The chat template of this model does not take the conversation: {reason}"
        )
    return InvalidRequestError(f"llama.cpp refuses the request: {reason}")
