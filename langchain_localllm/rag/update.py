"""Bringing an index up to date with its files: what changed is read, all else is left."""

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import NAMESPACE_URL, uuid5

from langchain_localllm.errors import DocumentError
from langchain_localllm.rag.catalogue import Announced, FileEntry
from langchain_localllm.rag.find import find_files
from langchain_localllm.rag.load import iterate_file
from langchain_localllm.rag.relevance import calibrate
from langchain_localllm.rag.split import iterate_passages
from langchain_localllm.rag.store import Store

_BATCH: Final = 64
"""Passages that go to the vector store together, of one file or of many."""
_ENDED: Final = 256
"""Files after which what is finished is written down, however few passages they have."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an update is: `files` of `all_files`, `bytes` of `all_bytes`, and `passages` that were read."""

    files: int
    all_files: int
    bytes: int
    all_bytes: int
    passages: int


OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class Report:
    """What an update did; the numbers are of files, but for `passages`, which counts those that were embedded.

    Attributes:
        added: Files that are new in the index.
        changed: Files whose passages were replaced.
        unchanged: Files that are as they were.
        removed: Files that are gone, and so are their passages.
        passages: Passages that were embedded; those of a changed file that stayed the same are not.
        seconds: How long it took.
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
    store: Store, paths: Sequence[str | Path] = (), *, rebuild: bool = False, on_progress: OnProgress | None = None
) -> Report:
    """Bring an index up to date.

    Args:
        store: The index.
        paths: Files and folders. Files of these that are gone are taken out; what is elsewhere stays as it is. Default: the paths
            of all earlier updates.
        rebuild: Make the index anew.
        on_progress: Called with the progress after each file and each batch of passages.

    Returns:
        What was done. A file that cannot be read is named there, and is no error.

    Raises:
        DocumentError: A path does not exist, or none is known.
        StoreError: The index is busy, cannot be written, is damaged, or was made with another embedding model or other settings.
    """
    start = time.monotonic()
    known_roots = store.setting("roots") if store.exists else []
    given = [_absolute(path) for path in paths] or [store.root / root for root in known_roots or []]
    if not given:
        raise DocumentError("No files are known yet. Give files or folders: localllm rag index PATH")
    report = Report()
    there = [path for path in given if paths or os.path.lexists(path)]  # a folder that was indexed before may be gone
    files = [path for path in find_files(there, lambda error: report.problems.append(str(error))) if not _is_in(path, store.folder)]
    with store.writing(rebuild=rebuild):
        store.check_model()
        store.bury()
        roots = dict.fromkeys([*(store.setting("roots") or ()), *(_key(store.root, path) for path in given)])
        store.catalogue.write_settings(roots=list(roots))
        _remove_gone(store, given, report)
        with _Writer(store, files, report, on_progress) as writer:
            for path in files:
                _read(store, writer, path, report)
        calibrate(store)
    report.seconds = time.monotonic() - start
    return report


def passage_id(metadata: dict[str, Any], text: str) -> str:
    """The id of a passage: the same wherever and whenever it is made."""
    place = [metadata.get(name, "") for name in ("source", "page", "heading")]
    return str(uuid5(NAMESPACE_URL, repr((*place, text))))


def _read(store: Store, writer: "_Writer", path: Path, report: Report) -> None:
    """Put one file into the index, unless it is there as it is."""
    key = _key(store.root, path)
    try:
        digest = _hash(path)
    except OSError as error:
        report.problems.append(f"{path}: it cannot be read ({error.strerror}). Check its permissions.")
        writer.tell(path)
        return
    known = store.catalogue.file(key)
    if known and known.hash == digest:
        report.unchanged += not known.problem
        if known.problem:
            report.problems.append(known.problem)
        writer.tell(path)
        return
    try:
        for passage in _passages(store, path, key):
            writer.add(passage)
        entry = FileEntry(key, digest)
        report.changed += known is not None
        report.added += known is None
    except DocumentError as error:
        writer.drop(key)
        report.problems.append(str(error))
        if isinstance(error.__cause__, OSError):  # it may be readable again later, so its old passages stay
            writer.tell(path)
            return
        entry = FileEntry(key, digest, str(error))
    writer.end(entry, path)


def _passages(store: Store, path: Path, key: str) -> Iterator[Announced]:
    settings = store.catalogue.settings()
    chunks = iterate_passages(iterate_file(path), settings["chunk_size"], settings["chunk_overlap"])
    for place, chunk in enumerate(chunks):
        metadata = {**chunk.metadata, "source": key}
        yield Announced(passage_id(metadata, chunk.page_content), key, place, chunk.page_content, metadata)


def _remove_gone(store: Store, given: Iterable[Path], report: Report) -> None:
    """Take out the files below the given paths that are there no more."""
    folders = list(given)
    for key in store.catalogue.paths():
        path = store.root / key
        if any(path.is_relative_to(folder) for folder in folders) and _is_gone(path):
            store.catalogue.remove(key)
            report.removed += 1
    store.bury()


def _is_gone(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # it is there, but not for us
        return False
    return False


def _hash(path: Path) -> str:
    if not path.is_file():
        return ""  # reading a pipe could wait for ever; whoever loads it says what is wrong
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links, and the name that was given counts


def _key(root: Path, path: Path) -> str:
    """A path as the catalogue knows it."""
    path = _absolute(path)
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _is_in(path: Path, folder: Path | None) -> bool:
    return folder is not None and _absolute(path).is_relative_to(folder)


class _Writer:
    """Gathers passages into batches: while one is gathered, the one before is embedded, and the one before that stored."""

    def __init__(self, store: Store, files: Sequence[Path], report: Report, on_progress: OnProgress | None) -> None:
        self._store = store
        self._report = report
        self._on_progress = on_progress
        self._progress = Progress(0, len(files), 0, sum(map(_size, files)), 0)
        self._within = 0  # bytes of the file that is being read
        self._waiting: list[Announced] = []
        self._ended: list[FileEntry] = []
        self._embedding = ThreadPoolExecutor(1, "embed")
        self._writing = ThreadPoolExecutor(1, "write")
        self._jobs: deque[Future[None]] = deque()

    def add(self, passage: Announced) -> None:
        """Take a passage."""
        self._waiting.append(passage)
        self._within += len(passage.text.encode())
        self._progress = replace(self._progress, passages=self._progress.passages + 1)
        if len(self._waiting) >= _BATCH:
            self._flush()

    def end(self, entry: FileEntry, path: Path) -> None:
        """All passages of a file were given."""
        self._ended.append(entry)
        self.tell(path)
        if len(self._ended) >= _ENDED:
            self._flush()

    def drop(self, path: str) -> None:
        """Forget the passages of a file."""
        self._waiting = [passage for passage in self._waiting if passage.path != path]
        self._wait(0)
        self._store.catalogue.forget_draft(path)

    def tell(self, path: Path) -> None:
        """A file is done."""
        now = self._progress
        self._progress = replace(now, files=now.files + 1, bytes=now.bytes + _size(path))
        self._within = 0
        self._show()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
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
        self._jobs.append(self._writing.submit(self._write, self._waiting, self._ended, embedding))
        self._waiting, self._ended = [], []
        self._show()

    def _wait(self, most: int) -> None:
        """Wait until so many batches are on their way."""
        while len(self._jobs) > most:
            self._jobs.popleft().result()

    def _write(self, passages: Sequence[Announced], files: Sequence[FileEntry], embedding: "Future[list[Announced]]") -> None:
        new = embedding.result()
        self._store.catalogue.announce(passages)
        self._store.add(new)
        self._report.passages += len(new)
        self._store.catalogue.finish([each.id for each in new], files)
        self._store.bury()

    def _show(self) -> None:
        if self._on_progress:
            now = self._progress
            self._on_progress(replace(now, bytes=min(now.bytes + self._within, now.all_bytes)))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
