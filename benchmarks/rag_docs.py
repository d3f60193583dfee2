"""How well the passages for 25 questions are found in the documentation of three projects.

`python -m benchmarks.rag_docs FOLDER` indexes a folder with clones of these repositories, the parts
`fastapi/docs/en/docs`, `ollama/docs` and `docling/docs`:

- https://github.com/fastapi/fastapi at c3f316b7e814667e8ee81e03a7330d00ee61e45c
- https://github.com/ollama/ollama at fb30760996871fa9460115c753afd2c60d4ab0f7
- https://github.com/docling-project/docling at e1cb2b234c48ff29746b0f2f843d07f8e23905a0

`benchmarks/docs_questions.jsonl` has the questions. They were written in other words than the
documents and before anything was measured. 12 more are not answered there: 8 about the three
projects, and 4 about something else.

`--model MODEL.gguf` uses another embedding model than the tiny one.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Final, cast

from benchmarks._cached_embeddings import CachedEmbeddings
from langchain_localllm import LlamaCppEmbeddings
from langchain_localllm.models import tiny_embedding_model
from langchain_localllm.rag import LocalRAG
from langchain_localllm.rag.answer.no_answer import no_answer
from langchain_localllm.rag.answer.result import Answer
from langchain_localllm.rag.eval.dataset import read_questions
from langchain_localllm.rag.eval.evaluate import evaluate
from langchain_localllm.rag.profile import RagProfile

_FOLDERS: Final = ("fastapi/docs/en/docs", "ollama/docs", "docling/docs")
_QUESTIONS: Final = Path(__file__).with_name("docs_questions.jsonl")
_K: Final = 5
_HEADS: Final = (
    "embedding model",
    "files",
    "passages",
    "recall@1",
    f"recall@{_K}",
    "lost to a refusal",
    "refused",
)


class _Searched:
    """Answer with the passages alone, without a model."""

    profile = RagProfile(k=_K)

    def __init__(self, rag: LocalRAG) -> None:
        self._retriever = rag.retriever

    def ask(self, question: str) -> Answer:
        passages = self._retriever.invoke(question)
        return Answer(
            question,
            "found" if passages else no_answer(question),
            passages=passages,
            timings=dict.fromkeys(("retrieval", "first_token", "total"), 0.0),
        )


def _measure(model: str, folder: Path, cache: Path | None) -> tuple[str, ...]:
    """Return a row of the table."""
    name = Path(model).stem
    with (
        tempfile.TemporaryDirectory() as index,
        LlamaCppEmbeddings(model_path=model) as engine,
        LocalRAG(
            None, CachedEmbeddings(engine, name, cache), Path(index), vectors="sqlite", k=_K
        ) as rag,
    ):
        rag.index([folder / part for part in _FOLDERS])
        counts = rag.store.catalog.counts()
        found = evaluate(cast("LocalRAG", _Searched(rag)), read_questions(_QUESTIONS))
    return (
        name,
        f"{counts.files:,}",
        f"{counts.passages:,}",
        f"{found.recall_1:.0%}",
        f"{found.recall_k:.0%}",
        f"{1 - (found.answered or 0):.0%}",
        f"{found.refused:.0%}",
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", action="append", help="a GGUF file; can be given several times")
    parser.add_argument(
        "--cache", type=Path, help="a file that keeps the vectors: a run that was ended resumes"
    )
    asked = parser.parse_args()
    print(" | ".join(_HEADS))
    for model in asked.model or [str(tiny_embedding_model())]:
        print(" | ".join(_measure(model, asked.folder, asked.cache)), flush=True)


if __name__ == "__main__":
    main()
