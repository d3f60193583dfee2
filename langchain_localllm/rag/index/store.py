"""An index: a folder with a catalog, a vector store and a lock, or the same in memory.

**The contract.** What other code, such as a move to another vector store, may rely on:

- `catalogue.sqlite` is the authority on files, passages, their metadata and words; the vector store
  holds the vectors, and a copy of text and metadata. Results that are not live passages of the
  catalog are ignored.
- A passage's id is the uuid5 (`NAMESPACE_URL`) of its `source`, `page`, `heading`, `columns` (if it
  has them) and text, so the same passage has the same id in every index, every vector store and on
  every machine. Paths in the folder that holds the index are relative to it.
- Metadata: `source` (the path, with `/`), and where known `page` (from 1), `heading` (`"Boats >
  Prices"`), `cell`, `language`, `columns` (the names, if it begins within a table), `line` (from 1,
  where the passage begins) and `in_code` (1 if that is within a block of code); the last two are
  not in the vector store. Only texts and whole numbers, which every vector store takes.
- Settings in the catalog: `vectors` (the kind in `vectors.KINDS`, or `custom`), `embedding_model`,
  `probe` (the vector of a fixed text, by which an embedding model is known again), `chunk_size`,
  `chunk_overlap`, `longest_sentence`, `sizes_given` (those that were asked for), `with_headings`
  (passages are embedded below their headings), `roots` (the paths that were given).
- Changes are allowed only inside `writing()`. A vector store is filled by
  `Store.add(Store.prepare(passages))` and emptied by `Store.purge()`.
- To move an index: for each of `catalog.batches()` add the Documents with their ids to the other
  store, with the same embedding model; then `catalog.write_settings(vectors=...)`.
"""

import contextlib
import math
import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from typing_extensions import override

from langchain_localllm._deprecated import renamed_attribute
from langchain_localllm.errors import InvalidOptionError, MissingDependencyError, StoreError
from langchain_localllm.extras import pip_install
from langchain_localllm.model_info.introspect import describe_model
from langchain_localllm.rag.index.catalog import Catalog, StagedChunk
from langchain_localllm.rag.index.database import has_tables
from langchain_localllm.rag.index.text_search import VERSION
from langchain_localllm.rag.ingest.file_keys import absolute, root_of
from langchain_localllm.rag.ingest.formats.code import SOURCE_LANGUAGES
from langchain_localllm.rag.ingest.sentences import SENTENCE_END
from langchain_localllm.rag.ingest.split import COLUMNS, IN_CODE, JOINT, Surroundings, above
from langchain_localllm.rag.profile import RagProfile, index_profile
from langchain_localllm.rag.vectorstores.kinds import check_kind, default_kind, open_vectors
from langchain_localllm.rag.vectorstores.precomputed import AheadEmbeddings

STORE: Final = ".localllm"
"""The folder of an index, within the folder that it is made in."""

_PROBE: Final = "The boat is blue, and the key to the house hangs by the door."
_SAME: Final = 0.99
"""The cosine above which two vectors of the probe are from the same model: other runtimes and
quantizations of it stay above."""
_LIBRARIES: Final = ("chromadb", "qdrant_client")
"""Packages whose exceptions are reported as errors of the vector store."""
_INDEX_FILES: Final = re.compile(r"(?:catalogue|vectors)\.sqlite(?:-\w+)?|chroma|qdrant|lock")
"""The names of the files and folders of an index."""
_KEPT: Final = frozenset(
    {"vectors", "chunk_size", "chunk_overlap", "sizes_given", "roots", "embedding_source"}
)
"""Settings that a rebuild keeps, unless others are given."""
_OLD_SIZES: Final = {"chunk_size": 300, "chunk_overlap": 0}
"""The default sizes of earlier versions."""
_CUSTOM: Final = "This index was made with a custom vector store. Pass that store as `vectors`."
_NEEDS_EMBEDDINGS: Final = "This needs an embedding model. Pass one as `embeddings`."
_LOCK_TIMEOUT: Final = 10.0
"""Seconds to wait for the lock of another writer."""
_LINE_END: Final = re.compile(r"\n")


