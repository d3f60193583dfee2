"""Update an index: read new and changed files, and remove deleted ones."""

import hashlib
import logging
import os
import shlex
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from langchain_localllm.errors import DocumentError, InvalidOptionError, LocalLLMError
from langchain_localllm.rag.index.catalog import FileEntry, StagedChunk
from langchain_localllm.rag.index.store import Store, passage_id
from langchain_localllm.rag.index.threshold import calibrate
from langchain_localllm.rag.ingest.child_reader import SECONDS, ChildReader, is_too_slow
from langchain_localllm.rag.ingest.discover import check_path, find_files, unreadable_reason
from langchain_localllm.rag.ingest.file_keys import FileKeys, from_root, readable, relative_key
from langchain_localllm.rag.ingest.formats import READERS_VERSION
from langchain_localllm.rag.ingest.formats.ocr import NEEDS_OCR, require_languages
from langchain_localllm.rag.ingest.formats.partly import PartlyReadError
from langchain_localllm.rag.ingest.ignore import IgnoreRules
from langchain_localllm.rag.ingest.split import iterate_passages

_LOGGER: Final = logging.getLogger(__name__)
_BATCH: Final = 64
"""How many passages, of one or several files, go to the vector store together."""
_FILES_PER_COMMIT: Final = 256
"""Commit after this many files, even if they have few passages."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Report the progress of an update: `files`, `all_files`, `bytes`, `all_bytes`, `passages`.

    They are how many are done of how many; passages are those read.
    """

    files: int
    all_files: int
    bytes: int
    all_bytes: int
    passages: int


OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class Report:
    """Report what an update did. The numbers count files, except `passages`.

    Attributes:
        added: New files.
        changed: Files whose passages were replaced.
        unchanged: Files that did not change.
        removed: Deleted files, whose passages were removed.
        passages: Passages that were embedded; unchanged passages of a changed file are not counted.
        seconds: The duration.
        problems: Why files or folders could not be read.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    passages: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def update(
    store: Store,
    paths: Sequence[str | Path] = (),
    *,
    rebuild: bool = False,
    exclude: Sequence[str] | None = None,
    gitignore: bool | None = None,
    ocr: str | None = None,
    file_timeout: float | None = None,
    on_progress: OnProgress | None = None,
    digests: "Digests | None" = None,
) -> Report:
    """Update an index.

    Args:
        store: The index.
        paths: Files and folders. Files that were deleted there are removed from the index; files
            elsewhere are kept, and so are those of a folder that is missing or empty. Default: the
            paths of all earlier updates.
        rebuild: Rebuild the index from scratch, including the paths of earlier updates, with its
            settings unless others are given.
        exclude: Patterns of files and folders that are left out, and removed if the index has them;
            see `find_files`. They are kept for later updates. Default: those of the last update
            that was given some; `[]` forgets them.
        gitignore: Whether `.gitignore` files count. It is kept, too. Default: as before, and true
            for a new index.
        ocr: Languages of scans and pictures, as of `load_documents`; they are kept for later
            updates, and files that were refused for the lack of it are read again. Default: as
            before, and none for a new index; `""` forgets them.
        file_timeout: Seconds of processor time that reading a file may take, before it is named as
            a problem; 0 for no limit. It is kept, too, and files that took longer are read again
            when it changes. Default: as before, and 120 for a new index. Plain text, Markdown and
            source code have no limit.
        on_progress: Called with the progress after each file and each batch of passages.
        digests: What earlier updates of this process know of files, so that unchanged ones are not
            read again.

    Returns:
        What was done. Unreadable files are listed in `problems` and do not raise.

    Raises:
        DocumentError: A path does not exist, or there are no paths of earlier updates.
        InvalidOptionError: Tesseract does not have a language of `ocr`, or `file_timeout` is
            negative.
        StoreError: The index is busy, cannot be written, is damaged, or was made with another
            embedding model or other settings.
    """
    start = time.monotonic()
    report = Report()
    given, away = _existing(store, paths, report, rebuild=rebuild)
    patterns = None if exclude is None else list(exclude)
    rules = _kept_options(
        store, exclude=patterns, gitignore=gitignore, ocr=ocr, file_timeout=file_timeout
    )
    ocr = require_languages(rules.pop("ocr"))
    seconds = _require_seconds(rules.pop("file_timeout"))
    with store.writing(rebuild=rebuild):
        store.check_model()
        store.purge()
        keys = FileKeys(store.root, store.catalog.paths())
        unopened: dict[str, str] = {}

        def on_unreadable(error: DocumentError) -> None:
            report.problems.append(str(error))
            if isinstance(error.__cause__, OSError):
                unopened[f"{keys.key(error.__cause__.filename).rstrip('/')}/"] = str(error)

        files = [path for path in find_files(given, on_unreadable, **rules) if not store.owns(path)]
        roots = dict.fromkeys(
            [*(store.setting("roots") or ()), *(relative_key(store.root, path) for path in given)]
        )
        elsewhere = [
            path
            for path in map(keys.path, store.setting("mounts") or ())
            if not _is_in(path, given)
        ]
        mounts = dict.fromkeys(
            relative_key(store.root, path) for path in [*elsewhere, *_mounts(given, files), *away]
        )
        store.catalog.write_settings(
            roots=list(roots), mounts=list(mounts), ocr=ocr, file_timeout=seconds, **rules
        )
        before = store.catalog.counts().passages
        present = {*map(keys.key, files), *(key for path in away for key in keys.below(path))}
        others = [path for path in map(keys.path, roots) if path not in given]
        report.removed = _remove_gone(store, keys, given, present, _IsGone(given, others, rules))
        with (
            closing(ChildReader(ocr, seconds)) as reader,
            _Writer(store, files, report, on_progress, digests or Digests()) as writer,
        ):
            for path in files:
                key = keys.key(path)
                if problem := _read(store, path, key, reader=reader, writer=writer, report=report):
                    unopened[key] = problem
        store.catalog.note_problems(unopened)
        store.catalog.forget_problems(
            {key for path in given for key in keys.below(path)} - set(unopened)
        )
        calibrate(
            store,
            report.passages + max(0, before + report.passages - store.catalog.counts().passages),
        )
    report.seconds = time.monotonic() - start
    _LOGGER.info(
        "Indexed %s in %.2f s: %d files added, %d changed, %d removed, %d unchanged, %d passages, "
        "%d problems",
        *(
            store.folder,
            report.seconds,
            report.added,
            report.changed,
            report.removed,
            report.unchanged,
        ),
        *(report.passages, len(report.problems)),
    )
    return report


def remove(store: Store, paths: Sequence[str | Path]) -> int:
    """Remove files and folders from an index, whether they exist or not.

    The files themselves are not touched. The next update adds a file of an indexed folder again;
    its `exclude` leaves it out for good.

    This needs no embedding model.

    Args:
        store: The index.
        paths: Files and folders, by any path or as `localllm rag list` prints them.

    Returns:
        How many files were removed.

    Raises:
        InvalidOptionError: The index has no file of this path; the message lists similar ones.
        StoreError: There is no index, it is busy or it cannot be written.
    """
    store.catalog.settings()  # raises if there is no index
    with store.writing():
        before = store.catalog.counts().passages
        roots: list[str] = store.setting("roots") or []
        keys = FileKeys(store.root, store.catalog.paths())
        gone: set[str] = set()
        names: set[str] = set()
        for path in map(str, paths):
            root = relative_key(store.root, from_root(store.root, path))
            gone.update(
                keys.below(path)
                if path.strip() and root in roots
                else keys.named(path, follow_links=False)
            )
            names |= {root, path}
        store.catalog.write_settings(roots=[root for root in roots if root not in names | gone])
        for key in sorted(gone):
            store.catalog.remove(key)
        pending = (
            (store.setting("off_topic_pending") or 0) + before - store.catalog.counts().passages
        )
        store.catalog.write_settings(off_topic_pending=pending)  # the next update calibrates again
        store.purge()
    return len(gone)


def _existing(
    store: Store, paths: Sequence[str | Path], report: Report, *, rebuild: bool
) -> tuple[list[Path], list[Path]]:
    """Return the given paths that exist, or by default those of earlier updates.

    And the folders in or among them that are away.

    A folder of an earlier update that is missing or empty may be a disk that is not mounted: its
    files stay in the index, and the report says so.
    """
    settings = (
        store.readable_settings() if rebuild else store.catalog.settings() if store.exists else {}
    )
    keys = FileKeys(store.root, store.catalog.paths() if settings else ())
    known = [keys.path(root) for root in settings.get("roots") or ()]
    named = [from_root(store.root, path) for path in paths]
    for path in named:
        check_path(path)
    given = (
        [*named, *(path for path in known if path not in named)] if rebuild or not named else named
    )
    if not given:
        raise DocumentError(
            "The index has no files yet. Pass files or folders: localllm rag index PATH"
        )
    away = {path: reason for path in given if (reason := _away_reason(path, keys))}
    mounts = [keys.path(mount) for mount in settings.get("mounts") or ()]
    inside = [path for path in mounts if _is_in(path, [root for root in given if root not in away])]
    away |= {
        path: "is missing or empty, and was a mounted disk"
        for path in inside
        if _is_unmounted(path, keys)
    }
    for path, reason in away.items():
        name = readable(path)
        advice = (
            "Mount or restore it, or remove it from the index: localllm rag remove "
            f"{shlex.quote(name)}"
        )
        if rebuild:
            raise DocumentError(
                f"{name} {reason}, and a rebuild would remove its files from the index. {advice}"
            )
        report.problems.append(f"{name} {reason}. Its files stay in the index. {advice}")
    return [path for path in given if path not in away], list(away)


def _is_in(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _mounts(given: Iterable[Path], files: Iterable[Path]) -> list[Path]:
    """Return the folders of files, up to the given ones, that are disks of their own."""
    seen = set(given)
    found = []
    for folder in {file.parent for file in files}:
        while folder not in seen and folder != folder.parent:
            seen.add(folder)
            found += [folder] if _is_mount(folder) else []
            folder = folder.parent  # noqa: PLW2901 - it climbs
    return found


def _is_mount(folder: Path) -> bool:
    try:
        return _device(folder) != _device(folder.parent)
    except OSError:
        return False


def _device(folder: Path) -> int:
    return folder.stat().st_dev


def _is_unmounted(path: Path, keys: FileKeys) -> bool:
    """Return whether a folder that was a mounted disk is missing or empty now.

    It counts only while the index holds files of it.
    """
    if _is_mount(path) or not keys.below(path):
        return False
    try:
        return not any(os.scandir(path))
    except OSError:
        return not os.path.lexists(path)


def _away_reason(path: Path, keys: FileKeys) -> str:
    """Return why a path is unavailable, such as a disk that is not mounted.

    An empty string if it is available.
    """
    try:
        with os.scandir(path) as entries:
            is_empty = not any(entries)
    except NotADirectoryError:
        return "was a folder and is a file now" if _holds_others(path, keys) else ""
    except OSError:  # it is missing, or it cannot be opened, which `find_files` reports
        if not os.path.lexists(path):
            return "is missing or empty"
        return (
            "is a link to a folder that is missing"
            if _is_dangling(path) and _holds_others(path, keys)
            else ""
        )
    return "is missing or empty" if is_empty and keys.below(path) else ""


def _holds_others(path: Path, keys: FileKeys) -> bool:
    """Return whether the index has files below a path."""
    below = keys.below(path)
    return below not in ([], [keys.key(path)])


def _read(
    store: Store, path: Path, key: str, *, reader: ChildReader, writer: "_Writer", report: Report
) -> str | None:
    """Index one file, unless it is unchanged.

    Returns:
        Why it cannot be opened now, or `None`. Such a file keeps its old passages, since the next
        update may be able to open it.
    """
    try:
        digest = writer.digests.digest(path)
    except OSError as error:
        problem = f"{readable(path)}: {unreadable_reason(path, error)}"
        report.problems.append(problem)
        writer.count_file(path)
        return problem if os.path.lexists(path) else None
    known = store.catalog.file(key)
    if known and known.hash == digest and not _is_readable_now(store, known):
        report.unchanged += not known.problem
        if known.problem:
            report.problems.append(known.problem)
        writer.count_file(path)
        return None
    try:
        for passage in _passages(store, reader, path, key):
            writer.add(passage)
        entry = FileEntry(key, digest)
        report.changed += known is not None
        report.added += known is None
    except PartlyReadError as error:
        report.problems.append(str(error))
        report.changed += known is not None
        report.added += known is None
        entry = FileEntry(key, digest, str(error))
    except DocumentError as error:
        writer.drop(key)
        report.problems.append(str(error))
        if isinstance(error.__cause__, OSError):
            writer.count_file(path)
            return str(error) if os.path.lexists(path) else None
        entry = FileEntry(key, digest, str(error))
    writer.end(entry, path)
    return None


def _is_readable_now(store: Store, known: FileEntry) -> bool:
    """Return whether a file was refused as a scan, or took too long, by other settings than now."""
    problem = known.problem or ""
    is_scan = NEEDS_OCR in problem and bool(store.setting("ocr"))
    return is_scan or is_too_slow(problem, store.setting("file_timeout"))


def _passages(store: Store, reader: ChildReader, path: Path, key: str) -> Iterator[StagedChunk]:
    settings = store.catalog.settings()
    longest = settings.get("longest_sentence", 0)
    chunks = iterate_passages(
        reader.documents(path),
        settings["chunk_size"],
        settings["chunk_overlap"],
        longest,
    )
    try:
        for place, chunk in enumerate(chunks):
            metadata = {**chunk.metadata, "source": key}
            yield StagedChunk(
                passage_id(metadata, chunk.page_content), key, place, chunk.page_content, metadata
            )
    except (LocalLLMError, ImportError):
        raise
    except Exception as error:  # one file must not stop the update
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise DocumentError(
            f"{readable(path)}: it cannot be split into passages ({reason})."
        ) from error


class _IsGone:
    """Decide whether a file that was not found is to be removed from the index.

    It was deleted, or is excluded now.

    Args:
        given: The paths of this update.
        others: Those of earlier updates; a file that is one of them, or in one of them, is not left
            out by another.
        rules: What is left out.
    """

    def __init__(
        self, given: Iterable[Path], others: Iterable[Path], rules: dict[str, Any]
    ) -> None:
        self._others = list(others)
        self._rules = [(root, IgnoreRules(root, **rules)) for root in given if root.is_dir()]

    def __call__(self, path: Path) -> bool:
        return _is_gone(path) or (not _is_in(path, self._others) and self._is_left_out(path))

    def _is_left_out(self, path: Path) -> bool:
        found = [rules.excludes(path) for root, rules in self._rules if path.is_relative_to(root)]
        return bool(found) and all(found)


def _kept_options(store: Store, **given: Any) -> dict[str, Any]:
    """Return options of updates: as asked for, else as the index keeps them."""
    kept = store.readable_settings() if store.exists else {}
    defaults = {"exclude": [], "gitignore": True, "ocr": "", "file_timeout": SECONDS}
    return {
        name: kept.get(name, defaults[name]) if value is None else value
        for name, value in given.items()
    }


def _require_seconds(seconds: float) -> float:
    if not 0 <= seconds < float("inf"):
        raise InvalidOptionError(
            f"file_timeout={seconds} is not a time. Use seconds, or 0 for no limit."
        )
    return seconds


def _remove_gone(
    store: Store,
    keys: FileKeys,
    given: Iterable[Path],
    present: set[str],
    is_gone: Callable[[Path], bool],
) -> int:
    """Remove files below the given paths that are gone, and duplicate entries of one file.

    Return how many are gone.
    """
    known = {key for key in store.catalog.paths() if not key.endswith("/")}
    absent = {key for folder in given for key in keys.below(folder)} & known - present
    gone = {key for key in absent if is_gone(keys.path(key))}
    for key in sorted(gone):
        store.catalog.remove(key)
    for key in keys.duplicates:
        store.catalog.remove(key)
    store.purge()
    return len(gone)


def _is_gone(path: Path) -> bool:
    """Return whether a file was deleted.

    A file that cannot be accessed, or is behind a broken link, may still exist.
    """
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except NotADirectoryError:
        return True
    except FileNotFoundError:
        return not any(_is_dangling(folder) for folder in path.parents)
    except OSError:
        return False


def _is_dangling(path: Path) -> bool:
    """Return whether a path is a broken link."""
    return path.is_symlink() and not path.exists()


def _hash(path: Path) -> str:
    """Return a hash that changes when the file or its reader changes."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        return f"{READERS_VERSION}:"  # reading a pipe or a file of /proc can block
    with path.open("rb") as file:
        return f"{READERS_VERSION}:{hashlib.file_digest(file, 'sha256').hexdigest()}"


