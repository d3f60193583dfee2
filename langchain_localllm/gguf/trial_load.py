"""Try unusual files in a child process first: an engine may abort the process it runs in."""

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from langchain_localllm.errors import ChatTemplateError, ModelFileError
from langchain_localllm.gguf.header import GGUFInfo
from langchain_localllm.gguf.unusual_values import unusual_values

__all__ = ["EVERY_BYTE", "require_loadable", "require_renderable", "require_usable"]

EVERY_BYTE: Final = "".join(map(chr, range(1, 0x800))) + "中文 日本語 🙂 12345 it's"
"""A text with every byte that UTF-8 can have, to try every branch of a tokenizer."""
_VERSION: Final = 3
"""Part of the records' names; raise it when the checks change."""
_SECONDS: Final = 120
_TEMPLATE_SECONDS: Final = 20
_BYTES_PER_SECOND: Final = 20e6
"""Seconds that a trial may take, and how many more per byte of a large file on a slow disk."""
_FAILED: Final = 1
"""Python's exit status for an exception. The caller will get the same exception, so this is not a
crash."""
_LAST_WORDS: Final = re.compile(
    r"^\S+\.c(?:pp)?:\d+: (.+)|^terminate called.*|^ *what\(\):.*", re.MULTILINE
)
"""What `GGML_ASSERT`, `GGML_ABORT` and uncaught C++ exceptions print before they abort a
process."""
_SHOWN: Final = 3
_ADVICE: Final = (
    "Download the file again or use another one of this model; if the file is as its publisher "
    "made it, a newer version of the engine may load it."
)
_LONGEST: Final = 200


def require_loadable(path: Path, info: GGUFInfo, engine: str, module: str, **options: Any) -> None:
    """Make sure that an engine does not abort this process when it loads a file.

    An ordinary file is only checked. An unusual one is loaded in a child process first, which takes
    about a second more than loading it. A success is recorded in `~/.cache/localllm/loadable`,
    under a hash of path, time, size, engine and options, so each file is tried once.

    Args:
        path: The model file.
        info: Its header, with the values that options override.
        engine: Name and version of the engine.
        module: The module whose `load_once(path, **options)` loads the file and computes a few
            tokens.
        options: Arguments of `load_once`, as JSON has them.

    Raises:
        ModelFileError: The child process crashed or hung. The message names what is unusual in the
            file.
    """
    record = _record([path], engine, options)
    if record and record.exists():
        return
    if (unusual := unusual_values(path, info)) and (
        fault := _trial_fault(path, engine, module, options)
    ):
        raise _refusal(path, unusual, fault)
    _remember(record)


def require_usable(companion: Path, model: Path, engine: str, module: str, **options: Any) -> None:
    """Make sure that an engine does not abort this process on a model's companion file.

    It could do so when it first uses the file. The headers of these files do not show everything
    that the engine needs: a projector with a missing tensor loads, and aborts the process at the
    first image. So each file is loaded and used once in a child process, for each model. A success
    is recorded as in `require_loadable`.

    Args:
        companion: A LoRA adapter, a projector, or a draft model.
        model: The model file.
        engine: Name and version of the engine.
        module: The module whose `load_once(model, **options)` uses the file.
        options: Arguments of `load_once`, as JSON has them.

    Raises:
        ModelFileError: The child process crashed or hung.
    """
    record = _record([companion, model], engine, options)
    if record and record.exists():
        return
    if fault := _trial_fault(model, engine, module, options):
        raise ModelFileError(f"{companion} cannot be used with {model.name}: {fault}. {_ADVICE}")
    _remember(record)


def require_renderable(template: str, unusual: str, model: Path, engine: str, module: str) -> None:
    """Make sure that an engine's own Jinja does not end this process at an unusual chat template.

    The template is rendered once in a child process, with a small model. A success is recorded as
    in `require_loadable`.

    Args:
        template: The template.
        unusual: What is unusual in it.
        model: A small model file that works.
        engine: Name and version of the engine.
        module: The module whose `load_once(model, chat_template=template)` renders it.

    Raises:
        ChatTemplateError: The child process crashed or hung.
    """
    options = {"chat_template": template}
    record = _record([model], engine, options)
    if record and record.exists():
        return
    if fault := _trial_fault(model, engine, module, options, _TEMPLATE_SECONDS):
        raise ChatTemplateError(
            f"The model's chat template cannot be used: {unusual}. {fault}. Pass another one as "
            "`chat_template`."
        )
    _remember(record)


def _remember(record: Path | None) -> None:
    if record:
        # a read-only home directory: the file is tried again next time
        with contextlib.suppress(OSError):
            record.parent.mkdir(parents=True, exist_ok=True)
            record.touch()


def _record(paths: Sequence[Path], engine: str, options: dict[str, Any]) -> Path | None:
    """Return the path of the record that these files were loaded without a crash.

    `None` without a home directory.
    """
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: no home directory
        files = [
            (str(path.resolve()), path.stat().st_mtime_ns, path.stat().st_size) for path in paths
        ]
        key = json.dumps([_VERSION, files, engine, options], sort_keys=True)
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        return cache / "localllm" / "loadable" / hashlib.sha256(key.encode()).hexdigest()
    return None


def _trial_fault(
    path: Path, engine: str, module: str, options: dict[str, Any], seconds: float | None = None
) -> str | None:
    """Load a file in a child process, and return how that crashed or hung.

    `None` if it ended normally.
    """
    code = (
        f"import json, sys\nfrom {module} import load_once\nload_once(sys.argv[1], "
        "**json.load(sys.stdin))"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "GGML_NO_BACKTRACE": "1",
    }
    seconds = (seconds or _SECONDS) + path.stat().st_size / _BYTES_PER_SECOND
    try:
        done = subprocess.run(  # noqa: S603 - our own code in this Python
            [sys.executable, "-c", code, str(path)],
            env=environment,
            input=json.dumps(options).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{engine} did not finish loading it within {seconds:.0f} seconds"
    except OSError:  # there is no Python executable, as in programs that embed Python
        return f"{engine} may crash when it loads it"
    if done.returncode in {0, _FAILED}:
        return None
    name = (
        signal.Signals(-done.returncode).name
        if done.returncode < 0
        else f"exit status {done.returncode}"
    )
    found = [
        match[1] or match[0]
        for match in _LAST_WORDS.finditer(done.stderr.decode("utf-8", "replace"))
    ]
    words = f", {found[-1].strip()[-_LONGEST:]}" if found else ""
    return f"{engine} crashes when it uses it ({name}{words})"


def _refusal(path: Path, unusual: list[str], fault: str) -> ModelFileError:
    more = f", and {len(unusual) - _SHOWN} more" if len(unusual) > _SHOWN else ""
    reasons = "; ".join(unusual[:_SHOWN])
    return ModelFileError(f"{path} cannot be loaded: {reasons}{more}. {fault}. {_ADVICE}")