class Store:
    """Read and write an index. Files are opened or created when they are first needed.

    Args:
        folder: Its folder, which may not exist yet; `None` for an index in memory.
        embeddings: The embedding model. Without one, only operations that need no vectors are
            possible.
        vectors: A LangChain `VectorStore`, or a kind of `kinds.KINDS`. Default: that of the index;
            for a new one Chroma if it is installed, else SQLite.
        chunk_size: Longest passage in UTF-8 bytes. Default: that of the index; for a new one that
            of `rag.profile`, 400 for most embedding models.
        chunk_overlap: Bytes that neighboring passages may share. Default: that of the index, 0 for
            a new one.

    Example:
        >>> from langchain_core.embeddings import DeterministicFakeEmbedding
        >>> store = Store(None, DeterministicFakeEmbedding(size=8))
        >>> with store.writing():
        ...     store.setting("chunk_size")
        400
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        embeddings: Embeddings | None = None,
        *,
        vectors: VectorStore | str | None = None,
        chunk_size: int | None = None,
        chunk_overlap: int | None = None,
    ) -> None:
        self.folder = None if folder is None else absolute(folder)
        self.embedding_source = ""
        """The reference for opening the embedding model again, such as `ollama:NAME`; saved in the
        index."""
        self._embeddings = embeddings
        if isinstance(vectors, str):
            check_kind(vectors)
        self._given = vectors
        self._asked = {"chunk_size": chunk_size, "chunk_overlap": chunk_overlap}
        self._catalog: Catalog | None = Catalog(None) if folder is None else None
        self._vectors: VectorStore | None = None
        self._ahead = (
            None
            if embeddings is None or isinstance(vectors, VectorStore)
            else AheadEmbeddings(embeddings)
        )
        self._opening = threading.RLock()  # a batch of questions runs in several threads
        self._writing = False
        self._checked = False

    # --- files, catalog, vector store ---

    @cached_property
    def root(self) -> Path:
        """The folder to which the paths of files are relative."""
        if self.folder is None:
            return Path.cwd()
        return root_of(
            self.folder, self.catalog.paths() if self.folder.is_symlink() and self.exists else ()
        )

    def owns(self, path: Path) -> bool:
        """Return whether a file belongs to the index."""
        if self.folder is None:
            return False
        folder, place = Path(os.path.realpath(self.folder)), Path(os.path.realpath(path))
        return place.is_relative_to(folder) and bool(
            _INDEX_FILES.fullmatch(place.relative_to(folder).parts[0])
        )

    @property
    def exists(self) -> bool:
        """Whether the index exists."""
        return self._catalog is not None or has_tables(self._file)

    catalogue = renamed_attribute("catalogue", "catalog")

    @property
    def catalog(self) -> Catalog:
        """The record of files and passages, opened when it is first used.

        Raises:
            StoreError: There is no index yet, or it cannot be read.
        """
        with self._opening:
            if self._catalog is None:
                if not has_tables(self._file):
                    raise StoreError(
                        f"There is no index in {self.folder}. Create one: localllm rag index PATH"
                    )
                self._catalog = Catalog(self._file, writable=self._writing)
            return self._catalog

    @property
    def vectors(self) -> VectorStore:
        """The vector store.

        The first access checks that the index was made with this embedding model.

        Raises:
            StoreError: There is no index yet, it cannot be read, or it was made with another model.
        """
        with self._opening:
            self.check_model()
            return self._vectors_of_any_model()

    @property
    def embeddings(self) -> Embeddings:
        """The embedding model."""
        if self._embeddings is None:
            raise InvalidOptionError(_NEEDS_EMBEDDINGS)
        return self._embeddings

    def setting(self, name: str) -> Any:
        """Return a setting of the index, or `None`."""
        return self.catalog.settings().get(name)

    @property
    def profile(self) -> RagProfile:
        """The sizes of the index; for one that does not exist yet, those that it will have."""
        settings = self.catalog.settings() if self.exists else {}
        names = ("chunk_size", "chunk_overlap", "longest_sentence")
        sizes = {name: settings.get(name, self._asked.get(name)) for name in names}
        return index_profile(self._embeddings).with_overrides(**sizes)

    def other_sizes(self) -> str:
        """Return how to rebuild an earlier version's index with other sizes; else an empty text."""
        settings = self.catalog.settings()
        if "longest_sentence" in settings or "chunk_size" not in settings:
            return ""
        size, new = settings["chunk_size"], RagProfile().chunk_size
        return (
            f"An earlier version made this index, with passages of {size} bytes that may end "
            f"within a sentence. It keeps working. Now they are {new} bytes of whole sentences, "
            f"below their headings. Rebuild the index with these: {self._rebuild()}"
        )

    def old_words(self) -> str:
        """Return how to renew the words of an earlier version's index; else an empty text."""
        if self.catalog.word_rules == VERSION:
            return ""
        return (
            "An earlier version made this index: words in Thai, Korean, Hindi and other scripts, "
            "other forms of a word, and parts of German compounds are not found. The next run "
            f"makes the words again, without embedding: {self._index()}"
        )

    def check_model(self) -> None:
        """Check that the index was made with this embedding model.

        Vectors of another model cannot be compared.

        Raises:
            StoreError: It was made with another model. The message names both, and the command to
                rebuild the index.
        """
        if self._checked:
            return
        known = self.catalog.settings()
        probe = self.embeddings.embed_documents([_PROBE])[0]
        name = model_name(self.embeddings)
        if "probe" not in known:
            if self._writing:
                self.catalog.write_settings(probe=probe, dimension=len(probe), embedding_model=name)
        elif not _is_same_model(probe, known):
            raise StoreError(
                f"The index was made with the embedding model {known['embedding_model']} "
                f"({known['dimension']} numbers), and this is {name} ({len(probe)} numbers). Use "
                f"that model, or rebuild the index with this one: {self._rebuild()}"
            )
        if self._writing and self.embedding_source not in {"", known.get("embedding_source")}:
            self.catalog.write_settings(embedding_source=self.embedding_source)
        self._checked = True

    def close(self) -> None:
        """Close the files. An index in memory is kept."""
        if self.folder is not None:
            for part in (self._catalog, self._vectors):
                if close := getattr(part, "close", None):
                    close()
            self._catalog = self._vectors = None

    # --- writing ---

    @contextlib.contextmanager
    def writing(self, *, rebuild: bool = False) -> Iterator[None]:
        """Lock the index for changes, and create it if it does not exist.

        Args:
            rebuild: Empty the index first, but keep its settings. It is not emptied if the
                embedding model fails.

        Raises:
            StoreError: Another process holds the lock, the folder is not writable, or the index has
                other settings.
        """
        with self._locked():
            self.close()
            self._writing = True
            try:
                self._begin(self._drop() if rebuild else {})
                yield
            finally:
                self._writing = False
                self.close()

    def prepare(self, passages: Sequence[StagedChunk]) -> list[StagedChunk]:
        """Embed the passages that are not in the vector store yet.

        It does so only if this object opened that store.

        Returns:
            The passages; one that is longer than the embedding model's window is replaced by its
            parts.
        """
        passages = list(passages)
        while (too_long := self._embed(passages)) is not None:
            passages = [
                part
                for each in passages
                for part in (
                    _halves(each)
                    if self.embedded_text(each.text, each.metadata) == too_long
                    else (each,)
                )
            ]
        return passages

    def embedded_text(self, text: str, metadata: dict[str, Any]) -> str:
        """Return what is embedded for a passage: the headings above it and its text.

        In an old index, its text alone.
        """
        heading = above(metadata)
        return f"{heading}\n{text}" if heading and self.setting("with_headings") else text

    def _embed(self, passages: Sequence[StagedChunk]) -> str | None:
        """Embed passages; return the first text that is too long for the model, if there is one."""
        new = self.new(passages)
        return (
            self._ahead.prepare([self.embedded_text(each.text, each.metadata) for each in new])
            if new and self._ahead is not None
            else None
        )

    def new(self, passages: Sequence[StagedChunk]) -> list[StagedChunk]:
        """Return the passages that are not in the vector store yet, each once."""
        stored = self.catalog.stored([each.id for each in passages])
        return list({each.id: each for each in passages if each.id not in stored}.values())

    def add(self, passages: Sequence[StagedChunk]) -> None:
        """Put passages into the vector store."""
        if passages:
            documents = [
                Document(
                    self.embedded_text(each.text, each.metadata),
                    id=each.id,
                    metadata=lasting(each.metadata),
                )
                for each in passages
            ]
            with _faults(self.folder):
                self.vectors.add_documents(documents, ids=[each.id for each in passages])

    def purge(self) -> None:
        """Delete tombstoned passages from the vector store; this needs no embedding model."""
        while tombstoned := self.catalog.tombstoned():
            with _faults(self.folder):
                self._vectors_of_any_model().delete(tombstoned)
            self.catalog.purge(tombstoned)

    @property
    def _file(self) -> Path:
        return (self.folder or Path()) / "catalogue.sqlite"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if self.folder is None:
            yield
            return
        try:
            from filelock import FileLock, Timeout
        except ImportError as error:
            raise MissingDependencyError(
                f"An index on disk needs filelock: {pip_install('rag')}."
            ) from error
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            held = FileLock(self.folder / "lock", timeout=_LOCK_TIMEOUT).acquire()
        except Timeout:
            raise StoreError(
                f"Another process is indexing into {self.folder}. Wait until it is done, or "
                "stop it."
            ) from None
        except OSError as error:
            raise StoreError(
                f"{self.folder} cannot be written ({error.strerror}). Check its permissions, or "
                "choose another folder."
            ) from error
        with held:
            yield

    def _drop(self) -> dict[str, Any]:
        """Delete the index, and no other files in its folder; return the settings to keep."""
        probe = self.embeddings.embed_documents([_PROBE])[0]  # raises before files are deleted
        settings = self.readable_settings()
        kept = {
            name: value
            for name, value in settings.items()
            if name in _KEPT and not _is_default_size(name, settings)
        }
        if kept.get("vectors") == "custom" and self._given is None:
            raise StoreError(_CUSTOM)
        if not _is_same_model(probe, settings):
            kept.pop("embedding_source", None)
        self.close()
        self._checked = False
        if self.folder is None:
            self._catalog = Catalog(None)
            self._vectors = None
        elif (
            self._file.exists()
        ):  # the catalog is deleted last, so that an interrupted rebuild starts again
            for path in sorted(
                self.folder.iterdir(), key=lambda path: path.name == self._file.name
            ):
                if _INDEX_FILES.fullmatch(path.name) and path.name != "lock":
                    shutil.rmtree(
                        path
                    ) if path.is_dir() and not path.is_symlink() else path.unlink()
        return kept

    def readable_settings(self) -> dict[str, Any]:
        """Return the settings of the index; an empty dict if it does not exist or is damaged.

        Raises:
            StoreError: It was made by a newer version, or cannot be opened now.
        """
        try:
            return self.catalog.settings() if self.exists else {}
        except StoreError as error:
            # subclasses mean disk errors, or other processes
            if type(error.__cause__) is sqlite3.DatabaseError:
                return {}
            raise

    def _begin(self, kept: dict[str, Any]) -> None:
        if self._catalog is None:
            self._catalog = Catalog(self._file)
        wanted = {name: value for name, value in self._asked.items() if value is not None}
        if kept:
            kinds = (
                {}
                if self._given is None
                else {"vectors": self._given if isinstance(self._given, str) else "custom"}
            )
            self._catalog.write_settings(**{**kept, **wanted, **kinds})
        settings = self._catalog.settings()
        kind = (
            self._given
            if isinstance(self._given, str)
            else "custom"
            if self._given is not None
            else None
        )
        asked = {"vectors": kind, **self._asked}
        # settings of an empty index, as after a failed run, may change
        empty = not self._catalog.counts().passages
        for name, value in asked.items():
            if value is not None and not empty and settings.get(name, value) != value:
                raise StoreError(
                    f"The index was made with {name}={settings[name]}, not {value}. Use that, or "
                    f"rebuild the index: {self._rebuild()}"
                )
        defaults = {} if settings and not empty else self._defaults()
        chosen = {name: value for name, value in asked.items() if value is not None}
        new = {
            name: value
            for name, value in {**defaults, **chosen}.items()
            if name not in settings or (empty and name in chosen)
        }
        if new:
            self._catalog.write_settings(**new)
        if wanted:
            self._catalog.write_settings(
                sizes_given=sorted({*(settings.get("sizes_given") or ()), *wanted})
            )
        self._catalog.update_words()
        self._catalog.forget_draft()

    def _defaults(self) -> dict[str, Any]:
        """Return the settings of a new index."""
        sizes = index_profile(self.embeddings)
        return {
            "vectors": "memory" if self.folder is None else default_kind(),
            "chunk_size": sizes.chunk_size,
            "chunk_overlap": sizes.chunk_overlap,
            "longest_sentence": sizes.longest_sentence,
            "with_headings": True,
            "roots": [],
        }

    def _vectors_of_any_model(self) -> VectorStore:
        """Return the vector store without checking the embedding model, for deletions."""
        with self._opening:
            if self._vectors is None:
                self._vectors = self._opened()
            return self._vectors

    def _opened(self) -> VectorStore:
        if isinstance(self._given, VectorStore):
            return self._given
        kind = self.setting("vectors")
        if kind == "custom":
            raise StoreError(_CUSTOM)
        with _faults(self.folder):
            return open_vectors(kind, self.folder, self._ahead or _NoEmbeddings())

    def _index(self) -> str:
        return "localllm rag index" + (
            f" --store {self.folder}" if self.folder and self.folder != Path.cwd() / STORE else ""
        )

    def _rebuild(self) -> str:
        return f"{self._index()} --rebuild"


