"""A local server for one model file, started from Python and ended with it.

Three kinds of engine run behind the same class: a `.llamafile` is its own server, and a GGUF file gets an installed
`llama-server`, else the server in the `xllamacpp` wheel. All listen on 127.0.0.1 only.
"""

import contextlib
import http.client
import importlib.util
import logging
import os
import re
import shutil
import socket
import stat
import sys
import time
import weakref
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from langchain_localllm.base.options import warn_once
from langchain_localllm.errors import (
    InvalidOptionError,
    MissingDependencyError,
    ModelFileError,
    ServerStartError,
)
from langchain_localllm.extras import pip_install
from langchain_localllm.gguf.capacity import DEFAULT_CONTEXT
from langchain_localllm.gguf.header import GGUFInfo, check_gguf, is_llamafile, look_into_llamafile
from langchain_localllm.gguf.threads import default_threads
from langchain_localllm.runtimes.llamafile._child import Child
from langchain_localllm.runtimes.llamafile._start_errors import is_unknown_argument, log_reason, port_in_use, start_error

__all__ = ["LocalServer"]

HOST: Final = "127.0.0.1"

_LOGGER: Final = logging.getLogger(__name__)
_SERVE: Final = Path(__file__).with_name("_serve_xllamacpp.py")
_LISTENING: Final = re.compile(r"listening (?:on|at):? http://127\.0\.0\.1:(\d+)")
_UNCONFIRMED: Final = 0.5  # seconds that a server must stay up when its log does not name the port
_TRIES: Final = 3
_NO_BROWSER: Final = "--nobrowser"


