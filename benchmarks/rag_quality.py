"""Measure passages and answers on XQuAD: ours, LangChain's guide pipeline, and BM25 alone.

`python -m benchmarks.rag_quality xquad.en.json` uses the English part of XQuAD
(https://github.com/google-deepmind/xquad): 1,190 questions by people about 240 paragraphs of
Wikipedia. A question counts as found if a passage for the model has the answer and is from the
right article, and as first if the first passage does. All pipelines have the byte budget of
`LocalRAG`'s default.

`--chat-model MODEL.gguf` (or `tiny-chat`) measures answers instead, with greedy decoding: how many
contain a right answer, token F1 and exact match as SQuAD computes them, how many are refusals, and
how many of their sentences count as supported. The ceiling is the same model with the right
paragraph as its only passage. An answer takes seconds: `--questions 100` asks a sample, `--seconds
600` stops in time, and `--answers FILE` keeps the answers, so that the same command resumes. The
table has all answers of that file.

`--model MODEL.gguf` uses another embedding model than the tiny one. Both options for models can be
given several times. `--write` puts the table, and for answers a plot, into docs/rag.md.
"""

import argparse
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.vectorstores import InMemoryVectorStore

from benchmarks._cached_embeddings import CachedEmbeddings
from benchmarks.rag import write_table
from langchain_localllm import ChatLlamaCpp, LlamaCppEmbeddings
from langchain_localllm.cli.plot import Bar, write_bars
from langchain_localllm.models import tiny_chat_model, tiny_embedding_model
from langchain_localllm.rag import LocalRAG
from langchain_localllm.rag.answer.chain import answer_chain
from langchain_localllm.rag.answer.no_answer import is_refusal
from langchain_localllm.rag.answer.result import Answer
from langchain_localllm.rag.eval.dataset import Question
from langchain_localllm.rag.eval.evaluate import evaluate
from langchain_localllm.rag.profile import RagProfile

_GUIDE_SIZE: Final = 1000
_GUIDE_OVERLAP: Final = 200
"""The sizes of LangChain's guides, in characters."""
_GUIDE_PROMPT: Final = (
    "You are an assistant for question-answering tasks. Use the following pieces of retrieved "
    "context to answer the question. If you don't know the answer, just say that you don't know. "
    "Use three sentences maximum and keep the answer concise.\n"
    "Question: {question} \nContext: {context} \nAnswer:"
)
"""The prompt of LangChain's guides, `rlm/rag-prompt`."""
_MAX_TOKENS: Final = 128
"""Longest answer of all pipelines: the guides ask for three sentences."""
_SEED: Final = 7
"""Of the sample, so that a smaller one is a part of a larger one."""
_REFUSES: Final = re.compile(
    r"\b(?:don[\u2019']t|do not|doesn[\u2019']t|does not) "
    r"(?:know|say|tell|mention|specify|provide|have|contain)\b"
    r"|\bnot (?:mentioned|specified|provided|stated)\b",
    re.IGNORECASE,
)
"""How models say, in their own words, that the passages have no answer."""

_PLOT: Final = Path(__file__).parents[1] / "docs" / "rag-answers.svg"

Search = Callable[[str], Sequence[Document]]
Found = dict[str, Any]
"""An answer, its passages as `context`, and the `statements` in it if its sentences were compared
with the passages."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold a question, its right answers, the file of its article, and its paragraph."""

    question: str
    answers: tuple[str, ...]
    source: str
    paragraph: str


@dataclass(frozen=True, slots=True)
class Answered:
    """Hold an answer, as a line of the file of answers.

    Attributes:
        models: The chat model and the embedding model.
        pipeline: The name of the pipeline.
        budget: The bytes that all passages may have.
        question: The question.
        answers: Its right answers.
        answer: What the pipeline answered.
        found: Whether one of its passages has a right answer and is from the right article.
        size: The bytes of its passages.
        sentences: How many sentences of the answer were compared with the passages; `None` if none
            were compared.
        supported: How many of them are supported.
    """

    models: str
    pipeline: str
    budget: int
    question: str
    answers: tuple[str, ...]
    answer: str
    found: bool
    size: int
    sentences: int | None
    supported: int | None

    @property
    def key(self) -> tuple[str, str, int, str, tuple[str, ...]]:
        """What was asked of what."""
        return self.models, self.pipeline, self.budget, self.question, self.answers

    @property
    def refused(self) -> bool:
        """Whether the answer is that the passages don't say."""
        return is_refusal(self.answer) or bool(_REFUSES.search(self.answer))


