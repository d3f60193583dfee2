"""Measure what an index adds to the embedding model, and a chain to the bare model.

`python -m benchmarks.rag` writes 2,000 pages of generated text and prints a table of ratios, each
within one run, with their
budgets: indexing at most 1.2 x the time of embedding alone, a second run at most 2 % of the first,
retrieval over 20,000 passages under 50 ms, and the first token at most 1.3 x the bare model's.
`--pages` makes it smaller, and `--write` puts it into docs/rag.md, with the figures of the tiny
models on the handbook. The models are the tiny ones, on llama.cpp's server.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from langchain_core.runnables import Runnable

from langchain_localllm import ChatLlamafile, LlamafileEmbeddings, LocalServer
from langchain_localllm.cli.plot import Bar, write_bars
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.rag import LocalRAG, format_passages
from langchain_localllm.rag.answer.chain import answer_prompt
from langchain_localllm.rag.eval.dataset import read_questions
from langchain_localllm.rag.eval.evaluate import evaluate
from langchain_localllm.rag.ingest.load import iterate_file
from langchain_localllm.rag.ingest.split import iterate_passages

Row = tuple[str, str, str]

_ROOT: Final = Path(__file__).parents[1]
_PAGES: Final = 2000
_PARAGRAPHS: Final = 10
"""On a page; each becomes a passage, so 2,000 pages are 20,000 passages."""
_BATCH: Final = 64
_QUESTIONS: Final = 60
_ROUNDS: Final = 15
_NOUNS: Final = (
    "boat",
    "key",
    "lamp",
    "ferry",
    "stove",
    "path",
    "gate",
    "bird",
    "book",
    "well",
    "roof",
    "rope",
    "sail",
    "tide",
)
_PLACES: Final = (
    "jetty",
    "pantry",
    "loft",
    "smithy",
    "chapel",
    "library",
    "attic",
    "cellar",
    "yard",
    "garden",
)


def _write_pages(folder: Path, pages: int) -> None:
    choice = random.Random(1)  # noqa: S311 - text, not a secret

    def sentence() -> str:
        noun, place = choice.choice(_NOUNS), choice.choice(_PLACES)
        return (
            f"The {noun} number {choice.randrange(100_000)} is kept in the {place} behind the "
            f"{choice.choice(_NOUNS)}."
        )

    for number in range(pages):
        paragraphs = [" ".join(sentence() for _ in range(4)) for _ in range(_PARAGRAPHS)]
        (folder / f"page{number:05}.txt").write_text("\n\n".join(paragraphs))


@contextmanager
def _timed(times: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    times[name] = time.perf_counter() - started


def _embedding_alone(embeddings: LlamafileEmbeddings, folder: Path) -> float:
    """Seconds to embed the same passages in the same batches, and do nothing else."""
    documents = (document for file in sorted(folder.iterdir()) for document in iterate_file(file))
    texts = [chunk.page_content for chunk in iterate_passages(documents, 300, 0)]
    started = time.perf_counter()
    for start in range(0, len(texts), _BATCH):
        embeddings.embed_documents(texts[start : start + _BATCH])
    return time.perf_counter() - started


def _indexing(
    embeddings: LlamafileEmbeddings, folder: Path, kind: str
) -> tuple[LocalRAG, dict[str, float]]:
    rag = LocalRAG(None, embeddings, folder.parent / kind, vectors=kind)
    times: dict[str, float] = {}
    with _timed(times, "first"):
        rag.index(folder)
    with _timed(times, "second"):
        rag.index()
    return rag, times


def _retrieval(rag: LocalRAG) -> float:
    """Return the median of milliseconds for a question, the embedding of the question included."""
    choice = random.Random(2)  # noqa: S311 - text, not a secret
    spent = []
    for _ in range(_QUESTIONS):
        question = f"Where is the {choice.choice(_NOUNS)} number {choice.randrange(100_000)} kept?"
        started = time.perf_counter()
        rag.retriever.invoke(question)
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)


def _first_token(llm: ChatLlamafile, rag: LocalRAG) -> tuple[float, float]:
    """Return the median milliseconds to the first token: of the chain, and of the bare model.

    For the chain, it is the time after retrieval; the prompt is the same. The server's cache of
    prompts is off for both, so that each reads the whole prompt.
    """
    model = llm.bind(cache_prompt=False)
    asked = LocalRAG(model, rag.store.embeddings, rag.store.folder)
    question = "Where is the boat number 4711 kept?"
    passages = asked.retriever.invoke(question)
    prompt = answer_prompt(model).invoke(
        {"passages": format_passages(passages), "question": question}
    )
    chain, bare = [], []
    for _ in range(_ROUNDS):
        timings = asked.ask(question).timings
        chain.append((timings["first_token"] - timings["retrieval"]) * 1000)
        bare.append(_until_first(model, prompt) * 1000)
    return statistics.median(chain), statistics.median(bare)


def _until_first(model: Runnable[Any, Any], prompt: Any) -> float:
    started = time.perf_counter()
    stream = model.stream(prompt)
    for chunk in stream:
        if getattr(chunk, "content", ""):
            break
    spent = time.perf_counter() - started
    for _ in stream:
        pass
    return spent


def _measure(pages: int) -> list[Row]:
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalServer(tiny_chat_model()) as chat,
        LocalServer(tiny_embedding_model(), embedding=True) as embedder,
    ):
        notes = Path(folder, "notes")
        notes.mkdir()
        _write_pages(notes, pages)
        embeddings = LlamafileEmbeddings(base_url=embedder.base_url)
        llm = ChatLlamafile(base_url=chat.base_url, temperature=0, max_tokens=16)
        alone = _embedding_alone(embeddings, notes)
        for kind in ("sqlite", "chroma"):
            rag, times = _indexing(embeddings, notes, kind)
            passages = rag.store.catalog.counts().passages
            if not rows:
                rows.append((f"embedding {passages:,} passages alone", f"{alone:.1f} s", ""))
            chain, bare = _first_token(llm, rag)
            rows += [
                (
                    f"{kind}: indexing",
                    f"{times['first']:.1f} s, {times['first'] / alone:.2f} x",
                    "1.2 x",
                ),
                (
                    f"{kind}: second run",
                    f"{times['second']:.2f} s, {times['second'] / times['first']:.1%}",
                    "2 %",
                ),
                (
                    f"{kind}: retrieval over {passages:,} passages",
                    f"{_retrieval(rag):.1f} ms",
                    "50 ms",
                ),
                (
                    f"{kind}: first token, against the bare model",
                    f"{chain:.1f} ms, {chain / bare:.2f} x",
                    "1.3 x",
                ),
            ]
            rag.close()
    return rows


def _evaluate() -> list[Row]:
    """Return the figures of the tiny models on the handbook, and their picture."""
    with (
        LocalServer(tiny_chat_model()) as chat,
        LocalServer(tiny_embedding_model(), embedding=True) as embedder,
    ):
        llm = ChatLlamafile(base_url=chat.base_url, temperature=0)
        rag = LocalRAG(llm, LlamafileEmbeddings(base_url=embedder.base_url))
        rag.index(_ROOT / "docs" / "handbook")
        questions = read_questions(_ROOT / "benchmarks" / "handbook_questions.jsonl")
        found = evaluate(rag, questions)
    bars = [Bar(name, {"share": share}, f"{share:.0%}") for name, share in found.shares().items()]
    write_bars(
        _ROOT / "docs" / "rag-eval.svg",
        f"The tiny models on {len(questions)} questions about the handbook",
        bars,
    )
    return [(name, f"{share:.0%}", "") for name, share in found.shares().items()]


def write_table(name: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Put a table into docs/rag.md, between its marks."""
    page = _ROOT / "docs" / "rag.md"
    lines = [heads, *(["---"] * len(heads),), *(row[: len(heads)] for row in rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    before, rest = page.read_text(encoding="utf-8").split(f"<!-- {name} -->\n")
    _, after = rest.split(f"<!-- end of {name} -->")
    page.write_text(
        f"{before}<!-- {name} -->\n{table}\n<!-- end of {name} -->{after}", encoding="utf-8"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=_PAGES)
    parser.add_argument(
        "--write",
        action="store_true",
        help="write the table, and figures of the tiny models, into docs/rag.md",
    )
    asked = parser.parse_args()
    rows = _measure(asked.pages)
    for row in rows:
        print(f"{row[0]:<46}{row[1]:>22}{row[2]:>8}")
    if asked.write:
        write_table("benchmark", ("", "measured", "at most"), rows)
        write_table("evaluation", ("", "share"), _evaluate())


if __name__ == "__main__":
    main()
