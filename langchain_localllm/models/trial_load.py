"""Loading an unusual model file in a process of its own first, since the engine may end the process that loads it."""

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from langchain_localllm.errors import ModelFileError
from langchain_localllm.models.gguf_check import GGUFInfo
from langchain_localllm.models.unusual_values import unusual_values

__all__ = ["EVERY_BYTE", "require_loadable"]

EVERY_BYTE: Final = "".join(map(chr, range(1, 0x800))) + "中文 日本語 🙂 12345 it's"
"""A text with every byte that UTF-8 has, so that every way to split a text is tried."""
_VERSION: Final = 1
"""Part of what is remembered; raise it when the checks change."""
_SECONDS: Final = 60
_BYTES_PER_SECOND: Final = 20e6
"""Time that a trial may take, and how much more for a large file on a slow disk."""
_FAILED: Final = 1
"""The exit status of Python for an exception. The caller meets the same one, and no worse."""
_ASSERTION: Final = re.compile(r"GGML_ASSERT.*|terminate called.*|what\(\):.*")
_SHOWN: Final = 3
_LONGEST: Final = 200


def require_loadable(path: Path, info: GGUFInfo, engine: str, module: str, **options: Any) -> None:
    """Make sure that an engine does not end this process when it loads a file.

    An ordinary file is only checked. An unusual one is loaded in another Python process, which takes about a second longer than
    loading it. Either is done once for a file: that it went well is remembered in `~/.cache/localllm/loadable`, by a hash of its
    path, time, size, the engine and the options.

    Args:
        path: The model file.
        info: Its header, with what the options override.
        engine: Name and version of the engine.
        module: The module whose `load_once(path, **options)` loads the file and computes a few tokens.
        options: Arguments of `load_once`, as JSON has them.

    Raises:
        ModelFileError: The process ended with a signal, or did not end. The message names what is unusual in the file.
    """
    record = _record(path, engine, options)
    if record and record.exists():
        return
    if unusual := unusual_values(path, info):
        _try(path, unusual, engine, module, options)
    if record:
        with contextlib.suppress(OSError):  # a read-only home: it is checked again next time
            record.parent.mkdir(parents=True, exist_ok=True)
            record.touch()


def _record(path: Path, engine: str, options: dict[str, Any]) -> Path | None:
    """The file that exists when the model was found to be loadable."""
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: there is no home folder
        stat = path.stat()
        key = json.dumps([_VERSION, str(path.resolve()), stat.st_mtime_ns, stat.st_size, engine, options], sort_keys=True)
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        return cache / "localllm" / "loadable" / hashlib.sha256(key.encode()).hexdigest()
    return None


def _try(path: Path, unusual: list[str], engine: str, module: str, options: dict[str, Any]) -> None:
    code = f"import json, sys\nfrom {module} import load_once\nload_once(sys.argv[1], **json.loads(sys.argv[2]))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "GGML_NO_BACKTRACE": "1"}
    seconds = _SECONDS + path.stat().st_size / _BYTES_PER_SECOND
    try:
        done = subprocess.run(  # noqa: S603 - our own code in this Python
            [sys.executable, "-c", code, str(path), json.dumps(options)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _refusal(path, unusual, f"{engine} does not finish loading it within {seconds:.0f} seconds") from None
    except OSError:  # no Python to start, as in a program that embeds it
        raise _refusal(path, unusual, f"{engine} may end the process at it") from None
    if done.returncode not in {0, _FAILED}:
        name = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit status {done.returncode}"
        lines = _ASSERTION.findall(done.stderr.decode("utf-8", "replace"))
        words = f", {lines[-1].strip()[-_LONGEST:]}" if lines else ""
        raise _refusal(path, unusual, f"{engine} ends the process when it loads it ({name}{words})")


def _refusal(path: Path, unusual: list[str], what: str) -> ModelFileError:
    more = f", and {len(unusual) - _SHOWN} more" if len(unusual) > _SHOWN else ""
    reasons = "; ".join(unusual[:_SHOWN])
    return ModelFileError(
        f"{path} cannot be loaded: {reasons}{more}. {what}. Download the file again or use another one of this model; if the "
        "file is as its publisher made it, a newer version of the engine may load it."
    )
