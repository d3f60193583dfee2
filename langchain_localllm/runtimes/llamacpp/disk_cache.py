"""Keep sequences on the disk, so that a prompt is not read again after a restart.

A file holds a sequence's tokens and what llama.cpp's cache held of them, in the form of
`llama_state_seq_save_file`, and then a hash. It is written under another name and renamed, so that
it is there as a whole or not at all, and can be deleted.
"""

import contextlib
import hashlib
import itertools
import json
import os
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from langchain_localllm.gguf.header import GGUFInfo
from langchain_localllm.gguf.split_files import part_names
from langchain_localllm.runtimes.llamacpp.host_cache import WORTH_KEEPING, common_length
from langchain_localllm.runtimes.llamacpp.settings import EngineSettings
from langchain_localllm.runtimes.llamacpp.sizing import depends_on_length

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FORMAT: Final = 1
"""Part of what a file is valid for; raise it when the format changes."""
_MAGIC: Final = b"qsgg"
_NO_TOKEN: Final = -1
_BEFORE_TOKENS: Final = 3
_HASH_BYTES: Final = 32
_SAMPLES: Final = 64
_SAMPLE_BYTES: Final = 4096
_CHUNK: Final = 1 << 20
_MEBIBYTE: Final = 1 << 20
_SUFFIX: Final = ".state"
_STALE_SECONDS: Final = 3600
"""Age at which an unfinished file is taken for one of a process that was killed."""
_NOT_IN_STATE: Final = frozenset(
    {"n_batch", "n_threads", "n_threads_batch", "n_ubatch", "offload_kqv", "op_offload"}
)
"""Settings of a context that do not change what its cache holds."""


Usable = Callable[[list[int], int, int], int]


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A saved sequence.

    Attributes:
        path: The file.
        tokens: The sequence's tokens.
        first: The first position that every layer had, in files that our own engine wrote.
    """

    path: Path
    tokens: list[int]
    first: int = 0


class DiskCache:
    """The saved sequences of a model with certain settings.

    Args:
        folder: The folder of all models' files; made if it is missing, with access for this user
            only.
        key: What the files are valid for: `cache_key`.
        most: Bytes that the files of all models take at most; those that were not used for longest
            are deleted.

    Attributes:
        folder: Where the files are.
    """

    def __init__(self, folder: Path, key: str, most: int) -> None:
        self._root, self._most = folder, most
        self.folder = folder / key
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._names = itertools.count()
        for path in folder.glob("*/*.tmp"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - _STALE_SECONDS:
                    path.unlink()
        found = (_read_file(path) for path in self.folder.glob(f"*{_SUFFIX}"))
        self._files = {file.path: file for file in found if file.tokens}

    @property
    def is_empty(self) -> bool:
        """Whether no file of earlier processes is left to use."""
        return not self._files

    def best(
        self, wanted: Sequence[int], least: int, usable: Usable | None = None
    ) -> PromptFile | None:
        """Return the file with most of a prompt's beginning, if that is more than so many tokens.

        Args:
            wanted: The prompt's tokens.
            least: Tokens that are known without a file.
            usable: How many tokens can be used, of a sequence's tokens, its first position and
                those that are the same.
        """
        found = None
        for file in self._files.values():
            length = common_length(file.tokens, wanted)
            length = usable(file.tokens, file.first, length) if usable else length
            if length > least:
                found, least = file, length
        return found

    def take(self, file: PromptFile) -> BinaryIO | None:
        """Open a file that is whole, and note that it was used; `None` where it is gone or damaged.

        It is not offered again.
        """
        self._files.pop(file.path, None)
        try:
            opened = file.path.open("rb")
        except OSError:
            return None
        if not _is_whole(opened):
            opened.close()
            file.path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(file.path)
        opened.seek(0)
        return opened

    def read(self, file: PromptFile) -> "npt.NDArray[np.uint8] | None":
        """Return what llama.cpp's cache held of the tokens.

        `None` where the file is gone or damaged.
        """
        import numpy as np

        opened = self.take(file)
        if opened is None:
            return None
        with opened:
            content = np.fromfile(opened, np.uint8)
        return content[12 + 4 * len(file.tokens) : -_HASH_BYTES]

    def write(self, tokens: Sequence[int], state: "npt.NDArray[np.uint8]", first: int = 0) -> None:
        """Save a sequence.

        It is left out where the disk is full or the folder cannot be written to.
        """
        path = self.new_path()
        with contextlib.suppress(OSError):
            with _private(path) as file:
                file.write(_MAGIC + struct.pack("<II", first, len(tokens)) + _packed(tokens))
                file.write(state.data)
            self.adopt(path)
        path.unlink(missing_ok=True)

    def new_path(self) -> Path:
        """Return the path of a file to write, which `adopt` then takes over."""
        return self.folder / f"{os.getpid()}-{next(self._names)}.tmp"

    def adopt(self, path: Path) -> None:
        """Keep a file that was written under `new_path`, and delete what it replaces.

        Files for which there is no room are deleted too.
        """
        tokens = _read_file(path, sealed=False).tokens
        if len(tokens) < WORTH_KEEPING:
            path.unlink(missing_ok=True)
            return
        path.chmod(0o600)
        with path.open("r+b") as file:
            digest = _digest(file, path.stat().st_size)
            file.seek(0, os.SEEK_END)
            file.write(digest)
            file.flush()
            os.fsync(file.fileno())
        for other in self.folder.glob(f"*{_SUFFIX}"):
            before = _read_file(other).tokens
            if len(before) < len(tokens) and tokens[: len(before)] == before:
                self._delete(other)
        path.replace(self.folder / f"{hashlib.sha256(_packed(tokens)).hexdigest()}{_SUFFIX}")
        self._make_room()

    def _make_room(self) -> None:
        found = []
        for path in self._root.glob(f"*/*{_SUFFIX}"):
            with contextlib.suppress(OSError):
                stat = path.stat()
                found.append((stat.st_mtime_ns, stat.st_size, path))
        room = self._most - sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if room >= 0:
                return
            self._delete(path)
            room += size

    def _delete(self, path: Path) -> None:
        self._files.pop(path, None)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _packed(tokens: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(tokens)}i", *tokens)


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _read_file(path: Path, *, sealed: bool = True) -> PromptFile:
    """Return what a file begins with.

    Without tokens where it is gone or not such a file, or holds images.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size - (_HASH_BYTES if sealed else 0)
            magic, first, count = struct.unpack("<4sII", file.read(12))
            if magic != _MAGIC or 12 + 4 * count > size:
                return PromptFile(path, [])
            tokens: list[int] = list(struct.unpack(f"<{count}i", file.read(4 * count)))
    except (OSError, ValueError, struct.error):
        return PromptFile(path, [])
    if tokens[:1] == [_NO_TOKEN]:
        tokens = _unpacked(tokens)
    return PromptFile(path, tokens if all(token >= 0 for token in tokens) else [], first)