class _NoEmbeddings(Embeddings):
    """Replace the embedding model of a vector store that is opened for deletions only."""

    @override
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise InvalidOptionError(_NEEDS_EMBEDDINGS)

    @override
    def embed_query(self, text: str) -> list[float]:
        raise InvalidOptionError(_NEEDS_EMBEDDINGS)


def _is_default_size(name: str, settings: dict[str, Any]) -> bool:
    """Return whether a setting is a default size, so that a rebuild chooses it again."""
    if name not in _OLD_SIZES:
        return False
    if "longest_sentence" not in settings:  # of an index of an earlier version
        return bool(settings[name] == _OLD_SIZES[name])
    return name not in (settings.get("sizes_given") or ())


def model_name(model: Any) -> str:
    """Return a display name for a model."""
    return describe_model(model).name or type(model).__name__


def _halves(passage: StagedChunk) -> list[StagedChunk]:
    """Split a passage in two: between sentences if possible, else between lines, else at a space.

    One that is shorter than its heading keeps its text, and the second half of the heading.
    """
    text, middle = passage.text, len(passage.text) // 2
    heading = passage.metadata.get("heading", "")
    if len(heading) > len(text):
        metadata = {**passage.metadata, "heading": heading[len(heading) // 2 :].lstrip()}
        return [replace(passage, metadata=metadata, id=passage_id(metadata, text))]
    cuts = _cuts(SENTENCE_END, text) or _cuts(_LINE_END, text)
    space = text.rfind(" ", 1, middle + 1)
    start, end = min(
        cuts or [(space, space + 1) if space > middle // 2 else (middle, middle)],
        key=lambda cut: abs(cut[0] - middle),
    )
    second = {**passage.metadata, JOINT: text[start:end]}
    in_code = bool(second.pop(IN_CODE, 0))
    is_source = second.get("language") in SOURCE_LANGUAGES
    second |= Surroundings("" if is_source else text, in_code=in_code).at(end)
    parts = ((text[:start], passage.metadata), (text[end:], second))
    return [
        replace(passage, text=part, metadata=metadata, id=passage_id(metadata, part))
        for part, metadata in parts
        if part.strip()
    ]


def _cuts(where: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    """Return where a text can be cut, but for its beginning and its end."""
    spans = (cut.span() for cut in where.finditer(text))
    return [(start, end) for start, end in spans if start > 0 and end < len(text)]


def passage_id(metadata: dict[str, Any], text: str) -> str:
    """Return the id of a passage, which is the same on every machine and in every run."""
    place = [metadata.get(name, "") for name in ("source", "page", "heading")]
    columns = [metadata[COLUMNS]] if COLUMNS in metadata else []
    return str(uuid5(NAMESPACE_URL, repr((*place, *columns, text))))


def lasting(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata that changes only with the passage, for the vector store."""
    return {name: value for name, value in metadata.items() if name not in {"line", IN_CODE, JOINT}}


@contextlib.contextmanager
def _faults(folder: Path | None) -> Iterator[None]:
    """Raise disk errors of a vector store as `StoreError`."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, OSError) and not type(error).__module__.startswith(_LIBRARIES):
            raise
        why = getattr(error, "strerror", None) or error
        raise StoreError(
            f"The vector store of the index {folder} failed: {why}. Is the disk full, or not "
            "writable?"
        ) from error


def _is_same_model(probe: Sequence[float], settings: dict[str, Any]) -> bool:
    """Return whether a vector of the probe is from the model that an index was made with."""
    known = settings.get("probe")
    return known is not None and len(probe) == len(known) and _cosine(probe, known) >= _SAME


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    dot = math.fsum(x * y for x, y in zip(one, other, strict=True))
    return dot / (math.hypot(*one) * math.hypot(*other))
