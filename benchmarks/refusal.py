"""How many questions an index refuses that it cannot answer, and how many that it can.

`python -m benchmarks.refusal XQUAD.json` takes the English part of XQuAD
(https://github.com/google-deepmind/xquad), 1,190 questions by people about 48 articles of
Wikipedia. The constants of `rag.index.threshold` were chosen on one half of the articles
(`--tuning`), and the other half is what this reports. Within a half, some articles are indexed, and
all questions are asked: those about the other articles should be refused, and those about the
indexed ones should not. The indexed ones make at most about 230 passages; a larger index is filled
up with the documentation of the Python packages and the programs that are installed, or with the
files of `--filler`. Each line is the mean of several draws of articles.

With the files of several languages (`xquad.ar.json xquad.de.json ...`), each has its own lines, and
nothing is filled up, since the documentation is in English.

`--model MODEL.gguf` uses another embedding model than the tiny one, and `--write` puts the table
into docs/rag.md.
"""

import argparse
import itertools
import json
import random
import statistics
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from langchain_core.embeddings import Embeddings

from benchmarks._cached_embeddings import CachedEmbeddings
from benchmarks.rag import write_table
from langchain_localllm import LlamaCppEmbeddings
from langchain_localllm.errors import DocumentError
from langchain_localllm.models import tiny_embedding_model
from langchain_localllm.rag import LocalRAG
from langchain_localllm.rag.index.candidates import nearest
from langchain_localllm.rag.index.threshold import find_evidence, is_answerable
from langchain_localllm.rag.ingest.load import iterate_file
from langchain_localllm.rag.ingest.split import iterate_passages

_SIZES: Final = (100, 1_000)
_DRAWS: Final = 3
_QUANTILES: Final = (None, 0.7, 0.8, 0.9)
_CHUNK: Final = 300
"""Longest passage of filler, so that it stays one passage in the index."""
_CANDIDATES: Final = 48
"""Passages that each side of the search offers, as `HybridRetriever` asks for."""
_FILES: Final = 1_000
"""Passages of a file of filler."""
_MOST_OF_FILE: Final = 200
"""Passages that one file of filler gives, so that there are many subjects."""
_SUFFIXES: Final = frozenset({".md", ".rst", ".txt", ".html", ".mdx"})


def _filler(folders: Sequence[Path]) -> Iterator[str]:
    """Yield passages of the files in some folders, in an order that mixes them."""
    files = [
        file
        for folder in folders
        for file in sorted(folder.rglob("*"))
        if file.suffix in _SUFFIXES or file.name == "METADATA"
    ]
    random.Random(3).shuffle(files)  # noqa: S311 - an order, not a secret
    seen: set[str] = set()
    for file in files:
        try:
            chunks = iterate_passages(iterate_file(file), _CHUNK, 0)
            texts = [chunk.page_content for chunk in itertools.islice(chunks, _MOST_OF_FILE)]
        except DocumentError:
            continue
        for text in texts:
            if text not in seen:
                seen.add(text)
                yield text


def _write_files(folder: Path, articles: Sequence[Any], size: int, filler: Iterator[str]) -> int:
    """Write articles, and filler up to `size` passages; return how many articles went in."""
    folder.mkdir()
    passages = 0
    taken = 0
    for taken, article in enumerate(articles, 1):
        text = "\n\n".join(paragraph["context"] for paragraph in article["paragraphs"])
        (folder / f"{taken}.md").write_text(
            f"# {article['title'].replace('_', ' ')}\n\n{text}\n", encoding="utf-8"
        )
        passages += sum(
            1 for _ in iterate_passages(iterate_file(folder / f"{taken}.md"), _CHUNK, 0)
        )
        if passages >= size:
            break
    number = 0
    while passages < size:
        texts = [text for text, _ in zip(filler, range(min(_FILES, size - passages)), strict=False)]
        if not texts:
            break
        (folder / f"filler{number}.txt").write_text("\n\n".join(texts), encoding="utf-8")
        passages, number = passages + len(texts), number + 1
    return taken


def _half(data: Sequence[Any], *, tuning: bool) -> list[Any]:
    """Return every other article of a fixed order: the half for the constants, or the rest."""
    articles = list(data)
    random.Random(0).shuffle(articles)  # noqa: S311 - an order, not a secret
    return articles[0 if tuning else 1 :: 2]