def _unpacked(packed: list[int]) -> list[int]:
    """Return the tokens in the server's form: after version and count, before image count."""
    if len(packed) < _BEFORE_TOKENS:
        return []
    end = _BEFORE_TOKENS + packed[_BEFORE_TOKENS - 1]
    return packed[_BEFORE_TOKENS:end] if packed[end:] == [0] else []


def _is_whole(file: BinaryIO) -> bool:
    size = file.seek(0, os.SEEK_END) - _HASH_BYTES
    if size < 0:
        return False
    digest = _digest(file, size)
    return file.read(_HASH_BYTES) == digest


def _digest(file: BinaryIO, size: int) -> bytes:
    """Return the hash of so many bytes at the beginning; the file is then at their end."""
    digest = hashlib.blake2b(digest_size=_HASH_BYTES)
    file.seek(0)
    while size > 0 and (data := file.read(min(size, _CHUNK))):
        digest.update(data)
        size -= len(data)
    return digest.digest()


def cache_key(settings: EngineSettings, info: GGUFInfo, engine: str, n_ctx: int) -> str:
    """Return what saved sequences are valid for.

    That is the engine, the model, and settings that change what the cache holds.

    Args:
        settings: What the engine is loaded with.
        info: The model's header.
        engine: Name and version of the engine.
        n_ctx: Tokens of context.
    """
    context = {name: value for name, value in settings.context.items() if name not in _NOT_IN_STATE}
    about: list[Any] = [_FORMAT, engine, context, settings.model.get("kv_overrides")]
    about += [
        _fingerprint(settings.path.with_name(name))
        for name in part_names(settings.path.name, info.part_count)
    ]
    about += [(_fingerprint(Path(path)), scale) for path, scale in settings.lora]
    if depends_on_length(info):
        about.append(n_ctx)
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=repr).encode()).hexdigest()[:32]


def _fingerprint(path: Path) -> Mapping[str, Any]:
    """Return what identifies a file: size, modification time, and a hash of samples.

    The samples are from all over the file.
    """
    stat = path.stat()
    digest = hashlib.blake2b(digest_size=_HASH_BYTES)
    with path.open("rb") as file:
        for number in range(_SAMPLES):
            file.seek(number * max(0, stat.st_size - _SAMPLE_BYTES) // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))
    return {"size": stat.st_size, "changed": stat.st_mtime_ns, "content": digest.hexdigest()}


def open_disk_cache(
    settings: EngineSettings, info: GGUFInfo, engine: str, n_ctx: int
) -> DiskCache | None:
    """Return the saved sequences for an engine, or `None` where they are not asked for."""
    if settings.cache_dir is None:
        return None
    return DiskCache(
        settings.cache_dir,
        cache_key(settings, info, engine, n_ctx),
        settings.cache_dir_mib * _MEBIBYTE,
    )