def write_articles(xquad: Path, folder: Path) -> list[Asked]:
    """Write each article as a Markdown file, and return all questions."""
    asked: list[Asked] = []
    for number, article in enumerate(json.loads(xquad.read_text(encoding="utf-8"))["data"]):
        title = article["title"].replace("_", " ")
        source = f"{number:02d}-{re.sub(r'[^a-zA-Z0-9]+', '-', title)}.md"
        texts = [paragraph["context"] for paragraph in article["paragraphs"]]
        (folder / source).write_text("\n\n".join([f"# {title}", *texts]) + "\n", encoding="utf-8")
        for paragraph in article["paragraphs"]:
            for each in paragraph["qas"]:
                answers = tuple(answer["text"] for answer in each["answers"])
                asked.append(Asked(each["question"], answers, source, paragraph["context"]))
    return asked


def measure_retrieval(search: Search, asked: Sequence[Asked]) -> tuple[float, float, float]:
    """Return the shares of questions found, and found first, and the mean bytes of passages.

    The bytes are those of all passages of a question.
    """
    places, sizes = [], []
    for each in asked:
        passages = search(each.question)
        holds = [_holds(passage, each) for passage in passages]
        places.append(holds.index(True) + 1 if True in holds else 0)
        sizes.append(sum(len(passage.page_content.encode()) for passage in passages))
    return (
        statistics.fmean(map(bool, places)),
        statistics.fmean(place == 1 for place in places),
        statistics.fmean(sizes),
    )


def _holds(passage: Document, asked: Asked) -> bool:
    return asked.source in passage.metadata["source"] and any(
        answer in passage.page_content for answer in asked.answers
    )


