"""Launch programs that serve a model for `LocalServer`.

They are a llamafile, an installed `llama-server`, or the xllamacpp package.
"""

import functools
import importlib.util
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from langchain_localllm.errors import InvalidOptionError, MissingDependencyError, ModelFileError
from langchain_localllm.extras import pip_install
from langchain_localllm.gguf.header import GGUFInfo, check_gguf, is_llamafile, look_into_llamafile
from langchain_localllm.gguf.threads import default_threads, sleeping_environment
from langchain_localllm.runtimes.llamafile.server_options import OPTIONS

__all__ = ["NO_BROWSER", "SERVE", "Launcher", "find_launcher"]

SERVE: Final = Path(__file__).with_name("_serve_xllamacpp.py")
NO_BROWSER: Final = "--nobrowser"
_PACKAGE: Final = "xllamacpp"
_BINARY: Final = "llama-server"
_HELP_SECONDS: Final = 20
_FLAG: Final = re.compile(r"(?<![\w-])--[a-zA-Z0-9][\w-]*")
_KNOWN_EVERYWHERE: Final = "--ctx-size"
"""A flag that the help of every llama.cpp server lists; without it, what was printed is not the
help."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """A program and the file that it serves.

    Attributes:
        name: `llamafile`, `llama-server` or `xllamacpp`.
        path: The file, or a preset file or folder of several models.
        command: How it is started.
        info: The header of the file; `None` for a llamafile without a model, and for several
            models.
    """

    name: str
    path: Path
    command: list[str]
    info: GGUFInfo | None = None

    @property
    def threads(self) -> int | None:
        """How many threads it computes with by default; `None` leaves it to the program."""
        if not self.path.is_file():
            return None
        sleeping = self.name == _PACKAGE and bool(sleeping_environment())
        return default_threads(self.path, sleeping=sleeping)

    def check(self, options: Mapping[str, Any], extra_args: Sequence[str]) -> None:
        """Refuse what this program cannot do, before it is started.

        Raises:
            InvalidOptionError: It does not have an option; the message says which one has.
        """
        if self.name == _PACKAGE:
            if extra_args:
                raise InvalidOptionError(
                    "extra_args needs an installed llama-server or a llamafile: the server in the "
                    "xllamacpp package takes none."
                )
            for name in options:
                if not OPTIONS[name].param:
                    raise InvalidOptionError(
                        f"The server in the xllamacpp package has no `{name}`. An installed "
                        f"llama-server has it, as {OPTIONS[name].switch}: put one on the PATH."
                    )
        elif options and (known := _flags(tuple(self.command[: 1 + (self.name == "llamafile")]))):
            for name, value in options.items():
                flag = next(iter(OPTIONS[name].arguments(value)), _KNOWN_EVERYWHERE)
                if flag not in known:
                    raise InvalidOptionError(self._lacks(name, flag))

    def arguments(self, options: Mapping[str, Any], threads: int | None) -> list[str]:
        """Return the options as arguments of the program."""
        if self.name != _PACKAGE:
            return [
                argument
                for name, value in options.items()
                for argument in OPTIONS[name].arguments(value)
            ]
        parameters: dict[str, Any] = {}
        for name, value in options.items():
            parameters |= OPTIONS[name].parameters(value)
        # the package reads it only where an adapter is applied to the context itself
        if options.get("lora_init_without_apply"):
            parameters |= OPTIONS["lora"].parameters(
                [(path, 0.0) for path, _ in options.get("lora", [])]
            )
        if "spec_draft_model" in options:
            kinds = [kind for kind in options.get("spec_type", []) if not kind.startswith("draft-")]
            drafting = [
                kind for kind in options.get("spec_type", []) if kind.startswith("draft-")
            ] or ["draft-simple"]
            parameters |= OPTIONS["spec_type"].parameters([*kinds, *drafting])
            for each in ("cpuparams", "cpuparams_batch"):
                parameters[f"speculative.draft.{each}.n_threads"] = threads
        return ["--params", json.dumps(parameters)] if parameters else []

    def _lacks(self, name: str, flag: str) -> str:
        other = (
            f" Or use launcher='{_PACKAGE}', which has it."
            if self.name == _BINARY and OPTIONS[name].param
            else ""
        )
        if self.name == "llamafile":
            other = f" Or serve a GGUF file with an installed {_BINARY} or the {_PACKAGE} package."
        return (
            f"`{name}`: {self.command[0]} is a version that does not know {flag}. Update it.{other}"
        )


def find_launcher(path: Path, name: str | Path | None, *, router: bool) -> Launcher:
    """Return what serves a file.

    Args:
        path: A llamafile or a GGUF file, or a preset file or folder of several models.
        name: The program to use for a GGUF file: `llama-server`, the path of one, or `xllamacpp`.
            Default: an installed `llama-server`, else the xllamacpp package.
        router: Whether several models are served.

    Raises:
        InvalidOptionError: This program does not serve such a file, or several models, or there is
            none at the path.
        MissingDependencyError: No program is installed.
        ModelFileError: The file is missing or damaged.
    """
    installed = None if name == _PACKAGE else _installed(name or _BINARY)
    if router:
        if installed is None:
            raise InvalidOptionError(
                f"Several models behind one port need an installed {_BINARY}, on the PATH: the "
                f"{_PACKAGE} package and a llamafile serve one. Or start a LocalServer for each "
                "model."
            )
        return Launcher(_BINARY, path, [installed, "--jinja"])
    if is_llamafile(path):
        if name:
            raise InvalidOptionError(
                f"{path} is a llamafile, which runs by itself. Leave `launcher` out."
            )
        _make_executable(path)
        return Launcher(
            "llamafile", path, [str(path), "--server", NO_BROWSER], look_into_llamafile(path)
        )
    info = check_gguf(path)
    if installed:
        return Launcher(_BINARY, path, [installed, "--model", str(path), "--jinja"], info)
    if name == _BINARY:
        raise MissingDependencyError(
            f"There is no {_BINARY} on the PATH. Install llama.cpp, or leave `launcher` out."
        )
    if importlib.util.find_spec(_PACKAGE) is None:
        raise MissingDependencyError(
            f"{path} needs a server: {pip_install('server')}, or put {_BINARY} on the PATH."
        )
    return Launcher(_PACKAGE, path, [sys.executable, "-P", str(SERVE), "--model", str(path)], info)


def _installed(name: str | Path) -> str | None:
    """Return the path of a `llama-server`; `None` where that name is not on the PATH."""
    if name == _BINARY:
        return shutil.which(_BINARY)
    program = Path(name).expanduser()
    if len(program.parts) == 1 or not (found := shutil.which(program)):
        raise InvalidOptionError(
            f"launcher={str(name)!r} is not a program that can be run. Give {_BINARY!r}, the path "
            f"of one, or {_PACKAGE!r}. A llamafile runs by itself."
        )
    return found


def _make_executable(path: Path) -> None:
    if os.access(path, os.X_OK):
        return
    try:
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be made executable ({error.strerror}): run chmod +x on it."
        ) from None


@functools.cache
def _flags(command: tuple[str, ...]) -> frozenset[str]:
    """Return the flags that a program's help lists; none if it does not print one."""
    try:
        done = subprocess.run(  # noqa: S603 - a list, no shell
            [*command, "--help"],
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_HELP_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    known = frozenset(_FLAG.findall(done.stdout + done.stderr))
    return known if _KNOWN_EVERYWHERE in known else frozenset()
