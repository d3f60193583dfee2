"""A local server for a model file, started from Python and ended with it.

Three kinds of engine run behind the same class: a `.llamafile` is its own server, and a GGUF file
gets an installed `llama-server`, else the server in the `xllamacpp` wheel. All listen on 127.0.0.1
only.
"""

import contextlib
import http.client
import logging
import os
import re
import socket
import time
import weakref
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, Unpack

from langchain_localllm.base.options import warn_once
from langchain_localllm.errors import InvalidOptionError, ServerStartError
from langchain_localllm.gguf.capacity import DEFAULT_CONTEXT
from langchain_localllm.gguf.header import GGUFInfo
from langchain_localllm.gguf.threads import sleeping_environment
from langchain_localllm.runtimes.llamafile._child_process import Child
from langchain_localllm.runtimes.llamafile._start_errors import (
    is_unknown_argument,
    log_reason,
    port_in_use,
    start_error,
)
from langchain_localllm.runtimes.llamafile.launchers import NO_BROWSER, SERVE, find_launcher
from langchain_localllm.runtimes.llamafile.server_option_types import ServerFlags
from langchain_localllm.runtimes.llamafile.server_options import ROUTER, read_options

__all__ = ["LocalServer"]

HOST: Final = "127.0.0.1"

_LOGGER: Final = logging.getLogger(__name__)
_LISTENING: Final = re.compile(r"listening (?:on|at):? http://127\.0\.0\.1:(\d+)")
_UNCONFIRMED: Final = 0.5  # seconds that a server must stay up when its log does not name the port
_TRIES: Final = 3
_SERVER_OPTIONS: Final = frozenset(
    {
        "api_key",
        "embedding",
        "extra_args",
        "launcher",
        "n_ctx",
        "n_parallel",
        "port",
        "startup_timeout",
        "threads",
    }
)


