"""Keep the documents, models and jobs behind the page: all that changes while it is open."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import Runnable

from langchain_localllm.errors import InvalidOptionError, LocalLLMError, StoreError
from langchain_localllm.manage.inventory import ListedModel
from langchain_localllm.rag import LocalRAG, Progress, Store
from langchain_localllm.rag.ingest.file_keys import readable
from langchain_localllm.web.outside_links import exclude_outside_links
from langchain_localllm.web.replaceable import Replaceable
from langchain_localllm.web.uploads import Uploads

_LOADING: Final = "The model is loading. Try again in a moment."
_MOST_NAMED: Final = 100
_NO_DOCUMENTS: Final = "There are no documents yet. Add files first."


@dataclass(frozen=True, slots=True)
class ModelOpeners:
    """Open models.

    Attributes:
        resolve: Return the model of a reference, for `chat` or `embeddings`; raises an error if it
            cannot be used.
        chat: Open a chat model.
        embeddings: Open an embedding model.
    """

    resolve: Callable[[str, str], ListedModel]
    chat: Callable[[ListedModel], AbstractContextManager[Runnable[Any, Any]]]
    embeddings: Callable[[ListedModel], AbstractContextManager[Embeddings]]


class Library:
    """Hold the index and its models. Changes run one after another, in a thread of their own.

    Args:
        folder: The folder of the index.
        openers: Open models.
        chat: The chat model.
        embeddings: The embedding model.
        allow_remote: Whether models may be on another machine.
    """

    def __init__(
        self,
        folder: Path,
        openers: ModelOpeners,
        *,
        chat: ListedModel,
        embeddings: ListedModel,
        allow_remote: bool = False,
    ) -> None:
        self.uploads: Final = Uploads(folder / "uploads")
        """The files that the page sent."""
        self.chat: ListedModel = chat
        self.embeddings: ListedModel = embeddings
        self._folder = folder
        self._openers = openers
        self._allow_remote = allow_remote
        self._chat_model = Replaceable[Runnable[Any, Any]](_LOADING)
        self._embedding_model = Replaceable[Embeddings](_LOADING)
        self._rag = Replaceable[LocalRAG](_LOADING)
        self._jobs = ThreadPoolExecutor(1, "changes")
        self._lock = threading.Lock()
        self._waiting = 0
        self._job = ""
        self._progress: Progress | None = None
        self._report: dict[str, Any] | None = None
        self._fault = ""

    # --- reading ---

    def state(self) -> dict[str, Any]:
        """Return what the page always shows: the job, counts, models, the last report and error."""
        with self._lock:
            job = (
                {"name": self._job, "progress": asdict(self._progress) if self._progress else None}
                if self._waiting
                else None
            )
            found: dict[str, Any] = {"job": job, "report": self._report, "fault": self._fault}
        models = {"chat": self.chat.short_name, "embeddings": self.embeddings.short_name}
        return {**found, "models": models, "documents": self.counts()}

    def counts(self) -> dict[str, int]:
        """Return the numbers of files, passages and files that were left out."""
        with self._index() as index:
            return (
                asdict(index.catalog.counts())
                if index
                else {"files": 0, "passages": 0, "unreadable": 0}
            )

    @contextmanager
    def rag(self) -> Iterator[LocalRAG]:
        """Use the index and its models within the block.

        Raises:
            StoreError: The models are loading.
            InvalidOptionError: There are no documents.
        """
        with self._rag.use() as rag:
            if not rag.store.exists or rag.store.catalog.is_empty:
                raise InvalidOptionError(_NO_DOCUMENTS)
            yield rag

    def files(self, words: str, offset: int, limit: int) -> tuple[int, list[dict[str, Any]]]:
        """Return how many files have these words in their names, and some of them.

        Those that were omitted come first.
        """
        with self._index() as index:
            if index is None:
                return 0, []
            wanted = [word.lower() for word in words.split()]
            rows = [
                row
                for row in index.catalog.files()
                if all(word in row[0].lower() for word in wanted)
            ]
            rows.sort(key=lambda row: row[2] is None)
            return len(rows), [self._file(index, *row) for row in rows[offset : offset + limit]]

    def document(self, source: str, passage: str, offset: int | None, limit: int) -> dict[str, Any]:
        """Return passages of a file of the index, in its order.

        Args:
            source: The file's key.
            passage: The id of a passage; without an offset, the passages around it are returned.
            offset: The first passage, from 0.
            limit: How many passages.

        Raises:
            InvalidOptionError: The index does not hold this file.
        """
        with self._index() as index:
            passages = index.catalog.passages_of(source) if index else []
            if not index or not passages:
                raise InvalidOptionError("The index does not hold this document any more.")
            place = next(
                (number for number, each in enumerate(passages) if each.id == passage), None
            )
            start = max(0, (place or 0) - limit // 2) if offset is None else max(0, offset)
            shown = [_shown(each) for each in passages[start : start + limit]]
            return {
                **self._file(index, source, len(passages), None),
                "offset": start,
                "found": place,
                "shown": shown,
            }

    def path(self, source: str) -> Path:
        """Return the path of a file of the index.

        Raises:
            InvalidOptionError: The index does not hold it.
        """
        with self._index() as index:
            if index is None or index.catalog.file(source) is None:
                raise InvalidOptionError("The index does not hold this document any more.")
            return index.root / source

    # --- changing ---

    def start(self, paths: Sequence[Path]) -> None:
        """Open the models, and update the index with files and folders, if any are given."""

        def run() -> None:
            self._open()
            if paths:  # not before: its failure without models would hide why they cannot be opened
                self._begin("Indexing", lambda: self._index_paths(paths))

        self._begin("Loading the models", run)

    def index(self, *, uploads: bool) -> None:
        """Bring the index up to date with the uploaded files, or with all paths indexed before.

        Links that lead out of the folders are left out, and named in the report.
        """
        self._begin("Indexing", lambda: self._index_paths([self.uploads.folder] if uploads else []))

    def remove(self, source: str) -> None:
        """Remove an uploaded file from the index and from the disk."""
        path = self.path(source)
        if self.uploads.name(path) is None:
            raise InvalidOptionError(
                "Only uploaded files can be removed here. Delete the file itself, and check "
                "for changes."
            )

        def run() -> None:
            self.uploads.delete(path)
            with self._embedding_model.use() as embeddings, self._open_index(embeddings) as rag:
                rag.remove([source])

        self._begin("Removing", run)

    def choose(self, kind: str, reference: str) -> None:
        """Use another model. Another embedding model rebuilds the index.

        Args:
            kind: `chat` or `embeddings`.
            reference: The model.

        Raises:
            LocalLLMError: The model cannot be used.
        """
        model = self._openers.resolve(reference, kind)
        self._begin(
            "Loading the model",
            lambda: self._choose_chat(model) if kind == "chat" else self._choose_embeddings(model),
        )

    def close(self) -> None:
        """Wait for the change in progress, and close everything."""
        self._jobs.shutdown(cancel_futures=True)
        for part in (self._rag, self._chat_model, self._embedding_model):
            part.close()

    # --- jobs, which run in the thread for changes ---

    def _begin(self, name: str, run: Callable[[], None]) -> None:
        with self._lock:
            self._waiting += 1
        self._jobs.submit(self._run, name, run)

    def _run(self, name: str, run: Callable[[], None]) -> None:
        with self._lock:
            self._job, self._progress, self._fault = name, None, ""
        fault = ""
        try:
            run()
        except LocalLLMError as error:
            fault = str(error)
        except Exception as error:  # noqa: BLE001 - the page shows it, and the server must go on
            fault = f"{type(error).__name__}: {error}"
        finally:
            with self._lock:
                self._waiting -= 1
                self._fault = fault

    def _open(self) -> None:
        self._embedding_model.replace(self._openers.embeddings(self.embeddings))
        self._chat_model.replace(self._openers.chat(self.chat))
        self._rag.replace(self._open_rag())

    def _index_paths(self, paths: Sequence[Path], *, rebuild: bool = False) -> None:
        with self._embedding_model.use() as embeddings, self._open_index(embeddings) as rag:
            links, exclude = exclude_outside_links(rag.store, paths)
            report = rag.index(paths, rebuild=rebuild, exclude=exclude, on_progress=self._show)
        shown = {"problems": report.problems[:_MOST_NAMED], "problem_count": len(report.problems)}
        with self._lock:
            self._report = {
                **asdict(report),
                **shown,
                "outside_links": [readable(link) for link in links[:_MOST_NAMED]],
            }
        self._rag.replace(self._open_rag())

    def _choose_chat(self, model: ListedModel) -> None:
        before = self.chat
        self._rag.close()
        self._chat_model.close()
        try:
            self._chat_model.replace(self._openers.chat(model))
            self.chat = model
        except BaseException:
            self._chat_model.replace(self._openers.chat(before))
            raise
        finally:
            self._rag.replace(self._open_rag())

    def _choose_embeddings(self, model: ListedModel) -> None:
        before = self.embeddings
        self._embedding_model.replace(self._openers.embeddings(model))
        self.embeddings = model
        with self._index() as index:
            is_new = index is None or not index.catalog.paths()
        try:
            if is_new:
                self._rag.replace(self._open_rag())
            else:
                self._index_paths([], rebuild=True)
        except BaseException:
            self._embedding_model.replace(self._openers.embeddings(before))
            self.embeddings = before
            self._rag.replace(self._open_rag())
            raise

    def _show(self, progress: Progress) -> None:
        with self._lock:
            self._progress = progress

    # --- opening ---

    @contextmanager
    def _open_rag(self) -> Iterator[LocalRAG]:
        """Open the index for questions; its models stay open as long as it is in use."""
        with (
            self._chat_model.use() as llm,
            self._embedding_model.use() as embeddings,
            LocalRAG(llm, embeddings, self._folder, allow_remote=self._allow_remote) as rag,
        ):
            yield rag

    @contextmanager
    def _open_index(self, embeddings: Embeddings) -> Iterator[LocalRAG]:
        """Open the index for changes."""
        with LocalRAG(None, embeddings, self._folder, allow_remote=self._allow_remote) as rag:
            rag.store.embedding_source = self.embeddings.reference
            yield rag

    @contextmanager
    def _index(self) -> Iterator[Store | None]:
        """Open the index without models, if it exists."""
        index = Store(self._folder)
        try:
            yield index if _is_open(index) else None
        finally:
            index.close()

    def _file(
        self, index: Store, source: str, passages: int, problem: str | None
    ) -> dict[str, Any]:
        uploaded = self.uploads.name(index.root / source)
        about = {"source": source, "name": uploaded or source, "uploaded": uploaded is not None}
        return {**about, "passages": passages, "problem": problem}


def _is_open(index: Store) -> bool:
    """Open the record of an index, and return whether there is one: a rebuild removes it."""
    try:
        return index.exists and bool(index.catalog)
    except StoreError:
        if index.exists:
            raise
        return False


def _shown(passage: Document) -> dict[str, Any]:
    place = {name: passage.metadata.get(name) for name in ("page", "heading", "line")}
    return {"id": passage.id, "text": passage.page_content, **place}
