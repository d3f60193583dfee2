"""Measure how often the passage that answers a question is found, on XQuAD: ours, LangChain's guide pipeline, and BM25 alone.

`python -m benchmarks.rag_quality xquad.en.json` uses the English part of XQuAD (https://github.com/google-deepmind/xquad): 1,190
questions by people about 240 paragraphs of Wikipedia. A question counts as found if a passage for the model has the answer
and is from the right article, and as first if the first passage does. All pipelines have the byte budget of `LocalRAG`'s default.

`--model MODEL.gguf` uses another embedding model than the tiny one, and can be given several times.
"""

import argparse
import json
import re
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_localllm import LlamaCppEmbeddings
from langchain_localllm.models import tiny_embedding_model
from langchain_localllm.rag import LocalRAG

_GUIDE_SIZE: Final = 1000
_GUIDE_OVERLAP: Final = 200
"""The sizes of LangChain's guides, in characters."""

Search = Callable[[str], Sequence[Document]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold a question, its right answers, and the file of its article."""

    question: str
    answers: tuple[str, ...]
    source: str


def write_articles(xquad: Path, folder: Path) -> list[Asked]:
    """Write each article as a Markdown file, and return all questions."""
    asked: list[Asked] = []
    for number, article in enumerate(json.loads(xquad.read_text(encoding="utf-8"))["data"]):
        title = article["title"].replace("_", " ")
        source = f"{number:02d}-{re.sub(r'[^a-zA-Z0-9]+', '-', title)}.md"
        texts = [paragraph["context"] for paragraph in article["paragraphs"]]
        (folder / source).write_text("\n\n".join([f"# {title}", *texts]) + "\n", encoding="utf-8")
        for paragraph in article["paragraphs"]:
            asked += [
                Asked(each["question"], tuple(answer["text"] for answer in each["answers"]), source) for each in paragraph["qas"]
            ]
    return asked


def measure_retrieval(search: Search, asked: Sequence[Asked]) -> tuple[float, float, float]:
    """Return the shares of questions that are found, and found first, and the mean bytes of all passages of a question."""
    places, sizes = [], []
    for each in asked:
        passages = search(each.question)
        holds = [_holds(passage, each) for passage in passages]
        places.append(holds.index(True) + 1 if True in holds else 0)
        sizes.append(sum(len(passage.page_content.encode()) for passage in passages))
    return statistics.fmean(map(bool, places)), statistics.fmean(place == 1 for place in places), statistics.fmean(sizes)


def _holds(passage: Document, asked: Asked) -> bool:
    return asked.source in passage.metadata["source"] and any(answer in passage.page_content for answer in asked.answers)


def _guide(folder: Path, embeddings: Embeddings, budget: int) -> Search:
    """Return the search of LangChain's guides, with as many passages as the budget holds."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    documents = [Document(path.read_text(encoding="utf-8"), metadata={"source": path.name}) for path in sorted(folder.iterdir())]
    splitter = RecursiveCharacterTextSplitter(chunk_size=_GUIDE_SIZE, chunk_overlap=_GUIDE_OVERLAP)
    passages = splitter.split_documents(documents)
    store = InMemoryVectorStore(embeddings)
    store.add_documents(passages)
    k = max(1, round(budget / statistics.fmean(len(passage.page_content.encode()) for passage in passages)))
    return lambda question: store.similarity_search(question, k=k)


def _words(rag: LocalRAG, budget: int) -> Search:
    """Return a search by BM25 alone, of the same passages as ours without what is around them."""
    catalog = rag.store.catalog

    def search(question: str) -> list[Document]:
        keys = catalog.search(question, 100)
        found = catalog.documents(keys)
        passages: list[Document] = []
        room = budget
        for passage in (found[key] for key in keys):
            room -= len(passage.page_content.encode())
            if passages and room < 0:
                break
            passages.append(passage)
        return passages

    return search


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("xquad", type=Path)
    parser.add_argument("--model", action="append", help="a GGUF file; can be given several times")
    parser.add_argument("--questions", type=int, help="the first so many questions only")
    options = parser.parse_args()
    print("embedding model | pipeline | found | first | bytes")
    for model in options.model or [str(tiny_embedding_model())]:
        with tempfile.TemporaryDirectory() as folder, LlamaCppEmbeddings(model_path=model) as embeddings:
            docs = Path(folder, "docs")
            docs.mkdir()
            asked = write_articles(options.xquad, docs)[: options.questions]
            with LocalRAG(None, embeddings, Path(folder, "index"), vectors="sqlite") as rag:
                rag.index(docs)
                budget = rag.profile.context_bytes
                pipelines: dict[str, Any] = {
                    "LocalRAG": rag.retriever.invoke,
                    "LangChain's guide": _guide(docs, embeddings, budget),
                    "BM25": _words(rag, budget),
                }
                for name, search in pipelines.items():
                    found, first, size = measure_retrieval(search, asked)
                    print(f"{Path(model).stem} | {name} | {found:.1%} | {first:.1%} | {size:,.0f}", flush=True)


if __name__ == "__main__":
    main()