class LocalServer:
    """Starts a server for a model file and returns when it is ready.

    `close()` or the end of this process ends it.

    The server ends with this process in every case, also when this process is killed. On Windows,
    which is untested, it ends with `close()`, a `with` block or a normal exit.

    Args:
        path: A GGUF file or a `.llamafile`, which is made executable for its user and run: only use
            one that you trust. Leave it out for several models (`models_dir`, `models_preset`).
        n_ctx: Context in tokens, for each of the parallel requests. Default: the model's own, at
            most 8,192. `ctx_size` works too.
        n_parallel: How many requests are answered at the same time. Default 1; more wait for their
            turn. `parallel` works too.
        threads: Threads to compute with. Default: 1 for a file below 100 MB (more are slower
            there), below 25 MB where the xllamacpp package serves it on Linux, else one per
            physical core.
        embedding: Serve `/v1/embeddings` (with mean pooling where the model names none) for texts
            of up to `n_ctx` tokens. Such a server answers no prompts.
        api_key: Key that clients must send. Default: none is needed.
        port: Port on 127.0.0.1. Default 0: a free one, see `base_url`.
        startup_timeout: Seconds until it must be ready, loading the model included. Default 300.
        launcher: What serves a GGUF file: `llama-server`, the one on the PATH; the path of another
            one; or `xllamacpp`, the package. Default: `llama-server`, else `xllamacpp`.
        extra_args: More arguments for `llama-server` or the llamafile, as on their command line.
        options: Other options under the names of llama-server's flags, such as `n_gpu_layers`,
            `mmproj`, `lora`, `spec_draft_model`, `cache_type_k`, `cache_ram`, `chat_template`,
            `reasoning_budget` and `rerank`; see `ServerFlags` and the table in the documentation.
            What the program that serves the file does not have is refused before it starts.

    Raises:
        ModelFileError: The file is missing, no usable model, or cut off.
        ServerStartError: The server did not come up; the message gives the engine's reason.
        MissingDependencyError: There is no `llama-server` and no `xllamacpp` package for a GGUF
            file.
        InvalidOptionError: An option is unknown or out of range, or the program that serves the
            file does not have it.

    Example:
        >>> from langchain_localllm.models import tiny_embedding_model
        >>> from langchain_localllm.runtimes.llamafile.server import LocalServer
        >>> with LocalServer(tiny_embedding_model(), embedding=True) as server:
        ...     server.base_url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        n_ctx: int | None = None,
        n_parallel: int | None = None,
        threads: int | None = None,
        embedding: bool = False,
        api_key: str | None = None,
        port: int = 0,
        startup_timeout: float = 300.0,
        launcher: str | Path | None = None,
        extra_args: Sequence[str] = (),
        **options: Unpack[ServerFlags],
    ) -> None:
        given = dict(options)
        n_ctx = _given_once("n_ctx", n_ctx, given.pop("ctx_size", None))
        n_parallel = _given_once("n_parallel", n_parallel, given.pop("parallel", None))
        n_parallel = 1 if n_parallel is None else n_parallel
        embedding = bool(_given_once("embedding", embedding or None, given.pop("embeddings", None)))
        _check_range("n_ctx", n_ctx, 1)
        _check_range("n_parallel", n_parallel, 1)
        _check_range("threads", threads, 1)
        _check_range("port", port, 0, 65535)
        self._api_key = api_key
        chosen = read_options(given, _SERVER_OPTIONS)
        self._path = _served(path, chosen)
        engine = find_launcher(self._path, launcher, router=bool(ROUTER & chosen.keys()))
        engine.check(chosen, extra_args)
        self._program = engine.command
        self._options = [
            *_context_options(engine.info, n_ctx, n_parallel, chosen, embedding=embedding),
            *(["--threads", str(count)] if (count := threads or engine.threads) else []),
            *engine.arguments(chosen, count),
            *extra_args,
        ]
        self._port = port
        self._start(startup_timeout)

    @property
    def base_url(self) -> str:
        """The address, with its port."""
        return f"http://{HOST}:{self._port}"

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._child.exit_status() is None

    def log_tail(self) -> str:
        """Return the last 64 KiB of the server's log, also after `close()`.

        The log file is unnamed and ends with the server.
        """
        return self._child.log_tail()

    def close(self) -> None:
        """End the server, at once where it obeys and after three seconds where not.

        Calling it twice is not an error.
        """
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = self.base_url if self.is_alive else "closed"
        return f"LocalServer({str(self._path)!r}, {state})"

    def _start(self, timeout: float) -> None:
        """Start it; a free port that another program took in between is replaced by another one."""
        deadline = time.monotonic() + timeout
        asked = self._port
        if asked and _is_taken(asked):
            raise ServerStartError(
                f"Port {asked} on {HOST} is in use: stop what uses it, or leave `port` out "
                "for a free one."
            )
        for attempt in range(1, _TRIES + 1):
            # The wheel's server chooses a free port and reports it in its log.
            self._port = asked or (0 if str(SERVE) in self._program else _free_port())
            self._launch()
            try:
                self._wait_until_ready(deadline, timeout)
                self._check_key()
                _LOGGER.info("The server of %s listens at %s", self._path.name, self.base_url)
            except BaseException as error:
                self.close()
                log = self.log_tail()
                if isinstance(error, ServerStartError) and attempt < _TRIES:
                    if not asked and port_in_use(log):
                        continue
                    if NO_BROWSER in self._program and is_unknown_argument(log, NO_BROWSER):
                        # llamafile 0.10 opens no browser and does not know the flag
                        self._program.remove(NO_BROWSER)
                        continue
                raise
            return

    def _launch(self) -> None:
        environment = {
            **os.environ,
            **sleeping_environment(),
            "LLAMA_ARG_CORS_ORIGINS": "localhost",
        }
        environment.pop("LLAMA_API_KEY", None)
        if self._api_key:
            environment["LLAMA_API_KEY"] = self._api_key  # the command line would show it in `ps`
        try:
            self._child = Child(
                [*self._program, *self._options, "--host", HOST, "--port", str(self._port)],
                environment,
            )
        except OSError as error:
            raise ServerStartError(
                f"The server of {self._path} cannot be started: {error.strerror}."
            ) from error
        # Runs at the latest when this object is collected or the interpreter exits.
        self._finalizer = weakref.finalize(self, self._child.stop)

    def _wait_until_ready(self, deadline: float, timeout: float) -> None:
        pause, answered_at = 0.005, None
        while True:
            status = self._child.exit_status()
            log = self._child.log_tail()
            if status is not None:
                raise start_error(self._path, self._port, status, log)
            match = _LISTENING.search(log)
            if match and not self._port:
                self._port = int(match[1])
            if self._port and self._get("GET", "/health") == HTTPStatus.OK:
                # Another program's server could answer here, if it took the port a moment before
                # ours.
                answered_at = answered_at or time.monotonic()
                if (
                    match and int(match[1]) == self._port
                ) or time.monotonic() - answered_at > _UNCONFIRMED:
                    return
            if time.monotonic() > deadline:
                reason = log_reason(log)
                raise ServerStartError(
                    f"The server of {self._path} was not ready after {timeout:g} seconds"
                    + (f" (last log line: {reason})" if reason else "")
                    + ": give a larger startup_timeout, or a smaller model."
                )
            time.sleep(pause)
            pause = min(pause * 1.2, 0.25)

    def _check_key(self) -> None:
        """Refuse an engine that ignores the key in the environment: it would serve everybody."""
        if self._api_key and self._get("POST", "/tokenize") != HTTPStatus.UNAUTHORIZED:
            raise ServerStartError(
                f"The server of {self._path} answers without the api_key: leave api_key out, or "
                "pass the engine's own option for it in extra_args."
            )

    def _get(self, method: str, route: str) -> int | None:
        """Return the status of a request without a key, or `None` if no server answers."""
        connection = http.client.HTTPConnection(HOST, self._port, timeout=1)  # knows no proxies
        with (
            contextlib.closing(connection),
            contextlib.suppress(OSError, http.client.HTTPException),
        ):
            connection.request(method, route, body=b"{}" if method == "POST" else None)
            return connection.getresponse().status
        return None


def _served(path: str | Path | None, options: Mapping[str, Any]) -> Path:
    """Return the file that is served, or the preset file or folder of several models."""
    several = next((options[name] for name in sorted(ROUTER) if name in options), None)
    if (path is None) == (several is None):
        raise InvalidOptionError(
            "Give the path of a model file, or `models_dir` or `models_preset` for several "
            "models, not both."
        )
    return Path(several or path or "").expanduser().absolute()


def _given_once(name: str, value: Any, other: Any) -> Any:
    """Return the value of an argument that has a second name."""
    if value is not None and other is not None:
        raise InvalidOptionError(
            f"`{name}` was given twice, once under its other name. Give it once."
        )
    return value if other is None else other


def _context_options(
    info: GGUFInfo | None,
    n_ctx: int | None,
    n_parallel: int,
    options: Mapping[str, Any],
    *,
    embedding: bool,
) -> list[str]:
    if n_ctx is None:
        n_ctx = min((info and info.context_length) or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
    # The server divides its context by the number of parallel requests.
    arguments = ["--ctx-size", str(n_ctx * n_parallel), "--parallel", str(n_parallel)]
    if not embedding and not options.get("rerank"):
        return arguments
    for name in ("batch_size", "ubatch_size"):
        if name not in options:  # a text is computed in one batch or not at all
            arguments += [f"--{name.replace('_', '-')}", str(max(n_ctx, 512))]
    if embedding:
        arguments += ["--embedding"]
        if info and info.pooling_type is None and "pooling" not in options:
            arguments += ["--pooling", "mean"]
        if info and not info.embeds:
            name = info.metadata.get("general.name", "in the file")
            warn_once(
                f"The model {name} was not made for embeddings: the mean of its tokens' "
                "vectors is used."
            )
    return arguments


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # a port that was just left is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return True
        return False


def _check_range(name: str, value: int | None, least: int, most: int | None = None) -> None:
    if value is not None and (value < least or (most is not None and value > most)):
        limits = f"{least} to {most}" if most is not None else f"at least {least}"
        raise InvalidOptionError(f"{name} must be {limits}, not {value}.")
