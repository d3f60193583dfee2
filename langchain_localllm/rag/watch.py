"""Keep an index up to date while its files change."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from langchain_localllm.errors import DocumentError, LocalLLMError, MissingDependencyError
from langchain_localllm.extras import pip_install
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.update import Digests, Report, update
from langchain_localllm.rag.ingest.file_keys import FileKeys

_LOGGER: Final = logging.getLogger(__name__)
_DEBOUNCE: Final = 1600
"""Milliseconds for which changes are collected at most; half a second without one ends it."""
_QUIET: Final = 500
_LOOK: Final = 2000
"""Milliseconds after which files that are watched by themselves, and folders that were away, are
looked at."""
_RETRY: Final = 30.0
"""Seconds after which an update that failed is tried again."""


def watch(
    store: Store,
    paths: Sequence[str | Path] = (),
    on_update: Callable[[Report], None] | None = None,
    *,
    stop: threading.Event | None = None,
    on_error: Callable[[LocalLLMError], None] | None = None,
    poll: bool = False,
) -> None:
    """Update an index now and whenever its files change.

    It returns when `stop` is set, or when an exception such as Ctrl-C is raised. Changes that
    follow each other are one update. A file that did not change is not read again.

    Args:
        store: The index.
        paths: Files and folders, as of `update`. Default: those of the index.
        on_update: Called after each update with what it did.
        stop: Set it, from any thread, to return.
        on_error: Called when a later update fails, such as when the embedding model's server is
            away; it is tried again at the next change, and after half a minute. Default: the error
            is raised.
        poll: Look at all files every few hundred milliseconds, for disks that report no changes,
            such as network drives.

    Raises:
        MissingDependencyError: watchfiles is not installed.
        DocumentError: As of `update`, for the first one.
        StoreError: As of `update`.
    """
    try:
        import watchfiles
    except ImportError as error:
        raise MissingDependencyError(
            f"Watching files needs watchfiles: {pip_install('rag')}."
        ) from error
    stop = stop or threading.Event()
    updates = _Updates(store, on_update, on_error)
    updates.first(paths)
    keys = FileKeys(store.root)
    while not stop.is_set():
        roots = [keys.path(root) for root in store.setting("roots") or ()]
        before = _signature(roots)
        is_wanted = _Filter(store, roots)
        is_first = True  # something may have changed before the watcher began
        try:
            for changes in watchfiles.watch(
                *(_watched(roots) or [store.root]),
                watch_filter=None,  # else nothing is yielded while only the index itself changes
                debounce=_DEBOUNCE,
                step=_QUIET,
                stop_event=stop,
                rust_timeout=_LOOK,
                yield_on_timeout=True,
                force_polling=poll or None,
                ignore_permission_denied=True,
            ):
                is_other = _signature(roots) != before
                if (
                    any(is_wanted(path) for _, path in changes)
                    or is_first
                    or is_other
                    or updates.is_due()
                ):
                    updates.again()
                is_first = False
                if is_other:
                    break  # other folders are there now
        except FileNotFoundError:  # a folder vanished just now
            stop.wait(_LOOK / 1000)
        except (OSError, RuntimeError) as error:  # the system watches no more files
            if poll:
                raise DocumentError(
                    f"The files cannot be watched ({error}). Run `localllm rag index` from time "
                    "to time."
                ) from error
            _LOGGER.warning(
                "The system cannot watch these files (%s); they are polled instead.", error
            )
            poll = True


class _Updates:
    """Updates an index again and again, and reports what changed."""

    def __init__(
        self,
        store: Store,
        on_update: Callable[[Report], None] | None,
        on_error: Callable[[LocalLLMError], None] | None,
    ) -> None:
        self._store = store
        self._on_update = on_update
        self._on_error = on_error
        self._digests = Digests()
        self._problems: list[str] = []
        self._failed = 0.0

    def first(self, paths: Sequence[str | Path]) -> None:
        report = update(self._store, paths, digests=self._digests)
        self._problems = report.problems
        if self._on_update:
            self._on_update(report)

    def again(self) -> None:
        try:
            report = update(self._store, digests=self._digests)
        except LocalLLMError as error:
            if self._on_error is None:
                raise
            self._failed = time.monotonic()
            self._on_error(error)
            return
        self._failed = 0.0
        is_new = (
            report.added or report.changed or report.removed or report.problems != self._problems
        )
        self._problems = report.problems
        if self._on_update and is_new:
            self._on_update(report)

    def is_due(self) -> bool:
        """Return whether an update failed a while ago."""
        return bool(self._failed) and time.monotonic() - self._failed > _RETRY


def _watched(roots: Iterable[Path]) -> list[Path]:
    """Return the folders that exist; single files are looked at, since an editor replaces them."""
    return [root for root in roots if root.is_dir()]


def _signature(roots: Iterable[Path]) -> list[tuple[int, ...]]:
    """Return what changes when a folder comes or goes, or when a single file changes."""
    found: list[tuple[int, ...]] = []
    for root in roots:
        try:
            status = root.stat()
        except OSError:
            found.append((0,))
            continue
        is_folder = root.is_dir()
        found.append(
            (status.st_ino,) if is_folder else (status.st_ino, status.st_size, status.st_mtime_ns)
        )
    return found


class _Filter:
    """Leaves out changes of the index itself and of hidden files.

    Those of `.gitignore` files count.
    """

    def __init__(self, store: Store, roots: Iterable[Path]) -> None:
        self._store = store
        self._roots = [Path(os.path.realpath(root)) for root in _watched(roots)] + _watched(roots)

    def __call__(self, path: str) -> bool:
        place = Path(path)
        inside = [
            place.relative_to(root).parts for root in self._roots if place.is_relative_to(root)
        ]
        parts = min(inside, key=len, default=())
        is_hidden = any(part.startswith(".") and part != ".gitignore" for part in parts)
        return bool(parts) and not is_hidden and not self._store.owns(place)
