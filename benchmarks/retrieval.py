"""Measure questions in an index of up to a million passages, and what a search by codes misses.

`python -m benchmarks.retrieval XQUAD.json FOLDER...` reads the paragraphs of XQuAD
(https://github.com/google-deepmind/xquad) and the text files of some folders, such as a
documentation, and embeds up to 20,000 passages of them. Larger indexes are made from these without
embedding: another passage is a mixture of two, whose words and vectors are mixed alike, so words
are as frequent and neighbors as near as in real text. Rare words get a number, so that they stay
rare. Questions are those of XQuAD.

For each size it prints the milliseconds of processor time for the parts of a question (the best of
several rounds; a search uses one core), the time that elapses meanwhile on this machine, the recall
of the nearest vectors against exact search, memory, and what the first question of a process costs.
The index is kept in `--index FOLDER`, so that a later run only measures; `--write` puts the table
into docs/rag.md.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from typing_extensions import override

from benchmarks.rag import write_table
from langchain_localllm import LlamafileEmbeddings, LocalServer
from langchain_localllm.errors import DocumentError
from langchain_localllm.models import tiny_embedding_model
from langchain_localllm.rag import LocalRAG, SQLiteVectors
from langchain_localllm.rag.index.candidates import nearest
from langchain_localllm.rag.index.catalog import FileEntry, StagedChunk
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.threshold import calibrate, find_evidence
from langchain_localllm.rag.ingest.load import iterate_file
from langchain_localllm.rag.ingest.split import iterate_passages
from langchain_localllm.rag.vectorstores.vector_index import dot_products, ranked

_SIZES: Final = (20_000, 200_000)
_BASE: Final = 20_000
"""How many passages are embedded at most."""
_CHUNK: Final = 400
_OF_FILE: Final = 10
"""Passages of a file."""
_BATCH: Final = 5_000
_QUESTIONS: Final = 40
_ROUNDS: Final = 3
_TOP: Final = 48
"""Candidates of each kind for a question."""
_SHARE: Final = 0.65
"""The share of a mixture that is of its first passage."""
_NOISE: Final = 0.25
"""The length of the noise in the vector of a mixture."""
_RARE: Final = 3
"""Words in so few of the embedded passages get a number in a mixture."""

_HEADS: Final = (
    "passages",
    "all vectors compared",
    "vectors",
    "words",
    "refusal",
    "the whole question",
    "elapsed",
    "first question of a process: vectors",
    "memory for vectors",
    "recall@10",
    f"recall@{_TOP}",
)

Vectors = np.ndarray[Any, np.dtype[np.float32]]


class _Remembering(Embeddings):
    """Embeds each text once, so that only the search is measured."""

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings
        self._vectors: dict[str, list[float]] = {}

    @override
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        if new := [text for text in dict.fromkeys(texts) if text not in self._vectors]:
            self._vectors.update(zip(new, self._embeddings.embed_documents(new), strict=True))
        return [self._vectors[text] for text in texts]

    @override
    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


# --- the index ---


def _texts(xquad: Path, folders: Sequence[Path]) -> list[str]:
    """Return up to `_BASE` different passages: those of XQuAD first."""
    articles = json.loads(xquad.read_text(encoding="utf-8"))["data"]
    paragraphs = [each["context"] for article in articles for each in article["paragraphs"]]
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    random.Random(1).shuffle(files)  # noqa: S311 - an order, not a secret
    texts: dict[str, None] = {}
    for documents in (map(Document, paragraphs), *map(_documents, files)):
        texts.update((each.page_content, None) for each in iterate_passages(documents, _CHUNK, 0))
        if len(texts) >= _BASE:
            break
    return list(texts)[:_BASE]


def _documents(file: Path) -> Iterator[Document]:
    try:
        yield from iterate_file(file)
    except DocumentError:
        return


def _base(
    folder: Path, embeddings: Embeddings, xquad: Path, folders: Sequence[Path]
) -> tuple[list[str], Vectors]:
    """Return the passages that are embedded and their vectors, kept in two files."""
    texts_file, vectors_file = folder / "base.json", folder / "base.npy"
    if not vectors_file.exists():
        texts = _texts(xquad, folders)
        texts_file.write_text(json.dumps(texts), encoding="utf-8")
        np.save(vectors_file, np.array(embeddings.embed_documents(texts), np.float32))
    return json.loads(texts_file.read_text(encoding="utf-8")), np.load(vectors_file)


class _Mixtures:
    """Make passages out of the embedded ones: the first are these, and each later one mixes two."""

    def __init__(self, texts: Sequence[str], vectors: Vectors) -> None:
        self._texts = texts
        self._words = [text.split(" ") for text in texts]
        self._vectors = vectors
        count = Counter(word for words in self._words for word in set(words))
        self._rare = {word for word, number in count.items() if number <= _RARE}

    def batch(self, start: int, *, texts: bool = True) -> tuple[list[str], Vectors]:
        """Return the texts, if wanted, and vectors of the `_BATCH` passages from a number on."""
        size = len(self._texts)
        choice = np.random.default_rng(start)
        first = np.arange(start, start + _BATCH) % size
        other = choice.integers(size, size=_BATCH)
        noise = choice.normal(size=(_BATCH, self._vectors.shape[1])).astype(np.float32)
        noise *= _NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
        vectors = _SHARE * self._vectors[first] + (1 - _SHARE) * self._vectors[other] + noise
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        real = self._vectors[start : start + _BATCH]
        vectors[: len(real)] = real
        numbers = range(start, start + _BATCH) if texts else ()
        mixed = [
            self._texts[number] if number < size else self._mixed(int(one), int(two), number)
            for one, two, number in zip(first, other, numbers, strict=False)
        ]
        return mixed, vectors

    def _mixed(self, one: int, two: int, number: int) -> str:
        choice = random.Random(number)  # noqa: S311 - text, not a secret
        words, others = self._words[one], self._words[two]
        mixed = [
            word if choice.random() < _SHARE else others[place % len(others)]
            for place, word in enumerate(words)
        ]
        return " ".join(f"{word}{number}" if word in self._rare else word for word in mixed)


def _fill(store: Store, mixtures: _Mixtures, size: int) -> None:
    """Add passages to an index up to a number of them."""
    with store.writing():
        vectors = cast("SQLiteVectors", store.vectors)
        known = store.catalog.counts().passages
        for start in range(known, size, _BATCH):
            texts, points = mixtures.batch(start)
            passages = [
                StagedChunk(str(number), f"f{number // _OF_FILE}", number % _OF_FILE, text, {})
                for number, text in enumerate(texts, start)
            ]
            store.catalog.stage(passages)
            keys = [each.id for each in passages]
            about: list[dict[str, Any]] = [{"source": each.path} for each in passages]
            vectors.add_vectors(keys, texts, about, points.tolist())
            files = dict.fromkeys(each.path for each in passages)
            store.catalog.finish(keys, [FileEntry(path, "") for path in files])
            print(f"{start + _BATCH:,} passages ", end="\r", file=sys.stderr, flush=True)
        calibrate(store, size)


# --- measurements ---


def _milliseconds(
    call: Callable[[Any], Any],
    questions: Sequence[Any],
    clock: Callable[[], float] = time.process_time,
) -> float:
    """Return the median of the questions' times, each the best of some rounds."""
    spent = [float("inf")] * len(questions)
    for _ in range(_ROUNDS):
        for place, question in enumerate(questions):
            started = clock()
            call(question)
            spent[place] = min(spent[place], (clock() - started) * 1000)
    return statistics.median(spent)