def _guide(folder: Path, embeddings: Embeddings, budget: int) -> Search:
    """Return the search of LangChain's guides, with as many passages as the budget holds."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    documents = [
        Document(path.read_text(encoding="utf-8"), metadata={"source": path.name})
        for path in sorted(folder.iterdir())
    ]
    splitter = RecursiveCharacterTextSplitter(chunk_size=_GUIDE_SIZE, chunk_overlap=_GUIDE_OVERLAP)
    passages = splitter.split_documents(documents)
    store = InMemoryVectorStore(embeddings)
    store.add_documents(passages)
    k = max(
        1,
        round(
            budget / statistics.fmean(len(passage.page_content.encode()) for passage in passages)
        ),
    )
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


def answer_pipelines(
    rag: LocalRAG, folder: Path, budget: int
) -> dict[str, Callable[[Asked], Found]]:
    """Return what answers a question, by name. All use the model of `rag`."""
    llm, embeddings = cast("Any", rag.llm), rag.store.embeddings
    guide_chain = ChatPromptTemplate.from_template(_GUIDE_PROMPT) | llm | StrOutputParser()

    def with_guide_prompt(asked: Asked, passages: Sequence[Document]) -> Found:
        context = "\n\n".join(passage.page_content for passage in passages)
        return {
            "answer": guide_chain.invoke({"question": asked.question, "context": context}),
            "context": passages,
        }

    def read_right_paragraph(asked: Asked) -> Found:
        passages = RunnableLambda[str, list[Document]](lambda _: [_right_paragraph(asked)])
        return answer_chain(passages, llm, embed=embeddings.embed_documents).invoke(
            {"question": asked.question}
        )

    guide, words = _guide(folder, embeddings, budget), _words(rag, budget)
    return {
        "LocalRAG": lambda asked: rag.invoke(asked.question),
        "LangChain's guide": lambda asked: with_guide_prompt(asked, guide(asked.question)),
        "BM25, the guide's prompt": lambda asked: with_guide_prompt(asked, words(asked.question)),
        "ceiling: the right paragraph": read_right_paragraph,
        "ceiling, the guide's prompt": lambda asked: with_guide_prompt(
            asked, [_right_paragraph(asked)]
        ),
    }


def _right_paragraph(asked: Asked) -> Document:
    return Document(asked.paragraph, metadata={"source": asked.source})


def measure_answers(
    models: str,
    pipelines: dict[str, Callable[[Asked], Found]],
    budget: int,
    asked: Sequence[Asked],
    done: Sequence[Answered],
) -> Iterator[Answered]:
    """Yield the answers that are not done yet: of all pipelines to one question, then the next."""
    kept = {each.key for each in done}
    for each in asked:
        for name, answer in pipelines.items():
            if (models, name, budget, each.question, each.answers) in kept:
                continue
            found = answer(each)
            statements = found.get("statements")
            yield Answered(
                models,
                name,
                budget,
                each.question,
                each.answers,
                answer=found["answer"],
                found=any(_holds(passage, each) for passage in found["context"]),
                size=sum(len(passage.page_content.encode()) for passage in found["context"]),
                sentences=None if statements is None else len(statements),
                supported=None
                if statements is None
                else sum(statement.supported for statement in statements),
            )


class _Recorded:
    """Give recorded answers to `evaluate`, one after another."""

    profile = RagProfile()

    def __init__(self, answers: Sequence[Answered]) -> None:
        self._answers = iter(answers)

    def ask(self, question: str) -> Answer:
        return Answer(
            question,
            next(self._answers).answer,
            timings=dict.fromkeys(("retrieval", "first_token", "total"), 0.0),
        )


_ANSWER_HEADS: Final = (
    "models",
    "pipeline",
    "questions",
    "passage found",
    "contains the answer",
    "token F1",
    "exact match",
    "refused",
    "sentences supported",
    "bytes",
)


def answer_rows(answered: Sequence[Answered]) -> list[tuple[float, tuple[str, ...]]]:
    """Return, for each pair of models and pipeline, the share of right answers and the row.

    An answer is right if it contains a right one; the row is of the table. Only questions that all
    pipelines of the models have answered count.
    """
    groups: dict[tuple[str, int], dict[str, dict[Any, Answered]]] = {}
    for each in answered:
        groups.setdefault((each.models, each.budget), {}).setdefault(each.pipeline, {})[
            each.question, each.answers
        ] = each
    rows: list[tuple[float, tuple[str, ...]]] = []
    for (models, _), pipelines in groups.items():
        common = [
            key
            for key in next(iter(pipelines.values()))
            if all(key in found for found in pipelines.values())
        ]
        for pipeline, found in pipelines.items() if common else ():
            answers = [found[key] for key in common]
            shares = evaluate(
                cast("LocalRAG", _Recorded(answers)),
                [Question(each.question, each.answers) for each in answers],
            )
            sentences = sum(each.sentences or 0 for each in answers)
            row = (
                models,
                pipeline,
                str(len(answers)),
                f"{statistics.fmean(each.found for each in answers):.0%}",
                f"{shares.holds:.0%}",
                f"{shares.f1:.0%}",
                f"{shares.exact:.0%}",
                f"{statistics.fmean(each.refused for each in answers):.0%}",
                f"{sum(each.supported or 0 for each in answers) / sentences:.0%}"
                if sentences
                else "",
                f"{statistics.fmean(each.size for each in answers):,.0f}",
            )
            rows.append((shares.holds or 0.0, row))
    return rows


def _read_answers(file: Path | None) -> list[Answered]:
    lines = file.read_text(encoding="utf-8").splitlines() if file and file.exists() else []
    found = [json.loads(line) for line in lines]
    return [Answered(**{**each, "answers": tuple(each["answers"])}) for each in found]


def _answer_all(options: argparse.Namespace, answered: list[Answered]) -> None:
    """Add the answers of all models, and append them to the file of answers."""
    ends = time.monotonic() + (options.seconds or float("inf"))
    for model in options.model or [str(tiny_embedding_model())]:
        with (
            tempfile.TemporaryDirectory() as folder,
            LlamaCppEmbeddings(model_path=model) as engine,
        ):
            embeddings = CachedEmbeddings(engine, Path(model).stem, options.cache)
            docs = Path(folder, "docs")
            docs.mkdir()
            asked = _sample(write_articles(options.xquad, docs), options.questions)
            for chat_model in options.chat_model:
                path = str(tiny_chat_model()) if chat_model == "tiny-chat" else chat_model
                models = f"{Path(path).stem}, {Path(model).stem}"
                # as RagProfile.context_bytes counts them
                tokens = options.bytes and options.bytes // 3
                with (
                    ChatLlamaCpp(model_path=path, temperature=0, max_tokens=_MAX_TOKENS) as llm,
                    LocalRAG(
                        llm,
                        embeddings,
                        Path(folder, "index"),
                        vectors="sqlite",
                        context_tokens=tokens,
                        k=options.passages,
                        passage_size=options.passage_size,
                    ) as rag,
                ):
                    rag.index(docs)
                    budget = rag.profile.context_bytes
                    pipelines = {
                        name: answer
                        for name, answer in answer_pipelines(rag, docs, budget).items()
                        if not options.pipeline or name in options.pipeline
                    }
                    for each in measure_answers(models, pipelines, budget, asked, tuple(answered)):
                        answered.append(each)
                        if options.answers:
                            with options.answers.open("a", encoding="utf-8") as file:
                                file.write(json.dumps(asdict(each)) + "\n")
                        number = sum(
                            one.models == models and one.budget == budget for one in answered
                        )
                        print(
                            f"{models}: {number} of {len(asked) * len(pipelines)} answers",
                            end="\r",
                            file=sys.stderr,
                            flush=True,
                        )
                        if time.monotonic() > ends:
                            break


def _run_answers(options: argparse.Namespace) -> None:
    """Ask the questions, print the table, and write it if asked to."""
    answered = _read_answers(options.answers)
    _answer_all(options, answered)
    rows = answer_rows(answered)
    for row in (_ANSWER_HEADS, *(row for _, row in rows)):
        print(" | ".join(row))
    if options.write:
        write_table("answers", _ANSWER_HEADS, [row for _, row in rows])
        # a color for each chat model
        bars = [
            Bar(pipeline, {models.split(",")[0]: share}, f"{share:.0%}")
            for share, (models, pipeline, *_) in rows
        ]
        write_bars(_PLOT, "Answers that contain a right one, on questions of XQuAD", bars)


def _run_retrieval(options: argparse.Namespace) -> None:
    """Search for the questions, print the table, and write it if asked to."""
    heads = ("embedding model", "pipeline", "found", "first", "bytes")
    rows: list[tuple[str, ...]] = []
    print(" | ".join(heads))
    for model in options.model or [str(tiny_embedding_model())]:
        with (
            tempfile.TemporaryDirectory() as folder,
            LlamaCppEmbeddings(model_path=model) as engine,
        ):
            embeddings = CachedEmbeddings(engine, Path(model).stem, options.cache)
            docs = Path(folder, "docs")
            docs.mkdir()
            asked = _sample(write_articles(options.xquad, docs), options.questions)
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
                    rows.append(
                        (Path(model).stem, name, f"{found:.1%}", f"{first:.1%}", f"{size:,.0f}")
                    )
                    print(" | ".join(rows[-1]), flush=True)
    if options.write:
        write_table("retrieval", heads, rows)


def _sample(asked: Sequence[Asked], size: int | None) -> list[Asked]:
    mixed = list(asked)
    random.Random(_SEED).shuffle(mixed)  # noqa: S311 - an order, not a secret
    return mixed[:size]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("xquad", type=Path)
    parser.add_argument(
        "--model", action="append", help="a GGUF file that embeds; can be given several times"
    )
    parser.add_argument(
        "--chat-model",
        action="append",
        help="tiny-chat or a GGUF file: measure its answers; several times",
    )
    parser.add_argument(
        "--questions", type=int, help="a sample of so many questions, the same for each run"
    )
    parser.add_argument("--seconds", type=float, help="ask no more questions after so many seconds")
    parser.add_argument(
        "--bytes",
        type=int,
        help="the budget of all passages; default: that of LocalRAG for the chat model",
    )
    parser.add_argument("--passages", type=int, help="the most passages of LocalRAG")
    parser.add_argument(
        "--passage-size", type=int, help="bytes up to which a passage of LocalRAG grows"
    )
    parser.add_argument(
        "--pipeline",
        action="append",
        help="measure the answers of this pipeline only; can be given several times",
    )
    parser.add_argument(
        "--answers",
        type=Path,
        help="a file of JSON lines that keeps the answers, to resume and to read them",
    )
    parser.add_argument(
        "--cache", type=Path, help="a file that keeps the vectors, for the next run"
    )
    parser.add_argument("--write", action="store_true", help="write the table into docs/rag.md")
    options = parser.parse_args()
    if options.chat_model:
        _run_answers(options)
    else:
        _run_retrieval(options)


if __name__ == "__main__":
    main()