class LocalServer:
    """Starts a server for a model file and returns when it is ready; `close()` or the end of this process ends it.

    The server ends with this process in every case, also when this process is killed. On Windows, which is untested, it ends
    with `close()`, a `with` block or a normal exit.

    Args:
        path: A GGUF file or a `.llamafile`, which is made executable for its user and run: only use one that you trust.
        n_ctx: Context in tokens, for each of the parallel requests. Default: the model's own, at most 8,192.
        n_parallel: How many requests are answered at the same time. Default 1; more wait for their turn.
        threads: Threads to compute with. Default: 1 for a file below 100 MB (more are slower there), else one per physical core.
        embedding: Serve `/v1/embeddings` (with mean pooling where the model names none) for texts of up to `n_ctx` tokens.
            Such a server answers no prompts.
        api_key: Key that clients must send. Default: none is needed.
        port: Port on 127.0.0.1. Default 0: a free one, see `base_url`.
        startup_timeout: Seconds until it must be ready, loading the model included. Default 60.
        extra_args: More arguments for `llama-server` or the llamafile, as on their command line.

    Raises:
        ModelFileError: The file is missing, no usable model, or cut off.
        ServerStartError: The server did not come up; the message gives the engine's reason.
        MissingDependencyError: There is no `llama-server` and no `xllamacpp` package for a GGUF file.
        InvalidOptionError: An option is out of range.

    Example:
        >>> from langchain_localllm.models import tiny_embedding_model
        >>> from langchain_localllm.runtimes.llamafile.server import LocalServer
        >>> with LocalServer(tiny_embedding_model(), embedding=True) as server:
        ...     server.base_url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(
        self,
        path: str | Path,
        *,
        n_ctx: int | None = None,
        n_parallel: int = 1,
        threads: int | None = None,
        embedding: bool = False,
        api_key: str | None = None,
        port: int = 0,
        startup_timeout: float = 60.0,
        extra_args: Sequence[str] = (),
    ) -> None:
        _check_range("n_ctx", n_ctx, 1)
        _check_range("n_parallel", n_parallel, 1)
        _check_range("threads", threads, 1)
        _check_range("port", port, 0, 65535)
        self._path = Path(path).expanduser().absolute()
        self._api_key = api_key
        program, info = _program_for(self._path, extra_args)
        self._program = program
        self._options = [
            *_context_options(info, n_ctx, n_parallel, embedding=embedding),
            *["--threads", str(threads or default_threads(self._path))],
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
        """The last 64 KiB of the server's log, also after `close()`. The log has no file name and vanishes with the server."""
        return self._child.log_tail()

    def close(self) -> None:
        """Ends the server, at once where it obeys and after three seconds where not. Calling it twice is not an error."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        state = self.base_url if self.is_alive else "closed"
        return f"LocalServer({str(self._path)!r}, {state})"

    def _start(self, timeout: float) -> None:
        """Starts it; a free port that another program took in between is replaced by another one."""
        deadline = time.monotonic() + timeout
        asked = self._port
        if asked and _is_taken(asked):
            raise ServerStartError(f"Port {asked} on {HOST} is in use: stop what uses it, or leave `port` out for a free one.")
        for attempt in range(1, _TRIES + 1):
            # The wheel's server finds a free port by itself and tells it in its log.
            self._port = asked or (0 if str(_SERVE) in self._program else _free_port())
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
                    if _NO_BROWSER in self._program and is_unknown_argument(log, _NO_BROWSER):
                        self._program.remove(_NO_BROWSER)  # llamafile 0.10 opens no browser and does not know the flag
                        continue
                raise
            return

    def _launch(self) -> None:
        environment = {**os.environ, "LLAMA_ARG_CORS_ORIGINS": "localhost"}
        environment.pop("LLAMA_API_KEY", None)
        if self._api_key:
            environment["LLAMA_API_KEY"] = self._api_key  # the command line would show it in `ps`
        try:
            self._child = Child([*self._program, *self._options, "--host", HOST, "--port", str(self._port)], environment)
        except OSError as error:
            raise ServerStartError(f"The server of {self._path} cannot be started: {error.strerror}.") from error
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
                # Another program's server could answer here, if it took the port a moment before ours.
                answered_at = answered_at or time.monotonic()
                if (match and int(match[1]) == self._port) or time.monotonic() - answered_at > _UNCONFIRMED:
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
        """An engine that does not read its key from the environment would serve everybody."""
        if self._api_key and self._get("POST", "/tokenize") != HTTPStatus.UNAUTHORIZED:
            raise ServerStartError(
                f"The server of {self._path} answers without the api_key: leave api_key out, or pass the engine's own option "
                "for it in extra_args."
            )

    def _get(self, method: str, route: str) -> int | None:
        """The status of a request without a key, or `None` if no server answers."""
        connection = http.client.HTTPConnection(HOST, self._port, timeout=1)  # knows no proxies
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request(method, route, body=b"{}" if method == "POST" else None)
            return connection.getresponse().status
        return None


def _program_for(path: Path, extra_args: Sequence[str]) -> tuple[list[str], GGUFInfo | None]:
    """The command that serves this file, and what its header says (`None` for a llamafile without a model)."""
    if is_llamafile(path):
        _make_executable(path)
        return [str(path), "--server", _NO_BROWSER], look_into_llamafile(path)
    info = check_gguf(path)
    if installed := shutil.which("llama-server"):
        return [installed, "--model", str(path), "--jinja"], info
    if importlib.util.find_spec("xllamacpp") is None:
        raise MissingDependencyError(f"{path} needs a server: {pip_install('server')}, or put llama-server on the PATH.")
    if extra_args:
        raise InvalidOptionError(
            "extra_args needs an installed llama-server or a llamafile: the server in the xllamacpp package takes none."
        )
    return [sys.executable, "-P", str(_SERVE), "--model", str(path)], info


def _make_executable(path: Path) -> None:
    if os.access(path, os.X_OK):
        return
    try:
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be made executable ({error.strerror}): run chmod +x on it.") from None


def _context_options(info: GGUFInfo | None, n_ctx: int | None, n_parallel: int, *, embedding: bool) -> list[str]:
    if n_ctx is None:
        n_ctx = min((info and info.context_length) or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
    # The server divides its context by the number of parallel requests.
    options = ["--ctx-size", str(n_ctx * n_parallel), "--parallel", str(n_parallel)]
    if embedding:
        batch = str(max(n_ctx, 512))  # a text is embedded in one batch or not at all
        options += ["--embedding", "--batch-size", batch, "--ubatch-size", batch]
        if info and info.pooling_type is None:
            options += ["--pooling", "mean"]
        if info and not info.embeds:
            name = info.metadata.get("general.name", "in the file")
            warn_once(f"The model {name} was not made for embeddings: the mean of its tokens' vectors is used.")
    return options


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just left is free
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