def _exact(mixtures: _Mixtures, size: int, points: Vectors) -> tuple[float, list[list[str]]]:
    """Return the milliseconds of comparing all vectors, and the nearest of each question."""
    starts = range(0, size, _BATCH)
    matrix = np.concatenate([mixtures.batch(start, texts=False)[1] for start in starts])
    found = {
        row: [str(number) for number in ranked(dot_products(matrix, point), _TOP)]
        for row, point in enumerate(points)
    }
    spent = _milliseconds(lambda point: ranked(dot_products(matrix, point), _TOP), list(points))
    return spent, list(found.values())


def _recall(found: Sequence[str], exact: Sequence[str]) -> float:
    return len(set(found[: len(exact)]) & set(exact)) / len(exact)


def _first(store: Store, question: str) -> tuple[float, float]:
    """Return the milliseconds of a process's first question, and the megabytes of its vectors."""
    spent = []
    for _ in range(_ROUNDS):
        fresh = Store(store.folder, store.embeddings)
        started = time.process_time()
        nearest(fresh, question, _TOP)
        spent.append((time.process_time() - started) * 1000)
        fresh.close()
    tracemalloc.start()
    fresh = Store(store.folder, store.embeddings)
    nearest(fresh, question, _TOP)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    fresh.close()
    return min(spent), held / 1e6