def _questions(articles: Sequence[Any]) -> list[str]:
    return [
        each["question"]
        for article in articles
        for paragraph in article["paragraphs"]
        for each in paragraph["qas"]
    ]


def _refused(rag: LocalRAG, questions: Sequence[str]) -> list[float]:
    """Return the share of questions that each quantile refuses."""
    store = rag.store
    refused = []
    for question in questions:
        near, words = (
            nearest(store, question, _CANDIDATES),
            store.catalog.search(question, _CANDIDATES),
        )
        evidence = find_evidence(
            store, question, near, words, store.catalog.documents([*near, *words])
        )
        refused.append([not is_answerable(store, evidence, quantile) for quantile in _QUANTILES])
    return [statistics.fmean(column) for column in zip(*refused, strict=True)]


def _measure(
    data: Sequence[Any], embeddings: Embeddings, size: int, folders: Sequence[Path], draws: int
) -> tuple[int, list[str]]:
    """Return the number of passages, and the shares refused at each quantile.

    They are shares of answerable and of other questions.
    """
    lost, refused = [], []
    passages = 0
    for draw in range(draws):
        articles = list(data)
        random.Random(draw).shuffle(articles)  # noqa: S311 - an order, not a secret
        with tempfile.TemporaryDirectory() as folder:
            taken = _write_files(
                Path(folder, "docs"), articles[: len(articles) // 2], size, _filler(folders)
            )
            with LocalRAG(None, embeddings, Path(folder, "index"), vectors="sqlite") as rag:
                rag.index(Path(folder, "docs"))
                passages = rag.store.catalog.counts().passages
                lost.append(_refused(rag, _questions(articles[:taken])))
                refused.append(_refused(rag, _questions(articles[taken:])))
    means = zip(
        map(statistics.fmean, zip(*lost, strict=True)),
        map(statistics.fmean, zip(*refused, strict=True)),
        strict=True,
    )
    return passages, [
        f"{of_answerable:.1%} / {of_others:.0%}" for of_answerable, of_others in means
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("xquad", type=Path, nargs="+")
    parser.add_argument("--model", action="append", help="a GGUF file; can be given several times")
    parser.add_argument(
        "--size",
        type=int,
        action="append",
        help="passages of the index; can be given several times",
    )
    parser.add_argument("--draws", type=int, default=_DRAWS)
    parser.add_argument(
        "--tuning",
        action="store_true",
        help="take the half of the articles that the constants were chosen on",
    )
    parser.add_argument(
        "--filler",
        type=Path,
        action="append",
        help="a folder of documentation; can be given several times",
    )
    parser.add_argument(
        "--cache", type=Path, help="a file that keeps the vectors: a run that was ended resumes"
    )
    parser.add_argument("--write", action="store_true", help="write the table into docs/rag.md")
    asked = parser.parse_args()
    folders = asked.filler or [Path(sysconfig.get_path("purelib")), Path("/usr/share/doc")]
    by_language = len(asked.xquad) > 1
    heads = (
        "embedding model",
        *(("language",) if by_language else ()),
        "passages",
        *(f"{quantile or 'default'}: lost / refused" for quantile in _QUANTILES),
    )
    rows: list[tuple[str, ...]] = []
    print(" | ".join(heads))
    for model, file in itertools.product(asked.model or [str(tiny_embedding_model())], asked.xquad):
        data = _half(json.loads(file.read_text(encoding="utf-8"))["data"], tuning=asked.tuning)
        language = (file.suffixes[0].strip("."),) if by_language else ()
        with LlamaCppEmbeddings(model_path=model) as engine:
            embeddings = CachedEmbeddings(engine, Path(model).stem, asked.cache)
            for size in asked.size or _SIZES:
                passages, cells = _measure(
                    data, embeddings, size, [] if by_language else folders, asked.draws
                )
                rows.append((Path(model).stem, *language, f"{passages:,}", *cells))
                print(" | ".join(rows[-1]), flush=True)
    if asked.write:
        write_table("refusal-languages" if by_language else "refusal", heads, rows)


if __name__ == "__main__":
    main()