class Digests:
    """Remember the hashes of files by size and times, for updates that follow soon."""

    _SETTLED: Final = 2.0
    """Seconds after which a change would change the time too, on every file system."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, ...], str]] = {}

    def digest(self, path: Path) -> str:
        """Return the hash of a file, which is read only if it seems to have changed."""
        status = path.stat()
        seen = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if path in self._known and self._known[path][0] == seen:
            return self._known[path][1]
        digest = _hash(path)
        if time.time() - max(status.st_mtime, status.st_ctime) > self._SETTLED:
            self._known[path] = (seen, digest)
        return digest


class _Writer:
    """Collect passages into batches.

    Meanwhile embed the previous batch and store the one before.
    """

    def __init__(
        self,
        store: Store,
        files: Sequence[Path],
        report: Report,
        on_progress: OnProgress | None,
        digests: Digests,
    ) -> None:
        self.digests = digests
        self._store = store
        self._report = report
        self._on_progress = on_progress
        self._progress = Progress(0, len(files), 0, sum(map(_size, files)), 0)
        self._within = 0  # bytes read of the current file
        self._waiting: list[StagedChunk] = []
        self._ended: list[FileEntry] = []
        self._embedding = ThreadPoolExecutor(1, "embed")
        self._writing = ThreadPoolExecutor(1, "write")
        self._jobs: deque[Future[None]] = deque()

    def add(self, passage: StagedChunk) -> None:
        """Add a passage."""
        self._waiting.append(passage)
        self._within += len(passage.text.encode())
        self._progress = replace(self._progress, passages=self._progress.passages + 1)
        if len(self._waiting) >= _BATCH:
            self._flush()

    def end(self, entry: FileEntry, path: Path) -> None:
        """Mark a file as complete: all its passages were added."""
        self._ended.append(entry)
        self.count_file(path)
        if len(self._ended) >= _FILES_PER_COMMIT:
            self._flush()

    def drop(self, path: str) -> None:
        """Forget the passages of a file."""
        self._waiting = [passage for passage in self._waiting if passage.path != path]
        self._wait(0)
        self._store.catalog.forget_draft(path)

    def count_file(self, path: Path) -> None:
        """Count a file as done, and report the progress."""
        now = self._progress
        self._progress = replace(now, files=now.files + 1, bytes=now.bytes + _size(path))
        self._within = 0
        self._show()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._flush()
                self._wait(0)
        finally:
            self._embedding.shutdown(cancel_futures=True)
            self._writing.shutdown(cancel_futures=True)

    def _flush(self) -> None:
        self._wait(1)
        embedding = self._embedding.submit(self._store.prepare, self._waiting)
        self._jobs.append(self._writing.submit(self._write, self._ended, embedding))
        self._waiting, self._ended = [], []
        self._show()

    def _wait(self, most: int) -> None:
        """Wait until at most `most` batches are in progress."""
        while len(self._jobs) > most:
            self._jobs.popleft().result()

    def _write(self, files: Sequence[FileEntry], embedding: "Future[list[StagedChunk]]") -> None:
        passages = embedding.result()
        new = self._store.new(passages)
        self._store.catalog.stage(passages)
        self._store.add(new)
        self._report.passages += len(new)
        self._store.catalog.finish([each.id for each in new], files)
        self._store.purge()

    def _show(self) -> None:
        if self._on_progress:
            now = self._progress
            self._on_progress(replace(now, bytes=min(now.bytes + self._within, now.all_bytes)))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
