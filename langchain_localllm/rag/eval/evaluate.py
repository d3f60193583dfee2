"""Measure retrieval, answers, citations and refusals."""

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.rag.answer.result import Answer
from langchain_localllm.rag.eval.dataset import Question
from langchain_localllm.rag.local_rag import LocalRAG

_MARKER: Final = re.compile(r"\s*\[[\d,; ]+\]\s*")
_NOT_WORD: Final = re.compile(r"[^\w\s]|\b(?:a|an|the)\b")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Shares from 0 to 1, but for `questions`, `unanswerable`, `k` and the seconds.

    `None` where there was nothing to count.

    Attributes:
        questions: How many questions the documents answer.
        unanswerable: How many they do not.
        k: How many passages were wanted for each.
        recall_1: The right passage was first.
        recall_k: It was among the k.
        mrr: The mean of 1 / its place.
        exact: The answer was one of the right ones, but for case, punctuation and articles.
        holds: The answer held a right one.
        f1: The mean overlap of the answer's words with the best of the right ones.
        citation_precision: Of the citations, those of a right passage.
        answered: An answer was given to a question that has one.
        refused: None was given to a question that has none.
        retrieval: The median of the seconds to find the passages.
        first_token: The median of the seconds to the first piece of the answer.
        total: The median of the seconds to the whole answer.
    """

    questions: int
    unanswerable: int
    k: int
    recall_1: float | None
    recall_k: float | None
    mrr: float | None
    exact: float | None
    holds: float | None
    f1: float | None
    citation_precision: float | None
    answered: float | None
    refused: float | None
    retrieval: float
    first_token: float
    total: float

    def shares(self) -> dict[str, float]:
        """Return what can be drawn as bars: the names that people read, and shares."""
        names = {
            "recall@1": self.recall_1,
            f"recall@{self.k}": self.recall_k,
            "MRR": self.mrr,
            "exact match": self.exact,
            "holds the answer": self.holds,
            "token F1": self.f1,
            "citation precision": self.citation_precision,
            "answered": self.answered,
            "refused": self.refused,
        }
        return {name: share for name, share in names.items() if share is not None}

    def as_dict(self) -> dict[str, float | int | None]:
        """Return all figures, rounded."""
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def evaluate(
    rag: LocalRAG,
    questions: Sequence[Question],
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Ask every question, one after another, and compare.

    Args:
        rag: The documents and the model.
        questions: What is asked.
        on_progress: Called after each question with the number asked and the number of all.
    """
    asked: list[tuple[Question, Answer]] = []
    for number, question in enumerate(questions, 1):
        asked.append((question, rag.ask(question.question)))
        if on_progress:
            on_progress(number, len(questions))
    known = [(question, answer) for question, answer in asked if question.answers or question.quote]
    places = [_place(question, answer.passages + answer.omitted) for question, answer in known]
    cited = [(question, citation) for question, answer in known for citation in answer.citations]
    unknown = [answer for question, answer in asked if not (question.answers or question.quote)]
    texts = [(question, _words(answer.answer)) for question, answer in known if question.answers]
    return Evaluation(
        questions=len(known),
        unanswerable=len(unknown),
        k=rag.profile.k,
        recall_1=_mean(place == 1 for place in places),
        recall_k=_mean(bool(place) for place in places),
        mrr=_mean(1 / place if place else 0.0 for place in places),
        exact=_mean(
            any(_words(each) == text for each in question.answers) for question, text in texts
        ),
        holds=_mean(
            any(_is_in(each, " ".join(text)) for each in question.answers)
            for question, text in texts
        ),
        f1=_mean(
            max(_f1(_words(each), text) for each in question.answers) for question, text in texts
        ),
        citation_precision=_mean(
            _holds(question, Document(each.passage, metadata={"source": each.source}))
            for question, each in cited
        ),
        answered=_mean(not _refuses(answer) for _, answer in known),
        refused=_mean(_refuses(answer) for answer in unknown),
        **{
            name: statistics.median(answer.timings[name] for _, answer in asked)
            for name in ("retrieval", "first_token", "total")
        },
    )


def _place(question: Question, passages: Sequence[Document]) -> int:
    """Return the place of the first right passage, from 1; 0 where there is none."""
    return next(
        (place for place, passage in enumerate(passages, 1) if _holds(question, passage)), 0
    )


def _holds(question: Question, passage: Document) -> bool:
    text = " ".join(_words(passage.page_content))
    wanted = [question.quote] if question.quote else question.answers
    return any(_is_in(each, text) for each in wanted) and str(passage.metadata["source"]).endswith(
        question.source
    )


def _is_in(words: str, text: str) -> bool:
    return f" {' '.join(_words(words))} " in f" {text} "


def _refuses(answer: Answer) -> bool:
    return answer.refused


def _words(text: str) -> list[str]:
    """Return the words that count, as SQuAD compares answers."""
    return _NOT_WORD.sub(" ", _MARKER.sub(" ", text).lower()).split()


def _f1(one: list[str], other: list[str]) -> float:
    same = sum((Counter(one) & Counter(other)).values())
    return 2 * same / (len(one) + len(other)) if same else 0.0


def _mean(values: Iterable[float]) -> float | None:
    held = [float(value) for value in values]
    return statistics.fmean(held) if held else None