def _measure(
    store: Store, mixtures: _Mixtures, size: int, questions: Sequence[str]
) -> tuple[str, ...]:
    catalog = store.catalog
    points = np.array(store.embeddings.embed_documents(list(questions)), np.float32)
    all_compared, exact = _exact(mixtures, size, points)
    near = {question: nearest(store, question, _TOP) for question in questions}
    words = {question: catalog.search(question, _TOP) for question in questions}
    documents = {each: catalog.documents([*near[each], *words[each]]) for each in questions}
    rag = LocalRAG(None, store.embeddings, store.folder)

    def evidence(question: str) -> Any:
        return find_evidence(store, question, near[question], words[question], documents[question])

    times = (
        all_compared,
        _milliseconds(lambda question: nearest(store, question, _TOP), questions),
        _milliseconds(lambda question: catalog.search(question, _TOP), questions),
        _milliseconds(evidence, questions),
        _milliseconds(rag.retriever.invoke, questions),
        _milliseconds(rag.retriever.invoke, questions, time.perf_counter),
    )
    rag.close()
    first, memory = _first(store, questions[0])
    pairs = list(zip(questions, exact, strict=True))
    recalls = [
        statistics.fmean(_recall(list(near[each])[:top], found[:top]) for each, found in pairs)
        for top in (10, _TOP)
    ]
    return (
        f"{size:,}",
        *(f"{spent:.1f} ms" for spent in times),
        f"{first:.0f} ms",
        f"{memory:.0f} MB",
        *(f"{recall:.1%}" for recall in recalls),
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("xquad", type=Path)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--model", default=str(tiny_embedding_model()), help="a GGUF file")
    parser.add_argument(
        "--size",
        type=int,
        action="append",
        help="passages, rounded up to 5,000; can be given several times",
    )
    parser.add_argument("--index", type=Path, help="where the index is kept")
    parser.add_argument("--write", action="store_true", help="write the table into docs/rag.md")
    asked = parser.parse_args()
    articles = json.loads(asked.xquad.read_text(encoding="utf-8"))["data"]
    questions = [
        each["question"]
        for article in articles
        for paragraph in article["paragraphs"]
        for each in paragraph["qas"]
    ]
    questions = random.Random(2).sample(questions, _QUESTIONS)  # noqa: S311 - a choice, not a secret
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalServer(asked.model, embedding=True) as server,
    ):
        place = asked.index or Path(folder)
        embeddings = _Remembering(LlamafileEmbeddings(base_url=server.base_url))
        mixtures = _Mixtures(*_base(place, embeddings, asked.xquad, asked.folders))
        print(" | ".join(_HEADS))
        for size in (-(-each // _BATCH) * _BATCH for each in asked.size or _SIZES):
            store = Store(place / "index", embeddings, vectors="sqlite")
            _fill(store, mixtures, size)
            rows.append(_measure(store, mixtures, size, questions))
            store.close()
            print(" | ".join(rows[-1]), flush=True)
    if asked.write:
        write_table("retrieval", _HEADS, rows)


if __name__ == "__main__":
    main()
